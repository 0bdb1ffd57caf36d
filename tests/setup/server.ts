import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { loadConfig } from '#gateway/config/config.ts';
import { EXAMPLE_PAGES, GRAPHIQL_TABS } from '#ops/serve/pages.ts';
import { Endings } from '#gateway/endings.ts';
import { startServer, type BackgroundServices, type RunningServer } from '#gateway/server.ts';
import { createLogger } from '#gateway/telemetry/logger.ts';
import { startBackground } from '#ops/ingest/background.ts';

import { wireTo } from '#tests/e2e/wire.ts';
import { startApart } from './apart.ts';
import { createTestDatabase } from './postgres.ts';

/** Whether all six subgraphs run as servers of their own, which is `npm run test:apart`. */
export const APART = process.env['TEST_APART'] === '1';

/** A whole server with its own database and data folder; disposing it ends and removes all of it. */
export interface TestServer extends AsyncDisposable {
  readonly url: string;
  readonly server: RunningServer;
  /**
   * What the server gives to work behind the requests: its clients of the subgraphs, and the way in of all operations.
   */
  readonly services: BackgroundServices;
  /** Superuser's connection string of its database. */
  readonly databaseUrl: string;
  readonly dataDir: string;
}

/**
 * Starts the six subgraphs behind a real gateway (or apart from it, see {@link APART}) on a free port, in development mode, with an outbox worker and no
 * corpus.
 * @param env further variables, as an operator would set them
 */
export async function startTestServer(env: Record<string, string> = {}): Promise<TestServer> {
  const failures: unknown[] = [];
  const endings = new Endings((error) => failures.push(error));
  const end = async (): Promise<void> => {
    await endings.close();
    if (failures.length > 0) throw new AggregateError(failures, 'Not everything ended as it should.');
  };
  const database = await createTestDatabase();
  endings.add(() => Promise.resolve(database[Symbol.asyncDispose]()));
  const dataDir = await mkdtemp(join(tmpdir(), 'tributary-server-'));
  endings.add(() => rm(dataDir, { recursive: true, force: true }));
  try {
    const given = {
      DATABASE_URL: database.url,
      DATA_DIR: dataDir,
      PORT: '0',
      LOG_LEVEL: 'error',
      INGEST_ON_START: 'false',
      ...env,
    };
    const log = createLogger(loadConfig(given).log);
    // Where clients know the gateway, before it is anywhere.
    const front = APART ? await wireTo(0) : undefined;
    endings.add(async () => front?.[Symbol.asyncDispose]());
    const apart = front && (await startApart({ PUBLIC_BASE_URL: `http://127.0.0.1:${front.port}`, ...given }, log));
    endings.add(async () => apart?.[Symbol.asyncDispose]());
    let services: BackgroundServices | undefined;
    const background = startBackground();
    const server = await startServer(loadConfig({ ...apart?.variables, ...given }), {
      log,
      graphiqlTabs: GRAPHIQL_TABS,
      pages: EXAMPLE_PAGES,
      background: (given) => background((services = given)),
    });
    endings.add(() => server.close());
    if (front) front.target = server.port;
    await server.ready;
    return {
      url: server.url,
      server,
      services: services!,
      databaseUrl: database.url,
      dataDir,
      [Symbol.asyncDispose]: end,
    };
  } catch (error) {
    await end();
    throw error;
  }
}
