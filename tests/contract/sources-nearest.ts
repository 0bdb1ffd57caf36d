/** Rows near to something, by vectors that the operator's own stores keep: one suite for all kinds, beside all of them compared here. */
import { graphql, type GraphQLSchema } from 'graphql';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createRequestContext } from '#subgraphs/shared/context.ts';
import { writeJson } from '#subgraphs/shared/exact-number.ts';
import type { Embedder } from '#subgraphs/shared/ports.ts';
import type { SourceDriver } from '#subgraphs/sources/driver.ts';
import { buildModel } from '#subgraphs/sources/model/build.ts';
import type { KindName } from '#subgraphs/sources/model/kinds.ts';
import { parseSources } from '#subgraphs/sources/model/read.ts';
import { buildSchema } from '#subgraphs/sources/schema/index.ts';
import { random } from '#tests/setup/random.ts';

interface Row {
  readonly id: number;
  readonly tenant: string;
  readonly state: string;
  readonly title: string;
  readonly size: number;
  readonly meaning: readonly number[];
  readonly place: readonly number[];
}

export const DIMENSIONS = 8;
const next = random(5);
const below = (most: number): number => Math.floor(next() * most);
export const ROWS: readonly Row[] = Array.from({ length: 600 }, (_, index) => ({
  id: index + 1,
  tenant: index % 3 === 0 ? 'other' : 'acme',
  state: ['open', 'waiting', 'closed'][below(3)]!,
  title: `Ticket ${index + 1}`,
  size: below(1_000),
  meaning: Array.from({ length: DIMENSIONS }, () => next() - 0.5),
  place: [below(100), below(100)],
}));

const product = (a: readonly number[], b: readonly number[]): number =>
  a.reduce((sum, each, index) => sum + each * b[index]!, 0);
const cosine = (a: readonly number[], b: readonly number[]): number =>
  product(a, b) / Math.sqrt(product(a, a) * product(b, b));
const distance = (a: readonly number[], b: readonly number[]): number =>
  Math.hypot(...a.map((each, index) => each - b[index]!));

/** Says of every text the same, as a model would. */
const embedder: Embedder = {
  model: { name: 'model-of-tests', dimensions: DIMENSIONS },
  embed: (_, input) =>
    Promise.resolve({
      model: 'model-of-tests',
      dimensions: DIMENSIONS,
      vectors: input.map(() => Float32Array.from(ROWS[1]!.meaning)),
    }),
};

interface Store extends AsyncDisposable {
  readonly driver: SourceDriver;
}

