import { graphql, type GraphQLSchema } from 'graphql';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createRequestContext } from '#subgraphs/shared/context.ts';
import { writeJson } from '#subgraphs/shared/exact-number.ts';
import type { SourceDriver } from '#subgraphs/sources/driver.ts';
import { createClickhouseSource } from '#subgraphs/sources/drivers/clickhouse/index.ts';
import { buildModel } from '#subgraphs/sources/model/build.ts';
import { parseSources } from '#subgraphs/sources/model/read.ts';
import { buildSchema } from '#subgraphs/sources/schema/index.ts';
import { mergeSource } from '#ops/sources/merge.ts';
import { createClickhouseDatabase, type ClickhouseDatabase } from '#tests/setup/clickhouse.ts';
import { shopOptions } from '#tests/setup/source-options.ts';

const FILE = `sources:
  shop:
    kind: clickhouse
    url: SHOP_URL
    tenancy: { column: tenant_id }
    types: { odd: { key: [id] }, slow: { tenancy: shared }, broken: { tenancy: shared }, numbered: { key: [id] }, strange: { key: [k], columns: { 通り: { name: way } } }, as_asked: { tenancy: shared } }
    links:
      - { from: odd.part_of, to: odd.id, name: whole, back: parts }
      - { from: odd.d, to: prices.price, name: price, back: false }
`;

