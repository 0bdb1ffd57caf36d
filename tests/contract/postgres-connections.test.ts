/**
 * How PostgreSQL is connected to, on a real server: TLS by `psql`'s rules, passwords that are exchanged, prepared
 * statements, sockets.
 */
import { chmod, chown, copyFile, mkdtemp, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { loadConfig } from '#gateway/config/config.ts';
import { postgresOptions } from '#gateway/mount/postgres.ts';
import { createLogger } from '#gateway/telemetry/logger.ts';
import { startEmbeddedPostgres, type EmbeddedPostgres } from '#ops/embedded/postgres.ts';
import { createRequestContext } from '#subgraphs/shared/context.ts';
import { Postgres, type PostgresOptions } from '#subgraphs/shared/postgres/postgres.ts';
import { createTestDatabase, type TestDatabase } from '#tests/setup/postgres.ts';

const as = (tenantId: string) => createRequestContext({ tenantId, subject: 'test', roles: [], scopes: [] });
const raw = (sql: string, parameters: unknown[] = []) => ({ sql, parameters });
const MIGRATIONS = new URL('../../subgraphs/relational/migrations/', import.meta.url);
const FIXTURES = fileURLToPath(new URL('fixtures/tls/', import.meta.url));

async function sql(url: string, text: string): Promise<void> {
  const client = new pg.Client(url);
  await client.connect();
  await client.query(text).finally(() => client.end());
}

async function open<T>(options: PostgresOptions, work: (postgres: Postgres) => Promise<T>): Promise<T> {
  const postgres = new Postgres({ connectTimeoutMs: 5_000, ...options });
  try {
    return await work(postgres);
  } finally {
    await postgres.close();
  }
}

let database: TestDatabase;
beforeAll(async () => {
  database = await createTestDatabase();
  await open({ url: database.url }, (postgres) => postgres.migrate('relational', MIGRATIONS));
});
afterAll(() => database?.[Symbol.asyncDispose]());

describe('prepared statements', () => {
  const one = (options: Partial<PostgresOptions> = {}): PostgresOptions => ({
    url: database.url,
    poolSize: 1,
    ...options,
  });
  const prepared = async (postgres: Postgres): Promise<string[]> =>
    (await postgres.read<{ statement: string }>(as('a'), raw('SELECT statement FROM pg_prepared_statements'))).map(
      ({ statement }) => statement,
    );
  const insert = (id: string) =>
    raw(`INSERT INTO relational.memory_facts (id, key, value) VALUES ($1, 'prepared', '')`, [id]);

  test('what is used again is prepared, planned for each tenant, and shows each tenant its own rows', async () => {
    await open(one(), async (postgres) => {
      for (const tenant of ['a', 'b'])
        await postgres.transaction(as(tenant), (tx) => tx.query(insert(`fact_${tenant}`)));
      const mine = raw('SELECT id FROM relational.memory_facts WHERE key = $1', ['prepared']);
      for (let n = 0; n < 8; n++)
        for (const tenant of ['a', 'b'])
          expect(await postgres.read(as(tenant), mine)).toEqual([{ id: `fact_${tenant}` }]);
      expect(await prepared(postgres)).toContain(mine.sql);
      expect(await postgres.read(as('a'), raw('SHOW plan_cache_mode'))).toEqual([
        { plan_cache_mode: 'force_custom_plan' },
      ]);
    });
  });

  test('not more than a bounded number of them, on the server and in the client, and what gave way still answers', async () => {
    await open(one(), async (postgres) => {
      for (let round = 0; round < 3; round++) {
        for (let n = 0; n < 150; n++)
          expect(await postgres.read(as('a'), raw(`SELECT $1::int + ${n} AS sum`, [1]))).toEqual([{ sum: n + 1 }]);
      }
      const names = await prepared(postgres);
      expect(names.length).toBeGreaterThan(50);
      expect(names.length).toBeLessThanOrEqual(101);
    });
  });

  test('one that fails spoils nothing', async () => {
    await open(one(), async (postgres) => {
      for (let n = 0; n < 4; n++) {
        await expect(postgres.read(as('a'), raw('SELECT 1 / $1::int AS x', [0]))).rejects.toMatchObject({
          code: 'BAD_USER_INPUT',
        });
        await expect(postgres.read(as('a'), raw('SELECT $1::int FROM relational.nowhere', [1]))).rejects.toMatchObject({
          code: 'STORE_UNAVAILABLE',
        });
        expect(await postgres.read(as('a'), raw('SELECT 4 / $1::int AS x', [2]))).toEqual([{ x: 2 }]);
      }
    });
  });

  test('reads outlive a change of their tables, and a pooler that forgets', async () => {
    await sql(
      database.url,
      'CREATE TABLE relational.changing (v int); GRANT SELECT ON relational.changing TO tributary_tenant; INSERT INTO relational.changing VALUES (1)',
    );
    await open(one(), async (postgres) => {
      const changing = raw('SELECT v FROM relational.changing WHERE $1::int = 1', [1]);
      for (let n = 0; n < 3; n++) expect(await postgres.read(as('a'), changing)).toEqual([{ v: 1 }]);
      await sql(database.url, 'ALTER TABLE relational.changing ALTER COLUMN v TYPE text');
      for (let n = 0; n < 3; n++) expect(await postgres.read(as('a'), changing)).toEqual([{ v: '1' }]);
      await postgres.read(as('a'), raw('DEALLOCATE ALL'));
      expect(await postgres.read(as('a'), changing)).toEqual([{ v: '1' }]);
      for (let n = 0; n < 3; n++) await postgres.transaction(as('a'), (tx) => tx.query(changing));
      await postgres.read(as('a'), raw('DEALLOCATE ALL'));
      // A write may not be sent twice; whoever asked is told, and the connection is not used again.
      const write = postgres.transaction(as('a'), (tx) => tx.query(changing));
      await expect(write).rejects.toMatchObject({
        code: 'STORE_UNAVAILABLE',
        extensions: { hint: expect.stringContaining('DATABASE_PREPARED_STATEMENTS=off') as string },
      });
      expect(await postgres.transaction(as('a'), (tx) => tx.query(changing))).toEqual([{ v: '1' }]);
    });
  });

  test('can be switched off', async () => {
    const { preparedStatements } = postgresOptions(
      loadConfig({ DATABASE_URL: database.url, DATABASE_PREPARED_STATEMENTS: 'off' }),
      database.url,
      createLogger({ level: 'silent' }),
    );
    await open(one({ preparedStatements }), async (postgres) => {
      for (let n = 0; n < 5; n++) await postgres.read(as('a'), raw('SELECT $1::int AS x', [n]));
      expect(await prepared(postgres)).toEqual([]);
    });
  });
});

describe('a password that is exchanged under a running server', () => {
  test('is followed by new connections: of the pool, for listening, for maintenance', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'tributary-rotation-'));
    const role = `rotated_${Date.now().toString(36)}`;
    const name = new URL(database.url).pathname.slice(1);
    await sql(
      database.url,
      `CREATE ROLE ${role} LOGIN PASSWORD 'first'; GRANT tributary_tenant, tributary_system TO ${role}; GRANT CREATE ON DATABASE ${name} TO ${role}`,
    );
    const file = join(folder, 'password');
    await writeFile(file, 'first\n');
    const { hostname, port } = new URL(database.url);
    try {
      const config = loadConfig({
        PGHOST: hostname,
        PGPORT: port,
        PGUSER: role,
        PGPASSWORD_FILE: file,
        PGDATABASE: name,
      });
      await open(
        postgresOptions(config, config.current.postgresUrl, createLogger({ level: 'silent' })),
        async (postgres) => {
          const who = raw('SELECT session_user AS me, pg_backend_pid() AS pid');
          const [before] = await postgres.read<{ me: string; pid: number }>(as('a'), who);
          expect(before!.me).toBe(role);
          await sql(
            database.url,
            `ALTER ROLE ${role} PASSWORD 'second'; SELECT pg_terminate_backend(${before!.pid}, 5000)`,
          );
          // Without the new password, whoever asks is told which variable is wrong.
          await expect(postgres.read(as('a'), who)).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' });
          await expect(postgres.read(as('a'), who)).rejects.toMatchObject({
            extensions: { hint: expect.stringContaining('PGPASSWORD') as string },
          });
          await writeFile(file, 'second\n');
          const [after] = await postgres.read<{ me: string; pid: number }>(as('a'), who);
          expect(after!.me).toBe(role);
          expect(after!.pid).not.toBe(before!.pid);
          const listening = await postgres.listen(
            'rotated',
            () => undefined,
            () => undefined,
          );
          await listening.close();
          await postgres.maintain([raw('SELECT 1')]);
          // A file that is away or empty for a moment changes nothing.
          await rm(file);
          expect(config.current.value('PGPASSWORD')).toBe('second');
          await writeFile(file, '');
          expect(config.current.value('PGPASSWORD')).toBe('second');
        },
      );
    } finally {
      await rm(folder, { recursive: true });
      await sql(database.url, `DROP OWNED BY ${role}; DROP ROLE ${role}`);
    }
  });

  test('may stand in a URL in a file', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'tributary-rotation-'));
    try {
      await writeFile(join(folder, 'url'), 'postgres://a:first@db/x\n');
      const config = loadConfig({ DATABASE_URL_FILE: join(folder, 'url') });
      await writeFile(join(folder, 'url'), 'postgres://a:second@db/x\n');
      expect(config.current.postgresUrl()).toBe('postgres://a:second@db/x');
      await writeFile(join(folder, 'url'), 'nonsense');
      expect(config.current.postgresUrl()).toBe('postgres://a:second@db/x');
    } finally {
      await rm(folder, { recursive: true });
    }
  });
});

