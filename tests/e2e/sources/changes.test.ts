/** Changes of a store of the operator's own, through the gateway: what the docs say is done literally, by people of two tenants. */
import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { createClient } from 'graphql-ws';
import pg from 'pg';
import WebSocket from 'ws';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { asking, PEOPLE, who, type Who } from '#tests/e2e/projects/people.ts';
import { createTestDatabase, type TestDatabase } from '#tests/setup/postgres.ts';
import { startTestServer, type TestServer } from '#tests/setup/server.ts';

const FILE = `sources:
  shop:
    kind: postgres
    url: SHOP_DATABASE_URL
    tenancy: { column: tenant_id }
    types:
      customers: { changes: log, mutations: { insert: sources:write, update: sources:write } }
      orders: { changes: log, mutations: { insert: sources:write } }
      visits: { changes: { column: at } }
links:
  - { from: shop.orders.scan_key, to: StoredObject.key }
`;

let folder: string;
let database: TestDatabase;
let owner: pg.Client;
let it: TestServer;
const { answer, ask } = asking(() => it.url);
const [acme, other] = [who('acme'), who('other', undefined, 'bob')];

const file = (): string => join(folder, 'sources.yaml');
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tributary-changes-'));
  database = await createTestDatabase();
  owner = new pg.Client(database.url);
  owner.on('error', () => undefined);
  await owner.connect();
  await owner.query(`
    CREATE TABLE customers (id int PRIMARY KEY, tenant_id text NOT NULL, name text NOT NULL);
    CREATE TABLE orders (id int PRIMARY KEY, tenant_id text NOT NULL, customer_id int REFERENCES customers (id), scan_key text);
    CREATE TABLE visits (id int PRIMARY KEY, tenant_id text NOT NULL, at timestamptz NOT NULL);
    INSERT INTO customers VALUES (1, 'acme', 'Ada'), (2, 'other', 'Bob')`);
  await writeFile(file(), FILE);
  const { stdout } = await promisify(execFile)(
    'npm',
    ['run', '-s', 'sources:changes', '--', '--keep', '1 hour', file()],
    { env: { ...process.env, SHOP_DATABASE_URL: database.url } },
  );
  await owner.query(stdout);
  it = await startTestServer({ ...PEOPLE, SOURCES: file(), SHOP_DATABASE_URL: database.url });
}, 120_000);
afterAll(async () => {
  await it?.[Symbol.asyncDispose]();
  await owner?.end();
  await database?.[Symbol.asyncDispose]();
  await rm(folder, { recursive: true, force: true });
});

/* eslint-disable @typescript-eslint/no-explicit-any -- answers */
interface Following {
  next(): Promise<any>;
  end(): Promise<void>;
}

/** Over server-sent events. Resolves once the stream is open. */
async function bySse(says: Who, query: string): Promise<Following> {
  const ended = new AbortController();
  const response = await fetch(`${it.url}/graphql`, {
    method: 'POST',
    headers: { ...says, accept: 'text/event-stream', 'content-type': 'application/json' },
    body: JSON.stringify({ query: `subscription ${query}` }),
    signal: ended.signal,
  });
  const reader = response.body!.pipeThrough(new TextDecoderStream()).getReader();
  let text = '';
  return {
    async next() {
      for (;;) {
        const at = text.indexOf('\n\n');
        if (at >= 0) {
          const [event, data] = [/^event: (.*)$/m, /^data: (.*)$/m].map((form) => form.exec(text.slice(0, at))?.[1]);
          text = text.slice(at + 2);
          if (event === 'next') return JSON.parse(data!);
          if (event === 'complete') return undefined;
          continue;
        }
        const { done, value } = await reader.read();
        if (done) return undefined;
        text += value;
      }
    },
    end: () => reader.cancel(),
  };
}

