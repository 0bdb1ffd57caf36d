/** Qdrant in every way absent, on what a real server answered (see tests/contract/qdrant-stand-in.ts). */
import { test, expect } from 'vitest';
import { checkQdrantVersion } from '#subgraphs/vector/drivers/qdrant/errors.ts';
import { QdrantVectors } from '#subgraphs/vector/drivers/qdrant/index.ts';
import { createVector } from '#subgraphs/vector/index.ts';
import { createRequestContext } from '#subgraphs/shared/context.ts';
import { recorded, standIn } from '#tests/contract/qdrant-stand-in.ts';
import { absences, ask, SECRET, silence, type Absence } from './absent.ts';

const SEARCH = '{ search(query: "a word", mode: KEYWORD, first: 1) { edges { score } } }';
const embedder = { model: { name: 'four', dimensions: 4 }, embed: () => Promise.reject(new Error('not needed')) };
const vectors = (url: string) => ask(createVector({ qdrant: { url, apiKey: SECRET } }, { embedder }), SEARCH);
const answering = async (answer: Parameters<typeof standIn>[1], version?: string) => {
  await using server = await standIn('a', answer, version);
  return await vectors(server.url);
};

const rows: Absence[] = [
  {
    how: 'off',
    attempt: () => ask(createVector({}, { embedder }), SEARCH),
    code: 'STORE_DISABLED',
    names: /QDRANT_URL/,
  },
  {
    how: 'wrong host',
    attempt: () => vectors('http://no-such-host.invalid:6333'),
    code: 'STORE_UNAVAILABLE',
    names: /QDRANT_URL/,
  },
  { how: 'refused', attempt: () => vectors('http://127.0.0.1:1'), code: 'STORE_UNAVAILABLE', names: /QDRANT_URL/ },
  { how: 'hanging up', attempt: () => answering(() => 'hang up'), code: 'STORE_UNAVAILABLE', names: /QDRANT_URL/ },
  {
    how: 'silent',
    attempt: async () => {
      await using nobody = await silence();
      const driver = new QdrantVectors(
        { url: `http://127.0.0.1:${nobody.port}`, apiKey: SECRET, timeoutMs: 200 },
        'chunks',
      );
      return await driver.collectionInfo(
        createRequestContext({ tenantId: 'a', subject: 'test', roles: [], scopes: [] }),
      );
    },
    code: 'STORE_TIMEOUT',
    names: /QDRANT_URL/,
  },
  {
    how: 'silent, and the request ends',
    attempt: async () => {
      await using nobody = await silence();
      const driver = new QdrantVectors({ url: `http://127.0.0.1:${nobody.port}`, apiKey: SECRET }, 'chunks');
      const signal = AbortSignal.timeout(100);
      return await driver.collectionInfo(
        createRequestContext({ tenantId: 'a', subject: 'test', roles: [], scopes: [] }, { signal }),
      );
    },
    code: 'REQUEST_TIMEOUT',
    names: /Qdrant/,
  },
  {
    how: 'wrong key',
    attempt: () => answering(() => recorded('auth_wrong_key')),
    code: 'STORE_UNAVAILABLE',
    names: /QDRANT_API_KEY/,
  },
  {
    how: 'collection absent',
    attempt: () => answering(() => recorded('get_unknown_collection')),
    code: 'CONFLICT',
    names: /QDRANT_URL.*VECTOR_COLLECTION/,
  },
  {
    how: 'too old',
    attempt: () => answering(() => recorded('get_unknown_collection'), '1.18.3'),
    code: 'STORE_UNAVAILABLE',
    names: /Qdrant 1\.18\.3 .*QDRANT_URL.*1\.19/,
  },
];
absences('Qdrant', rows);

test('versions compare as numbers', () => {
  for (const version of ['1.19.0', '1.20.0-dev', '1.100.1', '2.0.1', 'dev', undefined])
    expect(() => checkQdrantVersion(version)).not.toThrow();
  for (const version of ['0.11.0', '1.9.12', '1.16.0', '1.18.4'])
    expect(() => checkQdrantVersion(version)).toThrow(/too old/);
});
