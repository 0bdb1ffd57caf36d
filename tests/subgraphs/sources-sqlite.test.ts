/** Files of SQLite as they are found: what nobody declared, what is no value of its column, who else writes, and what is no file. */
import { chmod, mkdir, readFile, rename, symlink, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { DatabaseSync } from '@photostructure/sqlite';
import { graphql, type GraphQLSchema } from 'graphql';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createRequestContext } from '#subgraphs/shared/context.ts';
import { writeJson } from '#subgraphs/shared/exact-number.ts';
import type { SourceDriver } from '#subgraphs/sources/driver.ts';
import { decimalOf, formOf } from '#subgraphs/sources/drivers/sqlite/forms.mjs';
import { buildModel } from '#subgraphs/sources/model/build.ts';
import { kindOfUrl } from '#subgraphs/sources/model/kinds.ts';
import { parseSources } from '#subgraphs/sources/model/read.ts';
import { buildSchema } from '#subgraphs/sources/schema/index.ts';
import { createSqliteFile, openSqlite, type SqliteFile } from '#tests/setup/sqlite.ts';

const FILE = (tenancy: string, more = '') =>
  `sources:\n  shop:\n    kind: sqlite\n    url: SHOP_URL\n    tenancy: ${tenancy}\n    types:\n      endless: { tenancy: shared }\n${more}`;

// eslint-disable-next-line @typescript-eslint/no-explicit-any -- answers
type Answer = { data: any; errors?: { message: string; path: (string | number)[]; extensions: any }[] };

const schemaOf = async (driver: SourceDriver, file = FILE('{ column: tenant_id }')): Promise<GraphQLSchema> =>
  buildSchema(buildModel('shop', parseSources(file, 'sources.yaml'), await driver.introspect(['main'])), driver);

const asked = async (
  driver: SourceDriver,
  source: string,
  { tenantId = 'acme', variables = {}, schema = undefined as GraphQLSchema | undefined } = {},
): Promise<Answer> => {
  schema ??= await schemaOf(driver);
  const contextValue = createRequestContext({ tenantId, subject: 'test', roles: [], scopes: [] });
  return JSON.parse(
    writeJson(await graphql({ schema, source, contextValue, variableValues: variables as never })),
  ) as Answer;
};

