/** Values that their column cannot have, in a column that links to another store: they lead nowhere, whichever way a condition is worked out. */
import { rm, mkdtemp, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { post } from '#tests/e2e/contract/clients.ts';
import { startTestServer, type TestServer } from '#tests/setup/server.ts';
import { createSqliteFile, type SqliteFile } from '#tests/setup/sqlite.ts';

let folder: string;
let shop: SqliteFile;
let desk: SqliteFile;
let it: TestServer;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tributary-unreadable-'));
  [shop, desk] = await Promise.all([createSqliteFile(), createSqliteFile()]);
  shop.client.exec(
    `CREATE TABLE orders (id INTEGER PRIMARY KEY, weight INTEGER NOT NULL, state TEXT NOT NULL);
     INSERT INTO orders VALUES (1, 30, 'new'), (2, 10, 'new'), (3, 20, 'paid')`,
  );
  desk.client.exec(
    `CREATE TABLE tickets (id INTEGER PRIMARY KEY, order_id INTEGER, subject TEXT NOT NULL);
     INSERT INTO tickets VALUES (1, 1, 'a'), (2, 2, 'b'), (3, 'notint', 'c'), (4, NULL, 'd'), (5, 1, 'e')`,
  );
  const file = join(folder, 'sources.yaml');
  await writeFile(
    file,
    `sources:
  trade: { kind: sqlite, url: TRADE_URL, tenancy: shared }
  desk: { kind: sqlite, url: DESK_URL, tenancy: shared }
links:
  - { from: desk.tickets.order_id, to: trade.orders.id }
`,
  );
  it = await startTestServer({ SOURCES: file, TRADE_URL: shop.url, DESK_URL: desk.url });
});
afterAll(async () => {
  await it?.[Symbol.asyncDispose]();
  await Promise.all([shop?.[Symbol.asyncDispose](), desk?.[Symbol.asyncDispose]()]);
  await rm(folder, { recursive: true, force: true });
});

test.each([
  ['orders(where: { tickets: { some: {} } })', [1, 2]],
  ['orders(where: { tickets: { none: {} } })', [3]],
  ['orders(where: { tickets: { some: { subject: { eq: "c" } } } })', []],
  ['orders(orderBy: [{ tickets: COUNT, direction: DESC }])', [1, 2, 3]],
  ['tickets(where: { order: {} })', [1, 2, 5]],
  ['tickets(where: { not: { order: {} } })', [3, 4]],
  ['tickets(where: { order: { state: { eq: "new" } } })', [1, 2, 5]],
  ['tickets(orderBy: [{ order: { field: WEIGHT } }])', [2, 1, 5, 3, 4]],
])('%s', async (list, ids) => {
  const { data, errors } = await post(it.url, `{ list: ${list} { nodes { id } } }`);
  expect(errors).toBeUndefined();
  expect((data!['list'] as { nodes: { id: number }[] }).nodes.map(({ id }) => Number(id))).toEqual(ids);
});

test('the field itself says what it is, and costs nothing else', async () => {
  const { data, errors } = await post(it.url, '{ ticket(id: 3) { subject orderId } }');
  expect(data).toEqual({ ticket: { subject: 'c', orderId: null } });
  expect(errors).toMatchObject([
    { path: ['ticket', 'orderId'], extensions: { code: 'STORE_UNAVAILABLE', unreadable: true } },
  ]);
});
