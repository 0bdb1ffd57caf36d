import { randomBytes } from 'node:crypto';

import { describe, expect, test } from 'vitest';

import { createRequestContext } from '#subgraphs/shared/context.ts';
import type { ChunkVector, StoreQuery } from '#subgraphs/vector/driver.ts';
import { metadataTerms, pointId, within } from '#subgraphs/vector/drivers/qdrant/filter.ts';
import { sparseQuery, sparseText } from '#subgraphs/vector/drivers/qdrant/sparse.ts';
import { QdrantVectors } from '#subgraphs/vector/drivers/qdrant/index.ts';
import { recorded, standIn, type Received } from './qdrant-stand-in.ts';
import { as, corpus, testVectorDriver } from './vector-driver.ts';

const MODEL = { model: 'four', dimensions: 4 };

/** The recorded collection with what the driver itself writes into it. */
function collection() {
  const answer = recorded('get_collection');
  (answer.body as any).result.config.metadata = { model: MODEL.model }; // eslint-disable-line @typescript-eslint/no-explicit-any -- recorded JSON
  return answer;
}

/** Points as the recorded server answers them, with the payload that the driver writes. */
// eslint-disable-next-line @typescript-eslint/no-explicit-any -- recorded JSON
const points = (answer: any) =>
  // eslint-disable-next-line @typescript-eslint/no-explicit-any -- recorded JSON
  answer.points.map((point: any) => ({
    ...point,
    payload: { chunk_id: `chk_${point.id.at(-1)}`, document_id: `doc_${Number(point.id.at(-1)) % 2}`, tenant: 'acme' },
  }));

const isRoute = (request: Received, method: string, end: string) =>
  request.method === method && request.path.split('?')[0]!.endsWith(end);

/**
 * Answers as the recorded server did, by route; `searches` are answered one by one from the recorded single queries.
 */
function replay(request: Received) {
  if (isRoute(request, 'GET', '/collections/chunks')) return collection();
  if (isRoute(request, 'POST', '/points/query/batch')) {
    // eslint-disable-next-line @typescript-eslint/no-explicit-any -- JSON
    const result = request.body.searches.map((search: any) => {
      const name = search.prefetch ? 'hybrid_rrf_k_weights' : search.using === 'text' ? 'query_sparse' : 'query_dense';
      return { points: points((recorded(name).body as any).result) }; // eslint-disable-line @typescript-eslint/no-explicit-any -- recorded JSON
    });
    return { status: 200, body: { result, status: 'ok', time: 0 } };
  }
  if (isRoute(request, 'POST', '/facet')) {
    return {
      status: 200,
      body: {
        result: {
          hits: [
            { value: 'notes/1.md', count: 1 },
            { value: 'guides/2.md', count: 2 },
          ],
        },
        status: 'ok',
        time: 0,
      },
    };
  }
  if (isRoute(request, 'PUT', '/points')) return recorded('upsert_wait');
  if (isRoute(request, 'POST', '/points/count')) return recorded('count_exact');
  if (isRoute(request, 'POST', '/points/delete')) return recorded('delete_by_filter');
  if (isRoute(request, 'POST', '/points/scroll'))
    return { status: 200, body: { result: { points: [], next_page_offset: null }, status: 'ok', time: 0 } };
  if (isRoute(request, 'POST', '/points')) return { status: 200, body: { result: [], status: 'ok', time: 0 } };
  throw new Error(`Nothing is recorded for ${request.method} ${request.path}.`);
}

const vector = Float32Array.of(1, 0, 0, 0);
const dense: StoreQuery = { kind: 'VECTOR', vector, model: MODEL.model, limit: 3, filter: {} };
const open = (url: string, apiKey?: string) => new QdrantVectors({ url, apiKey, timeoutMs: 2_000 }, 'chunks');