/** Over graphql-ws. */
function byWebSocket(says: Who, query: string): Following {
  const client = createClient({
    url: `${it.url.replace('http', 'ws')}/graphql`,
    webSocketImpl: class extends WebSocket {
      constructor(address: string, protocols: string) {
        super(address, protocols, { headers: says });
      }
    },
    retryAttempts: 0,
  });
  const answers = client.iterate({ query: `subscription ${query}` });
  return {
    next: async () => (await answers.next()).value,
    end: async () => {
      await answers.return?.();
      await client.dispose();
    },
  };
}
/* eslint-enable @typescript-eslint/no-explicit-any */

test('each transport tells everybody of the changes of his tenant, with what rows lead to as it is by then', async () => {
  const query = '{ customersChanged { kind node { name orders { totalCount nodes { scan { text } } } } } }';
  const [mine, theirs] = [await bySse(acme, query), byWebSocket(other, query)];
  const bob = theirs.next();
  await ask(
    acme,
    'mutation { putObject(input: { key: "a.txt", contentType: "text/plain", content: "Please pay.", encoding: UTF8 }) { object { key } } }',
  );
  await ask(acme, 'mutation { updateCustomers(input: { id: 1, name: "Ada L." }) { id } }');
  const told = await mine.next();
  expect(told).toEqual({
    data: { customersChanged: { kind: 'CHANGED', node: { name: 'Ada L.', orders: { totalCount: 0, nodes: [] } } } },
  });
  await ask(acme, 'mutation { insertOrders(input: { id: 7, customerId: 1, scanKey: "a.txt" }) { id } }');
  await ask(acme, 'mutation { updateCustomers(input: { id: 1, name: "Ada" }) { id } }');
  expect((await mine.next()).data.customersChanged.node.orders).toEqual({
    totalCount: 1,
    nodes: [{ scan: { text: 'Please pay.' } }],
  });
  // The socket may not have been open before: it is told what comes from then on.
  const renaming = setInterval(() => void owner.query(`UPDATE customers SET name = name || '!' WHERE id = 2`), 50);
  expect((await bob).data.customersChanged.node.name).toMatch(/^Bob!+$/);
  clearInterval(renaming);
  await Promise.all([mine.end(), theirs.end()]);
});

test('who comes back is told what he missed', async () => {
  const query = (after = '') => `{ ordersChanged${after} { kind node { id } cursor } }`;
  const before = await bySse(acme, query());
  await owner.query(`INSERT INTO orders VALUES (20, 'acme', 1), (21, 'other', 2), (22, 'acme', NULL)`);
  const { cursor } = (await before.next()).data.ordersChanged;
  await before.end();
  await owner.query(`DELETE FROM orders WHERE id IN (20, 21)`);
  const after = await bySse(acme, query(`(after: "${cursor}")`));
  const told = [await after.next(), await after.next()].map(({ data }) => data.ordersChanged);
  expect(told.map(({ kind, node }) => [kind, node.id])).toEqual([
    ['ADDED', 22],
    ['REMOVED', 20],
  ]);
  await after.end();
});

test('cursors and filters that cannot be are refused at once', async () => {
  for (const [query, code] of [
    ['{ customersChanged(after: "x") { cursor } }', 'BAD_USER_INPUT'],
    ['{ visitsChanged(after: "x") { cursor } }', 'BAD_USER_INPUT'],
    ['{ ordersChanged(where: { scan: { size: { gt: "1" } } }) { cursor } }', 'BAD_USER_INPUT'],
  ] as const) {
    const refused = await bySse(acme, query);
    const { errors } = await refused.next();
    expect(errors?.[0]?.extensions?.code, query).toBe(code);
  }
});

test('a table that is emptied by others is told to all, and a file that is saved meanwhile ends nothing', async () => {
  const orders = await bySse(other, '{ ordersChanged { kind node { id } } }');
  await writeFile(file(), `${FILE}# saved\n`);
  await it.server.supergraph.reload();
  expect(it.server.supergraph.failure).toBeUndefined();
  await owner.query('TRUNCATE orders');
  expect((await orders.next()).data.ordersChanged).toEqual({ kind: 'EMPTIED', node: null });
  await orders.end();
  const { errors } = await answer(acme, '{ customersChanged { cursor } }');
  expect(errors).toBeDefined();
});
