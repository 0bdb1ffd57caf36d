/** What every kind of source that can be changed must do: rows of the caller's tenant alone, all of them or none. */
import { graphql, type GraphQLSchema } from 'graphql';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createRequestContext } from '#subgraphs/shared/context.ts';
import { storeUnavailable } from '#subgraphs/shared/errors.ts';
import { writeJson } from '#subgraphs/shared/exact-number.ts';
import type { ChangedRow } from '#subgraphs/shared/ports.ts';
import type { SourceDriver } from '#subgraphs/sources/driver.ts';
import { buildModel } from '#subgraphs/sources/model/build.ts';
import { KINDS, type KindName } from '#subgraphs/sources/model/kinds.ts';
import { parseSources } from '#subgraphs/sources/model/read.ts';
import { buildSchema } from '#subgraphs/sources/schema/index.ts';

/** A store that holds these tables, of columns as both SQLs have them. */
export interface OpenWritable extends AsyncDisposable {
  readonly driver: SourceDriver;
  /** As a user who may only read. */
  readonly reading?: SourceDriver;
}

export interface WriteTraits {
  /** Whether columns keep to the lengths and digits that they are declared with. @default true */
  readonly strict?: boolean;
  /** Whether it has users. @default true */
  readonly users?: boolean;
}

/** @param auto a key that the store gives itself. @param label a text of ten characters that is unique */
export const TABLES = (auto: string, json: string): string[] => [
  `CREATE TABLE makers (id int PRIMARY KEY, tenant_id varchar(50) NOT NULL, name varchar(10) NOT NULL)`,
  `CREATE TABLE parts (
     id ${auto} PRIMARY KEY, tenant_id varchar(50) NOT NULL, code varchar(10) NOT NULL UNIQUE, price decimal(12, 2) NOT NULL DEFAULT 1.50, stock int CHECK (stock >= 0),
     made date, data ${json}, maker_id int, double_price decimal(13, 2) GENERATED ALWAYS AS (price * 2) STORED,
     CONSTRAINT parts_maker FOREIGN KEY (maker_id) REFERENCES makers (id))`,
  `CREATE TABLE slots (tenant_id varchar(50) NOT NULL, aisle varchar(10) NOT NULL, place varchar(10) NOT NULL, note varchar(10), PRIMARY KEY (aisle, place))`,
  `INSERT INTO makers VALUES (1, 'acme', 'Ada'), (2, 'other', 'Eve')`,
  `INSERT INTO parts (tenant_id, code, price, maker_id) VALUES ('acme', 'a', 1, 1), ('acme', 'b', 2, NULL), ('other', 'e', 5, 2)`,
];

const ALL = '{ insert: parts:write, update: parts:write, upsert: parts:write, delete: parts:delete }';

