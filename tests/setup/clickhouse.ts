/** Databases of their own on the ClickHouse that tests are given (TEST_CLICKHOUSE_URL); `npm run test:stores` starts one. */
import { readFileSync } from 'node:fs';
import { randomBytes } from 'node:crypto';
import { createClient, type ClickHouseClient } from '@clickhouse/client';

export interface ClickhouseDatabase extends AsyncDisposable {
  readonly url: string;
  readonly name: string;
  /** A client of whoever may do all. */
  readonly client: ClickHouseClient;
  /** Runs statements one after the other, each of which ends a line with `;`. */
  run(statements: string): Promise<void>;
}

/** @param fixture a file of tests/contract/fixtures/sources that makes its tables. @default it is empty */
export async function createClickhouseDatabase(fixture?: string): Promise<ClickhouseDatabase> {
  const url = new URL(process.env['TEST_CLICKHOUSE_URL']!);
  const name = `t_${randomBytes(6).toString('hex')}`;
  const open = (database?: string): ClickHouseClient =>
    createClient({
      url: `${url.protocol === 'clickhouses:' ? 'https' : 'http'}://${url.host}`,
      username: decodeURIComponent(url.username),
      password: decodeURIComponent(url.password),
      ...(database === undefined ? {} : { database }),
    });
  const first = open();
  await first.command({ query: `CREATE DATABASE ${name}` });
  await first.close();
  const client = open(name);
  url.pathname = `/${name}`;
  const run = async (statements: string): Promise<void> => {
    for (const query of statements.split(/;\s*$/m))
      if (query.trim() !== '') await client.command({ query: query.replace(/^--.*$/gm, '') });
  };
  if (fixture !== undefined)
    await run(readFileSync(new URL(`../contract/fixtures/sources/${fixture}`, import.meta.url), 'utf8'));
  return {
    url: url.href,
    name,
    client,
    run,
    async [Symbol.asyncDispose]() {
      await client.command({ query: `DROP DATABASE ${name}` });
      await client.close();
    },
  };
}
