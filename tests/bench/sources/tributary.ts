/** The gateway as it serves, with a database of the operator's own; it prints its port. What it is started with is its environment. */
import { loadConfig } from '#gateway/config/config.ts';
import { startServer } from '#gateway/server.ts';
import { createLogger } from '#gateway/telemetry/logger.ts';

const server = await startServer(loadConfig(), { log: createLogger({ level: 'error' }) });
await server.ready;
console.log(JSON.stringify({ port: server.port }));
process.once('SIGTERM', () => void server.close());