describe('Qdrant, against recorded exchanges', () => {
  test('answers searches of all kinds in one request, the tenant in every filter', async () => {
    await using server = await standIn('acme', replay);
    const driver = open(server.url);
    const context = as('acme');
    const answers = await driver.search(context, [
      dense,
      {
        kind: 'KEYWORD',
        text: 'alpha alpha beta',
        limit: 2,
        filter: { documentIds: ['doc_1'], metadata: [{ path: ['topic'], any: ['x', 1] }] },
      },
      {
        kind: 'HYBRID',
        vector,
        model: MODEL.model,
        text: 'alpha',
        limit: 1_000,
        depth: 500,
        filter: { sourcePrefix: 'notes/' },
      },
      { kind: 'KEYWORD', text: '!?', limit: 2, filter: {} },
      { ...dense, filter: { mediaTypes: [] } },
    ]);
    expect(answers.map(({ items }) => items.map((item) => item.chunkId))).toEqual([
      ['chk_1', 'chk_2', 'chk_3'],
      ['chk_1', 'chk_7'],
      ['chk_1', 'chk_5', 'chk_2'],
      [],
      [],
    ]);
    expect(context.statements.counts()).toEqual({ qdrant: 3 }); // The collection, the sources, the batch.
    const { searches } = server.received.at(-1)!.body;
    expect(searches).toHaveLength(3);
    expect(searches[1].query.indices).toHaveLength(2);
    expect(searches[1].filter.must.map((each: { key: string }) => each.key)).toEqual([
      'tenant',
      'document_id',
      'metadata_terms',
    ]);
    expect(searches[2].query).toEqual({ rrf: { k: 61 } });
    expect(searches[2].prefetch.map((each: { using: string; limit: number }) => [each.using, each.limit])).toEqual([
      ['dense', 500],
      ['text', 500],
    ]);
    expect(searches[2].prefetch[1].filter.must).toContainEqual({ key: 'source', match: { any: ['notes/1.md'] } });
    await driver.close();
  });

  test('makes the collection once, with an index for every key that filters use, and waits for writes', async () => {
    let made = false;
    await using server = await standIn('acme', (request) => {
      if (isRoute(request, 'GET', '/collections/chunks'))
        return made ? collection() : recorded('get_unknown_collection');
      if (isRoute(request, 'PUT', '/collections/chunks')) {
        made = true;
        return recorded('create_collection_conflict'); // Another process was first, which must not matter.
      }
      if (isRoute(request, 'PUT', '/index')) return recorded('index_keyword_tenant');
      return replay(request);
    });
    const driver = open(server.url);
    const chunks = corpus('acme', 300, 1).map((chunk): ChunkVector => ({ ...chunk, vector }));
    expect(await driver.collectionInfo(as('acme'))).toBeUndefined();
    await expect(driver.search(as('acme'), [dense])).rejects.toMatchObject({
      extensions: { code: 'CONFLICT' },
      message: expect.stringContaining('no collection'),
    });
    await driver.upsert(as('acme'), chunks, MODEL);
    const [create] = server.received.filter((request) => isRoute(request, 'PUT', '/collections/chunks'));
    expect(create!.body).toMatchObject({
      hnsw_config: { m: 0 },
      metadata: { model: 'four' },
      sparse_vectors: { text: { modifier: 'idf' } },
      strict_mode_config: { enabled: true },
    });
    const indexes = server.received
      .filter((request) => isRoute(request, 'PUT', '/index'))
      .map((request) => request.body);
    expect(indexes.map((index) => index.field_name)).toEqual([
      'tenant',
      'document_id',
      'media_type',
      'source',
      'metadata_terms',
    ]);
    expect(indexes[0].field_schema).toEqual({ type: 'keyword', is_tenant: true });
    const writes = server.received.filter((request) => isRoute(request, 'PUT', '/points'));
    expect(writes.map((write) => write.body.points.length)).toEqual([256, 44]);
    expect(
      writes.every((write) =>
        write.body.points.every((point: { payload: { tenant: string } }) => point.payload.tenant === 'acme'),
      ),
    ).toBe(true);
    await expect(driver.upsert(as('acme'), chunks.slice(0, 1), { ...MODEL, model: 'other' })).rejects.toMatchObject({
      extensions: { code: 'CONFLICT' },
    });
  });

  test('deletes by filter and by id within the tenant only', async () => {
    await using server = await standIn('acme', (request) => {
      if (!isRoute(request, 'POST', '/points')) return replay(request);
      // A server that answers more than was asked for.
      const result = request.body.ids.map((id: string, i: number) => ({
        id,
        payload: { tenant: i === 0 ? 'acme' : 'globex', chunk_id: `chk_${i}` },
        vector: { dense: [1, 0, 0, 0] },
      }));
      return { status: 200, body: { result, status: 'ok', time: 0 } };
    });
    const driver = open(server.url);
    expect(await driver.removeDocuments(as('acme'), ['doc_1'])).toBe(8);
    expect(server.received.at(-1)!.body.filter.must).toContainEqual({ key: 'document_id', match: { any: ['doc_1'] } });
    expect(await driver.delete(as('acme'), ['chk_0', 'chk_1'])).toEqual(['chk_0']);
    expect(server.received.at(-1)!.body).toEqual({ points: [pointId('acme', 'chk_0')] });
    const similar = await driver.similarToChunks(as('acme'), ['chk_0', 'chk_1'], 3);
    expect([...similar.keys()]).toEqual(['chk_0']);
    expect(await driver.indexDocuments(as('acme'), { documentIds: ['doc_1'], changed: [], kept: [] }, undefined)).toBe(
      8,
    );
    expect(await driver.removeDocuments(as('acme'), [])).toBe(0);
  });

  test('reads documents page by page', async () => {
    await using server = await standIn('acme', (request) => {
      if (!isRoute(request, 'POST', '/points/scroll')) return replay(request);
      const page = request.body.offset === undefined ? ['a', 'second'] : ['b', null];
      return {
        status: 200,
        body: {
          result: {
            points: [{ id: 'x', payload: { chunk_id: page[0], content_hash: `hash-${page[0]}` } }],
            next_page_offset: page[1],
          },
          status: 'ok',
          time: 0,
        },
      };
    });
    expect(await open(server.url).storedHashes(as('acme'), ['doc_1'])).toEqual(
      new Map([
        ['a', 'hash-a'],
        ['b', 'hash-b'],
      ]),
    );
  });

  test('lists documents point by point, each once a page', async () => {
    await using server = await standIn('acme', (request) => {
      if (!isRoute(request, 'POST', '/points/scroll')) return replay(request);
      const [ids, next] =
        request.body.offset === undefined ? [['doc_1', 'doc_1', 'doc_2'], 'second'] : [['doc_2'], null];
      return {
        status: 200,
        body: {
          result: {
            points: (ids as string[]).map((id) => ({ id: 'x', payload: { document_id: id } })),
            next_page_offset: next,
          },
          status: 'ok',
          time: 0,
        },
      };
    });
    const driver = open(server.url);
    expect(await driver.documentIds(as('acme'), null, 3)).toEqual({ ids: ['doc_1', 'doc_2'], next: 'second' });
    expect(await driver.documentIds(as('acme'), 'second', 3)).toEqual({ ids: ['doc_2'], next: null });
  });

  test.each([
    ['err_unknown_collection_query', 'CONFLICT', /QDRANT_URL/],
    ['err_wrong_dimension_query', 'CONFLICT', /EMBEDDING_MODEL/],
    ['err_wrong_key_query', 'STORE_UNAVAILABLE', /QDRANT_API_KEY/],
    ['err_readonly_upsert', 'STORE_UNAVAILABLE', /QDRANT_API_KEY/],
    ['rate_read_3', 'RATE_LIMITED', /Wait/],
  ])('maps %s to %s', async (name, code, hint) => {
    await using server = await standIn('acme', (request) =>
      isRoute(request, 'POST', '/points/query/batch') ? recorded(name) : replay(request),
    );
    const rejection = expect(open(server.url, 'secret-key').search(as('acme'), [dense])).rejects;
    await rejection.toMatchObject({
      extensions: { code, hint: expect.stringMatching(hint) },
      cause: expect.anything(),
    });
    expect(server.received[0]!.headers['api-key']).toBe('secret-key');
  });

  test('waits once where a limit lifts soon, reading and writing, and not where it does not', async () => {
    let limited = 0;
    let retryAfter = '1';
    await using server = await standIn('acme', (request) => {
      const counted = isRoute(request, 'POST', '/points/query/batch') || request.method === 'PUT';
      if (counted && limited-- > 0) return { ...recorded('rate_read_3'), headers: { 'retry-after': retryAfter } };
      return replay(request);
    });
    const driver = open(server.url);
    const searches = () => server.received.filter((request) => isRoute(request, 'POST', '/points/query/batch')).length;
    limited = 1;
    expect((await driver.search(as('acme'), [dense]))[0]!.items).toHaveLength(3);
    expect(searches()).toBe(2);
    // Twice in a row is not soon; neither is 30 seconds, of which the client passes one digit on.
    limited = 2;
    await expect(driver.search(as('acme'), [dense])).rejects.toMatchObject({
      extensions: { code: 'RATE_LIMITED', retryAfterSeconds: 1 },
    });
    expect(searches()).toBe(4);
    [limited, retryAfter] = [1, '30'];
    await expect(driver.search(as('acme'), [dense])).rejects.toMatchObject({
      extensions: { code: 'RATE_LIMITED', retryAfterSeconds: 3 },
    });
    expect(searches()).toBe(5);
    // A request that ends does not wait.
    [limited, retryAfter] = [1, '2'];
    const ended = createRequestContext(
      { tenantId: 'acme', subject: 'test', roles: [], scopes: [] },
      { signal: AbortSignal.timeout(50) },
    );
    await expect(driver.search(ended, [dense])).rejects.toMatchObject({ extensions: { code: 'REQUEST_TIMEOUT' } });
    expect(searches()).toBe(6);
  });

  test('a server that hangs up, or is not there, is unavailable and recovers by itself', async () => {
    let up = false;
    await using server = await standIn('acme', (request) => (up ? replay(request) : 'hang up'));
    const driver = open(server.url);
    await expect(driver.search(as('acme'), [dense])).rejects.toMatchObject({
      extensions: { code: 'STORE_UNAVAILABLE', hint: expect.stringContaining('QDRANT_URL') },
    });
    expect(await driver.health()).toMatchObject({
      store: 'qdrant',
      state: 'down',
      detail: expect.stringContaining('QDRANT_URL'),
    });
    up = true;
    expect((await driver.search(as('acme'), [dense]))[0]!.items).toHaveLength(3);
  });

  test('a filter cannot be made without a tenant, and ids of two tenants differ', () => {
    expect(() => within('')).toThrow(/tenant/);
    expect(pointId('a', 'chk')).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
    expect(pointId('a', 'bchk')).not.toBe(pointId('ab', 'chk'));
    expect(metadataTerms({ a: { b: 1 }, tags: ['x', 'y'], none: null })).toHaveLength(4);
    expect(metadataTerms({ a: 1 })).not.toEqual(metadataTerms({ a: '1' }));
  });

  test('words weigh more the more often they come, and less in long texts', () => {
    const weight = (text: string, word = 'alpha') => {
      const { indices, values } = sparseText('', text);
      return values[indices.indexOf(sparseQuery(word).indices[0]!)] ?? 0;
    };
    expect(weight('alpha alpha beta')).toBeGreaterThan(weight('alpha beta beta'));
    expect(weight('alpha beta')).toBeGreaterThan(weight(`alpha ${'beta '.repeat(300)}`));
    expect(weight('beta')).toBe(0);
    expect(sparseQuery('Alpha ALPHA').indices).toHaveLength(1);
  });
});

const url = process.env['TEST_QDRANT_URL'];
describe.skipIf(!url)('with TEST_QDRANT_URL', () => {
  testVectorDriver(
    'Qdrant',
    async () => {
      const run = randomBytes(4).toString('hex');
      let collections = 0;
      const options = { url: url!, apiKey: process.env['TEST_QDRANT_API_KEY'] };
      const drivers = [new QdrantVectors(options, `test_${run}`), new QdrantVectors(options, `test_${run}`)] as const;
      return {
        driver: drivers[0],
        replica: drivers[1],
        fresh: async () => new QdrantVectors(options, `test_${run}_${collections++}`),
        close: async () => void (await Promise.all(drivers.map((driver) => driver.close()))),
      };
    },
    { large: 2_000, small: 20, atomic: false },
  );
});
