import { randomBytes } from 'node:crypto';

import { describe, expect, test, vi } from 'vitest';

import { maskError } from '#gateway/respond/mask-error.ts';
import { createRequestContext } from '#subgraphs/shared/context.ts';
import type { CodedError } from '#subgraphs/shared/errors.ts';
import type { ChunkVector, StoreQuery } from '#subgraphs/vector/driver.ts';
import { portOf } from '#subgraphs/vector/drivers/qdrant/connection.ts';
import { CHUNK_INDEXES, metadataTerms, pointId, within } from '#subgraphs/vector/drivers/qdrant/filter.ts';
import { sparseQuery, sparseText } from '#subgraphs/vector/drivers/qdrant/sparse.ts';
import { QdrantVectors } from '#subgraphs/vector/drivers/qdrant/index.ts';
import { createVector } from '#subgraphs/vector/index.ts';
import { checkFilter } from '#subgraphs/vector/input.ts';
import { recorded, standIn, type Received } from './qdrant-stand-in.ts';
import { parseKeywords } from '#subgraphs/vector/keywords/query.ts';
import { testKeywordSearch } from './keyword-search.ts';
import { testSearchFilters } from './search-filters.ts';
import { testVectorFacts } from './vector-facts.ts';
import { as, corpus, testVectorDriver } from './vector-driver.ts';

const MODEL = { model: 'four', dimensions: 4 };

/** The recorded collection with what the driver itself writes into it. */
function collection(changes: { metadata?: object; indexes?: object; vectors?: object; sparse?: object } = {}) {
  const answer = recorded('get_collection');
  const { result } = answer.body as any; // eslint-disable-line @typescript-eslint/no-explicit-any -- recorded JSON
  result.config.metadata = changes.metadata ?? { model: MODEL.model };
  result.payload_schema = changes.indexes ?? INDEXES;
  if (changes.vectors !== undefined) result.config.params.vectors = changes.vectors;
  if (changes.sparse !== undefined) result.config.params.sparse_vectors = changes.sparse;
  return answer;
}
const INDEXES = Object.fromEntries(
  Object.entries(CHUNK_INDEXES).map(([key, params]) => [
    key,
    { data_type: 'keyword', params: { type: 'keyword', ...params }, points: 12 },
  ]),
);

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
 * Answers as the recorded server did, by route; `searches` are answered one by one from the recorded single queries, no
 * longer than they ask for.
 */
function replay(request: Received) {
  if (isRoute(request, 'GET', '/collections/chunks')) return collection();
  if (isRoute(request, 'GET', '/collections/chunks_documents')) return recorded('get_unknown_collection');
  if (isRoute(request, 'POST', '/points/query/batch')) {
    // eslint-disable-next-line @typescript-eslint/no-explicit-any -- JSON
    const result = request.body.searches.map((search: any) => {
      const name = search.using === 'text' ? 'query_sparse' : 'query_dense';
      return { points: points((recorded(name).body as any).result).slice(0, search.limit) }; // eslint-disable-line @typescript-eslint/no-explicit-any -- recorded JSON
    });
    return { status: 200, body: { result, status: 'ok', time: 0 } };
  }
  if (isRoute(request, 'PUT', '/collections/chunks_documents')) return recorded('create_collection');
  if (isRoute(request, 'PUT', '/index')) return recorded('index_keyword_tenant');
  if (isRoute(request, 'PUT', '/points')) return recorded('upsert_wait');
  if (isRoute(request, 'POST', '/points/count')) return recorded('count_exact');
  if (isRoute(request, 'POST', '/points/delete')) return recorded('delete_by_filter');
  if (isRoute(request, 'POST', '/points/scroll'))
    return { status: 200, body: { result: { points: [], next_page_offset: null }, status: 'ok', time: 0 } };
  if (isRoute(request, 'POST', '/points')) return { status: 200, body: { result: [], status: 'ok', time: 0 } };
  throw new Error(`Nothing is recorded for ${request.method} ${request.path}.`);
}

/** Once they are made, collections are there. */
function remembering() {
  const made = new Set<string>();
  return (request: Received) => {
    const name = /^\/collections\/([^/?]+)/.exec(request.path)![1]!;
    if (isRoute(request, 'PUT', `/collections/${name}`)) {
      made.add(name);
      return recorded('create_collection');
    }
    if (!isRoute(request, 'GET', `/collections/${name}`)) return replay(request);
    if (!made.has(name)) return recorded('get_unknown_collection');
    return name === 'chunks'
      ? collection()
      : collection({ vectors: { mean: { size: 4, distance: 'Cosine' } }, indexes: { tenant: INDEXES['tenant'] } });
  };
}

