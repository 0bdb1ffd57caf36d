/** The process: reads the configuration, holds the data folder, starts stores and server, and ends them in order. */
import cluster from 'node:cluster';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { lockDataFolder } from '#ops/embedded/data-folder.ts';
import { startEmbeddedPostgres, type EmbeddedPostgres } from '#ops/embedded/postgres.ts';
import { SERVE } from './bounds.ts';
import { startExamples } from './examples.ts';
import { explain } from './explain.ts';
import { firstQuery } from './first-query.ts';
import { requireFreePort } from './free-port.ts';
import { EXAMPLE_PAGES, GRAPHIQL_TABS, RUN_VIEWER_PATH } from './pages.ts';
import { startBackground } from '#ops/ingest/background.ts';
import type { FirstRunProgress } from '#ops/ingest/first-run.ts';
import { DEFAULT_PORT } from '#ops/ingest/over-http.ts';
import { showProgress, type Progress } from '#ops/bootstrap/progress.mjs';
import { loadConfig, type Config } from '#gateway/config/config.ts';
import { startServer } from '#gateway/server.ts';
import { Endings } from '#gateway/endings.ts';
import { listenForMetrics } from '#gateway/http/metrics.ts';
import { createLogger, type Logger } from '#gateway/telemetry/logger.ts';
import {
  ordersOfFirstProcess,
  startWorkers,
  tellReady,
  workerCount,
  type Served,
  type WorkerOrders,
} from './workers.ts';
import { metricsOfAllWorkers } from './worker-metrics.ts';

// `@apollo/gateway` and its relatives report to their vendor unless told not to, before they are loaded.
process.env['APOLLO_TELEMETRY_DISABLED'] = 'true';

/** The project's own folder, where its lock file and packages are. */
const PROJECT = fileURLToPath(new URL('../../', import.meta.url));

/** Whether there is anything for the demo: a built product has no packages installed. */
const hasPackages = (): boolean => existsSync(join(PROJECT, 'package-lock.json'));

async function main(): Promise<void> {
  const orders = await ordersOfFirstProcess();
  const config = configured();
  const log = createLogger(config.log);
  // A promise that nobody awaits has failed: worth knowing, never worth everybody's connection.
  process.on('unhandledRejection', (error) => log.error({ err: error }, 'Unhandled rejection.'));

  const endings = new Endings((error) => log.error({ err: error }, 'Something did not end as it should.'));
  const stop = (exitCode: number): void => {
    void endings.close().then(() => {
      if (orders === undefined) log.info('Stopped.');
      process.exit(exitCode);
    });
  };
  handleSignals(stop, log, orders !== undefined);
  process.on('uncaughtException', (error) => {
    log.fatal({ err: error }, 'Uncaught exception; stopping.');
    stop(1);
  });

  try {
    if (orders !== undefined) return await serve(config, log, endings, orders, (served) => tellReady(served));
    const count = workerCount(process.argv.slice(2));
    // Before anything that takes long: it would have been for nothing.
    await requireFreePort(config.server.host, config.server.port);
    const lock = await lockDataFolder(config.dataDir);
    endings.add(() => lock.release());
    const embedded =
      config.stores.postgres === undefined ? startStore(config, count, log, endings, () => stop(1)) : undefined;
    const embeddedPostgres = embedded?.then(({ url }) => url);
    embeddedPostgres?.catch(() => undefined); // Whoever waits for it reports it.
    if (count === 1)
      return await serve(config, log, endings, { ordinal: 1, embeddedPostgres }, (served) => announce(served, config));
    const workers = startWorkers({
      count,
      program: new URL(import.meta.url),
      embeddedPostgres: await embeddedPostgres,
      patienceMs: config.bounds.http.shutdownDelayMs + config.bounds.http.shutdownTimeoutMs + SERVE.workerMarginMs,
      log,
    });
    endings.add(() => workers.close());
    const { port } = config.telemetry;
    if (port !== undefined) {
      const { prometheusTextOfAll } = await import('#gateway/telemetry/prometheus-text.ts');
      const text = async (): Promise<string> => prometheusTextOfAll(await workers.metrics());
      const { listener } = await listenForMetrics(config, port, text, log);
      endings.add(() => listener.close(0));
    }
    const served = await workers.ready;
    if (!endings.begun) announce(served, config);
  } catch (error) {
    if (!endings.begun) console.error(explain(error));
    await endings.close();
    process.exit(1);
  }
}

/** The configuration; each of its faults is told once, and the process ends. */
function configured(): Config {
  // In the environment, because workers read it as well.
  if (process.argv.includes('--no-demo')) process.env['INGEST_ON_START'] = 'false';
  try {
    return loadConfig();
  } catch (error) {
    console.error(explain(error));
    process.exit(1);
  }
}

