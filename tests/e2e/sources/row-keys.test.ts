/** Keys of several columns as one text, as conditions of other stores ask for them: hostile ones, and many. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { post } from '#tests/e2e/contract/clients.ts';
import { createTestDatabase, type TestDatabase } from '#tests/setup/postgres.ts';
import { startTestServer, type TestServer } from '#tests/setup/server.ts';

let folder: string;
let database: TestDatabase;
let it: TestServer;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tributary-row-keys-'));
  database = await createTestDatabase();
  const client = new pg.Client(database.url);
  await client.connect();
  await client.query(`
    CREATE TYPE tier AS ENUM ('gold', 'base');
    CREATE TABLE parts (a text, tier tier, i smallint, doc text, PRIMARY KEY (a, tier, i));
    INSERT INTO parts SELECT 'k' || n, (CASE WHEN n % 2 = 0 THEN 'gold' ELSE 'base' END)::tier, n % 100 FROM generate_series(1, 3000) n;
    CREATE TABLE days (d date, t timestamptz, n numeric, doc text, PRIMARY KEY (d, t, n));
    INSERT INTO days VALUES ('2026-01-02', '2026-01-01 00:00:00.000001', 'NaN'), ('0044-03-15 BC', 'infinity', 1.5), ('infinity', '-infinity', 'Infinity')`);
  await client.end();
  const file = join(folder, 'sources.yaml');
  await writeFile(
    file,
    `sources:
  shop: { kind: postgres, url: SHOP_URL, tenancy: shared }
links:
  - { from: shop.parts.doc, to: Document.id, name: document }
  - { from: shop.days.doc, to: Document.id, name: document }
`,
  );
  it = await startTestServer({ SOURCES: file, SHOP_URL: database.url });
});
afterAll(async () => {
  await it?.[Symbol.asyncDispose]();
  await database?.[Symbol.asyncDispose]();
  await rm(folder, { recursive: true, force: true });
});

const keyOf = (n: number): string => JSON.stringify([`k${n}`, n % 2 === 0 ? 'gold' : 'base', String(n % 100)]);

test('as many as a filter may have are one statement, and no more parameters than columns', async () => {
  const copies = (count: number): string =>
    `query($keys: [ID!]!) { parts(where: { or: [${'{ rowKey: { in: $keys } } '.repeat(count)}] }) { totalCount } }`;
  const keys = Array.from({ length: 500 }, (_, index) => keyOf(index + 1));
  expect(await post(it.url, copies(44), { keys })).toMatchObject({ data: { parts: { totalCount: 500 } } });
  const { data } = await post(
    it.url,
    'query($keys: [ID!]!) { parts(where: { rowKey: { notIn: $keys } }) { totalCount } }',
    {
      keys,
    },
  );
  expect(data).toEqual({ parts: { totalCount: 2_500 } });
});

test('what is no key is of no row, and costs the others nothing', async () => {
  const bad = [
    '["x","nope","1"]',
    '["x","GOLD","1"]',
    '["k2","gold","99999"]',
    '["k2","gold"]',
    '["k2","gold","2","3"]',
    '[1,2,3]',
    '',
    '"',
  ];
  const days = [
    '["2026-99-99","2026-01-01","1"]',
    '["2026-02-30","2026-01-01","1"]',
    '["2026-01-01","2026-01-01 00:00:00 Nowhere/Zone","1.5"]',
    '["999999-01-01","2026-01-01","1"]',
    '["now","today","1"]',
    '["2026-01-02","garbage","NaN"]',
    '["2026-01-02","2026-01-01","1,5"]',
  ];
  const query = `query($keys: [ID!]!, $days: [ID!]!) {
    parts(where: { rowKey: { in: $keys } }) { nodes { a } }
    days(where: { or: [{ rowKey: { in: $days } }, { rowKey: { eq: "[" } }] }) { totalCount } }`;
  expect(await post(it.url, query, { keys: [...bad, keyOf(2)], days })).toMatchObject({
    data: { parts: { nodes: [{ a: 'k2' }] }, days: { totalCount: 0 } },
  });
});

test('each row is found by its own, also where it is of what is no number, or before all years', async () => {
  const { data } = await post(it.url, '{ days { nodes { rowKey } } }');
  const keys = (data!['days'] as { nodes: { rowKey: string }[] }).nodes.map(({ rowKey }) => rowKey);
  expect(keys).toHaveLength(3);
  for (const key of keys) {
    const found = await post(
      it.url,
      'query($key: ID!) { days(where: { rowKey: { eq: $key } }) { nodes { rowKey } } }',
      {
        key,
      },
    );
    expect(found).toMatchObject({ data: { days: { nodes: [{ rowKey: key }] } } });
  }
});
