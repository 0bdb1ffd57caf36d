/** Files of SQLite of their own, and what writes to them, as another program does. */
import { mkdtemp, rm } from 'node:fs/promises';
import { readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from '@photostructure/sqlite';
import type { SourceDriver, SourceOptions } from '#subgraphs/sources/driver.ts';
import { createSqliteSource } from '#subgraphs/sources/drivers/sqlite/index.ts';
import { shopOptions } from './source-options.ts';

export interface SqliteFile extends AsyncDisposable {
  readonly path: string;
  readonly url: string;
  readonly client: InstanceType<typeof DatabaseSync>;
}

/** @param fixture a file of tests/contract/fixtures/sources that makes its tables. @default it is empty */
export async function createSqliteFile(fixture?: string): Promise<SqliteFile> {
  const folder = await mkdtemp(join(tmpdir(), 'tributary-sqlite-'));
  const path = join(folder, 'shop.db');
  const client = new DatabaseSync(path);
  if (fixture !== undefined)
    client.exec(readFileSync(new URL(`../contract/fixtures/sources/${fixture}`, import.meta.url), 'utf8'));
  return {
    path,
    url: `sqlite:${path}`,
    client,
    async [Symbol.asyncDispose]() {
      if (client.isOpen) client.close();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

export const openSqlite = (url: string, more: Partial<SourceOptions> = {}): SourceDriver =>
  createSqliteSource(shopOptions(url, more));
