import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import type { TestProject } from 'vitest/node';

import { startEmbeddedPostgres } from '#ops/embedded/postgres.ts';

declare module 'vitest' {
  interface ProvidedContext {
    /** Superuser's connection string of the server on which test databases are created. */
    postgresUrl: string;
  }
}

/**
 * One PostgreSQL server for the whole run: an outside one (`TEST_DATABASE_URL`, a role that may create databases), else
 * an embedded one.
 */
export default async function setup(project: TestProject): Promise<(() => Promise<void>) | undefined> {
  const outside = process.env['TEST_DATABASE_URL'];
  if (outside) {
    project.provide('postgresUrl', outside);
    return undefined;
  }
  const folder = await mkdtemp(join(tmpdir(), 'tributary-test-'));
  const postgres = await startEmbeddedPostgres({
    dataDir: join(folder, 'postgres'),
    // Test data need not survive a power cut. Suites run side by side, each with its own pools.
    settings: { fsync: 'off', synchronous_commit: 'off', full_page_writes: 'off', max_connections: '200' },
  });
  project.provide('postgresUrl', postgres.url);
  return async () => {
    await postgres.close();
    await rm(folder, { recursive: true, force: true });
  };
}
