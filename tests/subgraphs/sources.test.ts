import { readFileSync } from 'node:fs';
import { buildSchema as schemaOf, graphql, type GraphQLObjectType } from 'graphql';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { parse as parseYaml } from 'yaml';
import { z } from 'zod';
import { createRequestContext } from '#subgraphs/shared/context.ts';
import { writeJson } from '#subgraphs/shared/exact-number.ts';
import type { Catalog, SourceDriver } from '#subgraphs/sources/driver.ts';
import { createPostgresSource } from '#subgraphs/sources/drivers/postgres/index.ts';
import { BUILT_IN } from '#subgraphs/sources/model/built-in.ts';
import { buildModel } from '#subgraphs/sources/model/build.ts';
import { mayBe } from '#subgraphs/sources/model/fits.ts';
import { jsonSchema } from '#subgraphs/sources/model/format.ts';
import { enumValueName, fieldName, itemName, linkName, listName } from '#subgraphs/sources/model/names.ts';
import { parseSources } from '#subgraphs/sources/model/read.ts';
import { buildSchema } from '#subgraphs/sources/schema/index.ts';
import { createTestDatabase, type TestDatabase } from '#tests/setup/postgres.ts';
import { shopOptions } from '#tests/setup/source-options.ts';

const FILE = (more = '', head = 'tenancy: shared') =>
  `sources:\n  shop:\n    kind: postgres\n    url: SHOP_URL\n    ${head}\n${more}`;

test('the types of the project’s own that links may name are as printed', () => {
  const printed = ['relational', 'graph', 'object', 'runs'].map((name) =>
    readFileSync(new URL(`../../subgraphs/${name}/schema.graphql`, import.meta.url), 'utf8'),
  );
  const SCALAR = { id: 'ID', text: 'String', json: 'JSON' } as const;
  for (const [name, { key, fields }] of Object.entries(BUILT_IN)) {
    const owners = printed.flatMap((sdl) => {
      const type = schemaOf(sdl, { assumeValidSDL: true }).getType(name) as GraphQLObjectType | undefined;
      const own = type?.getFields() ?? {};
      return Object.keys(fields).every((field) => field in own) && sdl.includes(`@key(fields: "${key}")`) ? [own] : [];
    });
    expect(owners, name).not.toEqual([]);
    for (const [field, { kind, nullable }] of Object.entries(fields))
      for (const own of owners)
        expect([String(own[field]!.type), own[field]!.args], `${name}.${field}`).toEqual([
          `${SCALAR[kind]}${nullable ? '' : '!'}`,
          [],
        ]);
  }
});

test('what cannot be a value of a column is not asked for', () => {
  const uuid = '00000000-0000-4000-8000-000000000001';
  const asked = ['1', '-9223372036854775808', '9223372036854775808', '1.50', 'NaN', uuid, 'a\0', ''];
  const of = (kind: 'int' | 'bigint' | 'decimal' | 'id' | 'text', native: string) =>
    asked.filter((text) => mayBe({ kind, native }, text));
  expect(of('bigint', 'int8')).toEqual(['1', '-9223372036854775808']);
  expect(of('decimal', 'numeric')).toEqual(['1', '-9223372036854775808', '9223372036854775808', '1.50']);
  expect(of('id', 'pg_catalog."uuid"')).toEqual([uuid]);
  expect(of('text', 'text')).toEqual(asked.filter((text) => !text.includes('\0')));
});

test('names are made of those in the database', () => {
  const all = ['customer_id', 'CustomerID', 'a b', 'Straße', 'prénom', '2fa', 'line1', 'f8a', 'HTML5Parser', '通り'];
  expect(all.map(fieldName)).toEqual([
    'customerId',
    'customerId',
    'aB',
    'strasse',
    'prenom',
    '_2fa',
    'line1',
    'f8a',
    'html5Parser',
    '',
  ]);
  const tables = [
    'customers',
    'order_lines',
    'Album',
    'categories',
    'addresses',
    'news',
    'people',
    'statuses',
    'boxes',
    'things_2024',
  ];
  expect(tables.map(itemName)).toEqual([
    'customer',
    'orderLine',
    'album',
    'category',
    'address',
    'news',
    'person',
    'status',
    'box',
    'thing2024',
  ]);
  expect(tables.map(listName)).toEqual([
    'customers',
    'orderLines',
    'albums',
    'categories',
    'addresses',
    'newsList',
    'people',
    'statuses',
    'boxes',
    'things2024',
  ]);
  expect(['in progress', '100%', 'true', ''].map(enumValueName)).toEqual(['IN_PROGRESS', '_100', '_TRUE', '']);
  expect(['customer_id', 'ArtistId', 'id', 'referred_by'].map(linkName)).toEqual([
    'customer',
    'artist',
    undefined,
    undefined,
  ]);
});

