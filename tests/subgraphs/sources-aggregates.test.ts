/** Aggregates of what rows lead to: many parents, none, and names that are taken. What they mean is held to by the contract of all kinds. */
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { SourceDriver } from '#subgraphs/sources/driver.ts';
import { createPostgresSource } from '#subgraphs/sources/drivers/postgres/index.ts';
import { buildModel } from '#subgraphs/sources/model/build.ts';
import { parseSources } from '#subgraphs/sources/model/read.ts';
import { buildSchema } from '#subgraphs/sources/schema/index.ts';
import { askerOf, type Ask } from '#tests/contract/sources-driver.ts';
import { createTestDatabase, type TestDatabase } from '#tests/setup/postgres.ts';
import { shopOptions } from '#tests/setup/source-options.ts';

const TABLES = `
CREATE TABLE people (id int PRIMARY KEY, tenant_id text NOT NULL, code text, born date);
CREATE TABLE "it's ""odd""" (id int PRIMARY KEY, tenant_id text NOT NULL, person int REFERENCES people, "pri""ce" numeric, person_code text, at timestamptz);
CREATE TABLE badges (id int PRIMARY KEY, tenant_id text NOT NULL, owner int REFERENCES people);
ALTER TABLE people ADD badges_aggregate text;
INSERT INTO people SELECT n, 'acme', CASE WHEN n % 10 = 0 THEN 'P' || n END, NULL FROM generate_series(1, 1000) n;
INSERT INTO people VALUES (2000, 'other', 'P10', NULL);
INSERT INTO "it's ""odd""" SELECT n, 'acme', 1 + n % 500, 12345678901234567890.1, 'P' || n % 500, '2026-03-29 00:30:00Z'::timestamptz + n * interval '20 minutes' FROM generate_series(1, 3000) n;
INSERT INTO "it's ""odd""" VALUES (4000, 'other', 2, 7, 'P10', NULL), (4001, 'acme', NULL, NULL, NULL, NULL);`;

const FILE = `sources:
  shop:
    kind: postgres
    url: SHOP_URL
    tenancy: { column: tenant_id }
    types:
      people: { limits: { max: 1000 } }
      "it's \\"odd\\"": { name: Odd }
    links:
      - { from: "it's \\"odd\\".person_code", to: people.code, name: byCode, back: odds }
`;

