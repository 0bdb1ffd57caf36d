import { graphql } from 'graphql';
import { describe, expect, test } from 'vitest';
import { createRequestContext } from '#subgraphs/shared/context.ts';
import { writeJson } from '#subgraphs/shared/exact-number.ts';
import { createMariadbSource, createMysqlSource } from '#subgraphs/sources/drivers/mysql/index.ts';
import { buildModel } from '#subgraphs/sources/model/build.ts';
import { parseSources } from '#subgraphs/sources/model/read.ts';
import { buildSchema } from '#subgraphs/sources/schema/index.ts';
import { createMysqlDatabase, URLS } from '#tests/setup/mysql.ts';
import { shopOptions } from '#tests/setup/source-options.ts';
import { describeMysqlValues } from './sources-mysql-kinds.ts';

const FILE = `
sources:
  shop:
    kind: mysql
    url: SHOP_URL
    tenancy: { column: tenant_id }
    types: { odd: { mutations: { insert: w, update: w, upsert: w } }, keyed: { mutations: { insert: w } }, derived: { mutations: { insert: w } } }
`;

describe.skipIf(!URLS.mysql)('of a MySQL (TEST_MYSQL_URL)', () => {
  describeMysqlValues('mysql', createMysqlSource);

  test('is none of the other kind, which is told', async () => {
    await using database = await createMysqlDatabase('mysql');
    const driver = await createMariadbSource(shopOptions(database.url));
    await expect(driver.introspect([])).rejects.toMatchObject({
      code: 'STORE_UNAVAILABLE',
      message: expect.stringContaining('is MySQL ') as string,
      extensions: { hint: expect.stringContaining('kind: mysql') as string },
    });
    await driver.close();
  });

  test('what MySQL has and MariaDB has not', async () => {
    await using database = await createMysqlDatabase('mysql');
    await database.client.query(`
      CREATE TABLE odd (
        id bigint unsigned AUTO_INCREMENT PRIMARY KEY, tenant_id varchar(50) NOT NULL, name varchar(20), \`null\` varchar(20) NOT NULL DEFAULT '',
        made timestamp NOT NULL DEFAULT CURRENT_TIMESTAMP ON UPDATE CURRENT_TIMESTAMP, js json, hidden int INVISIBLE DEFAULT 7, place point SRID 4326, places geometrycollection, v vector(2),
        low varchar(20) AS (lower(name)) VIRTUAL, stock int CHECK (stock >= 0), token varchar(36) DEFAULT (uuid()),
        UNIQUE KEY f ((lower(name)))
      ) AUTO_INCREMENT = 18446744073709551000;
      INSERT INTO odd (tenant_id, name, js, place, v) VALUES ('acme', 'Ä', '{"b": 1, "a": [1.5, "x"], "-k": {"\\\\u0001": true}}', ST_GeomFromText('POINT(48 11)', 4326), STRING_TO_VECTOR('[1,2]'));
      INSERT INTO odd (tenant_id, name) VALUES ('acme', 'b '), ('acme ', 'c');
      CREATE TABLE keyed (token varchar(80) DEFAULT (concat('it''s "\\\\', uuid())), region varchar(9) DEFAULT 'e''\\\\u', at timestamp(6) DEFAULT CURRENT_TIMESTAMP(6), tenant_id varchar(50) NOT NULL, PRIMARY KEY (token, region));
      CREATE TABLE derived (token varchar(36) DEFAULT (concat(name, '!')) PRIMARY KEY, tenant_id varchar(50) NOT NULL, name varchar(20));
      SET SESSION sql_generate_invisible_primary_key = ON;
      CREATE TABLE keyless (tenant_id varchar(50) NOT NULL, n int);
      INSERT INTO keyless VALUES ('acme', 1)`);
    const driver = await createMysqlSource(shopOptions(database.url));
    try {
      const schema = buildSchema(
        buildModel('shop', parseSources(FILE, 'sources.yaml'), await driver.introspect([])),
        driver,
      );
      const contextValue = createRequestContext({ tenantId: 'acme', subject: 'test', roles: [], scopes: ['w'] });
      const ask = async (source: string) =>
        JSON.parse(writeJson(await graphql({ schema, source, contextValue }))) as {
          // eslint-disable-next-line @typescript-eslint/no-explicit-any -- answers
          data: any;
          errors?: { message: string; extensions: object }[];
        };
      const { data, errors } = await ask(
        '{ odds { nodes { id name null js hidden place v low } } keylesses { nodes { myRowId n } } }',
      );
      expect(errors).toBeUndefined();
      const none = { null: '', hidden: 7 };
      expect(data).toEqual({
        odds: {
          nodes: [
            {
              ...{ id: '18446744073709551000', name: 'Ä', js: { b: 1, a: [1.5, 'x'], '-k': { '\u0001': true } } },
              ...{ ...none, place: 'POINT(48 11)', v: '[1.00000e+00,2.00000e+00]', low: 'ä' },
            },
            { ...none, id: '18446744073709551001', name: 'b ', js: null, place: null, v: null, low: 'b ' },
          ],
        },
        keylesses: { nodes: [{ myRowId: 1, n: 1 }] },
      });
      const { tables } = await driver.introspect([]);
      expect(tables.find(({ name }) => name === 'odd')?.uniques).toEqual([['id']]);
      // What the store counts, far beyond what a number of JavaScript holds, is the key; 0 is one too.
      expect(
        await ask(
          'mutation { a: insertOdds(input: [{ name: "d" }, { name: "e" }]) { id token } b: insertOdds(input: [{ id: 0, name: "f" }]) { id } }',
        ),
      ).toEqual({
        data: {
          a: ['18446744073709551003', '18446744073709551004'].map((id) => ({
            id,
            token: expect.stringMatching(/^[\da-f-]{36}$/),
          })),
          b: [{ id: 0 }],
        },
      });
      for (const [mutation, told] of [
        ['insertOdds(input: [{ name: "D" }])', { code: 'CONFLICT', violates: 'UNIQUE' }],
        ['insertOdds(input: [{ name: "g", stock: -1 }])', { code: 'BAD_USER_INPUT', violates: 'CHECK' }],
        ['insertDeriveds(input: [{ name: "a" }])', { code: 'BAD_USER_INPUT' }],
      ] as const)
        expect((await ask(`mutation { ${mutation} { __typename } }`)).errors?.[0]?.extensions).toMatchObject(told);
      // A text that begins with no digit is equal to the number 0, as the count of nothing is: another row was answered for the new one.
      for (let times = 0; times < 10; times++)
        expect(await ask('mutation { insertKeyeds(input: [{}, {}]) { token region } }')).toEqual({
          data: {
            insertKeyeds: [1, 2].map(() => ({
              token: expect.stringMatching(/^it's "\\[\da-f-]{36}$/),
              region: "e'\\u",
            })),
          },
        });
      expect(await ask('mutation { insertDeriveds(input: [{ name: "a", token: "b" }]) { token } }')).toEqual({
        data: { insertDeriveds: [{ token: 'b' }] },
      });
      expect(await ask('{ odds(where: { js: { path: ["-k", "\\u0001"], eq: true } }) { totalCount } }')).toEqual({
        data: { odds: { totalCount: 1 } },
      });
    } finally {
      await driver.close();
    }
  });
});