describe('a file of SQLite', () => {
  let file: SqliteFile;
  let driver: SourceDriver;
  let schema: GraphQLSchema;
  const ask = (source: string, tenantId = 'acme', variables: object = {}) =>
    asked(driver, source, { tenantId, variables, schema });

  beforeAll(async () => {
    file = await createSqliteFile();
    file.client.exec(`
      PRAGMA journal_mode = wal;
      CREATE TABLE odd (
        id integer PRIMARY KEY, tenant_id text NOT NULL, n int8, small smallint, f real, d decimal(10, 2), flag boolean, day date, at timestamp,
        t time, js json, b blob, untold, label text COLLATE NOCASE, twice bigint AS (id * 2) STORED
      );
      INSERT INTO odd (id, tenant_id, n, small, f, d, flag, day, at, t, js, b, untold, label) VALUES
        (1, 'acme', 9223372036854775807, 32767, 0.1, 12.5, 1, '1815-12-10', '1969-12-31 23:59:59.5', '09:30', '{"n": 1.10}', x'00ff', 1, 'Ada'),
        (2, 'acme', -9223372036854775808, 1, 1e999, '12345678901234567890', 0, '2026-01-31 00:00:00', 1767225600, '23:59:59.25', '[1', x'', 'two', 'ada'),
        (3, 'acme', 'none', 3000000000, 'x', 'much', 'yes', '2026-02-30', 'soon', '25:00', 'null', 'text', x'01', x'41'),
        (4, 'acme', NULL, NULL, NULL, NULL, NULL, NULL, 1767225600123, NULL, NULL, NULL, NULL, CAST(x'ff41' AS TEXT)),
        (5, 'ACME', 0, 0, 0, 0, 0, '2026-01-01', 0, '00:00', NULL, NULL, 2.5, 'b'),
        (6, 'acme ', 0, 0, 0, 0, 0, '2026-01-01', 0, '00:00', NULL, NULL, NULL, 'b'),
        (7, 'acme' || char(0) || 'x', 0, 0, 0, 0, 0, '2026-01-01', 0, '00:00', NULL, NULL, NULL, 'b');
      CREATE TABLE codes (code text PRIMARY KEY COLLATE NOCASE, tenant_id text NOT NULL, raw blob UNIQUE) STRICT;
      INSERT INTO codes VALUES ('Ada', 'acme', x'0001'), ('b', 'acme', x'00ff'), ('C', 'acme', NULL), ('É', 'acme', x'0a0a');
      CREATE TABLE names (name text PRIMARY KEY, tenant_id text NOT NULL) WITHOUT ROWID, STRICT;
      INSERT INTO names VALUES ('a', 'acme'), ('z' || char(0) || '1', 'acme'), ('z' || char(0) || '2', 'acme'), ('é', 'acme'), ('😀', 'acme'), (CAST(x'ff41' AS TEXT), 'acme'), (char(0xE000, 0xE001) || 'QQ==', 'acme'), ('﷐', 'acme');
      CREATE TABLE uses (id text, tenant_id text NOT NULL, code_id text REFERENCES codes);
      INSERT INTO uses VALUES (NULL, 'acme', 'ada'), (NULL, 'acme', 'B'), ('x', 'other', 'ada');
      CREATE TABLE weak (id integer PRIMARY KEY, tenant_id string);
      INSERT INTO weak VALUES (1, '7'), (2, '007'), (3, 'acme');
      CREATE TABLE numbered (id integer PRIMARY KEY, tenant_id integer);
      INSERT INTO numbered VALUES (1, 0), (2, 7), (3, 'acme');
      CREATE TABLE "a""b'c]; DROP TABLE codes; --" ("k""'$.x" integer PRIMARY KEY, tenant_id text NOT NULL, "通り\` x" text);
      INSERT INTO "a""b'c]; DROP TABLE codes; --" VALUES (1, 'acme', 'x');
      CREATE VIEW gone AS SELECT * FROM nothing_here;
      CREATE VIEW endless AS WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c) SELECT n AS z FROM c WHERE n < 0;
      CREATE VIRTUAL TABLE notes USING fts5(title, tenant_id);
      INSERT INTO notes VALUES ('Find me', 'acme');
      ANALYZE`);
    driver = openSqlite(file.url, { statementTimeoutMs: 2_000 });
    schema = await schemaOf(driver);
  });
  afterAll(async () => {
    await driver?.close();
    await file?.[Symbol.asyncDispose]();
  });

  test('has types by declaration and by rows; what cannot be read is left out', async () => {
    expect(kindOfUrl(file.url)).toBe('sqlite');
    const { tables } = await driver.introspect(['main']);
    expect(tables.map(({ name }) => name)).toEqual([
      `a"b'c]; DROP TABLE codes; --`,
      'codes',
      'endless',
      'names',
      'notes',
      'numbered',
      'odd',
      'uses',
      'weak',
    ]);
    const of = (name: string) => tables.find((table) => table.name === name)!;
    expect(Object.fromEntries(of('odd').columns.map(({ name, kind }) => [name, kind]))).toEqual({
      ...{ id: 'bigint', tenant_id: 'text', n: 'bigint', small: 'int', f: 'float', d: 'decimal', flag: 'boolean' },
      ...{ day: 'date', at: 'moment', t: 'localTime', js: 'json', b: 'bytes', untold: 'other', label: 'text' },
      twice: 'bigint',
    });
    expect(of('odd').rows).toBe(7);
    // Several rows of it have no key.
    expect(of('uses')).not.toHaveProperty('key');
    expect((await driver.introspect(['other'])).tables).toEqual([]);
  });

  test('what is none of its column’s type is no value to conditions', async () => {
    const { data } = await ask('{ odds { nodes { id n small f d flag day at t label } } }');
    const nodes = data.odds.nodes as Record<string, unknown>[];
    for (const field of ['n', 'd', 'flag', 'day', 'at', 't', 'label']) {
      const ids = async (isNull: boolean) => {
        const answer = await ask(`{ odds(where: { ${field}: { isNull: ${isNull} } }) { nodes { id } } }`);
        return (answer.data.odds.nodes as { id: number }[]).map(({ id }) => id);
      };
      const without = nodes.filter((node) => node[field] === null).map(({ id }) => id);
      expect(await ids(true), field).toEqual(without);
      expect((await ids(false)).length, field).toBe(nodes.length - without.length);
    }
  });

  test('gives values as they are; what is none of its column’s type is that field’s fault alone', async () => {
    const { data, errors } = await ask('{ odds { nodes { id n small f d flag day at t js b untold label twice } } }');
    expect(data.odds.nodes).toEqual([
      {
        ...{ id: 1, n: '9223372036854775807', small: 32767, f: 0.1, d: '12.5', flag: true, day: '1815-12-10' },
        ...{
          at: '1969-12-31T23:59:59.500Z',
          t: '09:30',
          js: { n: 1.1 },
          b: 'AP8=',
          untold: '1',
          label: 'Ada',
          twice: 2,
        },
      },
      {
        ...{
          id: 2,
          n: '-9223372036854775808',
          small: 1,
          f: null,
          d: '12345678901234567000',
          flag: false,
          day: '2026-01-31',
        },
        ...{ at: '2026-01-01T00:00:00.000Z', t: '23:59:59.25', js: null, b: '', untold: 'two', label: 'ada', twice: 4 },
      },
      {
        ...{ id: 3, n: null, small: null, f: null, d: null, flag: null, day: null, at: null, t: null, js: null },
        ...{ b: 'dGV4dA==', untold: 'AQ==', label: null, twice: 6 },
      },
      {
        ...{ id: 4, n: null, small: null, f: null, d: null, flag: null, day: null, at: '2026-01-01T00:00:00.123Z' },
        ...{ t: null, js: null, b: null, untold: null, label: '\uFFFDA', twice: 8 },
      },
    ]);
    expect(errors!.map(({ path }) => path.slice(2).join('.')).sort()).toEqual([
      ...['1.f', '1.js', '2.at', '2.d', '2.day', '2.f', '2.flag', '2.label', '2.n', '2.small', '2.t'],
    ]);
    expect(errors!.find(({ path }) => path.at(-1) === 'day')).toMatchObject({
      message: expect.stringContaining('The column day holds what is no date'),
      extensions: { code: 'STORE_UNAVAILABLE', hint: expect.stringContaining('`type`') },
    });
  });

  test('compares every kind of value, whatever form it is kept in', async () => {
    const counts: Record<string, number> = {
      '{ n: { gt: "9223372036854775806" } }': 1,
      '{ n: { ne: 0 } }': 4,
      '{ small: { lt: 5 } }': 1,
      '{ f: { gt: 0 } }': 2,
      '{ d: { eq: "12.50" } }': 1,
      '{ d: { gt: "1e19" } }': 1,
      '{ flag: { eq: false } }': 1,
      '{ day: { eq: "2026-01-31" } }': 1,
      '{ at: { lt: "1970-01-01T00:00:00Z" } }': 1,
      '{ at: { gte: "2026-01-01T01:00:00+01:00" } }': 2,
      '{ t: { lt: "10:00:00" } }': 1,
      '{ label: { eq: "ada" } }': 1,
      '{ label: { in: ["ADA", "ada"] } }': 1,
      '{ label: { contains: "AD" } }': 2,
      '{ label: { matches: "^[A-Z]d" } }': 1,
      '{ label: { matches: "(?i)^AD\\\\D$" } }': 2,
      '{ label: { startsWith: "a" } }': 1,
      '{ label: { gt: "a" } }': 2,
      '{ untold: { eq: "two" } }': 1,
    };
    for (const [where, count] of Object.entries(counts)) {
      const { data, errors } = await ask(`{ odds(where: ${where}) { totalCount } }`);
      expect(errors, where).toBeUndefined();
      expect(data.odds.totalCount, where).toBe(count);
    }
  });

  test('pages over every order once, whatever the column holds', async () => {
    for (const field of ['N', 'SMALL', 'F', 'D', 'FLAG', 'DAY', 'AT', 'T', 'LABEL'])
      for (const direction of ['ASC', 'DESC']) {
        const seen: number[] = [];
        for (let after: string | null = null; ;) {
          const { data, errors } = await ask(
            'query($after: String) { odds(first: 1, after: $after, orderBy: [{ field: ' +
              field +
              ', direction: ' +
              direction +
              ' }]) { nodes { id } pageInfo { hasNextPage endCursor } } }',
            'acme',
            { after },
          );
          expect(errors, field).toBeUndefined();
          seen.push(...data.odds.nodes.map(({ id }: { id: number }) => id));
          if (data.odds.pageInfo.hasNextPage !== true) break;
          after = data.odds.pageInfo.endCursor as string;
        }
        expect([...seen].sort(), `${field} ${direction}`).toEqual([1, 2, 3, 4]);
      }
  });

  test('groups and measures what is a value of its column, with all digits', async () => {
    const { data, errors } = await ask(`{
      oddsAggregate { groups { count sum { n d small } avg { n } min { d t day label } max { d t at } distinct { label flag at untold } percentile(p: 0.5) { n } } }
      days: oddsAggregate(groupBy: [{ field: AT, bucket: DAY, timeZone: "Asia/Kolkata" }], orderBy: [{ field: AT }]) { groups { keys { at } count } }
      wide: oddsAggregate(groupBy: [{ field: D, width: "0.25" }, { field: LABEL }], orderBy: [{ field: D, direction: DESC }, { field: LABEL }]) { groups { keys { d label } count } }
      least: oddsAggregate(groupBy: [{ field: ID }], having: { measure: SUM, field: N, lt: "-9223372036854775807" }) { groups { keys { id } } }
    }`);
    expect(errors).toBeUndefined();
    expect(data.oddsAggregate.groups).toEqual([
      {
        count: 4,
        sum: { n: '-1', d: '12345678901234567012.5', small: '3000032768' },
        avg: { n: '-0.5' },
        min: { d: '12.5', t: '09:30:00', day: '1815-12-10', label: 'Ada' },
        max: { d: '12345678901234567000', t: '23:59:59.25', at: '2026-01-01T00:00:00.123Z' },
        distinct: { label: 3, flag: 2, at: 3, untold: 3 },
        percentile: { n: '-9223372036854775808' },
      },
    ]);
    expect(data.days.groups).toEqual([
      { keys: { at: '1969-12-31T18:30:00.000Z' }, count: 1 },
      { keys: { at: '2025-12-31T18:30:00.000Z' }, count: 2 },
      { keys: { at: null }, count: 1 },
    ]);
    expect(data.wide.groups).toEqual([
      { keys: { d: null, label: '\uFFFDA' }, count: 1 },
      { keys: { d: null, label: null }, count: 1 },
      { keys: { d: '12345678901234567000', label: 'ada' }, count: 1 },
      { keys: { d: '12.5', label: 'Ada' }, count: 1 },
    ]);
    expect(data.least.groups).toEqual([{ keys: { id: 2 } }]);
    // In time, whatever a view takes.
    const endless = await ask('{ endlesses: endlessesAggregate { groups { count } } }');
    expect(endless.errors).toMatchObject([{ extensions: { code: 'STORE_TIMEOUT' } }]);
  });

  test('tells a tenant character for character', async () => {
    const idsOf = async (list: string, tenantId: string): Promise<unknown> =>
      (await ask(`{ ${list} { nodes { id } } }`, tenantId)).data[list].nodes.map(({ id }: { id: number }) => id);
    expect(await idsOf('odds', 'acme')).toEqual([1, 2, 3, 4]);
    expect(await idsOf('odds', 'ACME')).toEqual([5]);
    expect(await idsOf('odds', 'acme ')).toEqual([6]);
    expect(await idsOf('odds', 'acme\0x')).toEqual([7]);
    expect(await idsOf('odds', 'Acme')).toEqual([]);
    // SQLite keeps `7` and `007` in a column of `string` as one number: whose rows these are cannot be told.
    for (const tenant of ['7', '007']) expect(await idsOf('weaks', tenant), tenant).toEqual([]);
    expect(await idsOf('weaks', 'acme')).toEqual([3]);
    expect(await idsOf('numbereds', '7')).toEqual([2]);
    for (const tenant of ['007', 'acme', '7a']) expect(await idsOf('numbereds', tenant), tenant).toEqual([]);
  });

  test('follows links as the database does, and pages over keys with a NUL', async () => {
    const { data, errors } = await ask(
      '{ uses(orderBy: [{ field: CODE_ID }]) { nodes { codeId code { code raw } } } led: uses(where: { code: { code: { contains: "a" } } }) { totalCount } code(code: "ADA") { code uses { totalCount } } }',
    );
    expect(errors).toBeUndefined();
    expect(data).toEqual({
      uses: {
        nodes: [
          { codeId: 'B', code: { code: 'b', raw: 'AP8=' } },
          { codeId: 'ada', code: { code: 'Ada', raw: 'AAE=' } },
        ],
      },
      led: { totalCount: 1 },
      // No two keys differ by case alone, so that a key finds its row as the database would; `ada` of `uses` is another text.
      code: { code: 'Ada', uses: { totalCount: 0 } },
    });
    const seen: string[] = [];
    for (let after: string | null = null; ;) {
      const page = await ask(
        'query($after: String) { names(first: 1, after: $after) { nodes { name } pageInfo { hasNextPage endCursor } } }',
        'acme',
        { after },
      );
      seen.push(...page.data.names.nodes.map(({ name }: { name: string }) => name));
      if (page.data.names.pageInfo.hasNextPage !== true) break;
      after = page.data.names.pageInfo.endCursor as string;
    }
    expect(seen).toEqual(['a', 'z\x001', 'z\x002', 'é', '\uE000\uE001QQ==', '\uFDD0', '😀', '\uFFFDA']);
  });

  test('takes names and values that would break out as names and values', async () => {
    const text = `x' OR 1=1; -- \\ " \` ? 😀 ${'%_*['.repeat(40)}`;
    const filters = ['eq', 'ne', 'lt', 'contains', 'startsWith', 'endsWith'].map((name) => ({
      label: { [name]: text },
    }));
    for (const where of [...filters, { label: { in: Array.from({ length: 500 }, (_, index) => `${text}${index}`) } }]) {
      const { errors } = await ask('query($where: OddFilter) { odds(where: $where) { nodes { id } } }', 'acme', {
        where,
      });
      expect(errors).toBeUndefined();
    }
    const { data, errors } = await ask(
      '{ aBcDropTableCodes { nodes { kX x } } codes { totalCount } notes { nodes { title } } }',
    );
    expect(errors).toBeUndefined();
    expect(data).toEqual({
      aBcDropTableCodes: { nodes: [{ kX: 1, x: 'x' }] },
      codes: { totalCount: 4 },
      notes: { nodes: [{ title: 'Find me' }] },
    });
    const many = { ids: Array.from({ length: 10_000 }, (_, index) => index) };
    expect(
      (await ask('query($ids: [BigInt!]) { odds(where: { id: { in: $ids } }) { totalCount } }', 'acme', many)).errors,
    ).toMatchObject([{ extensions: { code: 'BAD_USER_INPUT' } }]);
  });

  test('ends what takes too long, and answers others in the meantime', async () => {
    const slow = ask('{ endlesses { nodes { z } } }');
    expect((await ask('{ codes { totalCount } }')).data.codes.totalCount).toBe(4);
    expect((await slow).errors).toMatchObject([{ extensions: { code: 'STORE_TIMEOUT' } }]);
    const few = openSqlite(file.url, { poolSize: 1, statementTimeoutMs: 4_000, connectTimeoutMs: 2_000 });
    try {
      const own = buildSchema(
        buildModel('shop', parseSources(FILE('{ column: tenant_id }'), ''), await driver.introspect(['main'])),
        few,
      );
      const { errors } = await asked(few, '{ endlesses { nodes { z } } codes { totalCount } }', { schema: own });
      expect(errors!.map(({ extensions }) => extensions.code)).toEqual(['STORE_TIMEOUT', 'STORE_TIMEOUT']);
      expect((await asked(few, '{ codes { totalCount } }', { schema: own })).data.codes.totalCount).toBe(4);
    } finally {
      await few.close();
    }
  }, 60_000);

  test('is read while another program writes to it, and nothing is written by the gateway', async () => {
    file.client.exec('BEGIN IMMEDIATE; INSERT INTO numbered VALUES (8, 7)');
    expect((await ask('{ numbereds { totalCount } }', '7')).data.numbereds.totalCount).toBe(1);
    file.client.exec('COMMIT');
    expect((await ask('{ numbereds { totalCount } }', '7')).data.numbereds.totalCount).toBe(2);
    await expect(
      openAndClose(file.url, async (own) =>
        own.list(createRequestContext({ tenantId: 'x', subject: '', roles: [], scopes: [] }), {
          relation: {
            schema: 'main',
            table: 'numbered',
            columns: {
              id: { name: 'id"; DELETE FROM numbered; --', kind: 'bigint', native: '', list: false, nullable: true },
            },
            links: {},
            tenant: undefined,
            onlyTenant: undefined,
          },
          fields: ['id'],
          texts: [],
          order: [],
          limit: 1,
        }),
      ),
    ).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' });
    expect(file.client.prepare('SELECT count(*) AS count FROM numbered').get()).toEqual({ count: 4 });
  });

  test('a column that vanishes costs the fields that read it', async () => {
    file.client.exec('DROP VIEW IF EXISTS gone; ALTER TABLE codes RENAME COLUMN raw TO cooked');
    try {
      const contextValue = createRequestContext({ tenantId: 'acme', subject: 'test', roles: [], scopes: [] });
      const result = await graphql({
        schema,
        source: '{ codes { nodes { raw } } numbereds { totalCount } }',
        contextValue,
      });
      expect(result.data).toMatchObject({ codes: null, numbereds: { totalCount: 0 } });
      expect(result.errors?.[0]).toMatchObject({
        message: expect.stringContaining('shop has changed'),
        extensions: { code: 'STORE_UNAVAILABLE', hint: expect.stringContaining('SOURCES') },
      });
    } finally {
      file.client.exec('ALTER TABLE codes RENAME COLUMN cooked TO raw');
    }
  });
});

