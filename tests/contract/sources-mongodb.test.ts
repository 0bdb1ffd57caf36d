/** Collections of the MongoDB at TEST_MONGODB_URL as a source; `npm run test:stores -- --only mongodb` starts a FerretDB. */
import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { BSON, Decimal128, Double, Int32, Long, MongoClient, ObjectId, UUID, type Document } from 'mongodb';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createMongodbSource } from '#subgraphs/sources/drivers/mongodb/index.ts';
import { buildModel } from '#subgraphs/sources/model/build.ts';
import { parseSources } from '#subgraphs/sources/model/read.ts';
import { buildSchema } from '#subgraphs/sources/schema/index.ts';
import { shopOptions } from '#tests/setup/source-options.ts';
import { checkGroupedInStore } from './grouped-in-store.ts';
import { askerOf, describeSource, type Ask } from './sources-driver.ts';
import { describeLists } from './sources-lists.ts';
import { SHOP, STATUS, type FieldKind, type Row, type ShopRows } from './sources-shop.ts';

const { TEST_MONGODB_URL: server, TEST_MONGODB_PLAIN: plain } = process.env;
const own = randomBytes(4).toString('hex');

/** What the file says of the shop: documents have neither these keys nor decimals, days and moments without a zone. */
const TYPES = Object.values(SHOP)
  .map(({ table, key, fields }) => {
    const lines = Object.values(fields).flatMap(([column, kind]) => {
      if (kind === 'enum') return [`          ${column}: { values: [${Object.values(STATUS).join(', ')}] }`];
      return [`          ${column}: { type: ${kind} }`];
    });
    return `      ${table}:\n        key: [${key.map((field) => fields[field]![0]).join(', ')}]\n        columns:\n          _id: { hide: true }\n${lines.join('\n')}\n`;
  })
  .join('');
const LINKS = `    links:
      - { from: customers.referred_by, to: customers.id, name: referredByCustomer, back: customersByReferredBy }
      - { from: orders.customer_id, to: customers.id, name: customer, back: orders }
      - { from: 'order_lines(shop, order_number)', to: 'orders(shop, number)', name: order, back: orderLines }
`;

function kept(kind: FieldKind, value: Row[string]): unknown {
  if (value === null) return null;
  switch (kind) {
    case 'enum':
      return STATUS[value as string];
    case 'int':
      return new Int32(value as number);
    case 'bigint':
      return Long.fromString(String(value));
    case 'float':
      return new Double(value as number);
    case 'moment':
      return new Date(value as string);
    default:
      return value;
  }
}

const urlOf = (database: string, changes: object = {}): string => {
  const url = new URL(server!);
  url.pathname = `/${database}`;
  return Object.assign(url, changes).href;
};
const optionsOf = (database: string, changes: object = {}) => shopOptions(urlOf(database), changes);

