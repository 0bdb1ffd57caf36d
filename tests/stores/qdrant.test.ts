/**
 * What only a store that really indexes can show of the Qdrant driver: a graph, ties, statistics of words, thresholds. On
 * the server at TEST_QDRANT_URL; `npm run test:stores -- --only qdrant` starts Qdrant's engine behind a stand-in for the
 * server's door, `--compose` a real server.
 */
import { randomBytes } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';

import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import type { RequestContext } from '#subgraphs/shared/context.ts';
import type { Embedder } from '#subgraphs/shared/ports.ts';
import type { ChunkVector, DocumentsWrite, StoreQuery, VectorModel } from '#subgraphs/vector/driver.ts';
import { CHUNK_INDEXES, pointId } from '#subgraphs/vector/drivers/qdrant/filter.ts';
import { checkFilter, type SearchFilterShape } from '#subgraphs/vector/input.ts';
import { QdrantVectors } from '#subgraphs/vector/drivers/qdrant/index.ts';
import { checkSearch, searchAll, type SearchMode } from '#subgraphs/vector/search/search.ts';
import { as, unitVector } from '#tests/contract/vector-driver.ts';
import { random } from '#tests/setup/random.ts';

const url = process.env['TEST_QDRANT_URL'];
const apiKey = process.env['TEST_QDRANT_API_KEY'];
const run = randomBytes(4).toString('hex');
let collections = 0;
const made: string[] = [];

function freshName(): string {
  const name = `stores_${run}_${collections++}`;
  made.push(name, `${name}_documents`);
  return name;
}
const open = (name: string): QdrantVectors => new QdrantVectors({ url: url!, apiKey }, name);

/** The server itself, beside the driver. */
// eslint-disable-next-line @typescript-eslint/no-explicit-any -- JSON
async function raw(method: string, path: string, body?: object): Promise<{ status: number; result: any }> {
  const response = await fetch(`${url}/collections/${path}`, {
    method,
    headers: { 'content-type': 'application/json', ...(apiKey === undefined ? {} : { 'api-key': apiKey }) },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    signal: AbortSignal.timeout(60_000),
  });
  const answer = (await response.json()) as { result?: unknown };
  return { status: response.status, result: answer.result };
}

/** Has the server build graphs for everything, and waits until it has. */
async function index(name: string): Promise<void> {
  // The least that the server accepts, in kB of vectors: below the second, matches are compared one by one.
  const low = { optimizers_config: { indexing_threshold: 100 }, hnsw_config: { full_scan_threshold: 10 } };
  expect((await raw('PATCH', name, low)).status).toBe(200);
  for (let look = 0; look < 600; look++) {
    const { result } = await raw('GET', name);
    if (result.status === 'green' && result.indexed_vectors_count >= 0.9 * result.points_count) return;
    await delay(100);
  }
  throw new Error(`${name} was not indexed within a minute.`);
}

const MODEL: VectorModel = { model: 'stores-model', dimensions: 64 };
const chunk = (id: string, more: Partial<ChunkVector> = {}): ChunkVector => ({
  chunkId: `chk_${id}`,
  documentId: `doc_${id}`,
  title: '',
  text: `text ${id}`,
  source: `notes/${id}.md`,
  collection: 'default',
  mediaType: 'text/markdown',
  metadata: {},
  contentHash: `hash-${id}`,
  vector: unitVector(random(1), MODEL.dimensions),
  ...more,
});
const write = async (driver: QdrantVectors, tenant: string, chunks: readonly ChunkVector[], model = MODEL) => {
  for (let from = 0; from < chunks.length; from += 500)
    await driver.upsert(as(tenant), chunks.slice(from, from + 500), model);
};
const nearest = async (
  driver: QdrantVectors,
  tenant: string,
  vector: Float32Array,
  limit: number,
  filter?: SearchFilterShape,
) =>
  (
    await driver.search(as(tenant), [
      { kind: 'VECTOR', vector, model: MODEL.model, limit, filter: checkFilter(filter) },
    ])
  )[0]!;
