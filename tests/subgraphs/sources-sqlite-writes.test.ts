/** Changing rows of a file of SQLite: what the contract of all kinds does not know of. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { SourceDriver } from '#subgraphs/sources/driver.ts';
import { buildModel } from '#subgraphs/sources/model/build.ts';
import { parseSources } from '#subgraphs/sources/model/read.ts';
import { buildSchema } from '#subgraphs/sources/schema/index.ts';
import { askerOf, type Ask } from '#tests/contract/sources-driver.ts';
import { createSqliteFile, openSqlite, type SqliteFile } from '#tests/setup/sqlite.ts';

const TABLES = `
CREATE TABLE "odd ""one""" (id integer PRIMARY KEY, tenant_id text NOT NULL, "na""me" text, exact text, about decimal(12, 2), loose string, at datetime, seconds integer,
  done boolean, raw blob, data json, day date);
CREATE TABLE kept (id integer PRIMARY KEY, tenant_id text NOT NULL, n integer NOT NULL DEFAULT 7, twice integer AS (n * 2)) STRICT;
CREATE TABLE logged (n integer);
CREATE TRIGGER no BEFORE INSERT ON kept WHEN new.n = 13 BEGIN SELECT RAISE(ABORT, 'unlucky'); END;
CREATE TRIGGER slow AFTER INSERT ON kept WHEN new.n = 14 BEGIN
  INSERT INTO logged WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c) SELECT max(x) FROM c; END;
INSERT INTO kept (id, tenant_id) VALUES (1, 'acme'), (2, 'other');`;

const ALL = '{ insert: w, update: w, upsert: w, delete: w }';
const FILE = `sources:
  shop:
    kind: sqlite
    url: SHOP_URL
    tenancy: { column: tenant_id }
    types:
      logged: { hide: true }
      kept: { mutations: ${ALL} }
      'odd "one"':
        name: Odd
        columns: { exact: { type: decimal }, loose: { type: text }, seconds: { type: moment } }
        mutations: ${ALL}
`;

describe('changing a file of SQLite', () => {
  let file: SqliteFile;
  let driver: SourceDriver;
  let ask: Ask;
  beforeAll(async () => {
    file = await createSqliteFile();
    file.client.exec(TABLES);
    driver = openSqlite(file.url, { statementTimeoutMs: 500 });
    ask = askerOf(
      buildSchema(buildModel('shop', parseSources(FILE, 'sources.yaml'), await driver.introspect(['main'])), driver),
    );
  });
  afterAll(async () => {
    await driver?.close();
    await file?.[Symbol.asyncDispose]();
  });
  const codeOf = async (mutation: string, tenantId = 'acme'): Promise<unknown> => {
    const { errors } = await ask(`mutation { ${mutation} { id } }`, {}, tenantId);
    const [first] = (errors ?? []) as { message: string; extensions?: { code: string; violates?: string } }[];
    return first && [first.extensions?.code ?? first.message, first.extensions?.violates];
  };
  const count = (): unknown => file.client.prepare('SELECT count(*) AS n FROM kept').get()?.['n'];

  test('what is written is read, in all its kinds', async () => {
    const { data, errors } = await ask(
      `mutation($text: String!) { insertOdds(input: { naMe: $text, exact: "12345678901234567890.1000", about: "0.10", loose: "it’s", at: "2026-01-31T09:30:00Z", done: true,
         raw: "AAEC", data: { a: [1.5, "x"] }, day: "2024-02-29" }) { id naMe exact about loose at done raw data day } }`,
      { text: `O'Neil "日本" \\ ${'😀'}` },
    );
    expect(errors).toBeUndefined();
    expect(data.insertOdds).toEqual([
      {
        id: 1,
        naMe: `O'Neil "日本" \\ ${'😀'}`,
        exact: '12345678901234567890.1000',
        about: '0.1',
        loose: 'it’s',
        at: '2026-01-31T09:30:00.000Z',
        done: true,
        raw: 'AAEC',
        data: { a: [1.5, 'x'] },
        day: '2024-02-29',
      },
    ]);
    expect(file.client.prepare('SELECT tenant_id AS t, typeof(exact) AS e, typeof(raw) AS r, typeof(done) AS d FROM "odd ""one"""').get()).toEqual({ t: 'acme', e: 'text', r: 'blob', d: 'integer' }); // prettier-ignore
  });

  test('what a column would make another value of is refused', async () => {
    expect(await codeOf('insertOdds(input: { loose: "007" })')).toEqual(['BAD_USER_INPUT', undefined]);
    expect(await codeOf('insertOdds(input: { about: "1234567890.123456" })')).toEqual(['BAD_USER_INPUT', undefined]);
    expect(await codeOf('insertOdds(input: { data: 5 })')).toEqual(['BAD_USER_INPUT', undefined]);
    expect(await codeOf('insertOdds(input: { seconds: "2026-01-31T09:30:00Z" })')).toEqual([
      'BAD_USER_INPUT',
      undefined,
    ]);
    expect(await codeOf('insertOdds(input: { exact: "1,5" })')).toBeDefined();
    expect((await ask('{ odds { totalCount } }')).data.odds.totalCount).toBe(1);
  });

  test('triggers, generated columns and rows of others', async () => {
    expect(await codeOf('insertKepts(input: [{ n: 1 }, { n: 13 }])')).toEqual(['BAD_USER_INPUT', 'RULE']);
    expect(await codeOf('insertKepts(input: { twice: 1 })')).toMatchObject([/twice/, undefined].map((each) => (each === undefined ? each : expect.stringMatching(each)))); // prettier-ignore
    expect(await codeOf('updateKepts(input: { id: 2, n: 1 })')).toEqual(['NOT_FOUND', undefined]);
    expect(await codeOf('upsertKepts(on: ID, input: { id: 2, n: 1 })')).toEqual(['CONFLICT', 'UNIQUE']);
    expect((await ask('mutation { deleteKepts(keys: { id: 2 }) { id } }')).data).toEqual({ deleteKepts: [] });
    const { data } = await ask(
      'mutation { insertKepts(input: [{}, { n: 3 }]) { n twice } deleteKepts(keys: [{ id: 3 }, { id: 4 }]) { n } }',
    );
    expect(data).toEqual({ insertKepts: [{ n: 7, twice: 14 }, { n: 3, twice: 6 }], deleteKepts: [{ n: 7 }, { n: 3 }] }); // prettier-ignore
    expect(count()).toBe(2);
  });

  test('a change that takes too long, and one that another program keeps waiting, are none', async () => {
    expect(await codeOf('insertKepts(input: [{ n: 1 }, { n: 14 }])')).toEqual(['STORE_TIMEOUT', undefined]);
    expect(count()).toBe(2);
    file.client.exec('BEGIN IMMEDIATE');
    const late = codeOf('insertKepts(input: { n: 1 })');
    // Whoever reads is not kept waiting.
    expect((await ask('{ kepts { totalCount } }')).data.kepts.totalCount).toBe(1);
    expect(await late).toEqual(['STORE_TIMEOUT', undefined]);
    file.client.exec('ROLLBACK');
    expect(count()).toBe(2);
    expect(await codeOf('insertKepts(input: { n: 1 })')).toBeUndefined();
    expect(count()).toBe(3);
  });

  test('two hundred rows are one transaction', async () => {
    const rows = Array.from({ length: 200 }, (_, index) => `{ id: ${1000 + index}, n: ${20 + index} }`);
    const before = count();
    expect(await codeOf(`insertKepts(input: [${[...rows.slice(1), '{ id: 1 }'].join()}])`)).toEqual([
      'CONFLICT',
      'UNIQUE',
    ]);
    expect(count()).toBe(before);
    const { data } = await ask(`mutation { insertKepts(input: [${rows.join()}]) { id n } }`);
    expect(data.insertKepts).toEqual(rows.map((_, index) => ({ id: 1000 + index, n: 20 + index })));
  });
});