describe('the file', () => {
  const schema = z.fromJSONSchema(JSON.parse(jsonSchema()) as never);
  test.each([
    [FILE(), true],
    [
      FILE(
        '    types:\n      a: { name: B, key: [x], orderBy: [{ column: y, direction: DESC }], limits: { max: 5 } }\n    links:\n      - { from: a.b, to: c.d, back: false }\n',
      ),
      true,
    ],
    [FILE('    kinds: x\n'), false],
    [FILE().replace('SHOP_URL', 'postgres://a:b@c/d'), false],
    [FILE().replace('postgres', 'oracle'), false],
    [FILE('', 'tenancy: everyone'), false],
    [FILE('    types:\n      a: { name: "B C" }\n'), false],
    [FILE('    links:\n      - { from: a, to: c.d }\n'), false],
    ['sources: []\n', false],
  ])('%#: an editor and the reader are of one mind', (text, accepted) => {
    expect(schema.safeParse(parseYaml(text)).success).toBe(accepted);
    const read = () => parseSources(text, 'sources.yaml');
    if (accepted) expect(read).not.toThrow();
    else expect(read).toThrow(/sources\.yaml:\d+: /);
  });
});

describe('of a PostgreSQL', () => {
  let database: TestDatabase;
  let driver: SourceDriver;
  let catalog: Catalog;
  const build = (text: string) => buildModel('shop', parseSources(text, 'sources.yaml'), catalog);
  const faultsOf = (text: string): string => {
    try {
      build(text);
    } catch (error) {
      return (error as Error).message;
    }
    return '';
  };

  beforeAll(async () => {
    database = await createTestDatabase();
    const client = new pg.Client(database.url);
    await client.connect();
    await client.query(readFileSync(new URL('../contract/fixtures/sources/shop.sql', import.meta.url), 'utf8'));
    await client.query(`
      CREATE SCHEMA odd;
      CREATE TYPE odd.mood AS ENUM ('ok', 'not ok', 'not-ok', '', '100%');
      CREATE TYPE odd.pair AS (a int, b text);
      CREATE TABLE odd.addresses (id int PRIMARY KEY);
      CREATE TABLE odd.users (id int PRIMARY KEY, billing_address_id int REFERENCES odd.addresses, shipping_address_id int REFERENCES odd.addresses);
      CREATE TABLE odd.values (
        id int PRIMARY KEY, n numeric, ts timestamptz, d date, tz timetz, i interval, j jsonb, js json, nested int[][], moods odd.mood[], m odd.mood,
        p odd.pair, r int4range, ip inet, o oid, mo money, bytes bytea, more bytea[], ns numeric[], moments timestamptz[], f float8, c char(5)
      );
      INSERT INTO odd.values VALUES (1, ('1' || repeat('0', 99) || '.5')::numeric, '0044-03-15 BC', 'infinity', '10:00+05:30', '-10 mons 1 day', '{"big": 12345678901234567890}',
        '{"a": 1.10}', '{{1,2},{3,4}}', '{ok,"not ok",NULL}', '', row(1,'x'), '[1,5)', '::1', 4294967295, 12.5, '\\xdeadbeef', array['\\x00'::bytea, NULL], '{1.10,NaN}',
        '{2026-01-01 00:00:00.000001+00,infinity}', 'NaN', 'ab');
      CREATE TABLE odd.hashes (hash bytea PRIMARY KEY, of int REFERENCES odd.values);
      INSERT INTO odd.hashes VALUES ('\\xdeadbeef', 1), ('\\x00', NULL);
      CREATE SCHEMA sized;
      CREATE TABLE sized.things (id int PRIMARY KEY, s int2, b int8, r real, f float8, u uuid, d date, v varchar(5), w varchar(9), n numeric(5, 2), ip inet, x xml, many int2[], us uuid[], texts text[]);
      INSERT INTO sized.things VALUES (1, 60, 1, 1.5, 1e308, '00000000-0000-4000-8000-000000000001', '2026-01-01', 'a', 'a', 1, '::1', NULL, '{1}', NULL, '{{a,b},{c,d}}');
      INSERT INTO sized.things (id, f) VALUES (2, NULL), (3, -0.1), (4, 1e-300), (5, 0.7), (6, 'NaN');
      CREATE TABLE sized.parted (id int, at int, PRIMARY KEY (id, at)) PARTITION BY RANGE (at);
      CREATE VIEW odd.broken AS SELECT 1 / (id - 1) AS q FROM odd.values;
      CREATE VIEW odd.slow AS SELECT pg_sleep(60)::text AS z`);
    await client.end();
    driver = createPostgresSource(shopOptions(database.url, { statementTimeoutMs: 3_000 }));
    catalog = await driver.introspect(['public', 'odd']);
  });
  afterAll(async () => {
    await driver?.close();
    await database?.[Symbol.asyncDispose]();
  });

  const ODD = FILE('    schemas: [odd]\n');
  const ask = async (source: string) => {
    const odd = await driver.introspect(['odd']);
    const schema = buildSchema(buildModel('shop', parseSources(ODD, 'sources.yaml'), odd), driver);
    const contextValue = createRequestContext({ tenantId: 'acme', subject: 'test', roles: [], scopes: [] });
    return JSON.parse(writeJson(await graphql({ schema, source, contextValue }))) as {
      data: unknown;
      errors?: object[];
    };
  };

  test('values come as they are', async () => {
    const { data, errors } = await ask(
      '{ value(id: 1) { n ts d tz i js nested moods m p r ip o mo bytes more ns moments c f } }',
    );
    // GraphQL has no number for NaN.
    expect(errors).toMatchObject([{ path: ['value', 'f'] }]);
    expect(data).toEqual({
      value: {
        n: `1${'0'.repeat(99)}.5`,
        ts: '0044-03-15 00:00:00+00 BC',
        d: 'infinity',
        tz: '10:00:00+05:30',
        i: 'P-10M1D',
        js: { a: 1.1 },
        nested: '{{1,2},{3,4}}',
        moods: ['OK', 'NOT_OK', null],
        m: 'VALUE_4',
        p: '(1,x)',
        r: '[1,5)',
        ip: '::1/128',
        o: 4294967295,
        mo: '12.50',
        bytes: '3q2+7w==',
        more: ['AA==', null],
        ns: ['1.10', 'NaN'],
        moments: ['2026-01-01T00:00:00.000001Z', 'infinity'],
        c: 'ab   ',
        f: null,
      },
    });
  });

  test('a key of bytes finds its row', async () => {
    expect(await ask('{ hash(hash: "3q2+7w==") { hash value { id } } hashes(first: 1) { nodes { hash } } }')).toEqual({
      data: { hash: { hash: '3q2+7w==', value: { id: 1 } }, hashes: { nodes: [{ hash: 'AA==' }] } },
    });
  });

  test('every kind of value is compared', async () => {
    const where = `{ n: { gt: "1e90" }, ts: { lt: "2000-01-01" }, d: { eq: "infinity" }, tz: { lt: "05:00Z" }, i: { lt: "P1D" }, j: { path: ["big"], gt: 1 },
      js: { path: ["a"], eq: 1.1 }, m: { in: [VALUE_4] }, p: { startsWith: "(1" }, r: { contains: "1,5" }, ip: { eq: "::1/128" }, o: { gte: 4294967295 },
      mo: { eq: "12.5" }, c: { startsWith: "ab" }, nested: { isNull: false },
      moods: { has: NOT_OK, contains: [OK, NOT_OK] }, ns: { overlaps: ["7", "1.1"], isEmpty: false }, moments: { has: "2026-01-01T01:00:00.000001+01:00" }, not: { moods: { containedBy: [OK, NOT_OK] } } }`;
    expect(await ask(`{ values(where: ${where}) { totalCount } }`)).toEqual({ data: { values: { totalCount: 1 } } });
  });

  test('moments that the API tells are taken as well', async () => {
    for (const where of [
      '{ ts: { eq: "0044-03-15 00:00:00+00 BC" } }',
      '{ ts: { lt: "infinity", gt: "-infinity" } }',
      '{ ts: { lt: "12026-01-31 09:30:00+00" } }',
    ])
      expect(await ask(`{ values(where: ${where}) { totalCount } }`), where).toEqual({
        data: { values: { totalCount: 1 } },
      });
  });

  test('every kind of value is grouped by, those without equality by their texts', async () => {
    const { data, errors } = await ask(`{
      valuesAggregate(groupBy: [{ field: N, width: "0.5" }, { field: TS, bucket: YEAR }, { field: D, bucket: WEEK }, { field: J, path: ["big"] }, { field: JS, path: ["a"] }]) {
        groups { keys { n ts d j(path: ["big"]) js(path: ["a"]) } } }
      more: valuesAggregate(groupBy: [{ field: M }, { field: P }, { field: R }, { field: O, width: 7 }, { field: MO, width: 10 }, { field: C }, { field: I }, { field: TZ }]) {
        groups { keys { m p r o mo c i tz } count sum { mo o } avg { n } min { c i tz mo } percentile(p: 1) { d mo } distinct { p ip } } } }`);
    expect(errors).toBeUndefined();
    expect(data).toEqual({
      valuesAggregate: {
        groups: [
          {
            keys: {
              ...{
                n: `1${'0'.repeat(99)}.5`,
                ts: '0044-01-01 00:00:00+00 BC',
                d: 'infinity',
                j: 12345678901234567000,
              },
              js: 1.1,
            },
          },
        ],
      },
      more: {
        groups: [
          {
            keys: {
              ...{ m: 'VALUE_4', p: '(1,x)', r: '[1,5)', o: 4294967292, mo: '10.00', c: 'ab', i: 'P-10M1D' },
              tz: '10:00:00+05:30',
            },
            count: 1,
            sum: { mo: '12.50', o: '4294967295' },
            avg: { n: `1${'0'.repeat(99)}.5` },
            min: { c: 'ab', i: 'P-10M1D', tz: '10:00:00+05:30', mo: '12.50' },
            percentile: { d: 'infinity', mo: '12.50' },
            distinct: { p: 1, ip: 1 },
          },
        ],
      },
    });
  });

  test('what a caller cannot have meant is his fault, what a view does is not', async () => {
    const code = async (source: string) => (await ask(source)).errors;
    expect(await code('{ values(where: { ip: { eq: "a" }, d: { eq: "2025-02-30" } }) { totalCount } }')).toMatchObject([
      { extensions: { code: 'BAD_USER_INPUT' } },
    ]);
    expect(await code('{ brokens { nodes { q } } }')).toMatchObject([
      { message: expect.stringContaining('22012'), extensions: { code: 'STORE_UNAVAILABLE' } },
    ]);
    expect(await code('{ slows { nodes { z } } }')).toMatchObject([{ extensions: { code: 'STORE_TIMEOUT' } }]);
  });

  const SIZED = FILE(
    '    schemas: [sized]\n    types:\n      things: { mutations: { insert: w, update: w, delete: w } }\n      parted: { mutations: { insert: w } }\n',
    'tenancy: { tenant: acme }',
  );
  const askSized = async (source: string) => {
    const schema = buildSchema(
      buildModel('shop', parseSources(SIZED, 'sources.yaml'), await driver.introspect(['sized'])),
      driver,
    );
    const contextValue = createRequestContext({ tenantId: 'acme', subject: 'test', roles: [], scopes: [] });
    return JSON.parse(writeJson(await graphql({ schema, source, contextValue }))) as {
      data: Record<string, { nodes?: { id: number }[]; groups?: object[] }>;
      errors?: { message: string; extensions: object }[];
    };
  };

  test.each([
    ['{ s: { lt: 40000 } }', [1]],
    ['{ s: { gte: 40000 } }', []],
    ['{ s: { gt: -40000 } }', [1]],
    ['{ s: { eq: 40000 } }', []],
    ['{ s: { ne: 40000 } }', [1, 2, 3, 4, 5, 6]],
    ['{ s: { not: { lt: 40000 } } }', [2, 3, 4, 5, 6]],
    ['{ s: { in: [60, 40000] } }', [1]],
    ['{ s: { notIn: [60, 40000] } }', [2, 3, 4, 5, 6]],
    ['{ b: { gt: "9223372036854775808" } }', []],
    ['{ b: { lte: "9223372036854775808" } }', [1]],
    ['{ r: { gt: 1e39 } }', []],
    ['{ r: { gt: -1e39 } }', [1]],
    ['{ many: { overlaps: [1, 40000] } }', [1]],
    ['{ many: { contains: [1, 40000] } }', []],
    ['{ many: { containedBy: [1, 40000] } }', [1]],
  ])('numbers that a column cannot hold compare as mathematics has it: %s', async (where, ids) => {
    const { data, errors } = await askSized(`{ things(where: ${where}) { nodes { id } } }`);
    expect(errors).toBeUndefined();
    expect(data['things']!.nodes!.map(({ id }) => id)).toEqual(ids);
  });

  test.each([
    ['{ things(where: { d: { eq: "2026-02-30" } }) { totalCount } }', '`d`: "2026-02-30" is none'],
    [
      '{ things(where: { u: { in: ["not-uuid", "00000000-0000-4000-8000-000000000001"] } }) { nodes { id } } }',
      '`u`: "not-uuid"',
    ],
    [
      '{ things(where: { us: { overlaps: ["not-uuid", "00000000-0000-4000-8000-000000000001"] } }) { totalCount } }',
      '`us`: "not-uuid"',
    ],
    ['{ things(where: { us: { has: "x" } }) { nodes { id } } }', '`us`: "x"'],
    ['{ thingsAggregate(where: { or: [{ u: { eq: "x" } }] }) { groups { count } } }', '`u`: "x"'],
    ['mutation { insertThings(input: [{ id: 9, v: "too long", w: "a" }]) { id } }', '`v`: "too long"'],
    ['mutation { updateThings(input: [{ id: 1, n: "12345.6" }]) { id } }', '`n`: "12345.6"'],
    ['mutation { insertThings(input: [{ id: 9, s: 40000 }]) { id } }', '`s`: "40000"'],
    ['mutation { insertThings(input: [{ id: 9, d: "2026-02-30" }]) { id } }', '`d`: "2026-02-30"'],
    ['mutation { insertThings(input: [{ id: 9, u: "x", v: "y" }]) { id } }', '`u`: "x"'],
    ['mutation { insertThings(input: [{ id: 9, ip: "here" }]) { id } }', '`ip`: "here"'],
    ['mutation { updateThings(input: [{ id: 1, x: "<a" }]) { id } }', 'none that its column can hold'],
    ['mutation { insertParteds(input: [{ id: 1, at: 7 }]) { id } }', 'no partition for the row, by its at'],
  ])('a value that a column cannot hold is named with it: %s', async (source, told) => {
    const { errors } = await askSized(source);
    expect(errors).toMatchObject([{ message: expect.stringContaining(told), extensions: { code: 'BAD_USER_INPUT' } }]);
  });

  test('a list of lists in a column of lists is told at its field, and costs nothing else', async () => {
    const { data, errors } = await askSized('{ things(where: { id: { lte: 2 } }) { nodes { id texts } } }');
    expect(data['things']!.nodes).toEqual([
      { id: 1, texts: null },
      { id: 2, texts: null },
    ]);
    expect(errors).toMatchObject([
      {
        message: expect.stringMatching(/column texts holds a list of lists/),
        path: ['things', 'nodes', 0, 'texts'],
        extensions: { code: 'STORE_UNAVAILABLE', unreadable: true },
      },
    ]);
  });

  test('floats of any size are grouped by width', async () => {
    const { data, errors } = await askSized(
      '{ thingsAggregate(where: { id: { ne: 6 } }, groupBy: [{ field: F, width: "0.5" }], orderBy: [{ field: F }]) { groups { keys { f } count } } }',
    );
    expect(errors).toBeUndefined();
    expect(data['thingsAggregate']!.groups).toEqual([
      { keys: { f: -0.5 }, count: 1 },
      { keys: { f: 0 }, count: 1 },
      { keys: { f: 0.5 }, count: 1 },
      { keys: { f: 1e308 }, count: 1 },
      { keys: { f: null }, count: 1 },
    ]);
  });

  test('two foreign keys to one table are told apart in both directions', () => {
    const types = new Map(
      build(FILE('    types: { orders: { hide: true } }\n')).types.map((type) => [type.name, type]),
    );
    expect(types.get('User')!.links.map(({ field }) => field)).toEqual(['billingAddress', 'shippingAddress']);
    expect(types.get('Address')!.links.map(({ field }) => field)).toEqual([
      'usersByBillingAddress',
      'usersByShippingAddress',
    ]);
  });

  test.each([
    ['    types: { custommers: {} }', /:6: shop: there is no table or view "custommers".*Did you mean "customers"\?/],
    ['    types: { customers: { key: [idd] } }', /:6: .*no column "idd" that is shown\. Did you mean "id"\?/],
    ['    types: { customers: { orderBy: [{ column: profile }] } }', /:6: .*no column "profile" to sort by/],
    ['    types: { customers: { columns: { nam: {} } } }', /:6: .*no column "nam"/],
    [
      '    types: { customers: { columns: { name: { name: mail } } } }',
      /columns name and mail .* both be the field mail/,
    ],
    ['    types: { customers: { columns: { name: { name: and } } } }', /field and, which filters have for themselves/],
    [
      '    types: { orders: { name: Customer } }',
      /the type Customer of public\.orders is also one of public\.customers/,
    ],
    ['    types: { orders: { name: Query } }', /Query of public\.orders is one of the API's own/],
    ['    types: { visits: { tenancy: { column: tenant } } }', /has no column "tenant" to name the tenant/],
    ['    types: { vips: { mutations: { insert: a } } }', /:6: .*public\.vips is a view, whose rows are not changed/],
    [
      '    types: { visits: { tenancy: { tenant: acme }, mutations: { insert: a } } }',
      /:6: .*public\.visits has no key that is shown/,
    ],
    [
      '    types: { orders: { tenancy: shared, mutations: { insert: a } } }',
      /:6: .*public\.orders is `shared`: every tenant could change the rows of all/,
    ],
    ['    types: { orders: { mutations: { insert: "a b" } } }', /:6: .*must be a scope, such as `sources:write`/],
    ['    types: { orders: { mutations: { drop: a } } }', /:6: .*drop/],
    ['    links: [{ from: orders.customer, to: customers.id }]', /no column "customer" that is shown\. Did you mean/],
    ['    links: [{ from: orders.note, to: customers.id }]', /note .* is .*A link compares columns of one type/],
    ['    links: [{ from: orders.customer_id, to: customers.id, name: status }]', /Order has a field status already/],
  ])('%s', (more, told) => {
    const faults = faultsOf(FILE(`${more}\n`));
    expect(faults).toMatch(told);
    expect(faults).toMatch(/^SOURCES has 1 fault:/);
  });

  test('a table of which nothing can be written, or nothing unique, is told of and starts nothing', () => {
    const table = (columns: Catalog['tables'][number]['columns']): Catalog => ({
      enums: [],
      tables: [
        {
          id: 'public.t',
          schema: 'public',
          name: 't',
          kind: 'table',
          columns,
          key: ['id'],
          uniques: [['id']],
          foreignKeys: [],
        },
      ],
    });
    const text = {
      name: 'tenant_id',
      kind: 'text',
      native: 'pg_catalog."text"',
      list: false,
      nullable: false,
    } as const;
    const id = {
      name: 'id',
      kind: 'int',
      native: 'pg_catalog."int4"',
      list: false,
      nullable: false,
      generated: true,
    } as const;
    const told = (catalog: Catalog, mutations: string): string => {
      try {
        buildModel(
          'shop',
          parseSources(
            FILE(`    types: { t: { tenancy: { column: tenant_id }, mutations: ${mutations} } }\n`),
            'sources.yaml',
          ),
          catalog,
        );
        return '';
      } catch (error) {
        return (error as Error).message;
      }
    };
    expect(told(table([id, text]), '{ insert: a }')).toMatch(/public\.t has no column that may be written/);
    expect(told(table([id, text, { ...text, name: 'v' }]), '{ insert: a, upsert: a }')).toMatch(
      /has nothing unique that may be written/,
    );
    expect(told(table([id, text, { ...text, name: 'v' }]), '{ insert: a, delete: a }')).toBe('');
  });

  test('the file names links, and adds those that the database does not know of', () => {
    const { types } = build(
      FILE(
        '    types: { vips: { key: [id] } }\n    links:\n      - { from: orders.customer_id, to: customers.id, name: buyer, back: purchases }\n      - { from: vips.id, to: customers.id, name: customer, back: false }\n',
      ),
    );
    const fields = (name: string) =>
      types.find((type) => type.name === name)!.links.map(({ field, many }) => [field, many]);
    expect(fields('Order')).toContainEqual(['buyer', false]);
    expect(fields('Customer')).toContainEqual(['purchases', true]);
    expect(fields('Vip')).toEqual([['customer', false]]);
    expect(fields('Customer').some(([field]) => String(field).startsWith('vip'))).toBe(false);
  });
});