const openAndClose = async <T>(url: string, work: (driver: SourceDriver) => Promise<T>): Promise<T> => {
  const driver = openSqlite(url);
  try {
    return await work(driver);
  } finally {
    await driver.close();
  }
};

test('a file that is replaced is read as it is now', async () => {
  await using file = await createSqliteFile();
  file.client.exec("CREATE TABLE t (id integer PRIMARY KEY, tenant_id text); INSERT INTO t VALUES (1, 'acme')");
  const other = join(dirname(file.path), 'other.db');
  const client = new DatabaseSync(other);
  client.exec("CREATE TABLE t (id integer PRIMARY KEY, tenant_id text); INSERT INTO t VALUES (2, 'acme'), (3, 'acme')");
  client.close();
  const text = FILE('{ column: tenant_id }').replace(/ {4}types:\n.*\n/, '');
  await openAndClose(file.url, async (driver) => {
    const schema = await schemaOf(driver, text);
    const count = async () => (await asked(driver, '{ ts { totalCount } }', { schema })).data.ts.totalCount;
    expect(await count()).toBe(1);
    file.client.close();
    await rename(other, file.path);
    expect(await count()).toBe(2);
  });
});

test('what is no such file is told with what to do, and not read', async () => {
  await using file = await createSqliteFile();
  const folder = dirname(file.path);
  const made = async (name: string, content: string | Buffer) => {
    await writeFile(join(folder, name), content);
    return `sqlite:${join(folder, name)}`;
  };
  file.client.exec(
    'CREATE TABLE t (id integer PRIMARY KEY); INSERT INTO t SELECT value FROM json_each(json_array(1,2,3))',
  );
  const bytes = await readFile(file.path);
  bytes.fill(0xff, 100, 200);
  await symlink('/dev/zero', join(folder, 'zero.db'));
  await mkdir(join(folder, 'folder.db'));
  for (const [url, told] of [
    [`sqlite:${folder}/missing.db`, /no file where SHOP_URL says/],
    [`sqlite:${folder}/zero.db`, /names what is no file/],
    [`sqlite:${folder}/folder.db`, /names what is no file/],
    [await made('text.db', 'root:x:0:0:s3cret-word:/root'), /no database of SQLite/],
    [await made('damaged.db', bytes), /damaged|no database/],
    ['sqlite:', /such as sqlite:/],
    ['sqlite://host/shop.db', /such as sqlite:/],
  ] as const)
    await openAndClose(url, async (driver) => {
      const error = (await driver.introspect(['main']).catch((reason: unknown) => reason)) as Error & {
        extensions: { hint: string };
      };
      expect(error, url).toMatchObject({ code: 'STORE_UNAVAILABLE' });
      expect(`${error.message} ${error.extensions.hint}`, url).toMatch(told);
      expect(`${error.message} ${error.extensions.hint}`).not.toContain('s3cret-word');
      expect(await driver.health()).toMatchObject({ store: 'shop', state: 'down' });
    });
  // Nothing in it is no fault: a program may be about to make it.
  await openAndClose(await made('empty.db', ''), async (driver) => {
    expect((await driver.introspect(['main'])).tables).toEqual([]);
    expect(await driver.health()).toMatchObject({ state: 'ok' });
  });
  await chmod(join(folder, 'text.db'), 0o600);
});