export function describeWrites(
  kind: KindName,
  open: () => Promise<OpenWritable>,
  { strict = true, users = true }: WriteTraits = {},
): void {
  /** A price as the store has it. */
  const price = (text: string): string => (strict ? text : text.replace(/\.?0+$/, ''));
  describe(`changing a source: ${kind}`, () => {
    let store: OpenWritable;
    let audited: (ChangedRow & { tenantId: string })[];
    let isLogAway = false;
    const schemas = new Map<SourceDriver, GraphQLSchema>();
    const schemaOf = async (driver: SourceDriver): Promise<GraphQLSchema> => {
      const file = parseSources(
        `sources:\n  shop:\n    kind: ${kind}\n    url: U\n    tenancy: { column: tenant_id }\n    types: { parts: { mutations: ${ALL} }, makers: { mutations: { delete: m } }, slots: { mutations: { insert: m, update: m, delete: m } } }\n`,
        'sources.yaml',
      );
      const model = buildModel('shop', file, await driver.introspect([...KINDS[kind].schemas]));
      return buildSchema(model, driver, {
        audit: (context, rows) => {
          if (isLogAway) return Promise.reject(storeUnavailable('PostgreSQL', undefined));
          audited.push(...rows.map((row) => ({ ...row, tenantId: context.principal.tenantId })));
          return Promise.resolve();
        },
      });
    };
    const ask = async (source: string, tenantId = 'acme', driver = store.driver) => {
      audited = [];
      const schema = schemas.get(driver) ?? (await schemaOf(driver));
      schemas.set(driver, schema);
      const contextValue = createRequestContext({ tenantId, subject: 'ada', roles: [], scopes: [] });
      const result = JSON.parse(writeJson(await graphql({ schema, source, contextValue }))) as {
        data: any; // eslint-disable-line @typescript-eslint/no-explicit-any -- answers
        errors?: { message: string; extensions?: { code: string; violates?: string } }[];
      };
      return {
        ...result,
        code: result.errors?.[0]?.extensions?.code,
        violates: result.errors?.[0]?.extensions?.violates,
      };
    };
    /** All rows of both tenants, as who they belong to sees them. */
    const all = async () => {
      const text = '{ parts(first: 200, orderBy: [{ field: CODE }]) { nodes { id code price stock maker { name } } } }';
      return [(await ask(text)).data.parts.nodes, (await ask(text, 'other')).data.parts.nodes] as [
        { id: number; code: string }[],
        { id: number; code: string }[],
      ];
    };

    beforeAll(async () => {
      store = await open();
    });
    afterAll(async () => {
      await store?.[Symbol.asyncDispose]();
    });

    test('inserts, changes, upserts and deletes rows, returns them, and tells the audit log', async () => {
      const made = await ask(
        `mutation { insertParts(input: [{ code: "n1", price: "10.25", stock: 3, made: "2026-02-28", data: { a: [1.10, null] }, makerId: 1 }, { code: "n2" }]) { id code price stock made data doublePrice maker { name } } }`,
      );
      expect(made.errors).toBeUndefined();
      const [one, two] = made.data.insertParts;
      expect([one, two]).toEqual([
        {
          id: one.id,
          code: 'n1',
          price: price('10.25'),
          stock: 3,
          made: '2026-02-28',
          data: { a: [1.1, null] },
          doublePrice: price('20.50'),
          maker: { name: 'Ada' },
        },
        {
          id: two.id,
          code: 'n2',
          price: price('1.50'),
          stock: null,
          made: null,
          data: null,
          doublePrice: price('3.00'),
          maker: null,
        },
      ]);
      expect(audited).toMatchObject([
        { subject: 'ada', tenantId: 'acme', action: 'shop.insert', subjectType: 'Part', subjectId: String(one.id) },
        { subjectId: String(two.id), fields: ['code', 'data', 'made', 'makerId', 'price', 'stock'] },
      ]);
      const changed = await ask(
        `mutation { updateParts(input: [{ id: ${two.id}, stock: 5, makerId: 1 }, { id: ${one.id}, stock: null }]) { code stock price maker { name parts(first: 0) { totalCount } } } }`,
      );
      expect(changed.data).toEqual({
        updateParts: [
          { code: 'n2', stock: 5, price: price('1.50'), maker: { name: 'Ada', parts: { totalCount: 3 } } },
          { code: 'n1', stock: null, price: '10.25', maker: { name: 'Ada', parts: { totalCount: 3 } } },
        ],
      });
      const put = await ask(
        `mutation { upsertParts(on: CODE, input: [{ code: "n1", stock: 9 }, { code: "n3", price: "0.05" }]) { id code stock price } }`,
      );
      expect(put.data.upsertParts).toMatchObject([
        { id: one.id, code: 'n1', stock: 9, price: '10.25' },
        { code: 'n3', stock: null, price: '0.05' },
      ]);
      const gone = await ask(
        `mutation { deleteParts(keys: [{ id: ${one.id} }, { id: 404 }, { id: ${two.id} }, { id: ${put.data.upsertParts[1].id} }]) { code } }`,
      );
      expect(gone.data.deleteParts).toEqual([{ code: 'n1' }, { code: 'n2' }, { code: 'n3' }]);
      expect(audited).toHaveLength(3);
    });

    test('of another tenant nothing is changed, found or led to, by any of them', async () => {
      const before = await all();
      const theirs = before[1][0]!;
      for (const [text, code] of [
        [`updateParts(input: { id: ${theirs.id}, price: "0" }) { id }`, 'NOT_FOUND'],
        [`upsertParts(on: CODE, input: { code: "${theirs.code}", price: "0" }) { id }`, 'CONFLICT'],
        [`insertParts(input: { code: "${theirs.code}" }) { id }`, 'CONFLICT'],
        ['insertParts(input: { code: "x", makerId: 2 }) { id }', 'BAD_USER_INPUT'],
        ['insertParts(input: { code: "x", makerId: 404 }) { id }', 'BAD_USER_INPUT'],
        [`updateParts(input: { id: ${before[0][0]!.id}, makerId: 2 }) { id }`, 'BAD_USER_INPUT'],
        ['upsertParts(on: CODE, input: { code: "a", makerId: 2 }) { id }', 'BAD_USER_INPUT'],
      ] as const)
        expect((await ask(`mutation { ${text} }`)).code, text).toBe(code);
      // Whether somebody else has it is not told.
      const [foreign, none] = [
        await ask('mutation { insertParts(input: { code: "x", makerId: 2 }) { id } }'),
        await ask('mutation { insertParts(input: { code: "x", makerId: 404 }) { id } }'),
      ];
      expect(foreign.errors![0]!.message).toBe(none.errors![0]!.message);
      expect((await ask(`mutation { deleteParts(keys: { id: ${theirs.id} }) { id } }`)).data).toEqual({
        deleteParts: [],
      });
      expect(
        (await ask('mutation { insertParts(input: { code: "x", tenantId: "other" }) { id } }')).errors?.[0]?.message,
      ).toMatch(/tenantId/);
      expect(await all()).toEqual(before);
    });

    test('all of them or none, and why is told by a code', async () => {
      const before = await all();
      for (const [row, code, violates, told = ''] of [
        ['{ code: "a" }', 'CONFLICT', 'UNIQUE'],
        ['{ code: "x", stock: -1 }', 'BAD_USER_INPUT', 'CHECK'],
        ...(strict
          ? ([
              ['{ code: "longer than ten" }', 'BAD_USER_INPUT', undefined, '`code`: "longer than ten" is none that'],
              ['{ code: "x", price: "99999999999.00" }', 'BAD_USER_INPUT', undefined, '`price`: "99999999999.00" is'],
            ] as const)
          : ([['{ code: "x", price: "1234567890.1234567" }', 'BAD_USER_INPUT', undefined]] as const)),
        ['{ code: "x", made: "2026-02-30" }', 'BAD_USER_INPUT', undefined, '`made`: "2026-02-30" is none that'],
        ['{ code: "x", price: null }', 'BAD_USER_INPUT', 'NOT_NULL'],
      ] as const) {
        const answer = await ask(`mutation { insertParts(input: [{ code: "first" }, ${row}]) { id } }`);
        expect([answer.code, answer.violates], row).toEqual([code, violates]);
        expect(answer.errors?.[0]?.message, row).toContain(told);
      }
      const apart = await ask(
        `mutation { one: updateParts(input: { id: ${before[0][0]!.id}, stock: null }) { code } two: insertParts(input: { code: "a" }) { id } three: deleteParts(keys: [{ id: 404 }, { id: 404 }]) { id } }`,
      );
      expect([apart.data, apart.code]).toEqual([{ one: [{ code: 'a' }], two: null, three: [] }, 'CONFLICT']);
      const same = await ask(
        `mutation { updateParts(input: [{ id: ${before[0][0]!.id}, stock: 1 }, { id: ${before[0][0]!.id}, stock: 2 }]) { id } }`,
      );
      expect(same.code).toBe('BAD_USER_INPUT');
      const twice = await ask(
        `mutation { updateParts(input: [{ id: ${before[0][0]!.id}, stock: 1 }, { id: 404, stock: 1 }]) { id } }`,
      );
      expect(twice.code).toBe('NOT_FOUND');
      expect(await ask('mutation { deleteMakers(keys: { id: 1 }) { id } }')).toMatchObject({
        code: 'CONFLICT',
        violates: 'FOREIGN_KEY',
      });
      isLogAway = true;
      const unlogged = await ask('mutation { insertParts(input: { code: "x" }) { id } }');
      isLogAway = false;
      expect(unlogged.code).toBe('STORE_UNAVAILABLE');
      const rows = Array.from({ length: 201 }, (_, index) => `{ code: "c${index}" }`).join();
      expect((await ask(`mutation { insertParts(input: [${rows}]) { id } }`)).code).toBe('BAD_USER_INPUT');
      expect(await all()).toEqual(before);
    });

    // A store without them has no such test, rather than one that is skipped.
    if (users)
      test('a user who may only read is told so', async () => {
        const { errors } = await ask('mutation { insertParts(input: { code: "x" }) { id } }', 'acme', store.reading);
        expect(errors).toMatchObject([
          { extensions: { code: 'STORE_UNAVAILABLE', hint: expect.stringMatching(/GRANT/) } },
        ]);
      });

    test('two who upsert the same at once both succeed, and there is one', async () => {
      const put = (stock: number) =>
        ask(`mutation { upsertParts(on: CODE, input: { code: "race", stock: ${stock} }) { id } }`);
      const answers = await Promise.all([1, 2, 3, 4].map(put));
      expect(answers.map(({ code }) => code)).toEqual([undefined, undefined, undefined, undefined]);
      expect(new Set(answers.map(({ data }) => data.upsertParts[0].id)).size).toBe(1);
    });

    test('keys of several parts are told apart by each of them', async () => {
      const keys = [
        ['a,b', 'c'],
        ['a', 'b,c'],
      ];
      const rows = (note: string, which = keys): string =>
        which.map(([aisle, place]) => `{ aisle: "${aisle}", place: "${place}", note: "${note}" }`).join(', ');
      const made = await ask(`mutation { insertSlots(input: [${rows('new')}]) { aisle place } }`);
      expect(made.errors).toBeUndefined();
      expect(made.data).toEqual({ insertSlots: keys.map(([aisle, place]) => ({ aisle, place })) });
      const changed = await ask(`mutation { updateSlots(input: [${rows('changed')}]) { aisle note } }`);
      expect(changed.data).toEqual({
        updateSlots: [
          { aisle: 'a,b', note: 'changed' },
          { aisle: 'a', note: 'changed' },
        ],
      });
      const twice = await ask(`mutation { updateSlots(input: [${rows('x', [keys[0]!, keys[0]!])}]) { aisle } }`);
      expect(twice.code).toBe('BAD_USER_INPUT');
    });

    test('texts that look like SQL are texts', async () => {
      const hostile = `'); --`;
      const { data } = await ask(`mutation { insertParts(input: { code: ${JSON.stringify(hostile)} }) { id code } }`);
      expect(data.insertParts[0].code).toBe(hostile);
    });
  });
}
