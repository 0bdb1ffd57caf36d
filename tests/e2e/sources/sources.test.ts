import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createTestDatabase, type TestDatabase } from '#tests/setup/postgres.ts';
import { startTestServer, type TestServer } from '#tests/setup/server.ts';

const FILE = (more = '', tenancy = '{ column: tenant_id }') => `sources:
  shop:
    kind: postgres
    url: SHOP_DATABASE_URL
    tenancy: ${tenancy}
${more}`;

describe('a store of the operator’s own', () => {
  let folder: string;
  let database: TestDatabase;
  let it: TestServer;
  const file = (): string => join(folder, 'sources.yaml');

  const post = async (query: string) => {
    const response = await fetch(`${it.url}/graphql`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ query }),
    });
    return (await response.json()) as { data: any; errors?: { message: string; extensions: Record<string, string> }[] }; // eslint-disable-line @typescript-eslint/no-explicit-any -- answers
  };
  /** Has the gateway look at the file. @returns what is wrong with it */
  const save = async (text: string): Promise<string | undefined> => {
    await writeFile(file(), text);
    await it.server.supergraph.reload();
    return it.server.supergraph.failure;
  };

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'tributary-sources-'));
    database = await createTestDatabase();
    const client = new pg.Client(database.url);
    await client.connect();
    await client.query(readFileSync(new URL('../../contract/fixtures/sources/shop.sql', import.meta.url), 'utf8'));
    await client.query(`
      INSERT INTO customers (id, tenant_id, name, balance, profile, created_at)
        VALUES (1, 'default', 'Ada', 1.10, '{"n": 1.10}', 'infinity'), (2, 'other', 'Eve', 0, NULL, now()), (9007199254740993, 'default', 'Big', 'NaN', NULL, '2026-01-01 00:00:00.000001Z');
      INSERT INTO orders (shop, number, tenant_id, customer_id, status) VALUES (1, 1, 'default', 1, 'in progress'), (1, 2, 'default', 2, 'new');
      INSERT INTO visits VALUES ('default', 'a', 1), ('default', 'a', 1), ('default', 'b', 'NaN')`);
    await client.end();
    await writeFile(file(), FILE());
    it = await startTestServer({ SOURCES: file(), SHOP_DATABASE_URL: database.url });
  });
  afterAll(async () => {
    await it?.[Symbol.asyncDispose]();
    await database?.[Symbol.asyncDispose]();
    await rm(folder, { recursive: true, force: true });
  });

  test('joins the API: rows of the caller’s tenant alone, exact, beside the project’s own', async () => {
    const { data, errors } = await post(`{
      customers { totalCount nodes { id name balance profile createdAt orders { nodes { shop number status customer { name } } } } }
      order(shop: 1, number: 2) { status customer { name } }
      eve: orders(where: { customer: { name: { eq: "Eve" } } }) { totalCount }
      led: orders(where: { customer: {} }) { totalCount }
      customersAggregate(where: { vip: { eq: false } }, orderBy: [{ field: NAME }], groupBy: [{ field: NAME }]) { groups { keys { name } count } }
      documents(first: 1) { nodes { id } }
    }`);
    expect(errors).toBeUndefined();
    expect(data).toEqual({
      customers: {
        totalCount: 2,
        nodes: [
          {
            id: 1,
            name: 'Ada',
            balance: '1.10',
            profile: { n: 1.1 },
            createdAt: 'infinity',
            orders: { nodes: [{ shop: 1, number: 1, status: 'IN_PROGRESS', customer: { name: 'Ada' } }] },
          },
          {
            id: '9007199254740993',
            name: 'Big',
            balance: 'NaN',
            profile: null,
            createdAt: '2026-01-01T00:00:00.000001Z',
            orders: { nodes: [] },
          },
        ],
      },
      // The customer is of another tenant.
      order: { status: 'NEW', customer: null },
      eve: { totalCount: 0 },
      led: { totalCount: 1 },
      customersAggregate: {
        groups: [
          { keys: { name: 'Ada' }, count: 1 },
          { keys: { name: 'Big' }, count: 1 },
        ],
      },
      documents: { nodes: [] },
    });
  });

  test('is told of by /health/ready, and by names only', async () => {
    const text = await (await fetch(`${it.url}/health/ready`)).text();
    const ready = JSON.parse(text) as { stores: Record<string, unknown>; supergraph: { subgraphs: string[] } };
    expect(ready.supergraph.subgraphs).toContain('shop');
    expect(JSON.stringify(ready.stores)).toContain('"shop"');
    expect(text).not.toContain(new URL(database.url).password);
  });

  test('a table without a key is read by counting', async () => {
    const { data } = await post('{ visits(first: 2) { nodes { page } pageInfo { hasNextPage endCursor } } }');
    expect(data.visits).toMatchObject({ nodes: [{ page: 'a' }, { page: 'a' }], pageInfo: { hasNextPage: true } });
    const next = await post(
      `{ visits(first: 2, after: "${data.visits.pageInfo.endCursor}") { nodes { page seconds } pageInfo { hasNextPage } } }`,
    );
    // GraphQL has no number for NaN: the field errs, the rest answers.
    expect(next.data.visits).toEqual({ nodes: [{ page: 'b', seconds: null }], pageInfo: { hasNextPage: false } });
    expect(next.errors).toHaveLength(1);
  });

  test('editing the file recomposes; what is wrong with it is told with its line, and what was serves on', async () => {
    expect(
      await save(
        FILE('    types:\n      customers: { name: Buyer, limits: { max: 1 } }\n      visits: { hide: true }\n'),
      ),
    ).toBeUndefined();
    expect((await post('{ buyers { nodes { __typename name } } }')).data).toEqual({
      buyers: { nodes: [{ __typename: 'Buyer', name: 'Ada' }] },
    });
    expect((await post('{ buyers(first: 2) { nodes { name } } }')).errors).toMatchObject([
      { message: expect.stringContaining('at most 1'), extensions: { code: 'BAD_USER_INPUT' } },
    ]);
    expect((await post('{ visits { nodes { page } } }')).errors?.[0]?.extensions['code']).toBe(
      'GRAPHQL_VALIDATION_FAILED',
    );

    expect(await save(FILE('    types:\n      custommers: { name: Buyer }\n'))).toMatch(
      /sources\.yaml:7: shop: there is no table or view "custommers".*Did you mean "customers"\?/,
    );
    expect(await save(FILE('    types:\n      customers: { name: Document }\n'))).toMatch(
      /type Document is also one of the subgraph relational.*Say another `name`/,
    );
    expect(await save('sources:\n  shop:\n    kind: postgres\n    url: SHOP_DATABASE_URL\n')).toMatch(
      /sources\.yaml:3: shop does not say whose rows these are\..*tenancy: shared/,
    );
    expect(await save(FILE().replace('SHOP_DATABASE_URL', database.url))).toMatch(
      /sources\.yaml:4:.*name of a variable/,
    );
    expect(it.server.supergraph.failure).not.toContain(new URL(database.url).password);
    expect(await save(FILE().replace('SHOP_DATABASE_URL', 'NOBODY_SET_THIS'))).toMatch(
      /sources\.yaml:4: shop: NOBODY_SET_THIS is not set/,
    );
    expect((await post('{ buyers { nodes { name } } }')).data.buyers.nodes).toEqual([{ name: 'Ada' }]);

    // Whose rows they are is in no schema, and counts all the same.
    expect(await save(FILE('', '{ tenant: other }'))).toBeUndefined();
    expect((await post('{ customers { totalCount nodes { name } } }')).data).toEqual({
      customers: { totalCount: 0, nodes: [] },
    });
    expect(await save(FILE('', 'shared'))).toBeUndefined();
    expect((await post('{ customers { totalCount nodes { name tenantId } } }')).data.customers.totalCount).toBe(3);
    expect(await save(FILE())).toBeUndefined();
    expect((await post('{ customers { totalCount } }')).data.customers.totalCount).toBe(2);
  }, 180_000);

  test('a column that vanishes costs the fields that read it, and says what to do', async () => {
    const client = new pg.Client(database.url);
    await client.connect();
    client.on('error', () => undefined); // Where an expectation fails, the database goes away under it.
    await client.query('ALTER TABLE orders RENAME COLUMN note TO remark');
    const { data, errors } = await post('{ orders { nodes { note } } customers { totalCount } }');
    expect(data).toEqual({ orders: null, customers: { totalCount: 2 } });
    expect(errors).toMatchObject([
      {
        message: expect.stringContaining('shop has changed'),
        extensions: { code: 'STORE_UNAVAILABLE', hint: expect.stringContaining('SOURCES') },
      },
    ]);
    expect(
      await save(FILE('    types:\n      orders: { columns: { note: { description: Ours. } } }\n')),
    ).toBeUndefined();
    expect((await post('{ orders { nodes { remark } } }')).errors).toBeUndefined();
    // What the file says of it is told where the state of the server is.
    const ready = await (await fetch(`${it.url}/health/ready`)).json();
    expect(ready).toMatchObject({
      degraded: true,
      supergraph: {
        leftOut: [{ subgraph: 'shop', reason: expect.stringMatching(/sources\.yaml:7: .*no column "note"/) }],
      },
    });
    expect(await save(`${FILE()}\n`)).toBeUndefined();
    expect(it.server.supergraph.leftOut).toEqual([]);
    await client.query('ALTER TABLE orders RENAME COLUMN remark TO note');
    await client.end();
    expect(await save(FILE())).toBeUndefined();
  }, 120_000);
});

describe('a store that is away', () => {
  test('when the server starts is left out, or serves by what it said of itself before', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'tributary-sources-'));
    try {
      const file = join(folder, 'sources.yaml');
      await writeFile(file, FILE());
      // Nobody listens at port 1.
      await using it = await startTestServer({
        SOURCES: file,
        SHOP_DATABASE_URL: 'postgres://reader:s3cret-word@127.0.0.1:1/shop',
      });
      expect(it.server.supergraph.unavailable).toMatchObject([
        { subgraph: 'shop', reason: expect.stringContaining('SHOP_DATABASE_URL') },
      ]);
      expect(JSON.stringify(it.server.supergraph.unavailable)).not.toContain('s3cret-word');
      const response = await fetch(`${it.url}/graphql`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ query: '{ documents { totalCount } }' }),
      });
      expect(await response.json()).toEqual({ data: { documents: { totalCount: 0 } } });
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  });
});
