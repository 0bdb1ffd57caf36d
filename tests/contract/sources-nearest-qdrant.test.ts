/** Rows near to something by the Qdrant at TEST_QDRANT_URL; `npm run test:stores -- --only qdrant` starts one. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { writeJson } from '#subgraphs/shared/exact-number.ts';
import { createQdrantSource } from '#subgraphs/sources/drivers/qdrant/index.ts';
import { startTestServer } from '#tests/setup/server.ts';
import { shopOptions } from '#tests/setup/source-options.ts';
import { describeNearest, DIMENSIONS, ROWS } from './sources-nearest.ts';

const { TEST_QDRANT_URL: qdrantUrl, TEST_QDRANT_API_KEY: qdrantKey } = process.env;

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
      // Collections of other suites are there too.
      'sources:\n  support:\n    kind: qdrant\n    url: SUPPORT_URL\n    prefix: NearTo\n    tenancy: { tenant: default }\n    types:\n      near-words: { name: Word, vectors: { sense: { model: static-384-v1 } } }\n',
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
