import { graphql } from 'graphql';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createRequestContext } from '#subgraphs/shared/context.ts';
import { writeJson } from '#subgraphs/shared/exact-number.ts';
import type { SourceDriver, SourceOptions } from '#subgraphs/sources/driver.ts';
import { buildModel } from '#subgraphs/sources/model/build.ts';
import { parseSources } from '#subgraphs/sources/model/read.ts';
import { buildSchema } from '#subgraphs/sources/schema/index.ts';
import { createMysqlDatabase, type MysqlDatabase, type URLS } from '#tests/setup/mysql.ts';
import { shopOptions } from '#tests/setup/source-options.ts';

const FILE_OF = (kind: Kind, tenancy: string) =>
  `sources:\n  shop:\n    kind: ${kind}\n    url: SHOP_URL\n    tenancy: ${tenancy}\n    types: { broken: { tenancy: shared }, slow: { tenancy: shared } }\n`;

type Kind = keyof typeof URLS;

/** Types that are not alike. */
const TYPES = { mariadb: 'un uuid, ip inet6', mysql: 'un char(36), ip varchar(39)' };

/** What values, names and faults of either kind are. */
export function describeMysqlValues(kind: Kind, createSource: (options: SourceOptions) => Promise<SourceDriver>): void {
  const FILE = (tenancy: string): string => FILE_OF(kind, tenancy);
  let database: MysqlDatabase;
  let driver: SourceDriver;
  const open = async (url: string, more: object = {}): Promise<SourceDriver> =>
    await createSource(shopOptions(url, { statementTimeoutMs: 3_000, connectTimeoutMs: 3_000, ...more }));
  const ask = async (source: string, tenantId = 'acme', variableValues: object = {}) => {
    const file = parseSources(FILE('{ column: tenant_id }'), 'sources.yaml');
    const schema = buildSchema(buildModel('shop', file, await driver.introspect([])), driver);
    const contextValue = createRequestContext({ tenantId, subject: 'test', roles: [], scopes: [] });
    const result = await graphql({ schema, source, contextValue, variableValues: variableValues as never });
    // eslint-disable-next-line @typescript-eslint/no-explicit-any -- answers
    return JSON.parse(writeJson(result)) as { data: any; errors?: { message: string; extensions: object }[] };
  };

  beforeAll(async () => {
    database = await createMysqlDatabase(kind);
    await database.client.query(`
      SET SESSION sql_mode = '';
      CREATE TABLE odd (
        id int unsigned PRIMARY KEY, tenant_id varchar(50) NOT NULL, u bigint unsigned, d decimal(65,10), f float, z date NOT NULL, ts timestamp(6) NOT NULL DEFAULT '2026-01-01',
        s set('a','b c') , e enum('in progress','it''s') NOT NULL, b bit(64), flag bit(1), y year, t time(3), bl blob, js json, l varchar(20) CHARACTER SET latin1,
        g point, ${TYPES[kind]}, twice bigint AS (id * 2) STORED COMMENT 'Twice; its id'
      ) COMMENT 'Odd ones' COLLATE utf8mb4_general_ci;
      INSERT INTO odd (id, tenant_id, u, d, f, z, s, e, b, flag, y, t, bl, js, l, g, un, ip) VALUES
        (4294967295, 'acme', 18446744073709551615, '1234567890123456789012345678901234567890.5', 0.1, '0000-00-00', 'a,b c', 'it''s', b'1111', b'1', 2026, '-837:59:59.5', x'00ff', '{"n": 1.10}', 'é', POINT(1, 2), 'ac0e8400-e29b-41d4-a716-446655440000', '::1'),
        (2, 'acme', 0, 0, NULL, '2026-02-29', '', 'nonsense', b'0', b'0', 0, '00:00:00', '', NULL, '', NULL, NULL, NULL),
        (3, 'ACME', 0, 0, 0, '2026-02-01', '', '', b'0', b'0', 0, '00:00:00', '', NULL, '', NULL, NULL, NULL),
        (4, 'acme ', 0, 0, 0, '2026-02-01', '', '', b'0', b'0', 0, '00:00:00', '', NULL, '', NULL, NULL, NULL);
      CREATE TABLE codes (code varchar(20) PRIMARY KEY, tenant_id varchar(50) NOT NULL, raw binary(2) UNIQUE) COLLATE utf8mb4_general_ci;
      INSERT INTO codes VALUES ('Ada', 'acme', x'0001'), ('b', 'acme', x'00ff'), ('C', 'acme', NULL), ('É', 'acme', x'0a0a');
      CREATE TABLE numbered (id int PRIMARY KEY, tenant_id int);
      INSERT INTO numbered VALUES (1, 0), (2, 7);
      CREATE TABLE ${'`a``b"c\'; DROP TABLE codes; --`'} (${'`k``"\'`'} int PRIMARY KEY, tenant_id varchar(50) NOT NULL, ${'`通り``? x`'} text);
      INSERT INTO ${'`a``b"c\'; DROP TABLE codes; --`'} VALUES (1, 'acme', 'x');
      CREATE TABLE marks (id int PRIMARY KEY, tenant_id varchar(50) NOT NULL, mark enum('new 🆕', 'old') CHARACTER SET utf8mb4);
      INSERT INTO marks VALUES (1, 'acme', 'new 🆕'), (2, 'acme', 'old');
      CREATE VIEW broken AS SELECT (SELECT id FROM odd) AS q;
      CREATE VIEW slow AS SELECT count(*) AS z FROM ${['a', 'b', 'c', 'd', 'e'].map((name) => `information_schema.COLLATIONS AS ${name}`).join(', ')}`);
    driver = await open(database.url);
  });
  afterAll(async () => {
    await driver?.close();
    await database?.[Symbol.asyncDispose]();
  });

  test('values come as they are; what is none of its enum is that field’s fault alone', async () => {
    const { data, errors } = await ask('{ odds { nodes { id u d f z ts s e b flag y t bl js l g un ip twice } } }');
    expect(errors).toHaveLength(1);
    expect(data.odds.nodes).toEqual([
      {
        id: 2,
        ...{ u: 0, d: '0.0000000000', f: null, z: '0000-00-00', ts: '2026-01-01T00:00:00.000Z', s: '', e: null, b: 0 },
        ...{ flag: false, y: 0, t: '00:00:00.000', bl: '', js: null, l: '', g: null, un: null, ip: null, twice: 4 },
      },
      {
        id: 4294967295,
        u: '18446744073709551615',
        d: '1234567890123456789012345678901234567890.5000000000',
        f: 0.1,
        z: '0000-00-00',
        ts: '2026-01-01T00:00:00.000Z',
        s: 'a,b c',
        e: 'ITS',
        b: 15,
        flag: true,
        y: 2026,
        t: '-837:59:59.500',
        bl: 'AP8=',
        js: { n: 1.1 },
        l: 'é',
        g: 'POINT(1 2)',
        un: 'ac0e8400-e29b-41d4-a716-446655440000',
        ip: '::1',
        twice: 8589934590,
      },
    ]);
  });

  test('an enum with a character that the catalog cannot tell is read as texts', async () => {
    const source = '{ marks(where: { mark: { contains: "new" } }) { nodes { mark } } all: marks { totalCount } }';
    expect(await ask(source)).toEqual({ data: { marks: { nodes: [{ mark: 'new 🆕' }] }, all: { totalCount: 2 } } });
  });

  test('every kind of value is compared', async () => {
    const where = `{ id: { gt: 4294967294 }, u: { eq: "18446744073709551615" }, d: { gt: "1e39" }, f: { eq: 0.1 }, z: { eq: "0000-00-00" }, ts: { gte: "2026-01-01T00:00:00Z" }, s: { contains: "B C" },
      e: { eq: ITS }, b: { eq: 15 }, flag: { eq: true }, y: { in: [2026] }, t: { lt: "00:00" }, l: { eq: "é" }, g: { startsWith: "POINT" }, un: { eq: "ac0e8400-e29b-41d4-a716-446655440000" }, ip: { eq: "::1" } }`;
    expect(await ask(`{ odds(where: ${where}) { totalCount } }`)).toEqual({ data: { odds: { totalCount: 1 } } });
  });

  test('aggregates: texts by code point, zero dates as themselves, clocks of any zone, averages past 65 digits', async () => {
    const { data, errors } = await ask(`{
      codes: codesAggregate(groupBy: [{ field: CODE }], orderBy: [{ field: CODE }]) { groups { keys { code } } }
      odds: oddsAggregate(groupBy: [{ field: Z, bucket: MONTH }, { field: FLAG }], orderBy: [{ field: FLAG }]) {
        groups { keys { z flag } count sum { u d } avg { d b } percentile(p: 0) { u } min { t } } }
      zoned: oddsAggregate(groupBy: [{ field: TS, bucket: DAY, timeZone: "America/New_York" }]) { groups { keys { ts } count } } }`);
    expect(errors).toBeUndefined();
    const digits = '1234567890123456789012345678901234567890.5000000000';
    expect(data).toEqual({
      codes: { groups: ['Ada', 'C', 'b', 'É'].map((code) => ({ keys: { code } })) },
      odds: {
        groups: [
          {
            ...{ keys: { z: '0000-00-00', flag: false }, count: 1, sum: { u: '0', d: '0.0000000000' } },
            ...{ avg: { d: '0', b: '0' }, percentile: { u: 0 }, min: { t: '00:00:00.000' } },
          },
          {
            ...{ keys: { z: '0000-00-00', flag: true }, count: 1, sum: { u: '18446744073709551615', d: digits } },
            ...{
              avg: { d: digits.replace(/0+$/, ''), b: '15' },
              percentile: { u: '18446744073709551615' },
              min: { t: '-837:59:59.500' },
            },
          },
        ],
      },
      zoned: { groups: [{ keys: { ts: '2025-12-31T05:00:00.000Z' }, count: 2 }] },
    });
  });

  test('a tenant is told character for character, whatever the collation', async () => {
    for (const [tenant, ids] of [
      ['acme', [2, 4294967295]],
      ['ACME', [3]],
      ['Acme', []],
    ] as const) {
      const { data } = await ask('{ odds { nodes { id } } }', tenant);
      expect(
        data.odds.nodes.map(({ id }: { id: number }) => id),
        tenant,
      ).toEqual(ids);
    }
    // To both every text that begins with no digit is the number 0.
    for (const [tenant, count] of [
      ['acme', 0],
      ['7', 1],
      ['007', 0],
      ['7a', 0],
    ] as const)
      expect((await ask('{ numbereds { totalCount } }', tenant)).data.numbereds.totalCount, tenant).toBe(count);
  });

  test('collations that ignore case break no pages, filters or keys', async () => {
    const seen: string[] = [];
    for (let after: string | null = null; ;) {
      const { data } = await ask(`{ codes(first: 1${after === null ? '' : `, after: "${after}"`}) { nodes { code } pageInfo { hasNextPage endCursor } } }`); // prettier-ignore
      seen.push(...data.codes.nodes.map(({ code }: { code: string }) => code));
      if (data.codes.pageInfo.hasNextPage !== true) break;
      after = data.codes.pageInfo.endCursor as string;
    }
    expect(seen).toEqual(['Ada', 'b', 'C', 'É']);
    expect(
      (await ask('{ codes(where: { code: { in: ["ada", "é", "c"] } }) { totalCount } }')).data.codes.totalCount,
    ).toBe(0);
    // No two keys differ by case alone, so that a key finds its row as the database would.
    expect((await ask('{ a: code(code: "ADA") { code } b: code(code: "nobody") { code } }')).data).toEqual({
      a: { code: 'Ada' },
      b: null,
    });
  });

  test('names and values that would break out are names and values', async () => {
    const text = `x' OR 1=1; -- \\ " \` ? 😀 ${'%_'.repeat(40)}`;
    const filters = ['eq', 'ne', 'lt', 'contains', 'startsWith', 'endsWith'].map((name) => ({ l: { [name]: text } }));
    for (const where of [...filters, { l: { in: Array.from({ length: 500 }, (_, index) => `${text}${index}`) } }]) {
      const { errors } = await ask('query($where: OddFilter) { odds(where: $where) { nodes { id } } }', 'acme', {
        where,
      });
      expect(errors).toBeUndefined();
    }
    const { data, errors } = await ask('{ aBCDropTableCodes { nodes { k x } } codes { totalCount } }');
    expect(errors).toBeUndefined();
    expect(data).toEqual({ aBCDropTableCodes: { nodes: [{ k: 1, x: 'x' }] }, codes: { totalCount: 4 } });
  });

  test('what a caller cannot have meant is his fault, what a view does is not', async () => {
    const codeOf = async (source: string, variables: object = {}) =>
      (await ask(source, 'acme', variables)).errors?.[0]?.extensions;
    const BAD = { code: 'BAD_USER_INPUT' };
    expect(await codeOf('{ odds(where: { z: { eq: "2025-02-30" } }) { totalCount } }')).toMatchObject(BAD);
    expect(await codeOf('{ odds(where: { d: { eq: "1e80" } }) { totalCount } }')).toMatchObject(BAD);
    expect(await codeOf('{ odds(where: { d: { eq: "NaN" } }) { totalCount } }')).toMatchObject(BAD);
    const told = async (where: string) =>
      (await ask(`{ odds(where: ${where}) { totalCount } }`, 'acme')).errors?.[0]?.message;
    expect(await told('{ z: { eq: "2025-02-30" } }')).toContain('`z`: "2025-02-30" is none that its column can hold');
    expect(await told('{ or: [{ d: { in: ["1", "1e80"] } }, { z: { eq: "2025-02-28" } }] }')).toContain(
      '`d`: "1e80" is',
    );
    const many = { ids: Array.from({ length: 10_000 }, (_, index) => index) };
    expect(
      await codeOf('query($ids: [BigInt!]) { odds(where: { id: { in: $ids } }) { totalCount } }', many),
    ).toMatchObject(BAD);
    expect(await codeOf('{ slows { nodes { z } } }')).toMatchObject({ code: 'STORE_TIMEOUT' });
    expect(await codeOf('{ brokens { nodes { q } } }')).toMatchObject({ code: 'STORE_UNAVAILABLE' });
    await database.client.query('ALTER TABLE codes RENAME COLUMN raw TO cooked');
    const before = await driver.introspect([]);
    await database.client.query('ALTER TABLE codes RENAME COLUMN cooked TO raw');
    const file = parseSources(FILE('{ column: tenant_id }'), 'sources.yaml');
    const schema = buildSchema(buildModel('shop', file, before), driver);
    const contextValue = createRequestContext({ tenantId: 'acme', subject: 'test', roles: [], scopes: [] });
    const result = await graphql({ schema, source: '{ codes { nodes { cooked } } }', contextValue });
    expect(result.errors?.[0]).toMatchObject({
      message: expect.stringContaining('shop has changed'),
      extensions: { code: 'STORE_UNAVAILABLE' },
    });
  });

  test('nothing is written by its connections', async () => {
    await database.client.query(
      'CREATE FUNCTION writes() RETURNS int MODIFIES SQL DATA BEGIN INSERT INTO numbered VALUES (9, 9); RETURN 1; END; CREATE VIEW writing AS SELECT writes() AS w',
    );
    const file = parseSources(FILE('shared'), 'sources.yaml');
    const schema = buildSchema(buildModel('shop', file, await driver.introspect([])), driver);
    const contextValue = createRequestContext({ tenantId: 'acme', subject: 'test', roles: [], scopes: [] });
    const { errors } = await graphql({ schema, source: '{ writings { nodes { w } } }', contextValue });
    expect(errors).toHaveLength(1);
    const [rows] = await database.client.query('SELECT count(*) AS count FROM numbered');
    expect(rows).toEqual([{ count: 2 }]);
    await database.client.query('DROP VIEW writing; DROP FUNCTION writes');
  });

  test('a server that is away, and a user that is refused, are told without their words', async () => {
    const wrong = new URL(database.url);
    wrong.password = 's3cret-word';
    for (const [url, told] of [
      [wrong.href, /user or password: check SHOP_URL/],
      [`${kind}://reader:s3cret-word@127.0.0.1:1/shop`, /runs at the host and port of SHOP_URL/],
      [`${kind}://reader:s3cret-word@[/shop`, new RegExp(`such as ${kind}:`)],
      [database.url.replace(database.name, 'nothing_here'), /database in SHOP_URL does not exist/],
      [database.url.replace(`/${database.name}`, '/'), /behind the host in SHOP_URL/],
    ] as const) {
      const away = await open(url);
      const error = (await away.introspect([]).catch((reason: unknown) => reason)) as {
        code: string;
        message: string;
        extensions: { hint?: string };
      };
      expect(error.code).toBe('STORE_UNAVAILABLE');
      expect(`${error.message} ${JSON.stringify(error.extensions)}`).toMatch(told);
      expect(`${error.message} ${JSON.stringify(error.extensions)}`).not.toContain('s3cret-word');
      await away.close();
    }
    expect(await driver.health()).toMatchObject({ state: 'ok' });
  });

  test('who waits for one of few connections is told', async () => {
    const few = await open(database.url, { poolSize: 1, connectTimeoutMs: 2_000 });
    try {
      const file = parseSources(FILE('shared'), 'sources.yaml');
      const schema = buildSchema(buildModel('shop', file, await few.introspect([])), few);
      const contextValue = createRequestContext({ tenantId: 'acme', subject: 'test', roles: [], scopes: [] });
      const { errors } = await graphql({
        schema,
        source: '{ slows { nodes { z } } codes { totalCount } }',
        contextValue,
      });
      expect(errors?.map(({ extensions }) => extensions['code'])).toEqual(['STORE_TIMEOUT', 'STORE_TIMEOUT']);
    } finally {
      await few.close();
    }
  });
}