if (!server) describe.skip('a source: mongodb', () => test('needs TEST_MONGODB_URL', () => undefined));
else {
  const client = new MongoClient(server);
  afterAll(() => client.close());

  describeSource(
    'mongodb',
    async (tenants) => {
      const database = client.db(`shop_${own}`);
      for (const [name, { table, fields }] of Object.entries(SHOP)) {
        const documents = Object.entries(tenants).flatMap(([tenant, rows]) =>
          rows[name as keyof ShopRows].map((row) => ({
            tenant_id: tenant,
            ...Object.fromEntries(
              // What has no value is null in one document and absent in another.
              Object.entries(fields).flatMap(([field, [column, kind]], index) =>
                row[field] === null && index % 2 === 0 ? [] : [[column, kept(kind, row[field] ?? null)]],
              ),
            ),
          })),
        );
        await database.collection(table).insertMany(documents);
      }
      const driver = createMongodbSource(optionsOf(`shop_${own}`));
      return {
        driver,
        async [Symbol.asyncDispose]() {
          await driver.close();
          await database.dropDatabase();
        },
      };
    },
    {
      file: `    types:\n${TYPES}${LINKS}`,
      queries: 80,
      joins: false,
      // What has a value in a field of the order, and what has none.
      steps: 3,
      // Dates have milliseconds.
      kept: (field, value) => (field === 'createdAt' ? new Date(value as string).toISOString() : value),
    },
  );

  describeLists(
    'mongodb',
    async (rows) => {
      const database = client.db(`lists_${own}`);
      const long = (text: string | null) => (text === null ? null : Long.fromString(text));
      await database.collection('notes').insertMany(
        rows.map(({ id, counts, ...row }) => ({
          _id: new Int32(id) as never,
          ...row,
          counts: counts && counts.map(long),
        })),
      );
      const driver = createMongodbSource(optionsOf(`lists_${own}`));
      return {
        driver,
        async [Symbol.asyncDispose]() {
          await driver.close();
          await database.dropDatabase();
        },
      };
    },
    { nullItems: false },
  );

  describe('collections as they are found', () => {
    const database = client.db(`found_${own}`);
    const driver = createMongodbSource(optionsOf(`found_${own}`));
    const FILE = `sources:\n  shop:\n    kind: mongodb\n    url: SHOP_URL\n    tenancy: { column: tenant }\n`;
    let ask: Ask;

    const askOf = async (file: string, from = driver): Promise<Ask> =>
      askerOf(buildSchema(buildModel('shop', parseSources(file, 'sources.yaml'), await from.introspect([])), from));

    const put = async (collection: string, documents: Document[]): Promise<void> =>
      void (await database.collection(collection).insertMany(documents));
    const [FIRST, UUID_1] = [
      new ObjectId('65a0c0ffee00000000000001'),
      new UUID('00112233-4455-4677-8899-aabbccddeeff'),
    ];

    beforeAll(async () => {
      await put('odd things', [
        {
          _id: FIRST,
          tenant: 'acme',
          'we ird-$ key': 'it’s',
          mixed: 1,
          tags: ['a', 'b'],
          n: Long.fromString('9007199254740993'),
          at: new Date('1969-07-20T20:17:40.123Z'),
          ref: new ObjectId('65a0c0ffee000000000000ff'),
          uuid: UUID_1,
          bytes: Buffer.from('hi'),
          address: { city: 'Ulm', zip: '89073', since: new Date(0), big: Long.fromString('9007199254740993') },
          lines: [{ sku: 'x' }, { sku: 'y', amount: 2 }],
        },
        {
          tenant: 'acme',
          mixed: 'two',
          tags: [],
          n: Long.fromNumber(-1),
          at: new Date('2026-01-31T09:30:00Z'),
        },
        { tenant: 'acme', mixed: null, n: new Int32(7), x: 's', score: new Double(0.5) },
        { tenant: 'other', n: 1 },
        { tenant: ['acme'], n: 1 },
        { n: 1 },
      ]);
      await put('codes', [
        { _id: 'b' as never, tenant: 'acme', code: 1, odd: FIRST },
        { _id: 'a' as never, tenant: 'acme', code: 2, odd: new ObjectId() },
        { _id: 'a\u0000b' as never, tenant: 'acme', code: 5, odd: null },
        { _id: 'c' as never, tenant: 'other', code: 3, odd: FIRST },
      ]);
      await database.collection('codes').createIndex({ code: 1 }, { unique: true });
      await put(
        'uuids',
        ['00', 'ff', '7f'].map((byte) => ({ _id: new UUID(byte.repeat(16)) as never, tenant: 'acme' })),
      );
      await put('mixed ids', [
        { _id: 1 as never, tenant: 'acme' },
        { _id: 'x' as never, tenant: 'acme' },
      ]);
      ask = await askOf(`${FILE}    links: [{ from: codes.odd, to: odd things._id, name: thing, back: codes }]\n`);
      // Since it was looked at, of other kinds.
      await put('odd things', [
        { tenant: 'acme', n: new Double(1.5), at: 'yesterday', x: ['s'], score: Long.fromString('9007199254740993') },
      ]);
    });
    afterAll(async () => {
      await driver.close();
      await database.dropDatabase();
    });

    test('what documents have is told: kinds, shares, what is in objects and lists', async () => {
      const { tables, typeless } = await driver.introspect([]);
      expect(typeless).toBe(true);
      expect(tables.map(({ name }) => name)).toEqual(['codes', 'mixed ids', 'odd things', 'uuids']);
      const things = tables.find(({ name }) => name === 'odd things')!;
      const told = Object.fromEntries(
        things.columns.map(({ name, kind, list, comment }) => [name, [kind, list, comment]]),
      );
      expect(told).toMatchObject({
        _id: ['id', false, 'The id of the document.'],
        address: ['json', false, 'The field `address`, objects with `big`, `city`, `since`, `zip`: 14 % of the 7 documents looked at have it.'], // prettier-ignore
        lines: ['json', false, 'The field `lines`, lists of objects with `amount`, `sku`: 14 % of the 7 documents looked at have it.'], // prettier-ignore
        tags: ['text', true, 'The field `tags`, lists of string: 29 % of the 7 documents looked at have it.'],
        mixed: ['json', false, 'The field `mixed`, long or string: 29 % of the 7 documents looked at have it.'],
        n: ['float', false, 'The field `n`: 100 % of the 7 documents looked at have it.'],
        uuid: ['id', false, 'The field `uuid`: 14 % of the 7 documents looked at have it.'],
        bytes: ['bytes', false, expect.any(String)],
      });
      expect(tables.find(({ name }) => name === 'codes')).toMatchObject({ key: ['_id'], uniques: [['_id'], ['code']], rows: 4 }); // prettier-ignore
      expect(tables.find(({ name }) => name === 'mixed ids')!.key).toBeUndefined();
    });

    test('groups are made in the store, so that more rows are counted than may be read', async () => {
      const few = createMongodbSource(optionsOf(`found_${own}`, { scanned: 10 }));
      const made = (at: number) => ({
        kind: 'abc'[at % 3],
        n: Long.fromNumber(Math.floor(at / 3) % 2),
        at: new Date(at * 1000),
      });
      await put(
        'many',
        Array.from({ length: 60 }, (_, at) => ({ tenant: 'acme', ...made(at) })),
      );
      await put(
        'many',
        Array.from({ length: 5 }, (_, at) => ({ tenant: 'other', ...made(at) })),
      );
      const askFew = await askOf(FILE, few);
      await checkGroupedInStore(askFew, 'maniesAggregate');
      await few.close();
      await database.collection('many').drop();
    });

    test('of documents with a field for each of many things, the commonest are columns, which is said', async () => {
      await put('maps', [0, 1].map((half) => ({ tenant: 'acme', common: 1, ...Object.fromEntries(Array.from({ length: 400 }, (_, index) => [`k${half * 400 + index}`, 1])) }))); // prettier-ignore
      const maps = (await driver.introspect([])).tables.find(({ name }) => name === 'maps')!;
      await database.collection('maps').drop();
      expect(maps.columns).toHaveLength(501);
      expect(maps.columns.map(({ name }) => name)).toEqual(expect.arrayContaining(['_id', 'tenant', 'common']));
      expect(maps.comment).toMatch(/Of 802 fields that were seen, the 500 are here/);
    });

    test('values are exact, of the tenant alone, and what is of another kind than its column is null', async () => {
      const types = `${FILE}    types: { odd things: { columns: { n: { type: bigint }, at: { type: moment } } } }\n`;
      const { data, errors } = await (
        await askOf(types)
      )(
        '{ oddThings(orderBy: [{ field: ID }]) { totalCount nodes { weIrdKey mixed tags n at ref uuid bytes address lines score } } }',
      );
      expect(errors).toBeUndefined();
      expect(data.oddThings.totalCount).toBe(4);
      expect(data.oddThings.nodes[0]).toEqual({
        weIrdKey: 'it’s',
        mixed: 1,
        tags: ['a', 'b'],
        n: '9007199254740993',
        at: '1969-07-20T20:17:40.123Z',
        ref: '65a0c0ffee000000000000ff',
        uuid: '00112233-4455-4677-8899-aabbccddeeff',
        bytes: 'aGk=',
        address: { city: 'Ulm', zip: '89073', since: '1970-01-01T00:00:00.000Z', big: expect.anything() }, // prettier-ignore
        lines: [{ sku: 'x' }, { sku: 'y', amount: 2 }],
        score: null,
      });
      expect(data.oddThings.nodes.slice(1)).toMatchObject([
        { n: -1, at: '2026-01-31T09:30:00.000Z' },
        { n: 7, at: null, score: 0.5 },
        { n: null, at: null, score: null },
      ]);
    });

    test('filters, orders and pages pass over no document, whatever is in its fields', async () => {
      const count = async (where: string, tenant?: string): Promise<number> => {
        const { data, errors } = await ask(`{ oddThings(where: ${where}) { totalCount } }`, {}, tenant);
        expect(errors, where).toBeUndefined();
        return data.oddThings.totalCount as number;
      };
      expect(await count('{ weIrdKey: { eq: "it’s" } }')).toBe(1);
      expect(await count('{ weIrdKey: { startsWith: "it" } }')).toBe(1);
      for (const text of ['.*', '^', '$where', '{"$ne":1}', '[', '\\\\u0041', ' ', '(?i)IT']) {
        expect(await count(`{ weIrdKey: { eq: "${text.replaceAll('"', '\\"')}" } }`), text).toBe(0);
        expect(await count(`{ weIrdKey: { startsWith: "${text.replaceAll('"', '\\"')}" } }`), text).toBe(0);
      }
      expect(await count('{ at: { lt: "1970-01-01T00:00:00Z" } }')).toBe(1);
      expect(await count('{ at: { gt: "1969-07-20T20:17:40.1229999Z", lt: "1969-07-20T20:17:40.1230001Z" } }')).toBe(1);
      expect(await count('{ at: { eq: "1969-07-20T20:17:40.1230001Z" } }')).toBe(0);
      expect(await count('{ at: { isNull: true } }')).toBe(2);
      expect(await count('{ ref: { eq: "65A0C0FFEE000000000000FF" } }')).toBe(1);
      expect(await count('{ ref: { in: ["65a0c0ffee000000000000ff", "nothing", "5"] } }')).toBe(1);
      expect(await count('{ ref: { ne: "nothing" } }')).toBe(4);
      expect(await count('{ uuid: { eq: "00112233-4455-4677-8899-aabbccddeeff" } }')).toBe(1);
      expect(await count('{ score: { isNull: false } }')).toBe(1);
      expect(await count('{ x: { isNull: true } }')).toBe(3);
      expect(await count('{ address: [{ path: ["city"], eq: "Ulm" }] }')).toBe(1);
      for (const nobody of ['', 'null', 'ACME', 'nobody']) expect(await count('{}', nobody), nobody).toBe(0);
      for (const direction of ['ASC', 'DESC'])
        for (const field of ['AT', 'N', 'SCORE', 'WE_IRD_KEY', 'REF', 'UUID', 'ID'])
          for (const more of ['', ', { field: SCORE, direction: DESC }']) {
            if (field === 'SCORE' && more !== '') continue;
            const seen: string[] = [];
            const order = `[{ field: ${field}, direction: ${direction} }${more}]`;
            for (let after: string | null = null; ;) {
              const { data, errors } = await ask(`query($after: String) { oddThings(first: 1, after: $after, orderBy: ${order}) { nodes { id } pageInfo { hasNextPage endCursor } } }`, { after }); // prettier-ignore
              expect(errors, order).toBeUndefined();
              seen.push(...data.oddThings.nodes.map(({ id }: { id: string }) => id));
              if (!data.oddThings.pageInfo.hasNextPage) break;
              after = data.oddThings.pageInfo.endCursor;
            }
            expect(seen, order).toHaveLength(4);
            expect(new Set(seen).size, order).toBe(4);
            const { data: whole } = await ask(`{ oddThings(orderBy: ${order}) { nodes { id } } }`);
            expect(
              whole.oddThings.nodes.map(({ id }: { id: string }) => id),
              order,
            ).toEqual(seen);
          }
    });

    test('ids of every kind are keys: texts, UUIDs, and links by ObjectId both ways', async () => {
      const { data, errors } = await ask(
        `{ codes { nodes { id code thing { weIrdKey codes { nodes { id } } } } } code(id: "b") { code } none: code(id: "c") { code }
           uuids { nodes { id } } uuid(id: "${'7f'.repeat(4)}-7f7f-7f7f-7f7f-${'7f'.repeat(6)}") { id } gone: uuid(id: "x") { id }
           oddThings(where: { codes: { some: { code: { eq: 1 } } } }) { nodes { weIrdKey } }
           thing: oddThing(id: "${FIRST.toHexString()}") { weIrdKey } bad: oddThing(id: "nothing") { weIrdKey } mixedIdsList: mixedIds { nodes { id } } }`,
      );
      expect(errors).toBeUndefined();
      const hex = (byte: string) => new UUID(byte.repeat(16)).toString();
      expect(data).toEqual({
        codes: {
          nodes: [
            { id: 'a', code: 2, thing: null },
            { id: 'a\u0000b', code: 5, thing: null },
            { id: 'b', code: 1, thing: { weIrdKey: 'it’s', codes: { nodes: [{ id: 'b' }] } } },
          ],
        },
        code: { code: 1 },
        none: null,
        uuids: { nodes: [{ id: hex('00') }, { id: hex('7f') }, { id: hex('ff') }] },
        uuid: { id: hex('7f') },
        gone: null,
        oddThings: { nodes: [{ weIrdKey: 'it’s' }] },
        thing: { weIrdKey: 'it’s' },
        bad: null,
        mixedIdsList: { nodes: [{ id: 1 }, { id: 'x' }] },
      });
    });

    test('the store sorts, counts and cuts collections that are larger than what may be looked at', async () => {
      await put('big', Array.from({ length: 500 }, (_, index) => ({ tenant: index % 5 === 0 ? 'other' : 'acme', n: index % 50, s: index % 7 === 0 ? null : `t${index % 3}`, parent: index % 4 }))); // prettier-ignore
      await put(
        'parents',
        [0, 1, 2, 3].map((n) => ({ tenant: 'acme', n })),
      );
      const few = createMongodbSource(optionsOf(`found_${own}`, { scanned: 100, sampled: 10 }));
      const askFew = await askOf(`${FILE}    links: [{ from: big.parent, to: parents.n, name: of, back: bigs }]\n    types: { parents: { key: [n] } }\n`, few); // prettier-ignore
      try {
        const { data, errors, statements } = await askFew(
          '{ bigs(first: 3, orderBy: [{ field: N, direction: DESC }, { field: S }]) { totalCount nodes { n s } } }',
        );
        expect(errors).toBeUndefined();
        expect(statements).toBeLessThanOrEqual(4);
        expect(data.bigs.totalCount).toBe(400);
        expect(data.bigs.nodes).toEqual([
          { n: 49, s: 't0' },
          { n: 49, s: 't0' },
          { n: 49, s: 't1' },
        ]);
        const parents = await askFew(
          '{ parents(orderBy: [{ field: N }]) { nodes { n bigs(first: 2, orderBy: [{ field: N }]) { totalCount nodes { n } } } } }',
        );
        expect(parents.errors).toBeUndefined();
        expect(parents.data.parents.nodes.map(({ bigs }: { bigs: { totalCount: number } }) => bigs.totalCount)).toEqual([100, 100, 100, 100]); // prettier-ignore
        expect(parents.data.parents.nodes[0].bigs.nodes).toHaveLength(2);
        let seen = 0;
        for (let after: string | null = null; ;) {
          const page = await askFew('query($after: String) { bigs(first: 60, after: $after, orderBy: [{ field: S }]) { nodes { s } pageInfo { hasNextPage endCursor } } }', { after }); // prettier-ignore
          expect(page.errors).toBeUndefined();
          seen += page.data.bigs.nodes.length;
          if (!page.data.bigs.pageInfo.hasNextPage) break;
          after = page.data.bigs.pageInfo.endCursor;
        }
        expect(seen).toBe(400);
        expect((await askFew('{ bigs(where: { s: { contains: "t" } }) { totalCount } }')).errors).toMatchObject([
          { message: expect.stringMatching(/more than 100 rows of big/), extensions: { code: 'QUERY_TOO_COSTLY' } },
        ]);
      } finally {
        await few.close();
      }
    });

    test('a wrong password, nobody there, and what is no URL are told, without the password', async () => {
      for (const [url, told] of [
        [urlOf(`found_${own}`, { password: 's3cret-word' }), /user or password: check SHOP_URL/],
        ['mongodb://tests:s3cret-word@127.0.0.1:1/shop', /runs at SHOP_URL/],
      ] as const) {
        const away = createMongodbSource(optionsOf('', { url: () => url, connectTimeoutMs: 1_000 }));
        const error = (await away.introspect([]).catch((reason: unknown) => reason)) as { code: string; extensions: { hint: string } }; // prettier-ignore
        expect(error, url).toMatchObject({ code: 'STORE_UNAVAILABLE' });
        expect(error.extensions.hint).toMatch(told);
        expect(JSON.stringify([error, await away.health()])).not.toContain('s3cret-word');
        await away.close();
      }
      // A password that is exchanged while it is open.
      let password = 's3cret-word';
      const url = (): string => urlOf(`found_${own}`, { password });
      const exchanged = createMongodbSource(optionsOf('', { url, connectTimeoutMs: 1_000 }));
      expect(await exchanged.health()).toMatchObject({ state: 'down' });
      password = new URL(server).password;
      expect(await exchanged.health()).toMatchObject({ state: 'ok' });
      await exchanged.close();
      for (const url of [
        'mongodb://',
        'mongodb://host',
        'mongodb://host/?nonsense=1',
        'mongodb://a:b@c@host/x',
        'http://x/y',
      ])
        expect(() => createMongodbSource(optionsOf('', { url: () => url })), url).toThrow(/URL of the source shop/);
    });

    test('docs/sources.md says what is answered', async () => {
      const page = readFileSync(new URL('../../docs/sources.md', import.meta.url), 'utf8');
      const [, made, yaml, query, answer] =
        /## MongoDB[^]*?```json\n([^]*?)```[^]*?```yaml\n([^]*?)```\s+```graphql\n([^]*?)```\s+```json\n([^]*?)```/.exec(page)!; // prettier-ignore
      const docs = client.db(`docs_${own}`);
      const collections = BSON.EJSON.parse(made!) as Record<string, Document[]>;
      for (const [name, documents] of Object.entries(collections)) await docs.collection(name).insertMany(documents);
      const desk = createMongodbSource(optionsOf(`docs_${own}`));
      try {
        const model = buildModel('desk', parseSources(yaml!, 'sources.yaml'), await desk.introspect([]));
        const { data, errors } = await askerOf(buildSchema(model, desk))(query!, {}, 'default');
        expect(errors).toBeUndefined();
        expect({ data }).toEqual(JSON.parse(answer!));
      } finally {
        await desk.close();
        await docs.dropDatabase();
      }
    });

    // FerretDB has no such values.
    if (!plain)
      test('decimals, and numbers that are none', async () => {
        await put('decimals', [
          { tenant: 'acme', d: Decimal128.fromString('1.10'), f: NaN },
          { tenant: 'acme', d: Decimal128.fromString('12345678901234567890.12345678901234'), f: 1.5 },
          { tenant: 'acme', d: Decimal128.fromString('NaN'), f: Infinity },
        ]);
        const decimals = await askOf(FILE);
        const { data, errors } = await decimals(
          '{ decimals(orderBy: [{ field: D }]) { nodes { d f } } some: decimals(where: { d: { gt: "1.1" } }) { totalCount } }',
        );
        expect(errors).toBeUndefined();
        expect(data).toEqual({
          decimals: {
            nodes: [
              { d: '1.10', f: null },
              { d: '12345678901234567890.12345678901234', f: 1.5 },
              { d: null, f: null },
            ],
          },
          some: { totalCount: 1 },
        });
      });
  });
}
