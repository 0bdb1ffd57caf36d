/** Changes of rows of the operator's own PostgreSQL, followed through a source's schema while others write. */
import { randomBytes } from 'node:crypto';
import pg from 'pg';
import { parse, subscribe, type ExecutionResult } from 'graphql';
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest';
import { loggedTables } from '#ops/sources/logged.ts';
import { createRequestContext } from '#subgraphs/shared/context.ts';
import { SOURCES } from '#subgraphs/sources/bounds.ts';
import { ChangeHub } from '#subgraphs/sources/changes/hub.ts';
import type { SourceDriver } from '#subgraphs/sources/driver.ts';
import { changeLogSql, removeChangeLogSql } from '#subgraphs/sources/changes/postgres-log.ts';
import { createPostgresSource } from '#subgraphs/sources/drivers/postgres/index.ts';
import { buildModel } from '#subgraphs/sources/model/build.ts';
import { parseSources } from '#subgraphs/sources/model/read.ts';
import { buildSchema } from '#subgraphs/sources/schema/index.ts';
import { wireTo, type Wire } from '#tests/e2e/wire.ts';
import { createTestDatabase, type TestDatabase } from '#tests/setup/postgres.ts';
import { random } from '#tests/setup/random.ts';
import { shopOptions } from '#tests/setup/source-options.ts';

const FILE = `sources:
  shop:
    kind: postgres
    url: U
    tenancy: { column: tenant_id }
    types:
      customers: { changes: log, columns: { secret: { hide: true } } }
      orders: { changes: log }
      visits: { changes: { column: at } }
`;

const TABLES = `
  CREATE TYPE mood AS ENUM ('good', 'bad');
  CREATE TABLE customers (
    id bigint PRIMARY KEY, tenant_id text NOT NULL, name text NOT NULL, "größe" numeric, mood mood, born timestamptz,
    tags text[], told jsonb, bytes bytea, secret text, "o'dd \\000 ""q"" \\" text DEFAULT 'it''s'
  );
  CREATE TABLE orders (id int, tenant_id text NOT NULL, customer_id bigint REFERENCES customers (id), total int NOT NULL, PRIMARY KEY (id)) PARTITION BY RANGE (id);
  CREATE TABLE orders_low PARTITION OF orders FOR VALUES FROM (MINVALUE) TO (100);
  CREATE TABLE orders_high PARTITION OF orders FOR VALUES FROM (100) TO (MAXVALUE);
  CREATE TABLE visits (id int PRIMARY KEY, tenant_id text NOT NULL, at timestamptz)`;

let database: TestDatabase;
let owner: pg.Client;
let driver: SourceDriver;
let wire: Wire;
let hub: ChangeHub;
let schema: ReturnType<typeof buildSchema>;
let reader: string;
const open: AsyncIterator<unknown>[] = [];

const connected = async (url: string): Promise<pg.Client> => {
  const client = new pg.Client(url);
  client.on('error', () => undefined);
  await client.connect();
  return client;
};

beforeAll(async () => {
  database = await createTestDatabase();
  owner = await connected(database.url);
  await owner.query(TABLES);
  reader = `reader_${randomBytes(6).toString('hex')}`;
  await owner.query(
    `CREATE ROLE ${reader} LOGIN PASSWORD 'x'; GRANT USAGE ON SCHEMA public TO ${reader}; GRANT SELECT ON ALL TABLES IN SCHEMA public TO ${reader}`,
  );
  const url = new URL(database.url);
  wire = await wireTo(Number(url.port));
  [url.username, url.password, url.hostname, url.port] = [reader, 'x', '127.0.0.1', String(wire.port)];
  driver = createPostgresSource(shopOptions(url.href));
  const file = parseSources(FILE, 'sources.yaml');
  const { tables, faults } = loggedTables(file.data.sources['shop']!, await driver.introspect(['public']));
  expect(faults).toEqual([]);
  const made = changeLogSql(tables, { keep: '1 day', notify: true, reader });
  await owner.query(made);
  await owner.query(made); // It can be run again.
  schema = await schemaOf();
});
afterEach(async () => {
  for (const each of open.splice(0)) await each.return?.();
  await vi.waitFor(() => expect(hub.size).toBe(0));
  await owner.query('TRUNCATE customers, orders, visits');
});
afterAll(async () => {
  await hub?.close();
  await driver?.close();
  await wire?.[Symbol.asyncDispose]();
  await owner?.query(`DROP OWNED BY ${reader}; DROP ROLE ${reader}`);
  await owner?.end();
  await database?.[Symbol.asyncDispose]();
});