/** @param table that has {@link ROWS}, with an index where the store has such */
export function describeNearest(kind: KindName, table: string, open: () => Promise<Store>): void {
  describe(kind, () => {
    let store: Store;
    let schema: GraphQLSchema;
    const made = async (types: string): Promise<GraphQLSchema> => {
      const file = `sources:\n  shop:\n    kind: ${kind}\n    url: U\n    tenancy: { column: tenant }\n    types: { ${table}: ${types} }\n`;
      const catalog = await store.driver.introspect(['public']);
      const own = { ...catalog, tables: catalog.tables.filter(({ name }) => name === table) };
      return buildSchema(buildModel('shop', parseSources(file, 'sources.yaml'), own), store.driver, {
        embedder: () => embedder,
      });
    };
    // eslint-disable-next-line @typescript-eslint/no-explicit-any -- answers
    const answer = async (args: string, tenantId = 'acme', of = schema): Promise<any> => {
      const contextValue = createRequestContext({ tenantId, subject: 'ada', roles: [], scopes: [] });
      const source = `{ ticketsNearest(${args}) { score node { id title state } } }`;
      return JSON.parse(writeJson(await graphql({ schema: of, source, contextValue })));
    };
    const found = async (args: string, tenantId?: string): Promise<{ id: number; score: number }[]> => {
      const { data, errors } = await answer(args, tenantId);
      expect(errors, args).toBeUndefined();
      return data.ticketsNearest.map(({ score, node }: { score: number; node: { id: unknown } }) => ({
        id: Number(node.id),
        score,
      }));
    };
    /** All of them compared. */
    const nearest = (scoreOf: (row: Row) => number, rows: readonly Row[], first: number, sign = 1) =>
      rows
        .map((row) => ({ id: row.id, score: scoreOf(row) }))
        .sort((a, b) => sign * (b.score - a.score))
        .slice(0, first);
    const expectNear = (
      actual: { id: number; score: number }[],
      expected: { id: number; score: number }[],
      what: string,
    ) => {
      expect(
        actual.map(({ id }) => id),
        what,
      ).toEqual(expected.map(({ id }) => id));
      for (const [index, { score }] of actual.entries()) expect(score, what).toBeCloseTo(expected[index]!.score, 4);
    };

    beforeAll(async () => {
      store = await open();
      schema = await made('{ name: Ticket, list: tickets, vectors: { meaning: { model: model-of-tests } } }');
    }, 60_000);
    afterAll(async () => {
      await store?.[Symbol.asyncDispose]();
    });

    test('exactly as many as asked for, in order, of any filter and of the caller’s tenant', async () => {
      for (let round = 0; round < 40; round++) {
        const to = ROWS[below(ROWS.length)]!.meaning.map((each) => each + (next() - 0.5) / 10);
        const least = below(1_000);
        const tenant = round % 2 === 0 ? 'acme' : 'other';
        const first = 1 + below(60);
        const filters: [string, (row: Row) => boolean][] = [
          ['{}', () => true],
          ['{ state: { eq: "open" } }', ({ state }) => state === 'open'],
          [`{ size: { lt: "${least}" } }`, ({ size }) => size < least],
          // None that a Qdrant checks.
          [
            '{ title: { endsWith: "7" }, not: { state: { eq: "closed" } } }',
            ({ title, state }) => title.endsWith('7') && state !== 'closed',
          ],
        ];
        const [where, holds] = filters[below(filters.length)]!;
        const rows = ROWS.filter((row) => row.tenant === tenant && holds(row));
        const args = `by: MEANING, vector: [${to.join()}], where: ${where}, first: ${first}`;
        expectNear(
          await found(args, tenant),
          nearest(({ meaning }) => cosine(meaning, to), rows, first),
          args,
        );
      }
    });

    test('by distances the least is the nearest', async () => {
      const rows = ROWS.filter(({ tenant }) => tenant === 'acme');
      const actual = await found('by: PLACE, vector: [50, 50.5], first: 20');
      const expected = nearest(({ place }) => distance(place, [50, 50.5]), rows, 20, -1);
      // Several are equally far.
      expect(actual.map(({ score }) => score.toFixed(3))).toEqual(expected.map(({ score }) => score.toFixed(3)));
      const within = await found('by: PLACE, vector: [50, 50.5], first: 500, threshold: 10');
      expect(within).toHaveLength(rows.filter(({ place }) => distance(place, [50, 50.5]) <= 10).length);
    });

    test('to a text, and to a row, which is not among them', async () => {
      const rows = ROWS.filter(({ tenant }) => tenant === 'acme');
      const to = ROWS[1]!.meaning;
      const all = nearest(({ meaning }) => cosine(meaning, to), rows, 6);
      expect(all[0]!.id).toBe(2);
      expectNear(await found('by: MEANING, text: "anything", first: 6'), all, 'text');
      expectNear(await found('by: MEANING, row: "2", first: 5'), all.slice(1), 'row');
      expect(await found('by: MEANING, text: "anything", first: 6, threshold: 0.99')).toHaveLength(1);
      expect(await found('by: MEANING, text: "anything", first: 0')).toEqual([]);
    });

    test('nobody learns of what another’s row is near to', async () => {
      for (const id of ['1', '999999', '00000000-0000-4000-8000-000000000000', "1' OR '1'='1"]) {
        const { errors } = await answer(`by: MEANING, row: "${id}"`);
        expect(errors?.[0]?.extensions?.code, id).toMatch(/^(NOT_FOUND|BAD_USER_INPUT)$/);
      }
      expect(await found('by: MEANING, vector: [1, 0, 0, 0, 0, 0, 0, 0], first: 500', 'nobody')).toEqual([]);
    });

    test('what cannot be meant is told', async () => {
      for (const [args, message] of [
        ['first: 5', /Say one thing that rows are to be near to, `text` or `vector` or `row`; got none/],
        ['text: "x", vector: [1]', /got text, vector/],
        ['by: MEANING, vector: [1, 2]', /has 8 numbers; got 2/],
        ['by: PLACE, text: "x"', /Nothing says which model made the vectors place/],
        ['by: MEANING, text: " "', /`text` has 1 to/],
        [`by: MEANING, text: "${'x'.repeat(8_001)}"`, /`text` has 1 to/],
        ['by: MEANING, text: "x", first: 501', /`first` is 0 to 500/],
        ['by: MEANING, text: "x", first: -1', /`first` is 0 to 500/],
      ] as const) {
        const { errors } = await answer(args);
        expect(errors?.[0]?.message, args).toMatch(message);
        expect(errors?.[0]?.extensions?.code, args).toBe('BAD_USER_INPUT');
      }
      const other = await made('{ name: Ticket, list: tickets, vectors: { meaning: { model: another } } }');
      const { errors } = await answer('by: MEANING, text: "x"', 'acme', other);
      expect(errors[0].message).toBe(
        'The vectors meaning of shop are of the model another, and the gateway embeds with model-of-tests.',
      );
      await expect(made('{ vectors: { sense: { model: x } } }')).rejects.toThrow(
        /has no vectors "sense". It has "meaning", "place"/,
      );
    });
  });
}
