/** Rows near to something, by vectors that the operator's own stores keep: one suite for all kinds, beside all of them compared here. */
import { randomBytes } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { graphql, type GraphQLSchema } from 'graphql';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createRequestContext } from '#subgraphs/shared/context.ts';
import { writeJson } from '#subgraphs/shared/exact-number.ts';
import type { Embedder } from '#subgraphs/shared/ports.ts';
import type { SourceDriver } from '#subgraphs/sources/driver.ts';
import { createPostgresSource } from '#subgraphs/sources/drivers/postgres/index.ts';
import { createQdrantSource } from '#subgraphs/sources/drivers/qdrant/index.ts';
import { buildModel } from '#subgraphs/sources/model/build.ts';
import type { KindName } from '#subgraphs/sources/model/kinds.ts';
import { parseSources } from '#subgraphs/sources/model/read.ts';
import { buildSchema } from '#subgraphs/sources/schema/index.ts';
import { random } from '#tests/setup/random.ts';
import { startTestServer } from '#tests/setup/server.ts';
import { shopOptions } from '#tests/setup/source-options.ts';

const { TEST_PGVECTOR_URL: pgUrl, TEST_QDRANT_URL: qdrantUrl, TEST_QDRANT_API_KEY: qdrantKey } = process.env;

interface Row {
  readonly id: number;
  readonly tenant: string;
  readonly state: string;
  readonly title: string;
  readonly size: number;
  readonly meaning: readonly number[];
  readonly place: readonly number[];
}

const DIMENSIONS = 8;
const next = random(5);
const below = (most: number): number => Math.floor(next() * most);
const ROWS: readonly Row[] = Array.from({ length: 600 }, (_, index) => ({
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

function describeNearest(kind: KindName, table: string, open: () => Promise<Store>): void {
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

describe.skipIf(pgUrl === undefined)('rows near to something, by pgvector', () => {
  describeNearest('postgres', 'tickets', async () => {
    const name = `nearest_${randomBytes(6).toString('hex')}`;
    const admin = new pg.Client(pgUrl);
    await admin.connect();
    await admin.query(`CREATE DATABASE ${name}`);
    const url = new URL(pgUrl!);
    url.pathname = `/${name}`;
    const client = new pg.Client(url.href);
    await client.connect();
    await client.query(`
      CREATE SCHEMA "odd place"; CREATE EXTENSION vector SCHEMA "odd place";
      CREATE TABLE tickets (id text PRIMARY KEY, tenant text NOT NULL, state text, title text, size bigint, meaning "odd place".vector(${DIMENSIONS}), place "odd place".halfvec(2));
      CREATE INDEX ON tickets USING hnsw (meaning "odd place".vector_cosine_ops);
      CREATE INDEX ON tickets USING hnsw (place "odd place".halfvec_l2_ops)`);
    for (const { id, tenant, state, title, size, meaning, place } of ROWS)
      await client.query('INSERT INTO tickets VALUES ($1, $2, $3, $4, $5, $6, $7)', [id, tenant, state, title, size, `[${meaning.join()}]`, `[${place.join()}]`]); // prettier-ignore
    await client.query(
      `INSERT INTO tickets VALUES (1000, 'acme', 'open', 'No vector', 1, NULL, NULL), (1001, 'acme', 'open', 'Zeros', 1, '[0,0,0,0,0,0,0,0]', NULL)`,
    );
    await client.query('ANALYZE tickets');
    await client.end();
    const driver = createPostgresSource(shopOptions(url.href));
    return {
      driver,
      async [Symbol.asyncDispose]() {
        await driver.close();
        await admin.query(`DROP DATABASE ${name} WITH (FORCE)`);
        await admin.end();
      },
    };
  });
});

describe.skipIf(qdrantUrl === undefined)('rows near to something, by Qdrant', () => {
  const table = 'nearest-tickets';
  const qdrantSource = (): string =>
    `qdrant://${qdrantKey === undefined ? '' : `:${qdrantKey}@`}${new URL(qdrantUrl!).host}`;
  const raw = async (method: string, path: string, body?: object): Promise<void> => {
    const response = await fetch(`${qdrantUrl}/collections/${table}${path}`, {
      method,
      headers: { 'content-type': 'application/json', ...(qdrantKey === undefined ? {} : { 'api-key': qdrantKey }) },
      ...(body === undefined ? {} : { body: writeJson(body) }),
    });
    if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${await response.text()}`);
  };
  describeNearest('qdrant', table, async () => {
    const vectors = { meaning: { size: DIMENSIONS, distance: 'Cosine' }, place: { size: 2, distance: 'Euclid' } };
    await raw('PUT', '', { vectors });
    const points = ROWS.map(({ id, meaning, place, ...payload }) => ({ id, vector: { meaning, place }, payload }));
    await raw('PUT', '/points?wait=true', { points });
    const driver = createQdrantSource(shopOptions(qdrantSource()));
    return {
      driver,
      async [Symbol.asyncDispose]() {
        await driver.close();
        await raw('DELETE', '');
      },
    };
  });

  test('through a gateway, in the words of whoever asks', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'tributary-nearest-'));
    const file = join(folder, 'sources.yaml');
    await writeFile(
      file,
      'sources:\n  support:\n    kind: qdrant\n    url: SUPPORT_URL\n    tenancy: { tenant: default }\n    types:\n      near-words: { name: Word, vectors: { sense: { model: static-384-v1 } } }\n',
    );
    const collection = async (method: string, path: string, body?: object): Promise<void> =>
      await raw(method, `/../near-words${path}`, body);
    await collection('PUT', '', { vectors: { sense: { size: 384, distance: 'Cosine' } } });
    await collection('PUT', '/points?wait=true', {
      points: [{ id: 1, vector: { sense: Array(384).fill(0.1) }, payload: { text: '-' } }],
    });
    try {
      await using server = await startTestServer({ SOURCES: file, SUPPORT_URL: qdrantSource() });
      const ask = async (query: string, variables: object = {}) => {
        const response = await fetch(`${server.url}/graphql`, {
          method: 'POST',
          headers: { 'content-type': 'application/json' },
          body: JSON.stringify({ query, variables }),
        });
        const { data, errors } = (await response.json()) as { data: any; errors?: unknown }; // eslint-disable-line @typescript-eslint/no-explicit-any -- answers
        expect(errors).toBeUndefined();
        return data;
      };
      const texts = ['The printer is jammed.', 'I cannot sign in.', 'The invoice is wrong.'];
      const { embed } = await ask('query ($input: [String!]!) { embed(input: $input) { vector } }', { input: texts });
      const points = texts.map((text, index) => ({
        id: index + 1,
        vector: { sense: embed[index].vector },
        payload: { text },
      }));
      await collection('PUT', '/points?wait=true', { points });
      const { wordsNearest } = await ask(
        '{ wordsNearest(text: "my password is refused at login", first: 1) { score node { id text } } }',
      );
      expect(wordsNearest).toEqual([{ score: expect.any(Number), node: { id: '2', text: 'I cannot sign in.' } }]);
    } finally {
      await collection('DELETE', '');
      await rm(folder, { recursive: true });
    }
  });
});