/** @param pollMs what comes sooner has been told of */
async function schemaOf(file = FILE, pollMs = 60_000) {
  hub = new ChangeHub({ pollMs });
  return buildSchema(
    buildModel('shop', parseSources(file, 'sources.yaml'), await driver.introspect(['public'])),
    driver,
    { hub },
  );
}

/* eslint-disable @typescript-eslint/no-explicit-any -- answers */
/** Follows, from now on; the answers' `field`. */
async function follow(source: string, tenantId = 'acme', of = schema): Promise<{ next(): Promise<any> }> {
  const contextValue = createRequestContext({ tenantId, subject: 'ada', roles: [], scopes: [] });
  const stream = await subscribe({ schema: of, document: parse(`subscription ${source}`), contextValue });
  if (!(Symbol.asyncIterator in stream)) throw new Error(JSON.stringify(stream.errors));
  const iterator = stream[Symbol.asyncIterator]();
  open.push(iterator);
  return {
    async next() {
      const { value } = (await iterator.next()) as IteratorResult<ExecutionResult>;
      if (value?.errors !== undefined) throw value.errors[0];
      const [answer] = Object.values(value!.data!);
      return JSON.parse(JSON.stringify(answer));
    },
  };
}
/* eslint-enable @typescript-eslint/no-explicit-any */

test('what comes, changes and goes is told, with the row as it was then', async () => {
  const customers = await follow(
    '{ customersChanged { kind node { id name grosse mood born tags told bytes odd000Q orders { totalCount } } } }',
  );
  await owner.query(
    `INSERT INTO customers (id, tenant_id, name, "größe", mood, born, tags, told, bytes, secret) VALUES (9007199254740993, 'acme', 'Ada', 12.500, 'bad', '1815-12-10 00:00:00.000001+00', '{a,NULL,"b c"}', '{"n": 12345678901234567890.10}', '\\x00ff', 'hush')`,
  );
  const node = {
    id: '9007199254740993',
    name: 'Ada',
    grosse: '12.500',
    mood: 'BAD',
    born: '1815-12-10T00:00:00.000001Z',
    tags: ['a', null, 'b c'],
    told: expect.anything() as unknown,
    bytes: 'AP8=',
    odd000Q: "it's",
    orders: { totalCount: 0 },
  };
  expect(await customers.next()).toEqual({ kind: 'ADDED', node });
  await owner.query(`UPDATE customers SET name = 'Ada L.'`);
  await owner.query(`UPDATE customers SET secret = 'other'`); // Nothing of it is served.
  await owner.query(`UPDATE customers SET name = 'Ada L.'`);
  await owner.query(`DELETE FROM customers`);
  expect(await customers.next()).toEqual({ kind: 'CHANGED', node: { ...node, name: 'Ada L.' } });
  expect(await customers.next()).toEqual({ kind: 'REMOVED', node: { ...node, name: 'Ada L.' } });
  await owner.query(`TRUNCATE customers, orders`);
  expect(await customers.next()).toEqual({ kind: 'EMPTIED', node: null });
  const { rows } = await owner.query<{ kept: string }>(
    `SELECT string_agg(before::text || after::text, ' ') AS kept FROM tributary.changes`,
  );
  expect(rows[0]!.kept).not.toContain('hush');
});

test('a row whose key is changed goes and comes, and nothing is missed between the two', async () => {
  const insert = `INSERT INTO customers (id, tenant_id, name, mood) VALUES (6, 'acme', 'Ada', 'bad')`;
  const [all, new1001] = [
    await follow('{ customersChanged { kind cursor node { id name } } }'),
    await follow('{ customersChanged(where: { id: { gt: 1000 } }) { kind node { id } } }'),
  ];
  await owner.query(insert);
  await owner.query('UPDATE customers SET id = 1001 WHERE id = 6');
  await owner.query(`UPDATE customers SET name = 'Ada L.'`);
  expect(await all.next()).toMatchObject({ kind: 'ADDED', node: { id: 6 } });
  const { cursor, ...gone } = await all.next();
  expect(gone).toEqual({ kind: 'REMOVED', node: { id: 6, name: 'Ada' } });
  const rest = [
    { kind: 'ADDED', node: { id: 1001, name: 'Ada' } },
    { kind: 'CHANGED', node: { id: 1001, name: 'Ada L.' } },
  ];
  for (const told of rest) expect(await all.next()).toMatchObject(told);
  expect(await new1001.next()).toEqual({ kind: 'ADDED', node: { id: 1001 } });
  const resumed = await follow(`{ customersChanged(after: "${cursor}") { kind node { id name } } }`);
  for (const told of rest) expect(await resumed.next()).toEqual(told);
});

