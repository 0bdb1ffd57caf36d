/** Collections of the Qdrant at TEST_QDRANT_URL as a source; `npm run test:stores -- --only qdrant` starts one. */
import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { graphql } from 'graphql';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createRequestContext } from '#subgraphs/shared/context.ts';
import { ExactNumber, writeJson } from '#subgraphs/shared/exact-number.ts';
import type { SourceDriver } from '#subgraphs/sources/driver.ts';
import { createQdrantSource } from '#subgraphs/sources/drivers/qdrant/index.ts';
import { buildModel } from '#subgraphs/sources/model/build.ts';
import { parseSources } from '#subgraphs/sources/model/read.ts';
import { buildSchema } from '#subgraphs/sources/schema/index.ts';
import { describeSource } from './sources-driver.ts';
import { describeLists } from './sources-lists.ts';
import { SHOP, STATUS, type ShopRows } from './sources-shop.ts';
import { shopOptions } from '#tests/setup/source-options.ts';

const { TEST_QDRANT_URL: url, TEST_QDRANT_API_KEY: key } = process.env;

async function raw(method: string, path: string, body?: object): Promise<void> {
  const response = await fetch(`${url}${path}`, {
    method,
    headers: { 'content-type': 'application/json', ...(key === undefined ? {} : { 'api-key': key }) },
    ...(body === undefined ? {} : { body: writeJson(body) }),
  });
  if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${await response.text()}`);
}

/** What the file says of the shop: payloads have neither types nor keys. */
const TYPES = Object.values(SHOP)
  .map(({ table, key: keys, fields }) => {
    const columnOf = (field: string): string => payloadColumn(fields[field]![0]);
    const lines = Object.values(fields).map(([column, kind]) =>
      kind === 'enum'
        ? `          ${payloadColumn(column)}: { values: [${Object.values(STATUS).join(', ')}] }`
        : `          ${payloadColumn(column)}: { type: ${kind}${column === 'id' ? ', name: id' : ''} }`,
    );
    return `      ${table}:\n        key: [${keys.map(columnOf).join(', ')}]\n        columns:\n          id: { hide: true }\n${lines.join('\n')}\n`;
  })
  .join('');
function payloadColumn(column: string): string {
  return column === 'id' ? 'payload.id' : column;
}
const LINKS = `    links:
      - { from: customers.referred_by, to: customers(payload.id), name: referredByCustomer, back: customersByReferredBy }
      - { from: orders.customer_id, to: customers(payload.id), name: customer, back: orders }
      - { from: 'order_lines(shop, order_number)', to: 'orders(shop, number)', name: order, back: orderLines }
`;

/** Of a server that other suites use too, these collections. */
function only(driver: SourceDriver, names: readonly string[]): SourceDriver {
  const introspect = async (schemas: readonly string[]) => {
    const catalog = await driver.introspect(schemas);
    return { ...catalog, tables: catalog.tables.filter(({ name }) => names.includes(name)) };
  };
  return { ...driver, introspect };
}

const optionsOf = (changes: object = {}) =>
  shopOptions(`qdrant://${key === undefined ? '' : `:${key}@`}${new URL(url!).host}`, changes);

if (url === undefined) describe.skip('a source: qdrant', () => test('needs TEST_QDRANT_URL', () => undefined));
else {
  describeSource(
    'qdrant',
    async (tenants) => {
      const made: string[] = [];
      for (const [name, { table, fields }] of Object.entries(SHOP)) {
        await raw('PUT', `/collections/${table}`, { vectors: { dense: { size: 2, distance: 'Cosine' } } });
        made.push(table);
        const points = Object.entries(tenants).flatMap(([tenant, rows]) =>
          rows[name as keyof ShopRows].map((row) => ({
            id: randomUUID(),
            vector: { dense: [1, 0] },
            payload: {
              tenant_id: tenant,
              ...Object.fromEntries(
                Object.entries(fields).map(([field, [column, kind]]) => {
                  const value = row[field] ?? null;
                  if (value === null) return [column, null];
                  if (kind === 'enum') return [column, STATUS[value as string]];
                  return [column, kind === 'bigint' ? new ExactNumber(String(value)) : value];
                }),
              ),
            },
          })),
        );
        await raw('PUT', `/collections/${table}/points?wait=true`, { points });
      }
      const driver = createQdrantSource(optionsOf());
      return {
        driver: only(driver, made),
        async [Symbol.asyncDispose]() {
          await driver.close();
          for (const table of made) await raw('DELETE', `/collections/${table}`);
        },
      };
    },
    { file: `    types:\n${TYPES}${LINKS}`, joins: false },
  );

  describeLists(
    'qdrant',
    async (rows) => {
      await raw('PUT', '/collections/notes', { vectors: { dense: { size: 2, distance: 'Cosine' } } });
      const points = rows.map(({ id, counts, ...payload }) => ({
        id,
        vector: { dense: [1, 0] },
        payload: { ...payload, counts: counts && counts.map((text) => new ExactNumber(text!)) },
      }));
      await raw('PUT', '/collections/notes/points?wait=true', { points });
      const driver = createQdrantSource(optionsOf());
      return {
        driver: only(driver, ['notes']),
        async [Symbol.asyncDispose]() {
          await driver.close();
          await raw('DELETE', '/collections/notes');
        },
      };
    },
    { nullItems: false },
  );

  describe('collections as they are found', () => {
    const COLLECTION = 'odd "names" ü';
    const path = `/collections/${encodeURIComponent(COLLECTION)}`;
    const big = 'x'.repeat(2 * 1024 * 1024);
    const driver = only(createQdrantSource(optionsOf()), [COLLECTION, 'tickets']);
    let ask: (source: string, tenantId?: string) => Promise<{ data: any; errors?: any }>; // eslint-disable-line @typescript-eslint/no-explicit-any -- answers

    beforeAll(async () => {
      await raw('PUT', path, { vectors: { dense: { size: 2, distance: 'Cosine' } } });
      const payloads = [
        {
          tenant_id: 'acme',
          'we.ird "key"': 'it’s',
          mixed: 1,
          tags: ['a', 'b'],
          n: 1,
          id: 'own',
          text: 'one',
          nested: { a: [1] },
        },
        {
          tenant_id: 'acme',
          'we.ird "key"': 'b',
          mixed: 'two',
          tags: [],
          n: new ExactNumber('9007199254740993'),
          text: big,
        },
        { tenant_id: 'acme', mixed: { three: 3 }, n: 2.5 },
        { tenant_id: 'other', 'we.ird "key"': 'it’s', n: 1 },
      ];
      const points = payloads.map((payload, index) => ({ id: index + 1, vector: { dense: [1, 0] }, payload }));
      await raw('PUT', `${path}/points?wait=true`, { points });
      const file = parseSources(
        'sources:\n  shop:\n    kind: qdrant\n    url: SHOP_URL\n    tenancy: { column: tenant_id }\n',
        'sources.yaml',
      );
      const schema = buildSchema(buildModel('shop', file, await driver.introspect([])), driver);
      ask = async (source, tenantId = 'acme') => {
        const contextValue = createRequestContext({ tenantId, subject: 'test', roles: [], scopes: [] });
        return JSON.parse(writeJson(await graphql({ schema, source, contextValue }))) as never;
      };
    });
    afterAll(() => raw('DELETE', path));

    test('columns are what points have, with their share; what is of several kinds is JSON', async () => {
      const { tables } = await driver.introspect([]);
      const columns = new Map(tables.find(({ name }) => name === COLLECTION)!.columns.map((each) => [each.name, each]));
      expect([...columns.values()].map(({ name, kind, list }) => [name, kind, list])).toEqual([
        ['id', 'id', false],
        ['payload.id', 'text', false],
        ['mixed', 'json', false],
        ['n', 'float', false],
        ['nested', 'json', false],
        ['tags', 'text', true],
        ['tenant_id', 'text', false],
        ['text', 'text', false],
        ['we.ird "key"', 'text', false],
      ]);
      expect(columns.get('tags')!.comment).toBe('The `tags` of the payload: 50 % of the 4 points looked at have it.');
    });

    test('odd names, values of several kinds and long texts are read and filtered by', async () => {
      const { data, errors } = await ask(
        '{ oddNamesUs { totalCount nodes { id payloadId mixed tags n nested weIrdKey } } long: oddNamesUs(where: { text: { contains: "xxx" } }) { nodes { text } } }',
      );
      expect(errors).toBeUndefined();
      expect(data.oddNamesUs).toEqual({
        totalCount: 3,
        nodes: [
          { id: '1', payloadId: 'own', mixed: 1, tags: ['a', 'b'], n: 1, nested: { a: [1] }, weIrdKey: 'it’s' },
          { id: '2', payloadId: null, mixed: 'two', tags: [], n: 9007199254740992, nested: null, weIrdKey: 'b' },
          { id: '3', payloadId: null, mixed: { three: 3 }, tags: null, n: 2.5, nested: null, weIrdKey: null },
        ],
      });
      expect(data.long.nodes).toEqual([{ text: big }]);
      const one = await ask('{ oddNamesUs(where: { weIrdKey: { eq: "it’s" } }) { nodes { id } } }');
      expect(one.data.oddNamesUs.nodes).toEqual([{ id: '1' }]);
      const hostile = ['"', '\\', '}]}', "' OR 1=1", '.*', '$ne'];
      for (const text of hostile) {
        const found = await ask(`{ oddNamesUs(where: { weIrdKey: { eq: ${JSON.stringify(text)} } }) { totalCount } }`);
        expect(found, text).toEqual({ data: { oddNamesUs: { totalCount: 0 } } });
      }
    });

    test('pages by id, and of a tenant nothing of the other', async () => {
      const seen: string[] = [];
      for (let after: string | null = null; ;) {
        const { data } = await ask(
          `{ oddNamesUs(first: 1${after === null ? '' : `, after: "${after}"`}) { nodes { id } pageInfo { hasNextPage endCursor } } }`,
        );
        seen.push(...data.oddNamesUs.nodes.map(({ id }: { id: string }) => id));
        if (!data.oddNamesUs.pageInfo.hasNextPage) break;
        after = data.oddNamesUs.pageInfo.endCursor;
      }
      expect(seen).toEqual(['1', '2', '3']);
      expect((await ask('{ oddNamesU(id: "1") { id } }', 'other')).data).toEqual({ oddNamesU: null });
      expect((await ask('{ oddNamesUs { nodes { id } } }', 'other')).data.oddNamesUs.nodes).toEqual([{ id: '4' }]);
      expect((await ask('{ oddNamesUs { totalCount } }', '')).data.oddNamesUs.totalCount).toBe(0);
    });

    test('docs/sources.md says what is answered', async () => {
      const page = readFileSync(new URL('../../docs/sources.md', import.meta.url), 'utf8');
      const [, yaml, query, answer] =
        /## Qdrant[^]*?```yaml\n([^]*?)```\s+```graphql\n([^]*?)```\s+```json\n([^]*?)```/.exec(page)!;
      await raw('PUT', '/collections/tickets', { vectors: { dense: { size: 2, distance: 'Cosine' } } });
      try {
        const payloads = [
          { title: 'Login', state: 'open', opened_at: '2026-01-30T13:00:00+01:00', tags: ['web', 'sso'] },
          { title: 'Printer', state: 'waiting', opened_at: '2026-01-31T08:30:00Z', tags: [] },
          { title: 'Done', state: 'closed', opened_at: '2026-01-01T00:00:00Z' },
          { title: 'Eve', state: 'open', opened_at: '2026-01-01T00:00:00Z', tenant_id: 'other' },
        ];
        const points = payloads.map((payload, index) => ({
          id: index + 1,
          vector: { dense: [1, 0] },
          payload: { tenant_id: 'default', ...payload },
        }));
        await raw('PUT', '/collections/tickets/points?wait=true', { points });
        const model = buildModel('support', parseSources(yaml!, 'sources.yaml'), await driver.introspect([]));
        const contextValue = createRequestContext({ tenantId: 'default', subject: 'test', roles: [], scopes: [] });
        const result = await graphql({ schema: buildSchema(model, driver), source: query!, contextValue });
        expect(JSON.parse(writeJson(result))).toEqual(JSON.parse(answer!));
      } finally {
        await raw('DELETE', '/collections/tickets');
      }
    });

    test('more rows than may be looked at, too many values, a wrong key and nobody there are told', async () => {
      const file = parseSources(
        'sources:\n  shop:\n    kind: qdrant\n    url: SHOP_URL\n    tenancy: shared\n',
        'sources.yaml',
      );
      const few = only(createQdrantSource(optionsOf({ scanned: 2 })), [COLLECTION]);
      const schema = buildSchema(buildModel('shop', file, await few.introspect([])), few);
      const contextValue = createRequestContext({ tenantId: 'acme', subject: 'test', roles: [], scopes: [] });
      const { errors } = await graphql({
        schema,
        source: '{ oddNamesUs(orderBy: [{ field: N }]) { nodes { id } } }',
        contextValue,
      });
      expect(errors).toMatchObject([
        {
          message: expect.stringMatching(/more than 2 rows of odd "names" ü/),
          extensions: { code: 'QUERY_TOO_COSTLY' },
        },
      ]);
      const values = Array.from({ length: 10_000 }, (_, index) => `"${index}"`).join();
      expect(
        (await ask(`{ oddNamesUs(where: { weIrdKey: { in: [${values}] } }) { totalCount } }`)).errors,
      ).toMatchObject([{ extensions: { code: 'BAD_USER_INPUT' } }]);
      const wrong = createQdrantSource(optionsOf({ url: () => `qdrant://:s3cret-word@${new URL(url).host}` }));
      await expect(wrong.introspect([])).rejects.toMatchObject({
        code: 'STORE_UNAVAILABLE',
        extensions: { hint: expect.stringContaining('refused the key') },
      });
      expect(JSON.stringify(await wrong.health())).not.toContain('s3cret-word');
      const away = createQdrantSource(optionsOf({ url: () => 'qdrant://127.0.0.1:1' }));
      expect(await away.health()).toMatchObject({ state: 'down', detail: expect.stringContaining('SHOP_URL') });
    });
  });
}