const vector = Float32Array.of(1, 0, 0, 0);
const dense: StoreQuery = { kind: 'VECTOR', vector, model: MODEL.model, limit: 3 };
const open = (url: string, apiKey?: string) => new QdrantVectors({ url, apiKey, timeoutMs: 2_000 }, 'chunks');

describe('Qdrant, against recorded exchanges', () => {
  test('answers searches of all kinds in few requests, the tenant in every filter', async () => {
    await using server = await standIn('acme', replay);
    const driver = open(server.url);
    const context = as('acme');
    const answers = await driver.search(context, [
      dense,
      {
        kind: 'KEYWORD',
        text: 'alpha alpha beta.',
        limit: 2,
        filter: checkFilter({ documentId: { in: ['doc_1'] }, metadata: [{ path: ['topic'], in: ['x', 1] }] }),
      },
      { ...dense, limit: 4, filter: checkFilter({ source: { startsWith: 'notes/' } }) },
      { kind: 'KEYWORD', text: '!?', limit: 2 },
      { ...dense, filter: checkFilter({ mediaType: { in: [] } }) },
    ]);
    expect(answers.map(({ items }) => items.map((item) => item.chunkId))).toEqual([
      ['chk_1', 'chk_2', 'chk_3'],
      ['chk_1', 'chk_7'],
      ['chk_1', 'chk_2', 'chk_3', 'chk_4'],
      [],
      [],
    ]);
    expect(answers.map(({ approximate }) => approximate)).toEqual([false, false, false, false, false]);
    // The collection; then the batch; then, of the first, what ties at its cut; then, since so few came, all compared.
    expect(context.statements.counts()).toEqual({ qdrant: 4 });
    const batches = server.received.slice(1).map((request) => request.body.searches);
    expect(batches.map((searches) => searches.map((search: { limit: number }) => search.limit))).toEqual([
      [4, 3, 5],
      [1_001],
      [1_001],
    ]);
    const [first, words, prefixed] = batches[0];
    expect(first).toMatchObject({ using: 'dense' });
    expect(first.params).toBeUndefined();
    expect(words.query.indices).toHaveLength(2);
    expect(words.filter.must.map((each: { key: string }) => each.key)).toEqual([
      'tenant',
      'document_id',
      'metadata_terms',
    ]);
    expect(words.params.idf.corpus).toEqual({ must: [{ key: 'tenant', match: { value: 'acme' } }] });
    expect(prefixed.filter.must).toContainEqual({ key: 'source', match: { prefix: 'notes/' } });
    expect(prefixed.params).toEqual({ exact: true });
    expect(batches[2][0].params).toEqual({ exact: true });
    await driver.close();
  });

  test('looks itself at what Qdrant does not check, once for equal filters and within bounds', async () => {
    let stored = 3;
    await using server = await standIn('acme', (request) => {
      if (isRoute(request, 'POST', '/points/count'))
        return { status: 200, body: { result: { count: stored }, status: 'ok', time: 0 } };
      if (!isRoute(request, 'POST', '/points/scroll')) return replay(request);
      const second = request.body.offset === 'second';
      const points = (second ? ['notes/c'] : ['notes/a', 'notes/b']).map((source) => ({
        id: source,
        payload: { source, metadata: { year: source === 'notes/b' ? 1999 : 2026 } },
      }));
      return {
        status: 200,
        body: { result: { points, next_page_offset: second ? null : 'second' }, status: 'ok', time: 0 },
      };
    });
    const driver = new QdrantVectors({ url: server.url, timeoutMs: 2_000, checked: 3 }, 'chunks');
    const filter = checkFilter({
      mediaType: { ne: 'text/plain' },
      source: { startsWith: 'notes/', matches: '[a-z]$' },
      metadata: [{ path: ['year'], gte: 2000 }],
    });
    const queries: StoreQuery[] = [
      { ...dense, limit: 2, filter },
      { kind: 'KEYWORD', text: 'alpha', limit: 2, filter: structuredClone(filter) },
      { ...dense, limit: 2, filter: checkFilter({ source: { contains: 'nothing' } }) },
    ];
    const [byMeaning, byWords, nothing] = await driver.search(as('acme'), queries);
    expect([byMeaning, byWords, nothing].map((ranking) => ranking!.items.length)).toEqual([2, 2, 0]);
    const sent = (end: string) => server.received.filter((request) => isRoute(request, 'POST', end));
    expect(sent('/points/count')).toHaveLength(2);
    expect(sent('/points/scroll')).toHaveLength(4);
    expect(sent('/points/scroll')[0]!.body.filter.must).toEqual([
      { key: 'tenant', match: { value: 'acme' } },
      { must_not: [{ key: 'media_type', match: { any: ['text/plain'] } }] },
      { key: 'source', match: { prefix: 'notes/' } },
    ]);
    for (const search of sent('/points/query/batch')[0]!.body.searches)
      expect(search.filter.must).toEqual([
        { key: 'tenant', match: { value: 'acme' } },
        { has_id: ['notes/a', 'notes/c'] },
      ]);
    stored = 4;
    await expect(driver.search(as('acme'), queries)).rejects.toMatchObject({
      message: expect.stringMatching(/4 chunks.*at most 3/),
      extensions: { code: 'QUERY_TOO_COSTLY', hint: expect.stringMatching(/documentId.*QDRANT_CHECKED_CHUNKS/) },
    });
  });

  test('makes its collections once, with an index for every key that filters use, and waits for writes', async () => {
    let raced = true;
    const answer = remembering();
    await using server = await standIn('acme', (request) => {
      const answered = answer(request);
      // Another process was first, which must not matter; nor that it was killed before it had made the indexes.
      if (isRoute(request, 'PUT', '/collections/chunks')) return recorded('create_collection_conflict');
      if (!isRoute(request, 'GET', '/collections/chunks') || answered.status !== 200 || !raced) return answered;
      raced = false;
      return collection({ indexes: {} });
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
      .filter((request) => isRoute(request, 'PUT', '/collections/chunks/index'))
      .map((request) => request.body);
    expect(indexes).toEqual([
      { field_name: 'tenant', field_schema: { type: 'keyword', is_tenant: true } },
      { field_name: 'document_id', field_schema: { type: 'keyword', enable_hnsw: false } },
      { field_name: 'media_type', field_schema: { type: 'keyword', enable_hnsw: false } },
      { field_name: 'collection', field_schema: { type: 'keyword', enable_hnsw: false } },
      { field_name: 'source', field_schema: { type: 'keyword', enable_hnsw: false, prefix: true } },
      { field_name: 'metadata_terms', field_schema: { type: 'keyword', enable_hnsw: false } },
    ]);
    const writes = server.received.filter((request) => isRoute(request, 'PUT', '/collections/chunks/points'));
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

  test.each(['err_strict_no_index', 'mt_query_before_index'])(
    'makes indexes that are missing after all (%s), and asks again, once',
    async (name) => {
      let refusals = 1;
      let indexed = false;
      await using server = await standIn('acme', (request) => {
        if (isRoute(request, 'PUT', '/index')) indexed = true;
        if (isRoute(request, 'POST', '/points/query/batch') && refusals-- > 0) return recorded(name);
        if (isRoute(request, 'GET', '/collections/chunks') && refusals === 0 && !indexed)
          return collection({ indexes: { ...INDEXES, tenant: undefined } });
        return replay(request);
      });
      const driver = open(server.url);
      expect((await driver.search(as('acme'), [dense]))[0]!.items).toHaveLength(3);
      expect(indexed).toBe(true);
      refusals = 9;
      await expect(driver.search(as('acme'), [dense])).rejects.toMatchObject({
        extensions: { code: 'INTERNAL_SERVER_ERROR', hint: expect.stringContaining('log') },
      });
      expect(refusals).toBe(7);
    },
  );

  test('health tells what is missing, and what is not as it must be', async () => {
    let answer = collection();
    await using server = await standIn('acme', (request) =>
      isRoute(request, 'GET', '/collections/chunks') ? answer : replay(request),
    );
    const driver = open(server.url);
    expect(await driver.health()).toMatchObject({ store: 'qdrant', state: 'ok' });
    for (const [changes, told] of [
      [{ indexes: { tenant: INDEXES['tenant'] } }, /document_id, media_type, collection, source, metadata_terms/],
      [{ vectors: { dense: { size: 4, distance: 'Euclid' } } }, /Euclid/],
      [{ sparse: {} }, /sparse vector "text"/],
      [{ metadata: {} }, /which model/],
    ] as const) {
      answer = collection(changes);
      expect(await driver.health()).toMatchObject({ state: 'down', detail: expect.stringMatching(told) });
    }
    // What is not as it must be costs the fields of this store, with the same sentence.
    await expect(driver.search(as('acme'), [dense])).rejects.toMatchObject({ extensions: { code: 'CONFLICT' } });
  });

  test('an index that the server describes otherwise than it was made is made once, not at every write', async () => {
    await using server = await standIn('acme', (request) =>
      isRoute(request, 'GET', '/collections/chunks')
        ? collection({ indexes: { ...INDEXES, source: { data_type: 'keyword', points: 1 } } })
        : remembered(request),
    );
    const remembered = remembering();
    const driver = open(server.url);
    for (let write = 0; write < 3; write++)
      await driver.upsert(as('acme'), [{ ...corpus('acme', 1, 1)[0]!, vector }], MODEL);
    const made = server.received.filter((request) => isRoute(request, 'PUT', '/collections/chunks/index'));
    expect(made.map((request) => request.body.field_name)).toEqual(['source']);
  });

  test('the sentence of a refusal reaches the log, not the client', async () => {
    await using server = await standIn('acme', (request) =>
      isRoute(request, 'POST', '/points/query/batch') ? recorded('err_strict_limit') : replay(request),
    );
    const error = await open(server.url)
      .search(as('acme'), [dense])
      .catch((thrown: unknown) => thrown as CodedError);
    const { error: told, hidden } = maskError(error, 'req-1');
    expect(told.extensions['code']).toBe('INTERNAL_SERVER_ERROR');
    expect(JSON.stringify(told)).not.toContain('Limit exceeded');
    expect((hidden as Error).message).toMatch(/400: Bad request: Limit exceeded 51 > 50 for "limit"/);
  });

  test('sends no more than 16 MiB in one request, and asks for no more than 64 rankings', async () => {
    const answer = remembering();
    await using server = await standIn('acme', (request) => {
      if (!isRoute(request, 'POST', '/points')) return answer(request);
      const result = request.body.ids.map((id: string) => ({
        id,
        payload: { tenant: 'acme' },
        vector: { dense: [1, 0, 0, 0], mean: [1, 0, 0, 0] },
      }));
      return { status: 200, body: { result, status: 'ok', time: 0 } };
    });
    const driver = new QdrantVectors({ url: server.url, timeoutMs: 30_000 }, 'chunks');
    const chunks = corpus('acme', 100, 1).map((chunk): ChunkVector => ({
      ...chunk,
      vector,
      text: '—'.repeat(60_000),
    }));
    const written = [...new Set(chunks.map((chunk) => chunk.documentId))];
    await driver.indexDocuments(as('acme'), { documentIds: written, changed: chunks, kept: [] }, MODEL);
    const writes = server.received.filter((request) => isRoute(request, 'PUT', '/collections/chunks/points'));
    expect(writes.map((write) => write.body.points.length)).toEqual([92, 8]);
    for (const write of writes) expect(Buffer.byteLength(JSON.stringify(write.body))).toBeLessThan(17 * 2 ** 20);
    const documentIds = Array.from({ length: 200 }, (_, i) => `doc_${i + 10}`);
    expect((await driver.similarToDocuments(as('acme'), documentIds, 3)).size).toBe(200);
    // One read of all means, and the rankings: four requests, again as they tie, and again as so few came.
    expect(server.received.filter((request) => isRoute(request, 'POST', '/chunks_documents/points'))).toHaveLength(1);
    const searches = server.received.filter((request) => isRoute(request, 'POST', '/points/query/batch'));
    expect(searches.map((request) => request.body.searches.length)).toEqual([1, 2, 3].flatMap(() => [64, 64, 64, 8]));
  });

  test.each([
    ['https://qdrant.example', 443],
    ['https://qdrant.example:443/', 443],
    ['http://qdrant.example:80', 80],
    ['http://qdrant.example', 80],
    ['https://qdrant.example:6333/behind/a/proxy', 6333],
    ['http://[::1]:6334', 6334],
  ])('goes to the port of %s', (url, port) => {
    expect(portOf(url)).toBe(port);
  });

  test('keeps a path, sends the key, and warns in the log of a key in clear text, not on standard output', async () => {
    const warned = vi.spyOn(console, 'warn').mockImplementation(() => undefined);
    await using server = await standIn('acme', replay);
    const told: string[] = [];
    const driver = (host: string) =>
      new QdrantVectors(
        { url: `http://${host}`, apiKey: 'k', timeoutMs: 300, log: (line) => told.push(line) },
        'chunks',
      );
    await driver(new URL(server.url).host).health();
    expect(server.received[0]!.headers['api-key']).toBe('k');
    expect(told).toEqual([]);
    const far = driver('qdrant.invalid:6333');
    for (let look = 0; look < 2; look++) expect(await far.health()).toMatchObject({ state: 'down' });
    expect(told).toEqual([expect.stringMatching(/QDRANT_URL is not https/)]);
    expect(warned).not.toHaveBeenCalled();
    warned.mockRestore();
    // Whoever names no port is told which one it was.
    expect((await driver('qdrant.invalid').health()).detail).toMatch(/names no port, which is 80.*6333/);
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
    const deletes = () => server.received.filter((request) => isRoute(request, 'POST', '/points/delete'));
    expect(deletes().at(-1)!.body.filter.must).toContainEqual({ key: 'document_id', match: { any: ['doc_1'] } });
    expect(await driver.delete(as('acme'), ['chk_0', 'chk_1'])).toEqual(['chk_0']);
    expect(deletes().at(-1)!.body).toEqual({ points: [pointId('acme', 'chk_0')] });
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
    // Nothing ties at its cut, so that it is one request.
    const two: StoreQuery = { ...dense, limit: 2 };
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
    expect((await driver.search(as('acme'), [two]))[0]!.items).toHaveLength(2);
    expect(searches()).toBe(2);
    // Twice in a row is not soon; neither is 30 seconds, of which the client passes one digit on.
    limited = 2;
    await expect(driver.search(as('acme'), [two])).rejects.toMatchObject({
      extensions: { code: 'RATE_LIMITED', retryAfterSeconds: 1 },
    });
    expect(searches()).toBe(4);
    [limited, retryAfter] = [1, '30'];
    await expect(driver.search(as('acme'), [two])).rejects.toMatchObject({
      extensions: { code: 'RATE_LIMITED', retryAfterSeconds: 3 },
    });
    expect(searches()).toBe(5);
    // A request that ends does not wait.
    [limited, retryAfter] = [1, '2'];
    const ended = createRequestContext(
      { tenantId: 'acme', subject: 'test', roles: [], scopes: [] },
      { signal: AbortSignal.timeout(500) },
    );
    await expect(driver.search(ended, [two])).rejects.toMatchObject({ extensions: { code: 'REQUEST_TIMEOUT' } });
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
    const queried = (text: string) => sparseQuery(parseKeywords(text, 9));
    const weight = (text: string, word = 'alpha') => {
      const { indices, values } = sparseText('', text);
      return values[indices.indexOf(queried(`${word}.`).indices[0]!)] ?? 0;
    };
    expect(weight('alpha alpha beta')).toBeGreaterThan(weight('alpha beta beta'));
    expect(weight('alpha beta')).toBeGreaterThan(weight(`alpha ${'beta '.repeat(300)}`));
    expect(weight('beta')).toBe(0);
    expect(queried('Alpha ALPHA.').indices).toHaveLength(1);
  });
});

const url = process.env['TEST_QDRANT_URL'];
describe.skipIf(!url)('with TEST_QDRANT_URL', () => {
  const setup = async () => {
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
  };
  testVectorDriver('Qdrant', setup, { large: 2_000, small: 20, atomic: false });
  testKeywordSearch('Qdrant', setup);
  testSearchFilters('Qdrant', setup);
  testVectorFacts('Qdrant', async () => {
    const collection = `test_${randomBytes(4).toString('hex')}_memory`;
    const apiKey = process.env['TEST_QDRANT_API_KEY'];
    const qdrant = { url: url!, ...(apiKey === undefined ? {} : { apiKey }) };
    return {
      serve: (embedder) => createVector({ qdrant, collection, reindex: 'OFF', messagesIndexed: true }, { embedder }),
      [Symbol.asyncDispose]: async () => undefined,
    };
  });
});