test('a column that gets another type ends no stream', async () => {
  const customers = await follow('{ customersChanged { node { id name } } }');
  // So often that what is read is planned once for all.
  const insert = async (id: number): Promise<void> => {
    await owner.query(`INSERT INTO customers (id, tenant_id, name) VALUES (${id}, 'acme', 'Ada')`);
    expect(await customers.next()).toEqual({ node: { id, name: 'Ada' } });
  };
  for (let id = 1; id < 13; id++) await insert(id);
  await owner.query('ALTER TABLE customers ALTER id TYPE numeric');
  await insert(13);
  await owner.query('ALTER TABLE customers ALTER id TYPE bigint');
});

test('a column that is there no more ends the stream at once, and says what to do', async () => {
  const customers = await follow('{ customersChanged { node { name } } }');
  await owner.query('ALTER TABLE customers RENAME name TO called');
  try {
    await owner.query(`INSERT INTO customers (id, tenant_id, called, mood) VALUES (6, 'acme', 'Ada', 'bad')`);
    await expect(customers.next()).rejects.toMatchObject({
      message: expect.stringMatching(/^The source shop has changed: /),
      extensions: { code: 'STORE_UNAVAILABLE' },
    });
  } finally {
    await owner.query('ALTER TABLE customers RENAME called TO name');
  }
});

test('a row that begins or ceases to match, or to be the tenant’s, comes or goes', async () => {
  const rich = await follow('{ customersChanged(where: { grosse: { gt: "10" } }) { kind node { name grosse } } }');
  const theirs = await follow('{ customersChanged { kind node { name } } }', 'other');
  await owner.query(
    `INSERT INTO customers (id, tenant_id, name, "größe") VALUES (1, 'acme', 'a', 1), (2, 'other', 'b', 100)`,
  );
  await owner.query(`UPDATE customers SET "größe" = 11 WHERE id = 1`);
  await owner.query(`UPDATE customers SET "größe" = 12 WHERE id = 1`);
  await owner.query(`UPDATE customers SET "größe" = 9 WHERE id = 1`);
  await owner.query(`UPDATE customers SET "größe" = 20 WHERE id = 1`);
  await owner.query(`UPDATE customers SET tenant_id = 'other' WHERE id = 1`);
  const told = [];
  for (let index = 0; index < 5; index++) told.push(await rich.next());
  expect(told.map(({ kind, node }) => [kind, node.grosse])).toEqual([
    ['ADDED', '11'],
    ['CHANGED', '12'],
    ['REMOVED', '12'],
    ['ADDED', '20'],
    ['REMOVED', '20'],
  ]);
  expect(await theirs.next()).toEqual({ kind: 'ADDED', node: { name: 'b' } });
  expect(await theirs.next()).toEqual({ kind: 'ADDED', node: { name: 'a' } });
});

test('filters lead along links, and partitions are told by their table', async () => {
  await owner.query(
    `INSERT INTO customers (id, tenant_id, name) VALUES (1, 'acme', 'Ada'), (2, 'acme', 'Grace'), (3, 'other', 'Eve')`,
  );
  const orders = await follow(
    '{ ordersChanged(where: { customer: { name: { eq: "Ada" } } }) { kind node { id customer { name } } } }',
  );
  await owner.query(`INSERT INTO orders VALUES (1, 'acme', 2, 1), (2, 'acme', 3, 1), (101, 'acme', 1, 1)`);
  expect(await orders.next()).toEqual({ kind: 'ADDED', node: { id: 101, customer: { name: 'Ada' } } });
  await owner.query(`UPDATE orders SET id = 50 WHERE id = 101`); // Into another partition: it goes and comes.
  expect([(await orders.next()).kind, (await orders.next()).kind]).toEqual(['REMOVED', 'ADDED']);
});

test('what is rolled back is not told, and what commits late comes once it can', async () => {
  const customers = await follow('{ customersChanged { kind node { id } cursor } }');
  const late = await connected(database.url);
  await late.query(`BEGIN; INSERT INTO customers (id, tenant_id, name) VALUES (1, 'acme', 'late')`);
  await owner.query(`BEGIN; INSERT INTO customers (id, tenant_id, name) VALUES (2, 'acme', 'never'); ROLLBACK`);
  await owner.query(`INSERT INTO customers (id, tenant_id, name) VALUES (3, 'acme', 'soon')`);
  await late.query('COMMIT');
  await late.end();
  const told = [await customers.next(), await customers.next()];
  expect(told.map(({ node }) => node.id)).toEqual([1, 3]);
  const after = await follow(`{ customersChanged(after: "${told[0].cursor}") { node { id } } }`);
  expect(await after.next()).toEqual({ node: { id: 3 } });
});

