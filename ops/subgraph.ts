/**
 * `npm run subgraph -- <name> [--port <p>]`: serves one subgraph alone, for `SUBGRAPH_<NAME>_URL` of a gateway. It is
 * configured by the same variables as the gateway.
 */
import { parseArgs } from 'node:util';
import { ConfigError, loadConfig } from '#gateway/config/config.ts';
import { isOwnSubgraph } from '#gateway/mount/mount.ts';
import { startSubgraphServer } from '#gateway/subgraph-server.ts';
import { createLogger } from '#gateway/telemetry/logger.ts';
import { SUBGRAPH_NAMES } from '#subgraphs/shared/subgraph.ts';

const USAGE = `Usage: npm run subgraph -- <${SUBGRAPH_NAMES.join(' | ')}> [--port <p>]`;

async function main(): Promise<void> {
  const { values, positionals } = parseArgs({ allowPositionals: true, options: { port: { type: 'string' } } });
  const [name] = positionals;
  if (positionals.length !== 1 || !isOwnSubgraph(name!)) {
    console.error(USAGE);
    process.exitCode = 2;
    return;
  }
  const config = loadConfig(values.port === undefined ? process.env : { ...process.env, PORT: values.port });
  if (config.stores.postgres === undefined && name !== 'object' && name !== 'inference') {
    console.error(
      `The embedded PostgreSQL belongs to the gateway's process. Set DATABASE_URL to a server that both reach (or to \`off\`).`,
    );
    process.exitCode = 1;
    return;
  }
  const log = createLogger(config.logLevel);
  process.on('unhandledRejection', (error) => log.error({ err: error }, 'Unhandled rejection.'));
  const server = await startSubgraphServer(name, config, log);
  let stopping = false;
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.on(signal, () => {
      if (stopping) process.exit(130);
      stopping = true;
      void server.close().then(() => process.exit(0));
    });
  }
  console.log(
    `The subgraph ${name} answers at ${server.url}/graphql. Point a gateway to it: SUBGRAPH_${name.toUpperCase()}_URL=${server.url}/graphql`,
  );
}

try {
  await main();
} catch (error) {
  if (!(error instanceof ConfigError)) throw error;
  console.error(error.message);
  process.exitCode = 1;
}