test('decimals sort by value, whatever their form', () => {
  const sorted = [
    '-1e30',
    '-12345678901234567890.5',
    '-10',
    '-9.99',
    '-1.11',
    '-1.1',
    '-0.001',
    '-1e-30',
    '0',
    '1e-30',
    '0.001',
    '1.1',
    '1.11',
    '9',
    '10',
    '10.5',
    '99',
    '1e30',
  ];
  const forms = sorted.map((text) => formOf('decimal', text)!);
  expect([...forms].sort()).toEqual(forms);
  for (const [one, other] of [
    ['1.10', '1.1'],
    ['-0', '0'],
    ['+5', '5.'],
    ['.5', '0.5'],
    ['1e2', '100'],
  ] as const)
    expect(formOf('decimal', one), one).toBe(formOf('decimal', other));
  for (const none of ['', '.', '-', 'NaN', '1,5', '1e99999', ' 1', '0x10', true, null])
    expect(formOf('decimal', none)).toBeNull();
  expect([1.5e-7, 1e21, 5n, '12.50', '.5', '1e3'].map(decimalOf)).toEqual([
    '0.00000015',
    '1000000000000000000000',
    '5',
    '12.50',
    '0.5',
    '1000',
  ]);
  const hostile = '0'.repeat(65_536);
  for (const text of [hostile, `1.${hostile}`, `${hostile}x`, `-${hostile}.${hostile}e5`]) formOf('decimal', text);
}, 5_000);
