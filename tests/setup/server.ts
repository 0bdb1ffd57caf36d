import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { loadConfig } from '#gateway/config/config.ts';
import { EXAMPLE_PAGES, GRAPHIQL_TABS } from '#ops/serve/pages.ts';
import { startServer, type BackgroundServices, type RunningServer } from '#gateway/server.ts';
import { createLogger } from '#gateway/telemetry/logger.ts';
import { startBackground } from '#ops/ingest/background.ts';

import { createTestDatabase } from './postgres.ts';

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
 * Starts the six subgraphs behind a real gateway on a free port, in development mode, with an outbox worker and no
 * corpus.
 * @param env further variables, as an operator would set them
 */
export async function startTestServer(env: Record<string, string> = {}): Promise<TestServer> {
  const database = await createTestDatabase();
  const dataDir = await mkdtemp(join(tmpdir(), 'tributary-server-'));
  const cleanUp = async (): Promise<void> => {
    await rm(dataDir, { recursive: true, force: true });
    await database[Symbol.asyncDispose]();
  };
  try {
    const config = loadConfig({
      DATABASE_URL: database.url,
      DATA_DIR: dataDir,
      PORT: '0',
      LOG_LEVEL: 'error',
      INGEST_ON_START: 'false',
      ...env,
    });
    let services: BackgroundServices | undefined;
    const background = startBackground();
    const server = await startServer(config, {
      log: createLogger(config.log),
      graphiqlTabs: GRAPHIQL_TABS,
      pages: EXAMPLE_PAGES,
      background: (given) => background((services = given)),
    });
    await server.ready;
    return {
      url: server.url,
      server,
      services: services!,
      databaseUrl: database.url,
      dataDir,
      [Symbol.asyncDispose]: async () => {
        await server.close();
        await cleanUp();
      },
    };
  } catch (error) {
    await cleanUp();
    throw error;
  }
}
