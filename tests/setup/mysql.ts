/** Databases of their own on the MariaDB and the MySQL that tests are given (TEST_MARIADB_URL, TEST_MYSQL_URL); `npm run test:stores` starts them. */
import { readFileSync } from 'node:fs';
import { randomBytes } from 'node:crypto';
import { createConnection, type Connection } from 'mysql2/promise';

export const URLS = { mariadb: process.env['TEST_MARIADB_URL'], mysql: process.env['TEST_MYSQL_URL'] };

export interface MysqlDatabase extends AsyncDisposable {
  readonly url: string;
  readonly name: string;
  /** A connection of whoever may do all. */
  readonly client: Connection;
}

/** @param fixture a file of tests/contract/fixtures/sources that makes its tables. @default it is empty */
export async function createMysqlDatabase(kind: keyof typeof URLS, fixture?: string): Promise<MysqlDatabase> {
  const url = new URL(URLS[kind]!);
  const name = `t_${randomBytes(6).toString('hex')}`;
  const client = await createConnection({
    host: url.hostname,
    port: Number(url.port),
    user: decodeURIComponent(url.username),
    password: decodeURIComponent(url.password),
    charset: 'utf8mb4',
    timezone: 'Z',
    multipleStatements: true,
  });
  await client.query(
    `CREATE DATABASE ${name}; USE ${name}; SET SESSION time_zone = '+00:00'; SET SESSION sql_mode = 'STRICT_ALL_TABLES'`,
  );
  if (fixture !== undefined)
    await client.query(readFileSync(new URL(`../contract/fixtures/sources/${fixture}`, import.meta.url), 'utf8'));
  url.pathname = `/${name}`;
  return {
    url: url.href,
    name,
    client,
    async [Symbol.asyncDispose]() {
      await client.query(`DROP DATABASE ${name}`);
      await client.end();
    },
  };
}
