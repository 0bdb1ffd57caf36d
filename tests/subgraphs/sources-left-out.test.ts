/** What a store lost since the file was written costs that alone; what is wrong with the file ends the start. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { graphql } from 'graphql';
import pg from 'pg';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { createRequestContext } from '#subgraphs/shared/context.ts';
import { SOURCES } from '#subgraphs/sources/bounds.ts';
import { Sources, type LoadedSources } from '#subgraphs/sources/index.ts';
import { createTestDatabase, type TestDatabase } from '#tests/setup/postgres.ts';
import { shopOptions } from '#tests/setup/source-options.ts';

const FILE = `sources:
  shop:
    kind: postgres
    url: SHOP_URL
    tenancy: { column: tenant_id }
    types:
      customers:
        orderBy: [{ column: name }]
        columns: { born: { description: When. } }
      totals: { key: [id] }
    links:
      - { from: orders.buyer, to: customers.id, name: who }
`;

describe('a store that has changed since', () => {
  let folder: string;
  let database: TestDatabase;
  let client: pg.Client;
  const run = (sql: string) => client.query(sql);
  /** As a start of its own finds it. */
  const open = async (text = FILE, url = database.url, log: (message: string) => void = () => undefined) => {
    const file = join(folder, 'sources.yaml');
    await writeFile(file, text);
    return new Sources(
      {
        ...shopOptions(url),
        ...{ file, cacheFolder: join(folder, 'cache'), valueOf: () => url, pollMs: SOURCES.pollMs, patienceMs: 0 },
      } as never,
      { audit: () => Promise.resolve(), embedder: () => undefined, log },
    );
  };
  const start = async (text = FILE, url = database.url): Promise<LoadedSources> => {
    const sources = await open(text, url);
    try {
      return await sources.load();
    } finally {
      await sources.close();
    }
  };
  const typeDefsOf = ({ subgraphs }: LoadedSources): string => subgraphs[0]?.typeDefs ?? '';
  const leftOutOf = ({ leftOut }: LoadedSources): string[] => leftOut.map(({ reason }) => reason);

  beforeAll(async () => {
    database = await createTestDatabase();
    client = new pg.Client(database.url);
    await client.connect();
  });
  beforeEach(async () => {
    await rm(folder ?? '/nonexistent', { recursive: true, force: true });
    folder = await mkdtemp(join(tmpdir(), 'tributary-left-out-'));
    await run(`DROP SCHEMA public CASCADE; CREATE SCHEMA public;
      CREATE TABLE customers (id int PRIMARY KEY, tenant_id text NOT NULL, name text, born date);
      CREATE TABLE orders (id int PRIMARY KEY, tenant_id text NOT NULL, buyer int);
      CREATE MATERIALIZED VIEW totals AS SELECT 1 AS id, 'a'::text AS tenant_id, 2 AS total`);
  });
  afterAll(async () => {
    await client?.end();
    await database?.[Symbol.asyncDispose]();
    await rm(folder, { recursive: true, force: true });
  });

  test('what is there no more costs that alone, at every start until it is mended', async () => {
    expect(leftOutOf(await start())).toEqual([]);
    await run(
      `DROP MATERIALIZED VIEW totals; ALTER TABLE customers DROP COLUMN born, DROP COLUMN name; ALTER TABLE orders DROP COLUMN buyer`,
    );
    for (const again of [1, 2]) {
      const loaded = await start();
      expect(leftOutOf(loaded), String(again)).toEqual([
        expect.stringMatching(/sources\.yaml:10: shop: there is no table or view "totals".*take it out/),
        expect.stringMatching(/sources\.yaml:9: .*no column "born"/),
        expect.stringMatching(/sources\.yaml:8: .*no column "name" to sort by/),
        expect.stringMatching(/sources\.yaml:12: .*no column "buyer"/),
      ]);
      expect(typeDefsOf(loaded)).toMatch(/type Customer\b/);
      expect(typeDefsOf(loaded)).not.toMatch(/buyer|who[:(]|born:|type Total\b/);
    }
    // What he gets wrong himself is still told as such.
    await expect(start(FILE.replace('born', 'bron'))).rejects.toThrow(/^SOURCES has 1 fault:\n.*no column "bron"/);
    await run(`ALTER TABLE customers ADD born date, ADD name text; ALTER TABLE orders ADD buyer int;
      CREATE MATERIALIZED VIEW totals AS SELECT 1 AS id, 'a'::text AS tenant_id, 2 AS total`);
    expect(leftOutOf(await start())).toEqual([]);
  });

  test('rows whose tenant is told no longer are nobody’s, and nor are those of a table that comes without one', async () => {
    await start();
    await run(`ALTER TABLE orders DROP COLUMN tenant_id; CREATE TABLE "Strangers" (id int PRIMARY KEY, secret text)`);
    const loaded = await start();
    expect(leftOutOf(loaded)).toEqual([
      expect.stringMatching(/public\.orders has no column "tenant_id"/),
      expect.stringMatching(/public\.Strangers has no column "tenant_id"/),
    ]);
    expect(typeDefsOf(loaded)).not.toMatch(/type (Order|Stranger)\b|secret/);
  });

  test('what comes takes no name of what was there', async () => {
    await start();
    await run(`CREATE TABLE "CUSTOMERS" (id int PRIMARY KEY, tenant_id text NOT NULL, other text);
      ALTER TABLE customers ADD "Name" text`);
    const loaded = await start();
    expect(leftOutOf(loaded)).toEqual([
      expect.stringMatching(/columns name and Name of public\.customers/),
      expect.stringMatching(/Customer of public\.CUSTOMERS is also one of public\.customers/),
    ]);
    expect(typeDefsOf(loaded)).toMatch(/born/);
    expect(typeDefsOf(loaded)).not.toMatch(/other:/);
  });

  test('a record of changes that does not know a new column costs the subscription alone, even at a first start', async () => {
    await run(`CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END';
      CREATE TRIGGER tributary_changes AFTER INSERT ON orders FOR EACH ROW EXECUTE FUNCTION f('public.orders', 'id', 'tenant_id', 'buyer')`);
    const text = FILE.replace('    links:', '      orders: { changes: log }\n    links:');
    await run('ALTER TABLE orders ADD note text');
    const loaded = await start(text);
    expect(leftOutOf(loaded)).toEqual([
      expect.stringMatching(/sources\.yaml:11: .*changes of public\.orders without note\. Run what/),
    ]);
    expect(typeDefsOf(loaded)).toMatch(/type Order\b/);
    expect(typeDefsOf(loaded)).not.toMatch(/ordersChanged/);
  });

  test('what nothing is known of is the file’s, and a start that failed leaves nothing', async () => {
    await expect(start(FILE.replace('totals', 'totalls'))).rejects.toThrow(/"totalls".*Did you mean "totals"/);
    await run('DROP MATERIALIZED VIEW totals');
    await expect(start()).rejects.toThrow(/no table or view "totals"/);
  });

  test('a store that cannot be asked says so, and what served before serves', async () => {
    const password = database.url.replace(/\/\/([^:@/]+)(:[^@]*)?@/, '//nobody_here:s3cret@');
    await expect(start(FILE.replace('totals', 'totalls'))).rejects.toThrow(/totalls/);
    const never = await start(FILE, password);
    expect(never.unavailable).toMatchObject([{ reason: expect.stringContaining('user or password') }]);
    await start();
    await run('DROP MATERIALIZED VIEW totals');
    for (const [url, told] of [
      [password, /refused the user or password: check SHOP_URL/],
      ['notaurl', /SHOP_URL holds no URL of a store of the kind postgres\. .*postgres:/],
      [database.url.replace(/\/test_\w+/, '/gone'), /does not exist/],
    ] as const) {
      const loaded = await start(FILE.replace('columns: { born', 'columns: { later: {}, born'), url);
      expect(loaded.unavailable).toMatchObject([
        { reason: expect.stringMatching(told), fetchedAt: expect.any(String) },
      ]);
      // Written while it cannot be looked at.
      expect(leftOutOf(loaded)).toEqual([expect.stringMatching(/no column "later"/)]);
      expect(typeDefsOf(loaded)).toMatch(/type Total\b/);
    }
  });

  test('a key that no unique index holds is warned of, once', async () => {
    const logged: string[] = [];
    const text = FILE.replace('    links:', '      orders: { key: [buyer] }\n    links:');
    const sources = await open(text, database.url, (message) => logged.push(message));
    try {
      await sources.load();
      await writeFile(join(folder, 'sources.yaml'), `${text}\n`);
      await sources.load();
    } finally {
      await sources.close();
    }
    expect(logged).toEqual([
      expect.stringMatching(/sources\.yaml:10: shop: no unique index of public\.totals holds the key \(id\)\./),
      expect.stringMatching(/sources\.yaml:11: shop: no unique index of public\.orders holds the key \(buyer\)\./),
    ]);
  });

  test('a value that the schema does not know costs its field, and has the store looked at again', async () => {
    await run(`CREATE TYPE state AS ENUM ('new'); CREATE TABLE things (id int PRIMARY KEY, tenant_id text NOT NULL, st state, size int, many float8[], f float8, must text NOT NULL);
      INSERT INTO things VALUES (1, 'acme', 'new', 1, '{1}', 1, 'a')`);
    const logged: string[] = [];
    const sources = await open(FILE, database.url, (message) => logged.push(message));
    try {
      const ask = async (source: string) => {
        const [{ schema } = { schema: undefined }] = (await sources.load()).subgraphs;
        const contextValue = createRequestContext({ tenantId: 'acme', subject: 'test', roles: [], scopes: [] });
        return JSON.parse(JSON.stringify(await graphql({ schema: schema!, source, contextValue }))) as object;
      };
      const asked = '{ things { nodes { id st size many f } } }';
      const [{ schema } = { schema: undefined }] = (await sources.load()).subgraphs;
      await run(`ALTER TYPE state ADD VALUE 'lost'`);
      await run(`ALTER TABLE things ALTER size TYPE bigint, ALTER must DROP NOT NULL;
        UPDATE things SET st = 'lost', size = 3000000000, many = '{1,NaN,Infinity}', f = 'NaN', must = NULL`);
      const contextValue = createRequestContext({ tenantId: 'acme', subject: 'test', roles: [], scopes: [] });
      const before = await graphql({ schema: schema!, source: asked, contextValue });
      expect(JSON.parse(JSON.stringify(before.data))).toEqual({
        things: { nodes: [{ id: 1, st: null, size: null, many: [1, null, null], f: null }] },
      });
      expect(
        before.errors!.map(({ path, message, extensions }) => [path!.slice(3).join('.'), extensions['code'], message]),
      ).toEqual([
        [
          'st',
          'STORE_UNAVAILABLE',
          'The source shop has changed: the column st holds a value that its type did not have.',
        ],
        ['size', 'STORE_UNAVAILABLE', expect.stringMatching(/the column size holds a number that is none of 32 bits/)],
        ['many.1', 'STORE_UNAVAILABLE', expect.stringMatching(/many holds NaN or an infinity/)],
        ['many.2', 'STORE_UNAVAILABLE', expect.stringMatching(/many holds NaN or an infinity/)],
        ['f', 'STORE_UNAVAILABLE', expect.stringMatching(/f holds NaN or an infinity/)],
      ]);
      const never = await graphql({ schema: schema!, source: '{ thing(id: 1) { must } }', contextValue });
      expect(never.errors).toMatchObject([{ extensions: { code: 'STORE_UNAVAILABLE' } }]);
      // One look for all of them.
      expect(logged.filter((line) => !line.includes('unique index'))).toEqual([
        expect.stringMatching(/^The source shop has changed: the column st .*looked at again\.$/),
      ]);
      expect(await ask('{ things { nodes { id st size must } } }')).toEqual({
        data: { things: { nodes: [{ id: 1, st: 'LOST', size: 3000000000, must: null }] } },
      });
    } finally {
      await sources.close();
    }
  });
});