test(
  'nothing is lost or told twice while many write, connections break and followers come back',
  { timeout: 120_000 },
  async () => {
    const next = random(11);
    const below = (most: number): number => Math.floor(next() * most);
    const writers = await Promise.all(Array.from({ length: 4 }, () => connected(database.url)));
    /** What is there after each write of a row, in the order of its writes. */
    const wrote = new Map<number, (number | null)[]>();
    let following = await follow('{ customersChanged { kind node { id grosse } cursor } }');
    let writing = true;
    const write = async (client: pg.Client, own: number): Promise<void> => {
      for (let round = 0; round < 60; round++) {
        // A writer has rows of its own, so that the order of its writes is that of their rows.
        const id = own * 10 + below(5);
        const versions = wrote.get(id) ?? [];
        const value = round + 1;
        await client.query('BEGIN');
        const gone = versions.length > 0 && versions.at(-1) !== null && below(4) === 0;
        if (gone) await client.query('DELETE FROM customers WHERE id = $1', [id]);
        else
          await client.query(
            `INSERT INTO customers (id, tenant_id, name, "größe") VALUES ($1, 'acme', 'x', $2) ON CONFLICT (id) DO UPDATE SET "größe" = $2`,
            [id, value],
          );
        if (below(5) === 0) await client.query('ROLLBACK');
        else {
          await client.query('COMMIT');
          wrote.set(id, [...versions, gone ? null : value]);
        }
      }
    };
    const done = Promise.all(writers.map(write)).then(() => (writing = false));
    const told = new Map<number, (number | null)[]>();
    let seen = 0;
    const count = (of: ReadonlyMap<number, readonly unknown[]>) =>
      [...of.values()].reduce((sum, { length }) => sum + length, 0);
    while (writing || count(told) < count(wrote)) {
      const { kind, node, cursor } = await following.next();
      told.set(node.id, [...(told.get(node.id) ?? []), kind === 'REMOVED' ? null : Number(node.grosse)]);
      seen += 1;
      if (seen % 20 === 0) wire.snap();
      if (seen % 30 === 0) {
        await open.pop()?.return?.();
        following = await follow(`{ customersChanged(after: "${cursor}") { kind node { id grosse } cursor } }`);
      }
      if (!writing && count(told) >= count(wrote)) break;
      if (seen > 1_000) break;
    }
    await done;
    expect(Object.fromEntries(told)).toEqual(Object.fromEntries(wrote));
    expect(count(wrote)).toBeGreaterThan(100);
    await Promise.all(writers.map((each) => each.end()));
  },
);

test('many who follow the same share each read, and those who are behind come at their pace', async () => {
  const all = await Promise.all(Array.from({ length: 20 }, () => follow('{ customersChanged { node { id } } }')));
  const read = vi.spyOn(driver.changes!, 'read');
  await owner.query(
    `INSERT INTO customers (id, tenant_id, name) SELECT n, 'acme', 'x' FROM generate_series(1, 500) AS n`,
  );
  const first = await Promise.all(all.map((each) => each.next()));
  expect(first.map(({ node }) => node.id)).toEqual(all.map(() => 1));
  expect(read.mock.calls.length).toBeLessThan(10);
  read.mockRestore();
  for (let id = 2; id <= 500; id++) expect((await all[0]!.next()).node.id).toBe(id);
  expect((await all[1]!.next()).node.id).toBe(2);
});

test('who follows by many filters of his own leaves connections to who asks, and costs no more on a busy table', async () => {
  const all = await Promise.all(
    Array.from({ length: 100 }, (_, index) =>
      follow(`{ customersChanged(where: { name: { ne: "${index}" } }) { node { id } } }`),
    ),
  );
  const following = all.map((each) => each.next());
  const read = vi.spyOn(driver.changes!, 'read');
  const began = performance.now();
  for (let id = 1; id <= 300; id++)
    await owner.query(`INSERT INTO customers (id, tenant_id, name) VALUES ($1, 'acme', 'x')`, [id]);
  expect((await Promise.all(following)).map(({ node }) => node.id)).toEqual(all.map(() => 1));
  // Each read of a stream is so long behind the one before it, however many wake-ups there were.
  const rounds = (performance.now() - began) / SOURCES.changesEveryMs;
  expect(read.mock.calls.length).toBeLessThanOrEqual(all.length * Math.min(rounds + 2, 300));
  const context = createRequestContext({ tenantId: 'acme', subject: 'ada', roles: [], scopes: [] });
  const model = buildModel('shop', parseSources(FILE, 'sources.yaml'), await driver.introspect(['public']));
  const relation = model.types.find(({ list }) => list === 'customers')!.relation;
  expect(await driver.count(context, { relation })).toEqual([300]);
  read.mockRestore();
});