const dot = (a: Float32Array, b: Float32Array): number => a.reduce((sum, value, i) => sum + value * b[i]!, 0);

describe.skipIf(!url)('Qdrant (TEST_QDRANT_URL)', () => {
  afterAll(async () => {
    for (const name of made) await raw('DELETE', name);
  });

  // Several builds, since a graph and its entry points are drawn by chance.
  describe.each([1, 2, 3])('an indexed collection, build %i', (build) => {
    const next = random(build);
    const chunks = Array.from({ length: 4_000 }, (_, i) =>
      chunk(`${i}`, {
        documentId: `doc_${Math.floor(i / 5)}`,
        source: `${i % 3 === 0 ? 'guides' : 'notes'}/${Math.floor(i / 5)}.md`,
        mediaType: i % 11 === 0 ? 'text/plain' : 'text/markdown',
        metadata: { topic: `topic-${i % 7}`, rare: i % 400, level: { depth: i % 2 } },
        vector: unitVector(next, MODEL.dimensions),
      }),
    );
    const tenantOf = (i: number) => (i % 4 === 3 ? 'small' : 'large');
    const topic = (...numbers: number[]): SearchFilterShape => ({
      metadata: [{ path: ['topic'], in: numbers.map((n) => `topic-${n}`) }],
    });
    const FILTERS: { name: string; filter: SearchFilterShape; keep: (chunk: ChunkVector, i: number) => boolean }[] = [
      { name: 'one topic of seven', filter: topic(0), keep: (_, i) => i % 7 === 0 },
      { name: 'another topic', filter: topic(4), keep: (_, i) => i % 7 === 4 },
      { name: 'two topics', filter: topic(1, 2), keep: (_, i) => [1, 2].includes(i % 7) },
      { name: 'six topics', filter: topic(0, 1, 2, 3, 4, 5), keep: (_, i) => i % 7 !== 6 },
      { name: 'a rare value', filter: { metadata: [{ path: ['rare'], in: [3] }] }, keep: (_, i) => i % 400 === 3 },
      {
        name: 'half of all',
        filter: { metadata: [{ path: ['level', 'depth'], in: [1] }] },
        keep: (_, i) => i % 2 === 1,
      },
      {
        name: 'two conditions',
        filter: { metadata: [...topic(2).metadata!, { path: ['level', 'depth'], in: [0] }] },
        keep: (_, i) => i % 7 === 2 && i % 2 === 0,
      },
      { name: 'a media type', filter: { mediaType: { in: ['text/plain'] } }, keep: (_, i) => i % 11 === 0 },
      { name: 'a prefix of sources', filter: { source: { startsWith: 'guides/' } }, keep: (_, i) => i % 3 === 0 },
      {
        name: 'a long prefix',
        filter: { source: { startsWith: 'notes/12' } },
        keep: (c) => c.source.startsWith('notes/12'),
      },
      {
        name: 'documents',
        filter: { documentId: { in: ['doc_1', 'doc_77', 'doc_500'] } },
        keep: (c) => ['doc_1', 'doc_77', 'doc_500'].includes(c.documentId),
      },
      {
        name: 'everything at once',
        filter: { ...topic(1, 3, 5), source: { startsWith: 'notes/' }, mediaType: { in: ['text/markdown'] } },
        keep: (c, i) => [1, 3, 5].includes(i % 7) && c.source.startsWith('notes/') && c.mediaType === 'text/markdown',
      },
    ];
    let driver: QdrantVectors;

    beforeAll(async () => {
      const name = freshName();
      driver = open(name);
      for (const tenant of ['large', 'small'])
        await write(
          driver,
          tenant,
          chunks.filter((_, i) => tenantOf(i) === tenant),
        );
      await index(name);
    });

    test.each(FILTERS)('finds exactly the k nearest where $name is asked for', async ({ filter, keep }) => {
      for (const tenant of ['large', 'small']) {
        const own = chunks.filter((each, i) => tenantOf(i) === tenant && keep(each, i));
        for (const limit of [1, 10, 100]) {
          const vector = unitVector(next, MODEL.dimensions);
          const wanted = own
            .map((each) => dot(each.vector, vector))
            .sort((a, b) => b - a)
            .slice(0, limit);
          const { items, approximate } = await nearest(driver, tenant, vector, limit, filter);
          expect(items.map((item) => item.score.toFixed(4))).toEqual(wanted.map((score) => score.toFixed(4)));
          expect(approximate).toBe(false);
        }
      }
    });

    test("finds k, and nearly all of the nearest, by the tenant's graph", async () => {
      for (const [tenant, most] of [
        ['large', 3_000],
        ['small', 1_000],
      ] as const) {
        const own = chunks.filter((_, i) => tenantOf(i) === tenant);
        let [found, wanted] = [0, 0];
        for (let query = 0; query < 10; query++) {
          const vector = unitVector(next, MODEL.dimensions);
          const best = new Set(
            own
              .toSorted((a, b) => dot(b.vector, vector) - dot(a.vector, vector))
              .slice(0, 10)
              .map((each) => each.chunkId),
          );
          const { items } = await nearest(driver, tenant, vector, 10);
          expect(items).toHaveLength(10);
          found += items.filter((item) => best.has(item.chunkId)).length;
          wanted += best.size;
        }
        expect(found / wanted).toBeGreaterThan(0.9);
        // More than there are is all there are.
        expect((await nearest(driver, tenant, unitVector(next, MODEL.dimensions), 1_000)).items).toHaveLength(
          Math.min(most, 1_000),
        );
      }
    });

    test('finds the neighbours of chunks and documents, whichever point the graph begins at', async () => {
      const own = chunks.filter((_, i) => tenantOf(i) === 'small');
      const asked = own.slice(0, 200).map((each) => each.chunkId);
      const near = await driver.similarToChunks(as('small'), asked, 5);
      expect([...near.keys()].sort()).toEqual([...asked].sort());
      for (const [id, { items }] of near) {
        expect(items).toHaveLength(5);
        expect(items.map((item) => item.chunkId)).not.toContain(id);
      }
      const context = as('small');
      const documentIds = [...new Set(own.map((each) => each.documentId))].slice(0, 200);
      const similar = await driver.similarToDocuments(context, documentIds, 10);
      expect(similar.size).toBe(200);
      for (const [id, { items }] of similar) {
        expect(items).toHaveLength(10);
        expect(items.map((item) => item.documentId)).not.toContain(id);
      }
      // Two looks, one read by id, two hundred searches in four requests.
      expect(context.statements.counts()['qdrant']).toBeLessThanOrEqual(8);
    });
  });

  test('a first write that was interrupted is mended by whoever comes next, and health tells of it until then', async () => {
    for (const mend of ['search', 'write'] as const) {
      const name = freshName();
      await write(open(name), 'a', [chunk('1')]);
      for (const key of ['tenant', 'source', 'metadata_terms']) await raw('DELETE', `${name}/index/${key}?wait=true`);
      const next = open(name);
      expect(await next.health()).toMatchObject({
        state: 'down',
        detail: expect.stringMatching(/tenant.*source.*metadata_terms|metadata_terms|source/),
      });
      if (mend === 'search')
        expect(
          (await nearest(next, 'a', chunk('1').vector, 5, { source: { startsWith: 'notes/' } })).items,
        ).toHaveLength(1);
      else await write(next, 'a', [chunk('2')]);
      expect(await next.health()).toMatchObject({ state: 'ok' });
      expect(Object.keys((await raw('GET', name)).result.payload_schema).sort()).toEqual(
        Object.keys(CHUNK_INDEXES).sort(),
      );
    }
  });

  test('a process that knows the collection mends it too, and makes indexes that are otherwise than wanted anew', async () => {
    const name = freshName();
    const driver = open(name);
    await write(driver, 'a', [chunk('1')]);
    await raw('DELETE', `${name}/index/tenant?wait=true`);
    expect((await nearest(driver, 'a', chunk('1').vector, 5)).items).toHaveLength(1);
    await raw('DELETE', `${name}/index/source?wait=true`);
    await raw('PUT', `${name}/index?wait=true`, { field_name: 'source', field_schema: { type: 'keyword' } });
    expect(await open(name).health()).toMatchObject({ state: 'down', detail: expect.stringContaining('source') });
    expect(
      (await nearest(open(name), 'a', chunk('1').vector, 5, { source: { startsWith: 'notes/1' } })).items,
    ).toHaveLength(1);
    const schema = (await raw('GET', name)).result.payload_schema;
    expect(schema.source.params.prefix).toBeTruthy();
    for (const key of ['source', 'document_id', 'media_type', 'metadata_terms'])
      expect(schema[key].params).toMatchObject({ enable_hnsw: false });
    expect(schema.tenant.params).toMatchObject({ is_tenant: true });
    expect(schema.tenant.params.enable_hnsw ?? true).toBe(true);
  });

  describe('pages over thirty equal chunks', () => {
    const name = freshName();
    const equal = Array.from({ length: 30 }, (_, i) =>
      chunk(String(i).padStart(2, '0'), { text: 'the same licence', vector: unitVector(random(9), MODEL.dimensions) }),
    );
    const query = equal[0]!.vector;
    const embedder: Embedder = {
      model: { name: MODEL.model, dimensions: MODEL.dimensions },
      embed: async (_, texts) => ({
        model: MODEL.model,
        dimensions: MODEL.dimensions,
        vectors: texts.map(() => query),
      }),
    };
    beforeAll(async () => {
      if (!url) return;
      const driver = open(name);
      await write(driver, 'a', equal);
      await write(
        driver,
        'a',
        Array.from({ length: 500 }, (_, i) =>
          chunk(`other-${i}`, { text: `nothing ${i}`, vector: unitVector(random(100 + i), MODEL.dimensions) }),
        ),
      );
      await index(name);
    });

    test.each(['VECTOR', 'KEYWORD', 'HYBRID'] as SearchMode[])('hold each of them once, by %s', async (mode) => {
      const driver = open(name);
      const seen: string[] = [];
      let after: string | undefined;
      for (let page = 0; page < 6; page++) {
        const request = checkSearch({
          query: 'the same licence',
          mode,
          first: 5,
          ...(after === undefined ? {} : { after }),
        });
        const [{ edges }] = (await searchAll(as('a'), { searching: driver, embedder, reranker: undefined }, [
          request,
        ])) as [Awaited<ReturnType<typeof searchAll>>[number]];
        seen.push(...edges.map((edge) => edge.node.id));
        after = edges.at(-1)!.cursor();
      }
      expect(seen).toEqual(equal.map((each) => each.chunkId));
    });

    test('and so do rankings of every length', async () => {
      const driver = open(name);
      const all = (await nearest(driver, 'a', query, 30)).items.map((item) => item.chunkId);
      const others = (await driver.similarToChunks(as('a'), [equal[3]!.chunkId], 29))
        .get(equal[3]!.chunkId)!
        .items.map((item) => item.chunkId);
      expect(others).toEqual(all.filter((id) => id !== equal[3]!.chunkId));
      for (const limit of [1, 4, 11, 29]) {
        expect((await nearest(driver, 'a', query, limit)).items.map((item) => item.chunkId)).toEqual(
          all.slice(0, limit),
        );
        expect(
          (await driver.similarToChunks(as('a'), [equal[3]!.chunkId], limit))
            .get(equal[3]!.chunkId)!
            .items.map((item) => item.chunkId),
        ).toEqual(others.slice(0, limit));
      }
    });
  });

  test('points of before there were collections are in the default one', async () => {
    const name = freshName();
    const driver = open(name);
    const chunks = ['a', 'b', 'c', 'd'].map((id, i) => chunk(id, { collection: i < 2 ? 'default' : 'notes' }));
    await write(driver, 'a', chunks);
    const older = [pointId('a', 'chk_a')];
    await raw('POST', `${name}/points/payload/delete?wait=true`, { keys: ['collection'], points: older });
    await raw('DELETE', `${name}/index/collection?wait=true`);
    // As a process that begins now finds it.
    const later = open(name);
    const found = async (collections: string[], kind: 'VECTOR' | 'KEYWORD'): Promise<string[]> => {
      const query = { limit: 10, filter: checkFilter({ collection: { in: collections } }) };
      const [ranking] = await later.search(as('a'), [
        kind === 'KEYWORD'
          ? { ...query, kind, text: 'text' }
          : { ...query, kind, vector: chunks[0]!.vector, model: MODEL.model },
      ]);
      return ranking!.items.map(({ documentId }) => documentId).sort();
    };
    for (const kind of ['VECTOR', 'KEYWORD'] as const) {
      expect(await found(['default'], kind)).toEqual(['doc_a', 'doc_b']);
      expect(await found(['notes'], kind)).toEqual(['doc_c', 'doc_d']);
      expect(await found(['notes', 'default'], kind)).toEqual(['doc_a', 'doc_b', 'doc_c', 'doc_d']);
    }
    expect((await later.storedChunks(as('a'), ['doc_a'])).get('chk_a')).toMatchObject({ collection: 'default' });
  });

  test('scores of words tell nothing of what other tenants store', async () => {
    const name = freshName();
    const driver = open(name);
    await write(driver, 'a', [
      chunk('1', { text: 'alpha beta' }),
      chunk('2', { text: 'alpha' }),
      chunk('3', { text: 'gamma' }),
    ]);
    const ask = async (context: RequestContext, filter?: SearchFilterShape) => {
      const query: StoreQuery = { kind: 'KEYWORD', text: 'beta', limit: 5, filter: checkFilter(filter) };
      return (await driver.search(context, [query]))[0]!.items;
    };
    const alone = await ask(as('a'));
    expect(alone).toHaveLength(1);
    await write(
      driver,
      'b',
      Array.from({ length: 40 }, (_, i) => chunk(`b${i}`, { text: i % 2 === 0 ? 'beta beta' : 'delta' })),
    );
    expect(await ask(as('a'))).toEqual(alone);
    // A condition narrows what is found, not what rare means.
    expect(await ask(as('a'), { source: { in: ['notes/1.md'] } })).toEqual(alone);
  });

  test('a collection that another process made anew is looked at again', async () => {
    const name = freshName();
    const [writer, other] = [open(name), open(name)];
    await write(writer, 'a', [chunk('1')]);
    await raw('DELETE', name);
    await raw('DELETE', `${name}_documents`);
    // Gone: the next write makes it again, and searches say that it is not there.
    await expect(nearest(writer, 'a', chunk('1').vector, 1)).rejects.toMatchObject({
      extensions: { code: 'CONFLICT' },
    });
    const remade = { model: 'another', dimensions: 64 };
    await write(other, 'a', [chunk('1')], remade);
    await expect(write(writer, 'a', [chunk('2')])).rejects.toMatchObject({
      extensions: { code: 'CONFLICT' },
      message: expect.stringContaining('another'),
    });
    await expect(nearest(writer, 'a', chunk('1').vector, 1)).rejects.toMatchObject({
      extensions: { code: 'CONFLICT' },
    });
  });

  // All their characters are cut into words: seconds of CPU.
  test('writes of more than a request may hold are several', { timeout: 120_000 }, async () => {
    const driver = open(freshName());
    // Three bytes a character: 256 of these would be 48 MiB.
    const chunks = Array.from({ length: 260 }, (_, i) =>
      chunk(`${i}`, { documentId: 'doc_long', text: '語'.repeat(65_536) }),
    );
    await driver.upsert(as('a'), chunks, MODEL);
    expect((await driver.storedHashes(as('a'), ['doc_long'])).size).toBe(260);
  });

  test('a collection that is not as the driver makes them is refused with what is wrong', async () => {
    const vectors = { dense: { size: 64, distance: 'Cosine' } };
    const metadata = { model: MODEL.model };
    for (const [body, wrong] of [
      [{ vectors: { dense: { size: 64, distance: 'Dot' } }, metadata }, /Dot/],
      [{ vectors, metadata }, /sparse vector "text"/],
      [{ vectors, sparse_vectors: { text: {} }, metadata }, /modifier "idf"/],
      [{ vectors: { other: vectors.dense }, metadata }, /vector "dense"/],
      [{ vectors, sparse_vectors: { text: { modifier: 'idf' } } }, /which model/],
    ] as const) {
      const name = freshName();
      expect((await raw('PUT', name, body)).status).toBe(200);
      const driver = open(name);
      await expect(driver.upsert(as('a'), [chunk('1')], MODEL)).rejects.toMatchObject({
        extensions: { code: 'CONFLICT', hint: expect.stringContaining('VECTOR_COLLECTION') },
        message: expect.stringMatching(wrong),
      });
      expect(await driver.health()).toMatchObject({ state: 'down', detail: expect.stringMatching(wrong) });
    }
  });

  test('a delivery that was killed before the old chunks were gone is whole after the next one, its mean too', async () => {
    const name = freshName();
    const driver = open(name);
    const [a, b, old] = [
      chunk('a', { documentId: 'doc_a', vector: unitVector(random(1), MODEL.dimensions) }),
      chunk('b', { documentId: 'doc_b', vector: unitVector(random(1), MODEL.dimensions) }),
      chunk('old', { documentId: 'doc_b', vector: unitVector(random(5), MODEL.dimensions) }),
    ];
    const deliver = async (write: DocumentsWrite) => await driver.indexDocuments(as('t'), write, MODEL);
    await deliver({ documentIds: ['doc_a', 'doc_b'], changed: [a, old], kept: [] });
    // Written, and killed before the old chunk was gone: the next delivery keeps all, and removes.
    await driver.upsert(as('t'), [b], MODEL);
    await deliver({ documentIds: ['doc_b'], changed: [], kept: [b] });
    const near = async () => (await driver.similarToDocuments(as('t'), ['doc_a'], 5)).get('doc_a')!.items;
    expect(await near()).toMatchObject([{ documentId: 'doc_b', score: expect.closeTo(1, 4) }]);
  });

  test('means of documents follow their chunks', async () => {
    const driver = open(freshName());
    const at = (seed: number) => unitVector(random(seed), MODEL.dimensions);
    const [a, b, c] = [chunk('a', { vector: at(1) }), chunk('b', { vector: at(2) }), chunk('c', { vector: at(1) })];
    await driver.upsert(as('t'), [a, b, c], MODEL);
    const near = async (id: string) => (await driver.similarToDocuments(as('t'), [id], 5)).get(id)?.items;
    expect(await near('doc_a')).toMatchObject([
      { documentId: 'doc_c', score: expect.closeTo(1, 4) },
      { documentId: 'doc_b' },
    ]);
    // Another chunk of c, beside the one that stays.
    await driver.indexDocuments(
      as('t'),
      { documentIds: ['doc_c'], kept: [c], changed: [chunk('c2', { documentId: 'doc_c', vector: at(3) })] },
      MODEL,
    );
    const mean = at(1).map((value, i) => value + at(3)[i]!);
    const cosine = dot(mean, at(1)) / Math.hypot(...mean);
    expect((await near('doc_a'))!.find((item) => item.documentId === 'doc_c')!.score).toBeCloseTo(cosine, 4);
    // Without it again, and with other attributes only.
    await driver.indexDocuments(
      as('t'),
      { documentIds: ['doc_c'], kept: [{ ...c, mediaType: 'text/plain' }], changed: [] },
      undefined,
    );
    expect((await near('doc_a'))![0]).toMatchObject({ documentId: 'doc_c', score: expect.closeTo(1, 4) });
    await driver.delete(as('t'), [b.chunkId]);
    expect((await near('doc_a'))!.map((item) => item.documentId)).toEqual(['doc_c']);
    await driver.removeDocuments(as('t'), ['doc_c']);
    expect(await near('doc_a')).toEqual([]);
    expect(await near('doc_c')).toBeUndefined();
    // What another tenant has is no neighbour.
    await driver.upsert(as('u'), [chunk('x', { vector: at(1) })], MODEL);
    expect(await near('doc_a')).toEqual([]);
  });
});