describe.skipIf(!process.env['TEST_CLICKHOUSE_URL'])('of a ClickHouse (TEST_CLICKHOUSE_URL)', () => {
  let database: ClickhouseDatabase;
  let driver: SourceDriver;
  const open = (url: string, more: object = {}): SourceDriver =>
    createClickhouseSource(shopOptions(url, { statementTimeoutMs: 3_000, connectTimeoutMs: 3_000, ...more }));
  let schema: GraphQLSchema;
  const built = async (): Promise<GraphQLSchema> =>
    buildSchema(buildModel('shop', parseSources(FILE, 'sources.yaml'), await driver.introspect([])), driver);
  const ask = async (source: string, tenantId = 'acme', variableValues: object = {}) => {
    const contextValue = createRequestContext({ tenantId, subject: 'test', roles: [], scopes: [] });
    const result = await graphql({ schema, source, contextValue, variableValues: variableValues as never });
    // eslint-disable-next-line @typescript-eslint/no-explicit-any -- answers
    return JSON.parse(writeJson(result)) as { data: any; errors?: { message: string; extensions: object }[] };
  };

  beforeAll(async () => {
    database = await createClickhouseDatabase();
    await database.run(`
      CREATE TABLE odd (
        id UInt64, tenant_id String, i8 Int8, u16 UInt16, u32 UInt32, i256 Int256, u128 UInt128, f32 Float32, f64 Float64, d Decimal(10, 2),
        s String COMMENT 'Any bytes; as they are', fs FixedString(4), e Enum8('it''s' = -2, 'in progress' = 1), u UUID, ip4 IPv4, ip6 IPv6, b Bool, day Date, day32 Date32,
        at DateTime('Asia/Kolkata'), at9 DateTime64(9, 'Europe/Berlin'), lc LowCardinality(Nullable(String)), tags Array(LowCardinality(String)),
        sums Array(Nullable(Decimal(10, 2))), deep Array(Array(UInt8)), m Map(String, UInt64), t Tuple(a Int8, b String), js JSON, v Variant(Int8, String),
        part_of Nullable(UInt64), twice UInt64 ALIAS id * 2, once String MATERIALIZED concat(s, '!'), states AggregateFunction(sum, UInt64), given String EPHEMERAL 'x'
      ) ENGINE = MergeTree ORDER BY id COMMENT 'Odd ones';
      INSERT INTO odd (* EXCEPT (states)) VALUES
        (18446744073709551615, 'acme', -128, 65535, 4294967295, -57896044618658097711785492504343953926634992332820282019728792003956564819968, 340282366920938463463374607431768211455,
         0.1, nan, 12.50, unhex('ff00'), 'ab', 'it\\'s', '61f0c404-5cb3-11e7-907b-a6006ad3dba0', '10.0.0.1', '::1', true, '2149-06-06', '1900-01-01',
         '2026-01-31 15:00:00', '2026-01-31 10:30:00.123456789', NULL, ['a', 'b'], [1.10, NULL], [[1], []], {'x': 18446744073709551615}, (1, 'it\\'s'), '{"a": {"b": 1}}', 7, 1),
        (1, 'acme', 0, 0, 0, 0, 0, -inf, inf, 0, 'Ünder "100%" \\\\ \\'quoted\\'\\n', 'abcd', 'in progress', '00000000-0000-0000-0000-000000000000', '255.255.255.255', 'fe80::1', false, '1970-01-01', '2299-12-31',
         '1970-01-02 00:00:00', '1969-12-31 23:59:59.5', 'x', [], [], [], {}, (0, ''), '{}', 'text', NULL),
        (2, 'ACME', 0, 0, 0, 0, 0, 0, 0, 0, '', '', 'in progress', '00000000-0000-0000-0000-000000000000', '0.0.0.0', '::', false, '1970-01-01', '1970-01-01', 0, 0, NULL, [], [], [], {}, (0, ''), '{}', NULL, NULL);
      CREATE TABLE numbered (id UInt8, tenant_id Nullable(Int32)) ENGINE = MergeTree ORDER BY id;
      INSERT INTO numbered VALUES (1, 0), (2, 7);
      CREATE TABLE prices (price Decimal(20, 6), tenant_id String) ENGINE = ReplacingMergeTree ORDER BY (tenant_id, price);
      INSERT INTO prices VALUES (12.5, 'acme'), (12.500001, 'acme');
      CREATE TABLE latest (id UInt8, tenant_id String, name String, at DateTime) ENGINE = ReplacingMergeTree(at) ORDER BY (tenant_id, id);
      INSERT INTO latest VALUES (1, 'acme', 'old', 1), (2, 'acme', 'kept', 1);
      INSERT INTO latest VALUES (1, 'acme', 'new', 2);
      CREATE TABLE strange (\`k\\\`"'\\\\; DROP TABLE odd; --\` UInt8, k UInt8, tenant_id String, \`通り\` String) ENGINE = MergeTree ORDER BY k;
      INSERT INTO strange VALUES (5, 1, 'acme', 'x');
      CREATE VIEW broken AS SELECT throwIf(number = 1, 'rows say this') AS q FROM numbers(3);
      CREATE VIEW slow AS SELECT sleepEachRow(1) AS z FROM numbers(60);
      CREATE VIEW as_asked AS SELECT toString(getSetting('readonly')) AS readonly, toString(getSetting('max_execution_time')) AS seconds,
        toString(getSetting('final')) AS final, toString(getSetting('timeout_overflow_mode')) AS overflow;
      CREATE TABLE nothing (x UInt8, tenant_id String) ENGINE = Null`);
    driver = open(database.url);
    schema = await built();
  });
  afterAll(async () => {
    await driver?.close();
    await database?.[Symbol.asyncDispose]();
  });

  test('values come as they are; what is none is that field’s fault alone', async () => {
    const { data, errors } = await ask(
      '{ odds { nodes { id i8 u16 u32 i256 u128 f32 f64 d s fs e u ip4 ip6 b day day32 at at9 lc tags sums deep m t js v twice once } } }',
    );
    expect(errors?.map(({ message }) => message).sort()).toMatchObject([
      expect.stringContaining('NaN'),
      expect.stringContaining('NaN'),
      expect.stringContaining('NaN'),
      'The column once holds a text that is no UTF-8.',
      'The column s holds a text that is no UTF-8.',
    ]);
    expect(data.odds.nodes).toEqual([
      {
        ...{
          id: 1,
          i8: 0,
          u16: 0,
          u32: 0,
          i256: '0',
          u128: '0',
          f32: null,
          f64: null,
          d: '0',
          fs: 'abcd',
          e: 'IN_PROGRESS',
        },
        ...{ s: 'Ünder "100%" \\ \'quoted\'\n', once: 'Ünder "100%" \\ \'quoted\'\n!' },
        ...{ u: '00000000-0000-0000-0000-000000000000', ip4: '255.255.255.255', ip6: 'fe80::1', b: false },
        ...{ day: '1970-01-01', day32: '2299-12-31', at: '1970-01-01T18:30:00.000Z', at9: '1969-12-31T22:59:59.500Z' },
        ...{ lc: 'x', tags: [], sums: [], deep: [], m: {}, t: { a: 0, b: '' }, js: {}, v: 'text', twice: 2 },
      },
      {
        ...{
          id: '18446744073709551615',
          i8: -128,
          u16: 65535,
          u32: 4294967295,
          f32: 0.1,
          f64: null,
          d: '12.5',
          s: null,
          once: null,
        },
        i256: '-57896044618658097711785492504343953926634992332820282019728792003956564819968',
        u128: '340282366920938463463374607431768211455',
        ...{ fs: 'ab', e: 'ITS', u: '61f0c404-5cb3-11e7-907b-a6006ad3dba0', ip4: '10.0.0.1', ip6: '::1', b: true },
        ...{
          day: '2149-06-06',
          day32: '1900-01-01',
          at: '2026-01-31T09:30:00.000Z',
          at9: '2026-01-31T09:30:00.123456789Z',
        },
        ...{
          lc: null,
          tags: ['a', 'b'],
          sums: ['1.1', null],
          deep: [[1], []],
          t: { a: 1, b: "it's" },
          js: { a: { b: 1 } },
          v: 7,
        },
        m: { x: 18446744073709552000 },
        twice: '18446744073709551614',
      },
    ]);
  });

  test('every kind of value is compared, and what a type cannot hold is on one side of all of its own', async () => {
    const where = `{ id: { eq: "18446744073709551615" }, i8: { lt: 0 }, u16: { in: [65535] }, u32: { gt: 4294967294 }, i256: { lt: "-1e70" }, u128: { eq: "340282366920938463463374607431768211455" },
      f32: { eq: 0.1 }, d: { eq: "12.5" }, fs: { startsWith: "a" }, e: { eq: ITS }, u: { eq: "61F0C404-5CB3-11E7-907B-A6006AD3DBA0" }, ip4: { eq: "10.0.0.1" }, ip6: { contains: ":1" }, b: { eq: true },
      day: { gt: "2100-01-01" }, day32: { gt: "1000-01-01", lt: "9000-01-01" }, at: { gt: "2026-01-31T09:29:59.999Z" }, at9: { gt: "0100-01-01T00:00:00Z", lte: "9000-01-01T00:00:00Z" }, lc: { isNull: true } }`;
    expect(await ask(`{ odds(where: ${where}) { totalCount } }`)).toEqual({ data: { odds: { totalCount: 1 } } });
    for (const [where, count] of [
      ['{ d: { eq: "12.501" } }', 0],
      ['{ d: { lt: "12.501" } }', 2],
      ['{ day32: { lt: "1000-01-01" } }', 0],
      ['{ not: { day32: { eq: "1000-01-01" } } }', 2],
      ['{ day: { in: ["1000-01-01"] } }', 0],
      ['{ f64: { gt: 0 } }', 1],
      ['{ f64: { ne: 1 } }', 2],
      ['{ parts: { some: { id: { gt: "1" } } } }', 1],
      ['{ whole: { s: { startsWith: "Ü" } } }', 1],
      ['{ price: { price: { gt: "0" } } }', 1],
    ] as const) {
      const { data, errors } = await ask(`{ odds(where: ${where}) { totalCount } }`);
      expect([errors, data?.odds], where).toEqual([undefined, { totalCount: count }]);
    }
    for (const s of [
      { contains: 'ünDER "100%" \\' },
      { matches: "^Ü.+\\\\ 'quoted'.$" },
      { endsWith: "'\n" },
      { startsWith: 'Ünder "100%" \\ \'' },
      { eq: 'Ünder "100%" \\ \'quoted\'\n' },
      { in: ['\\N', 'Ünder "100%" \\ \'quoted\'\n', "', 1) OR 1 = 1 --"] },
    ]) {
      const { data, errors } = await ask('query($where: OddFilter) { odds(where: $where) { totalCount } }', 'acme', {
        where: { s },
      });
      expect([errors, data?.odds], JSON.stringify(s)).toEqual([undefined, { totalCount: 1 }]);
    }
  });

  test('pages go over numbers that are none, texts that are no UTF-8, and addresses, each row once', async () => {
    for (const field of ['F64', 'F32', 'S', 'FS', 'E', 'AT9', 'LC', 'I256'])
      for (const direction of ['ASC', 'DESC']) {
        const seen: unknown[] = [];
        let after: string | null = null;
        do {
          const { data, errors } = await ask(
            `query($after: String) { odds(first: 1, after: $after, orderBy: [{ field: ${field}, direction: ${direction} }]) { pageInfo { hasNextPage endCursor } nodes { id } } }`,
            'acme',
            { after },
          );
          expect(errors, field).toBeUndefined();
          seen.push(...data.odds.nodes.map(({ id }: { id: unknown }) => String(id)));
          after = data.odds.pageInfo.hasNextPage ? data.odds.pageInfo.endCursor : null;
        } while (after !== null && seen.length < 5);
        expect(seen.toSorted(), `${field} ${direction}`).toEqual(['1', '18446744073709551615']);
      }
  });

  test('rows that others replace are gone, and the sorting key of such a table is a key', async () => {
    const { data, errors } = await ask('{ latests { totalCount nodes { name } } latest(id: 1) { name } }');
    expect(errors).toBeUndefined();
    expect(data).toEqual({
      latests: { totalCount: 2, nodes: [{ name: 'new' }, { name: 'kept' }] },
      latest: { name: 'new' },
    });
  });

  test('aggregates: sums past 256 bits of a column, clocks of any zone, what is no number passed over', async () => {
    const { data, errors } = await ask(`{
      all: oddsAggregate { groups { count sum { id d f32 u32 } avg { d u32 } min { at s } max { day32 } percentile(p: 0.5) { u32 } distinct { f64 lc e } } }
      zoned: oddsAggregate(groupBy: [{ field: AT, bucket: DAY, timeZone: "America/New_York" }], orderBy: [{ field: AT }]) { groups { keys { at } count } }
      kinds: oddsAggregate(groupBy: [{ field: E }, { field: DAY32, bucket: YEAR }, { field: D, width: 5 }], orderBy: [{ field: E }]) { groups { keys { e day32 d } } } }`);
    expect(errors).toBeUndefined();
    expect(data).toMatchObject({
      all: {
        groups: [
          {
            count: 2,
            sum: { id: '18446744073709551616', d: '12.5', f32: null, u32: '4294967295' },
            avg: { d: '6.25', u32: '2147483647.5' },
            min: { at: '1970-01-01T18:30:00.000Z', s: 'Ünder "100%" \\ \'quoted\'\n' },
            max: { day32: '2299-12-31' },
            percentile: { u32: 0 },
            distinct: { f64: 1, lc: 1, e: 2 },
          },
        ],
      },
      zoned: { groups: [{ keys: { at: '1970-01-01T05:00:00.000Z' } }, { keys: { at: '2026-01-31T05:00:00.000Z' } }] },
      kinds: {
        groups: [
          { keys: { e: 'ITS', day32: '1900-01-01', d: '10' } },
          { keys: { e: 'IN_PROGRESS', day32: '2299-01-01', d: '0' } },
        ],
      },
    });
  });

  test('a tenant is told character for character, and by number where it is one', async () => {
    for (const [tenant, count] of [
      ['acme', 2],
      ['ACME', 1],
      ['Acme', 0],
      ["acme' OR 1 = 1 --", 0],
      ['acme\\', 0],
    ] as const)
      expect((await ask('{ odds { totalCount } }', tenant)).data.odds.totalCount, tenant).toBe(count);
    for (const [tenant, count] of [
      ['7', 1],
      ['007', 0],
      ['acme', 0],
    ] as const)
      expect((await ask('{ numbereds { totalCount } }', tenant)).data.numbereds.totalCount, tenant).toBe(count);
  });

  test('names with marks of SQL are names', async () => {
    const catalog = await driver.introspect([]);
    const { columns } = catalog.tables.find(({ name }) => name === 'strange')!;
    expect(columns.map(({ name }) => name)).toContain('k`"\'\\; DROP TABLE odd; --');
    const { data, errors } = await ask('{ strange(k: 1) { kDropTableOdd k } odds { totalCount } }');
    expect(errors).toBeUndefined();
    expect(data).toEqual({ strange: { kDropTableOdd: 5, k: 1 }, odds: { totalCount: 2 } });
  });

  test('what cannot be read is left out, and sources:init says why', async () => {
    const catalog = await driver.introspect([]);
    expect(catalog.unread).toEqual([
      { name: `${database.name}.nothing`, why: expect.stringContaining('keeps nothing') },
    ]);
    const looked = {
      name: 'shop',
      kind: 'clickhouse',
      variable: 'SHOP_URL',
      schemas: [],
      tenancy: undefined,
      catalog,
    } as const;
    const { text } = mergeSource(undefined, 'sources.yaml', looked);
    expect(text).toContain('states: left out, it holds states of an aggregate, which are no values yet');
    expect(text).toContain('given: left out, it is only written');
    expect(text).toContain("e: Enum8('it\\'s' = -2, 'in progress' = 1) not null (it's, in progress)");
    expect(text).toContain('s: String not null: Any bytes; as they are');
    expect(text).toContain('key: tenant_id, id');
  });

  test('a statement that takes long, a view that fails, and a column that vanished are told as what they are', async () => {
    const slow = await ask('{ slows { nodes { z } } }');
    expect(slow.errors).toMatchObject([{ extensions: { code: 'STORE_TIMEOUT' } }]);
    const broken = await ask('{ brokens { nodes { q } } }');
    expect(broken.errors).toMatchObject([{ extensions: { code: 'STORE_UNAVAILABLE' } }]);
    expect(JSON.stringify(broken.errors)).not.toContain('rows say this');
    await database.run(
      'CREATE TABLE fleeting (id UInt8, tenant_id String, gone String) ENGINE = ReplacingMergeTree ORDER BY id',
    );
    const before = await built();
    await database.run('ALTER TABLE fleeting DROP COLUMN gone');
    const contextValue = () => createRequestContext({ tenantId: 'acme', subject: 'test', roles: [], scopes: [] });
    const asked = (source: string) => graphql({ schema: before, source, contextValue: contextValue() });
    expect((await asked('{ fleetings { nodes { gone } } }')).errors).toMatchObject([
      { message: expect.stringContaining('has changed'), extensions: { code: 'STORE_UNAVAILABLE' } },
    ]);
    expect((await asked('{ fleetings { nodes { id } } }')).errors).toBeUndefined();
    await database.run('DROP TABLE fleeting');
  });

  test('each statement reads alone, ends in time and is whole, whatever the user’s profile says', async () => {
    const { data } = await ask('{ asAskeds { nodes { readonly seconds final overflow } } }');
    expect(data.asAskeds.nodes).toEqual([{ readonly: '2', seconds: '3', final: 'true', overflow: 'throw' }]);
  });

  test('who may not read is told what to do, and no password', async () => {
    const trial = async (change: (url: URL) => void): Promise<string> => {
      const url = new URL(database.url);
      change(url);
      const other = open(url.href);
      try {
        const health = await other.health();
        const error: unknown = await other.introspect([]).then(
          () => undefined,
          (reason: unknown) => reason,
        );
        expect(health.state).toBe(error === undefined ? 'ok' : 'down');
        return JSON.stringify([health, error, (error as Error | undefined)?.message]);
      } finally {
        await other.close();
      }
    };
    const wrong = await trial((url) => (url.password = 'secret-guess'));
    expect(wrong).toContain('refused the user or password: check SHOP_URL');
    expect(wrong).not.toContain('secret-guess');
    expect(await trial((url) => (url.port = '1'))).toContain('HTTP interface runs at the host and port of SHOP_URL');
    if (process.env['TEST_CLICKHOUSE_STRICT'] !== undefined)
      expect(await trial((url) => (url.username = process.env['TEST_CLICKHOUSE_STRICT']!))).toContain('readonly = 2');
    await expect(open('clickhouse://').introspect([])).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' });
    expect(await driver.health()).toMatchObject({ state: 'ok' });
  });
});