describe('cursors', () => {
  const cursorOf = async (): Promise<string> => {
    const customers = await follow('{ customersChanged { cursor } }');
    await owner.query(`INSERT INTO customers (id, tenant_id, name) VALUES (1, 'acme', 'x')`);
    return (await customers.next()).cursor as string;
  };
  const made = (...values: unknown[]): string => Buffer.from(JSON.stringify(values)).toString('base64url');

  test('of changes that are no longer kept are refused', async () => {
    const cursor = await cursorOf();
    await owner.query(`UPDATE customers SET name = 'y'`);
    const { rows } = await owner.query<{ removed: string }>(`SELECT tributary.prune_changes('0 seconds') AS removed`);
    expect(Number(rows[0]!.removed)).toBeGreaterThan(0);
    await expect(follow(`{ customersChanged(after: "${cursor}") { cursor } }`)).rejects.toThrow('CURSOR_EXPIRED');
  });

  test('that were never given out are refused', async () => {
    const name = 'shop.public.customers:changes:';
    await cursorOf();
    for (const cursor of [
      'x',
      made(name),
      made(name, '1'),
      made(name, '1', '2', '3'),
      made(name, '-1', '0'),
      made(name, '1; DROP', '0'),
      made(name, null, null),
      made(name, 1, 2),
      made('shop.public.orders:changes:', '1', '0'),
      made(name, '999999999999999999', '0'),
      made(name, '9'.repeat(30), '0'),
    ])
      // prettier-ignore
      await expect(follow(`{ customersChanged(after: "${cursor}") { cursor } }`), cursor).rejects.toThrow('BAD_USER_INPUT');
  });
});

test('where no record is kept, a column that grows tells', async () => {
  const of = await schemaOf(FILE, 50);
  await owner.query(`INSERT INTO visits VALUES (1, 'acme', '2026-01-01'), (2, 'acme', NULL)`);
  const visits = await follow('{ visitsChanged { kind node { id at } cursor } }', 'acme', of);
  await owner.query(
    `INSERT INTO visits VALUES (3, 'other', '2026-01-03'), (4, 'acme', '2026-01-02'), (5, 'acme', '2026-01-02')`,
  );
  await owner.query(`UPDATE visits SET at = '2026-01-04' WHERE id = 2`);
  const told = [await visits.next(), await visits.next(), await visits.next()];
  expect(told.map(({ kind, node }) => [kind, node.id])).toEqual([['CHANGED', 4], ['CHANGED', 5], ['CHANGED', 2]]); // prettier-ignore
  const after = await follow(`{ visitsChanged(after: "${told[0].cursor}") { node { id } } }`, 'acme', of);
  expect((await after.next()).node.id).toBe(5);
});

test('what the file says of changes is held to the database, and can be taken away again', async () => {
  const faultsOf = async (types: string): Promise<string> => {
    const file = `sources:\n  shop:\n    kind: postgres\n    url: U\n    tenancy: { column: tenant_id }\n    types:\n      ${types}\n`;
    return await schemaOf(file).then(
      () => 'none',
      (error: Error) => error.message,
    );
  };
  expect(await faultsOf('visits: { changes: log }')).toContain('the database records no changes of public.visits');
  expect(await faultsOf('visits: { changes: { column: gone } }')).toContain('no column "gone"');
  expect(await faultsOf('customers: { changes: { column: told } }')).toContain('no column "told"');
  expect(await faultsOf('customers: { changes: log }')).toContain('without secret');
  await owner.query('ALTER TABLE orders ENABLE ROW LEVEL SECURITY');
  expect(await faultsOf('orders: { changes: log }')).toContain('policies of the database');
  const { faults } = loggedTables({ types: { orders: { changes: 'log' } } }, await driver.introspect(['public']));
  expect(faults).toEqual([expect.stringContaining('policies of the database')]);
  await owner.query('ALTER TABLE orders DISABLE ROW LEVEL SECURITY');
  await owner.query(
    removeChangeLogSql([
      { schema: 'public', name: 'customers' },
      { schema: 'public', name: 'orders' },
    ]),
  );
  expect(await faultsOf('orders: { changes: log }')).toContain('records no changes');
  await owner.query(`INSERT INTO customers (id, tenant_id, name) VALUES (1, 'acme', 'x')`);
});