describe('aggregates of what rows lead to', () => {
  let database: TestDatabase;
  let driver: SourceDriver;
  let ask: Ask;
  beforeAll(async () => {
    database = await createTestDatabase();
    const client = new pg.Client(database.url);
    await client.connect();
    await client.query(TABLES);
    await client.end();
    driver = createPostgresSource(shopOptions(database.url));
    ask = askerOf(
      buildSchema(buildModel('shop', parseSources(FILE, 'sources.yaml'), await driver.introspect(['public'])), driver),
    );
  });
  afterAll(async () => {
    await driver?.close();
    await database?.[Symbol.asyncDispose]();
  });

  test('of a thousand rows are one statement, each with its own groups and limit', async () => {
    const { data, errors, statements } = await ask(
      `query($zone: String!, $none: [OddAggregateGroupBy!], $where: OddFilter) { people(first: 1000) { nodes { id
        oddsByPersonAggregate(groupBy: [{ field: AT, bucket: HOUR, timeZone: $zone }], orderBy: [{ field: AT }], first: 2) { totalCount truncated groups { keys { at } count sum { priCe } } }
        all: oddsByPersonAggregate(groupBy: $none, where: $where) { groups { count sum { priCe } } } } } }`,
      { zone: 'Europe/Berlin', none: null },
    );
    expect(errors).toBeUndefined();
    expect(statements).toBe(3);
    expect(data.people.nodes).toHaveLength(1000);
    expect(data.people.nodes[0]).toEqual({
      id: 1,
      oddsByPersonAggregate: {
        totalCount: 6,
        truncated: true,
        groups: ['2026-04-04T23:00:00.000Z', '2026-04-11T21:00:00.000Z'].map((at) => ({
          keys: { at },
          count: 1,
          sum: { priCe: '12345678901234567890.1' },
        })),
      },
      all: { groups: [{ count: 6, sum: { priCe: '74074073407407407340.6' } }] },
    });
    expect(data.people.nodes[700]).toEqual({
      id: 701,
      oddsByPersonAggregate: { totalCount: 0, truncated: false, groups: [] },
      all: { groups: [{ count: 0, sum: { priCe: null } }] },
    });
  });

  test('where a row has no value to lead by, are those of nothing, and cost no statement', async () => {
    const { data, errors, statements } = await ask(
      `{ people(where: { id: { in: [1, 10, 3] } }) { nodes { id code
         oddsAggregate { totalCount groups { count max { at } } } left: oddsAggregate(having: { measure: COUNT, gt: 0 }) { totalCount groups { count } } } } }`,
    );
    expect(errors).toBeUndefined();
    const none = {
      oddsAggregate: { totalCount: 1, groups: [{ count: 0, max: { at: null } }] },
      left: { totalCount: 0, groups: [] },
    };
    expect(data.people.nodes).toEqual([
      { id: 1, code: null, ...none },
      { id: 3, code: null, ...none },
      {
        id: 10,
        code: 'P10',
        oddsAggregate: { totalCount: 1, groups: [{ count: 6, max: { at: '2026-05-02T21:10:00.000Z' } }] },
        left: { totalCount: 1, groups: [{ count: 6 }] },
      },
    ]);
    expect(statements).toBe(3);
    const lone = await ask('{ person(id: 1) { oddsAggregate(groupBy: [{ field: PERSON }]) { groups { count } } } }');
    expect(lone).toMatchObject({ data: { person: { oddsAggregate: { groups: [] } } }, statements: 1 });
  });

  test('having tells rows of which there are none from those that it leaves out', async () => {
    const { data } = await ask(
      `{ people(where: { id: { in: [1, 900] } }) { nodes { id
         none: oddsByPersonAggregate(having: { measure: COUNT, eq: 0 }) { totalCount groups { count } }
         without: oddsByPersonAggregate(having: { not: { measure: MAX, field: AT, lt: "2026-01-01T00:00:00Z" } }, first: 0) { truncated totalCount groups { count } } } } }`,
    );
    const without = { truncated: true, totalCount: 1, groups: [] };
    expect(data.people.nodes).toEqual([
      { id: 1, none: { totalCount: 0, groups: [] }, without },
      { id: 900, none: { totalCount: 1, groups: [{ count: 0 }] }, without },
    ]);
  });

  test('what is wrong with them is told once of each, by its code', async () => {
    for (const [args, message] of [
      ['first: -1', /must not be negative/],
      ['first: 1001', /at most 1000/],
      ['having: { measure: SUM, field: AT, gt: 1 }', /There is no `SUM` of `AT`/],
      ['groupBy: [{ field: PERSON, bucket: DAY }]', /`bucket` is for times/],
      ['where: { id: { in: $many } }', /at most 500 are accepted/],
    ] as const) {
      const { errors, statements } = await ask(
        `query${args.includes('$many') ? '($many: [Int!])' : ''} { people(first: 2) { nodes { oddsByPersonAggregate(${args}) { groups { count } } } } }`,
        { many: Array.from({ length: 10_000 }, (_, index) => index) },
      );
      expect(errors, args).toMatchObject([
        { message: expect.stringMatching(message), extensions: { code: 'BAD_USER_INPUT' } },
        { message: expect.stringMatching(message) },
      ]);
      expect(statements).toBe(1);
    }
  });

  test('a column that is called so keeps its name', async () => {
    const { data, errors } = await ask('{ person(id: 5) { badgesAggregate badgesGroups { groups { count } } } }');
    expect(errors).toBeUndefined();
    expect(data).toEqual({ person: { badgesAggregate: null, badgesGroups: { groups: [{ count: 0 }] } } });
  });
});
