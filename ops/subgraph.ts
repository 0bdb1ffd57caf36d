/**
 * `npm run subgraph -- <name> [--port <p>]`: serves one subgraph alone, for `SUBGRAPH_<NAME>_URL` of a gateway. It is
 * configured by the same variables as the gateway.
 */
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { runningEmbeddedPostgres } from './embedded/running-postgres.ts';
import { explain, tellUsage } from './serve/explain.ts';
import { nameInVariables } from '#gateway/bounds/remote.ts';
import { loadConfig } from '#gateway/config/config.ts';
import { isOwnSubgraph } from '#gateway/mount/mount.ts';
import { startSubgraphServer } from '#gateway/subgraph-server.ts';
import { createLogger } from '#gateway/telemetry/logger.ts';
import { SUBGRAPH_NAMES } from '#subgraphs/shared/subgraph.ts';

const USAGE = `Usage: npm run subgraph -- <${SUBGRAPH_NAMES.join(' | ')}> [--port <p>]`;

async function main(): Promise<void> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: { port: { type: 'string' }, help: { type: 'boolean', short: 'h' } },
  });
  const [name] = positionals;
  if (values.help === true || positionals.length !== 1 || !isOwnSubgraph(name!)) {
    process.exitCode = tellUsage(USAGE, values.help);
    return;
  }
  const env = values.port === undefined ? process.env : { ...process.env, PORT: values.port };
  let config = loadConfig(env);
  if (config.stores.postgres === undefined && name !== 'object' && name !== 'inference') {
    const DATABASE_URL = await runningEmbeddedPostgres(join(config.dataDir, 'postgres'));
    if (DATABASE_URL === undefined) {
      console.error(
        `No server runs on ${config.dataDir}, whose embedded PostgreSQL this subgraph could use. Start one (npm start), or set DATABASE_URL to a server that both reach (or to \`off\`).`,
      );
      process.exitCode = 1;
      return;
    }
    config = loadConfig({ ...env, DATABASE_URL });
  }
  const log = createLogger(config.log);
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
    `The subgraph ${name} answers at ${server.url}/graphql. Point a gateway to it: SUBGRAPH_${nameInVariables(name!)}_URL=${server.url}/graphql`,
  );
}

try {
  await main();
} catch (error) {
  console.error(explain(error));
  process.exit(1);
}
