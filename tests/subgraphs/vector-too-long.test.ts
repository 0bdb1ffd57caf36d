/** Passages over the embedding model's limit, on every dialect that says so in its own way. */
import { createRequire } from 'node:module';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createInference } from '#subgraphs/inference/index.ts';
import { createRequestContext, type RequestContext } from '#subgraphs/shared/context.ts';
import { inputTooLong } from '#subgraphs/shared/errors.ts';
import type { Embedder } from '#subgraphs/shared/ports.ts';
import { Postgres } from '#subgraphs/shared/postgres/postgres.ts';
import { embedTexts } from '#subgraphs/vector/indexing/embedding.ts';
import { createVector } from '#subgraphs/vector/index.ts';
import { DIALECTS } from '#tests/contract/model-dialects.ts';
import { startStandIn } from '#tests/contract/openai-server.ts';
import { createTestDatabase, type TestDatabase } from '#tests/setup/postgres.ts';

// The same copy as the schema's: Vitest would load graphql's other one.
const { execute, parse } = createRequire(import.meta.url)('graphql') as typeof import('graphql');

let database: TestDatabase;
let postgres: Postgres;
beforeAll(async () => {
  database = await createTestDatabase();
  postgres = new Postgres({ url: database.url });
});
afterAll(async () => {
  await postgres.close();
  await database[Symbol.asyncDispose]();
});

const as = (tenantId: string): RequestContext =>
  createRequestContext({ tenantId, subject: 'test', roles: [], scopes: [], system: true });

const INDEX = `mutation ($documents: [IndexDocumentVectorsItem!]!) {
  indexDocumentVectors(input: { documents: $documents }) { embedded kept removed }
}`;
const PARTS = `query ($refs: [_Any!]!) { _entities(representations: $refs) { ... on Chunk { id embeddedParts } } }`;
const DIFFERING = `query ($documents: [IndexDocumentVectorsItem!]!) { differingDocumentVectors(input: { documents: $documents }) }`;
const words = (from: number, to: number): string =>
  Array.from({ length: to - from }, (_, at) => `word${from + at}`).join(' ');

test.each(DIALECTS)(
  'of $name: the text is embedded in parts, the chunk says so, and the rest is kept',
  async (dialect) => {
    await using standIn = await startStandIn({ dialect, maxInputTokens: 10 });
    const inference = await createInference(
      {
        openai: { baseUrl: standIn.baseUrl, apiKey: standIn.apiKey },
        embeddingModel: standIn.embeddingModel,
        embeddings: 'openai',
      },
      { usageSink: undefined },
    );
    const collection = dialect.name.replace(/[^A-Za-z0-9]+/g, '-');
    const vector = await createVector(
      { collection, pgvector: 'off' },
      { postgres, embedder: inference.provides.embedder! },
    );
    const run = async (source: string, variables: Record<string, unknown>): Promise<Record<string, unknown>> => {
      const { data, errors } = await execute({
        schema: vector.schema,
        document: parse(source),
        variableValues: variables,
        contextValue: as('t'),
      });
      expect(errors).toBeUndefined();
      return JSON.parse(JSON.stringify(data)) as Record<string, unknown>;
    };

    const texts = [words(0, 5), words(100, 140), words(200, 203)];
    const chunks = texts.map((text, at) => ({ id: `chk_${at}`, text }));
    const documents = [{ documentId: 'doc_1', title: 'Title', source: 's', mediaType: 'text/plain', chunks }];
    expect(await run(INDEX, { documents })).toEqual({ indexDocumentVectors: { embedded: 3, kept: 0, removed: 0 } });

    const refs = [...chunks.map(({ id }) => id), 'chk_missing'].map((id) => ({ __typename: 'Chunk', id }));
    const { _entities } = (await run(PARTS, { refs })) as { _entities: { embeddedParts: number | null }[] };
    expect(_entities.map(({ embeddedParts }) => embeddedParts)).toEqual([1, expect.any(Number), 1, null]);
    expect(_entities[1]!.embeddedParts).toBeGreaterThan(3);

    // The same again: nothing differs, and nothing is paid for twice.
    const before = standIn.requests.length;
    expect(await run(INDEX, { documents })).toEqual({ indexDocumentVectors: { embedded: 0, kept: 3, removed: 0 } });
    expect(await run(DIFFERING, { documents })).toEqual({ differingDocumentVectors: [] });
    expect(standIn.requests.length).toBe(before);

    await vector.close();
    await inference.close();
  },
);

/** Refuses what is longer than `limit` characters; what it makes of the others says which text it was. */
const upTo = (limit: number, inputs: 'named' | 'unnamed'): Embedder & { calls: string[][] } => ({
  calls: [],
  model: { name: 'short' },
  embed(_, texts) {
    this.calls.push([...texts]);
    const refused = texts.flatMap((text, at) => (text.length > limit ? [at] : []));
    if (refused.length > 0)
      return Promise.reject(
        inputTooLong('Too long.', { limit, unit: 'CHARACTERS', ...(inputs === 'named' ? { inputs: refused } : {}) }),
      );
    return Promise.resolve({
      model: 'short',
      dimensions: 2,
      vectors: texts.map((text) => Float32Array.of(text.includes('a') ? 1 : 0, text.includes('b') ? 1 : 0)),
    });
  },
});

test('the vector of a divided text is the mean of its parts, and the order of the texts stays', async () => {
  const embedder = upTo(8, 'named');
  const { texts } = await embedTexts(as('t'), embedder, ['b', `${'a'.repeat(7)} ${'b'.repeat(7)}`, 'a']);
  expect(texts.map(({ parts }) => parts)).toEqual([1, 2, 1]);
  expect(texts.map(({ vector }) => [...vector].map((each) => Math.round(each * 100) / 100))).toEqual([
    [0, 1],
    [0.71, 0.71],
    [1, 0],
  ]);
  expect(embedder.calls.length).toBe(3);
});

test('whoever does not say which texts were refused has all of them divided', async () => {
  const { texts } = await embedTexts(as('t'), upTo(8, 'unnamed'), ['ab', 'a'.repeat(40)]);
  expect(texts).toHaveLength(2);
  expect(texts[1]!.parts).toBeGreaterThanOrEqual(5);
});

test('a refusal that dividing does not mend is told, after a bounded number of calls', async () => {
  const embedder = upTo(0, 'named');
  await expect(embedTexts(as('t'), embedder, ['a'.repeat(65_536)])).rejects.toMatchObject({
    extensions: { code: 'BAD_USER_INPUT', reason: 'INPUT_TOO_LONG' },
  });
  expect(embedder.calls.length).toBeLessThan(16);
});