describe('TLS', () => {
  let folder: string;
  let secured: EmbeddedPostgres;
  const file = (name: string) => join(FIXTURES, name);
  /** Connects in every way that this project does, and says whether over TLS. */
  const isEncrypted = async (url: string): Promise<boolean | undefined> =>
    await open({ url }, async (postgres) => {
      await postgres.migrate('relational', MIGRATIONS);
      await postgres.maintain([raw('CREATE EXTENSION IF NOT EXISTS sslinfo')]);
      const listening = await postgres.listen(
        'tls',
        () => undefined,
        () => undefined,
      );
      await listening.close();
      return (await postgres.read<{ tls: boolean }>(as('a'), raw('SELECT ssl_is_used() AS tls')))[0]?.tls;
    });
  /** `localhost` is the name in the certificate; 127.0.0.1 is not. */
  const at = (host: string, parameters: Record<string, string>) => {
    const url = new URL(secured.url);
    url.hostname = host;
    for (const [name, value] of Object.entries(parameters)) url.searchParams.set(name, value);
    return url.href;
  };

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'tributary-tls-'));
    secured = await startEmbeddedPostgres({
      dataDir: join(folder, 'postgres'),
      settings: { fsync: 'off', listen_addresses: 'localhost', unix_socket_directories: '.' },
    });
    const cluster = join(folder, 'postgres', 'cluster');
    const owner = await stat(cluster);
    for (const name of ['server.pem', 'server-key.pem']) {
      await copyFile(file(name), join(cluster, name));
      await chown(join(cluster, name), owner.uid, owner.gid);
    }
    await chmod(join(cluster, 'server-key.pem'), 0o600);
    for (const [name, value] of [
      ['ssl_cert_file', 'server.pem'],
      ['ssl_key_file', 'server-key.pem'],
      ['ssl', 'on'],
    ])
      await sql(secured.url, `ALTER SYSTEM SET ${name} = '${value}'`);
    await sql(secured.url, 'SELECT pg_reload_conf()');
    await vi.waitUntil(() => isEncrypted(at('127.0.0.1', { sslmode: 'require' })).catch(() => false), {
      timeout: 10_000,
    });
  });
  afterAll(async () => {
    await secured?.close();
    await rm(folder, { recursive: true, force: true });
  });

  test.each<[string, string, Record<string, string>, boolean]>([
    ['no sslmode', '127.0.0.1', {}, false],
    ['disable', '127.0.0.1', { sslmode: 'disable' }, false],
    ['allow', '127.0.0.1', { sslmode: 'allow' }, true],
    ['prefer', '127.0.0.1', { sslmode: 'prefer' }, true],
    ['require, whatever the certificate', '127.0.0.1', { sslmode: 'require' }, true],
    ['require, with the authority', '127.0.0.1', { sslmode: 'require', sslrootcert: file('authority.pem') }, true],
    ['verify-ca, whatever the host', '127.0.0.1', { sslmode: 'verify-ca', sslrootcert: file('authority.pem') }, true],
    ['verify-full', 'localhost', { sslmode: 'verify-full', sslrootcert: file('authority.pem') }, true],
    ['an authority alone', 'localhost', { sslrootcert: file('authority.pem') }, true],
  ])('%s connects', async (_, host, parameters, tls) => {
    expect(await isEncrypted(at(host, parameters))).toBe(tls);
  });

  test.each<[string, string, Record<string, string>, RegExp]>([
    [
      'require, with another authority',
      '127.0.0.1',
      { sslmode: 'require', sslrootcert: file('other-authority.pem') },
      /PGSSLROOTCERT/,
    ],
    [
      'verify-ca, with another authority',
      '127.0.0.1',
      { sslmode: 'verify-ca', sslrootcert: file('other-authority.pem') },
      /PGSSLROOTCERT/,
    ],
    ['verify-ca without an authority', '127.0.0.1', { sslmode: 'verify-ca' }, /PGSSLROOTCERT/],
    [
      'verify-full of a certificate that no public authority signed',
      'localhost',
      { sslmode: 'verify-full' },
      /PGSSLMODE/,
    ],
    [
      'verify-full of another host',
      '127.0.0.1',
      { sslmode: 'verify-full', sslrootcert: file('authority.pem') },
      /PGSSLMODE/,
    ],
    ['a mode that does not exist', 'localhost', { sslmode: 'strict' }, /sslmode must be one of/],
    [
      'a file that does not exist',
      'localhost',
      { sslmode: 'verify-full', sslrootcert: '/nowhere.pem' },
      /sslrootcert names cannot be read.*ENOENT/,
    ],
  ])('%s is refused', async (_, host, parameters, told) => {
    const error = await isEncrypted(at(host, parameters)).then(
      () => undefined,
      (thrown: unknown) => thrown as Error & { code: string; extensions: { hint: string } },
    );
    expect(error).toMatchObject({ code: 'STORE_UNAVAILABLE' });
    expect(`${error!.message} ${error!.extensions.hint}`).toMatch(told);
  });

  test('of a server without TLS, only `prefer` is content', async () => {
    const url = (sslmode: string) => {
      const plain = new URL(database.url);
      plain.searchParams.set('sslmode', sslmode);
      return plain.href;
    };
    for (const mode of ['prefer', 'allow']) expect(await isEncrypted(url(mode))).toBe(false);
    await expect(isEncrypted(url('require'))).rejects.toMatchObject({
      code: 'STORE_UNAVAILABLE',
      extensions: { hint: expect.stringContaining('PGSSLMODE') as string },
    });
  });

  test('and sockets by the PG variables', async () => {
    const { port, username, password } = new URL(secured.url);
    const parts = { PGPORT: port, PGUSER: username, PGPASSWORD: decodeURIComponent(password), PGDATABASE: 'postgres' };
    const by = (env: Record<string, string>) => loadConfig({ ...parts, ...env }).current.postgresUrl();
    expect(
      await isEncrypted(by({ PGHOST: 'localhost', PGSSLMODE: 'verify-full', PGSSLROOTCERT: file('authority.pem') })),
    ).toBe(true);
    expect(await isEncrypted(by({ PGHOST: '127.0.0.1', PGSSLMODE: 'disable' }))).toBe(false);
    expect(await isEncrypted(by({ PGHOST: join(folder, 'postgres', 'cluster') }))).toBe(false);
    expect(() => loadConfig({ PGSSLROOTCERT: 'x' })).toThrow(/PGSSLROOTCERT is set without PGHOST/);
  });
});