/** Serves in this process, alone or as one of several workers. */
async function serve(
  config: Config,
  log: Logger,
  endings: Endings,
  {
    ordinal,
    embeddedPostgres,
  }: Omit<WorkerOrders, 'embeddedPostgres'> & { embeddedPostgres: string | Promise<string> | undefined },
  ready: (served: Served) => void,
): Promise<void> {
  const bar = firstStartBar(log);
  // What must be done once is the first worker's.
  const wanted = config.ingestOnStart && ordinal === 1;
  const corpus = wanted && hasPackages() ? { root: PROJECT, onProgress: bar.update } : undefined;
  const embedded = embeddedPostgres === undefined ? undefined : Promise.resolve(embeddedPostgres);
  const server = await startServer(config, {
    log,
    embeddedPostgres: embedded,
    ...(cluster.isWorker ? { collected: metricsOfAllWorkers() } : {}),
    graphiqlTabs: GRAPHIQL_TABS,
    pages: EXAMPLE_PAGES,
    background: startBackground({
      corpus,
      recut: ordinal === 1,
      tellOfDemo: config.mode === 'development' && ordinal === 1,
    }),
  });
  endings.add(() => server.close());
  await server.ready;
  bar.end();
  if (endings.begun) return;
  ready({ url: server.url, firstQuery: firstQuery(server.schema), demoToCome: bar.toCome() });
  if (ordinal === 1) endings.add(startExamples(server, config, log));
}

/** Shows the ingestion of the direct dependencies, which the first start waits for, and says when the others are there. */
function firstStartBar(log: Logger): {
  update(progress: FirstRunProgress): void;
  end(): void;
  toCome(): number | undefined;
} {
  let bar: Progress | undefined;
  let ended = false;
  let toCome = 0;
  return {
    update: ({ state, documents, packages, directPackages, packagesDone }) => {
      if (state === 'complete' && bar !== undefined) log.info({ documents }, 'The demo is complete.');
      if (ended || state !== 'running' || directPackages === 0) return;
      toCome = packages - directPackages;
      bar ??= showProgress('Ingesting the documentation of the installed packages', directPackages);
      bar.update(Math.min(packagesDone, directPackages));
    },
    end: () => {
      ended = true;
      bar?.end();
    },
    toCome: () => (bar === undefined ? undefined : toCome),
  };
}

/** Starts the embedded PostgreSQL; one that ends by itself ends the process, which supervisors restart. */
function startStore(
  config: Config,
  workers: number,
  log: Logger,
  endings: Endings,
  onLost: () => void,
): Promise<EmbeddedPostgres> {
  log.info('Starting the embedded PostgreSQL.');
  const starting = startEmbeddedPostgres({
    dataDir: join(config.dataDir, 'postgres'),
    log: (line) => log.debug({ store: 'postgres' }, line),
    // Each worker has a pool, a listening connection, and one for migrations while it starts.
    ...(workers > 1 && { settings: { max_connections: String(10 + workers * (config.bounds.postgres.poolSize + 3)) } }),
  });
  let closing = false;
  starting.then(
    ({ exited }) =>
      exited.then(() => {
        if (closing) return;
        log.fatal('The embedded PostgreSQL has ended; stopping.');
        onLost();
      }),
    () => undefined, // Whoever awaits `starting` reports it.
  );
  endings.add(async () => {
    closing = true;
    await (await starting.catch(() => undefined))?.close();
  });
  return starting;
}

/**
 * The first signal stops in order; a second one at once.
 * @param worker a terminal signals the workers as well: they wait for the first process to tell them
 */
function handleSignals(stop: (exitCode: number) => void, log: Logger, worker: boolean): void {
  if (worker) {
    for (const signal of ['SIGINT', 'SIGHUP'] as const) process.on(signal, () => undefined);
    process.on('SIGTERM', () => stop(0));
    return;
  }
  let signalledAt: number | undefined;
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.on(signal, () => {
      if (signalledAt !== undefined) {
        if (performance.now() - signalledAt > SERVE.sameSignalMs) process.exit(130);
        return;
      }
      signalledAt = performance.now();
      log.info({ signal }, 'Stopping; once more to stop at once.');
      stop(0);
    });
  }
}

function announce({ url, firstQuery, demoToCome }: Served, config: Config): void {
  const what = config.apiKeys === 'only' ? 'API key' : 'access token';
  // Where commands look for a server that nobody names, and as whom they ask.
  const { hostname, port } = new URL(url);
  const [before, behind] =
    hostname !== '127.0.0.1' ? ['', ` --url ${url}/graphql`] : [port === DEFAULT_PORT ? '' : `PORT=${port} `, ''];
  const token = config.mode === 'development' ? '' : `TRIBUTARY_TOKEN=<${what}> `;
  const command = (text: string): string => `${token}${before}${text}${behind}`;
  const authorization = config.mode === 'development' ? '' : ` -H 'authorization: Bearer <${what}>'`;
  console.log(`
Tributary is ready.

  GraphiQL   ${url}/graphql
  MCP        ${url}/mcp
${config.runLibrarian ? `  AG-UI      ${url}/agents/librarian/run\n  Example    ${url}${RUN_VIEWER_PATH}\n` : ''}  Health     ${url}/health/ready
${demoToCome === undefined ? '' : announceDemo(demoToCome, command)}
${config.apiKeys === 'only' ? `The first API key, from another terminal with the same variables:\n  npm run -s keys -- create --tenant default --name <what for> --scopes documents:write\n\n` : ''}Your own notes, from another terminal: ${command('npm run ingest -- <folder>')}

One query to paste into GraphiQL (or a terminal):

  curl -s ${url}/graphql -H 'content-type: application/json'${authorization} -d '${JSON.stringify({ query: firstQuery })}'
`);
}

const announceDemo = (toCome: number, command: (text: string) => string): string => `
  The documentation of the packages that this project asks for is here as a demo, in the collection "demo".
  That of the ${toCome} others (one each, however many versions are installed) is being read; answers may differ until the log says that the demo is complete.
  Without any: ${command('npm run demo -- --remove')}
`;

await main();
