/** What every vector store must do, whatever it is. The oracle is brute force over what was written. */
import { numberOf, parseExactJson, writeJson } from '#subgraphs/shared/exact-number.ts';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { createRequestContext, type RequestContext } from '#subgraphs/shared/context.ts';
import type { ChunkVector, RankedChunk, StoreQuery, VectorDriver, VectorModel } from '#subgraphs/vector/driver.ts';
import { random } from '#tests/setup/random.ts';
import { checkFilter, type SearchFilterShape } from '#subgraphs/vector/input.ts';
import { byScoreThenId } from '#subgraphs/vector/search/fusion.ts';

export const MODEL: VectorModel = { model: 'test-model', dimensions: 24 };

/** A store under test: two drivers on the same data, as two replicas have. */
export interface VectorStoreUnderTest {
  readonly driver: VectorDriver;
  readonly replica: VectorDriver;
  /** Called once the rows are written: what a store does by itself after a while. */
  settle?(): Promise<void>;
  /** An empty collection on the same store. */
  fresh(): Promise<VectorDriver>;
  close(): Promise<void>;
}

export const as = (tenantId: string): RequestContext =>
  createRequestContext({ tenantId, subject: 'test', roles: [], scopes: [] });

export function unitVector(next: () => number, dimensions = MODEL.dimensions): Float32Array {
  const vector = Float32Array.from({ length: dimensions }, () => next() * 2 - 1);
  const length = Math.hypot(...vector);
  return vector.map((value) => value / length);
}

export const WORDS = ['retry', 'backoff', 'jitter', 'cache', 'stream', 'parser', 'lexer', 'socket'];

/** Chunks of a tenant: five to a document, every tenth one a copy of the one before it, so that scores tie. */
export function corpus(tenant: string, count: number, seed: number): ChunkVector[] {
  const next = random(seed);
  const chunks: ChunkVector[] = [];
  for (let i = 0; i < count; i++) {
    const document = Math.floor(i / 5);
    const copy = i % 10 === 9 ? chunks[i - 1] : undefined;
    chunks.push({
      chunkId: `chk_${tenant}_${String(i).padStart(6, '0')}`,
      documentId: `doc_${tenant}_${document}`,
      title: '',
      text:
        copy?.text ??
        `${WORDS[Math.floor(next() * WORDS.length)]} ${WORDS[Math.floor(next() * WORDS.length)]} number${i}`,
      source: `${document % 2 === 0 ? 'notes' : 'guides'}/${document}.md`,
      collection: document % 6 === 1 ? 'rare' : document % 2 === 0 ? 'default' : 'notes',
      mediaType: document % 3 === 0 ? 'text/plain' : 'text/markdown',
      metadata: {
        topic: document % 4 === 0 ? 'resilience' : 'other',
        level: { depth: document % 5 },
        tags: document % 7 === 0 ? ['a', 'b'] : ['c'],
      },
      contentHash: `hash-${i}`,
      vector: copy?.vector ?? unitVector(next),
    });
  }
  return chunks;
}

const dot = (a: Float32Array, b: Float32Array): number => a.reduce((sum, value, i) => sum + value * b[i]!, 0);

/** The answer by brute force, over all. */
function oracle(
  chunks: readonly ChunkVector[],
  query: Float32Array,
  keep: (chunk: ChunkVector) => boolean,
): RankedChunk[] {
  return chunks
    .filter(keep)
    .map((chunk) => ({ chunkId: chunk.chunkId, documentId: chunk.documentId, score: dot(chunk.vector, query) }))
    .sort(byScoreThenId);
}

function sameRanking(got: readonly RankedChunk[], wanted: readonly RankedChunk[]): void {
  expect(got.map((item) => item.score.toFixed(4))).toEqual(wanted.map((item) => item.score.toFixed(4)));
  const scores = new Map(wanted.map((item) => [item.chunkId, item.score]));
  for (const item of got) {
    // At the cut a tie may be decided either way; every other item must be one of the oracle's.
    if (item.score > wanted.at(-1)!.score + 1e-5) expect(scores.get(item.chunkId)).toBeCloseTo(item.score, 4);
  }
  expect(new Set(got.map((item) => item.chunkId)).size).toBe(got.length);
}

const FILTERS: { name: string; filter: SearchFilterShape; keep: (chunk: ChunkVector) => boolean }[] = [
  { name: 'nothing', filter: {}, keep: () => true },
  { name: 'media type', filter: { mediaType: { in: ['text/plain'] } }, keep: (c) => c.mediaType === 'text/plain' },
  {
    name: 'source',
    filter: { source: { in: ['notes/0.md', 'guides/1.md'] } },
    keep: (c) => ['notes/0.md', 'guides/1.md'].includes(c.source),
  },
  { name: 'source prefix', filter: { source: { startsWith: 'guides/' } }, keep: (c) => c.source.startsWith('guides/') },
  {
    name: 'metadata',
    filter: { metadata: [{ path: ['topic'], in: ['resilience'] }] },
    keep: (c) => c.metadata['topic'] === 'resilience',
  },
  {
    name: 'nested metadata, one of several',
    filter: { metadata: [{ path: ['level', 'depth'], in: [1, 2] }] },
    keep: (c) => [1, 2].includes((c.metadata['level'] as { depth: number }).depth),
  },
  {
    name: 'an element of a list',
    filter: { metadata: [{ path: ['tags'], in: ['b'] }] },
    keep: (c) => (c.metadata['tags'] as string[]).includes('b'),
  },
  {
    name: 'all together',
    filter: {
      source: { startsWith: 'notes/' },
      mediaType: { in: ['text/markdown'] },
      metadata: [{ path: ['topic'], in: ['resilience', 'nothing'] }],
    },
    keep: (c) =>
      c.source.startsWith('notes/') && c.mediaType === 'text/markdown' && c.metadata['topic'] === 'resilience',
  },
  { name: 'what nothing has', filter: { metadata: [{ path: ['absent'], in: [null, 'x'] }] }, keep: () => false },
  { name: 'a collection', filter: { collection: { in: ['rare'] } }, keep: (c) => c.collection === 'rare' },
  {
    name: 'collections, one of which is of documents that name none',
    filter: { collection: { in: ['rare', 'default'] }, mediaType: { in: ['text/markdown'] } },
    keep: (c) => c.collection !== 'notes' && c.mediaType === 'text/markdown',
  },
  { name: 'a collection that is not there', filter: { collection: { in: ['none'] } }, keep: () => false },
  { name: 'an empty list', filter: { mediaType: { in: [] } }, keep: () => false },
];

/** Registers the suite. */
export function testVectorDriver(
  name: string,
  setup: () => Promise<VectorStoreUnderTest>,
  sizes: {
    large: number;
    small: number;
    /** Whether a reader never sees half of a write. @default true */ atomic?: boolean;
  } = { large: 2_000, small: 20 },
): void {
  describe(name, () => {
    let store: VectorStoreUnderTest;
    const large = corpus('large', sizes.large, 1);
    // One percent of the rows.
    const small = corpus('small', sizes.small, 2);
    const tenants = [
      { tenant: 'large', chunks: large },
      // A project of the other, so that what keeps tenants apart is seen to keep projects apart.
      { tenant: 'large.small', chunks: small },
    ];

    const vectorSearch = async (
      driver: VectorDriver,
      tenant: string,
      vector: Float32Array,
      limit: number,
      filter?: SearchFilterShape,
    ) =>
      (
        await driver.search(as(tenant), [
          { kind: 'VECTOR', vector, model: MODEL.model, limit, filter: checkFilter(filter) },
        ])
      )[0]!.items;
    const keywordSearch = async (
      driver: VectorDriver,
      tenant: string,
      text: string,
      limit: number,
      filter?: SearchFilterShape,
    ) => (await driver.search(as(tenant), [{ kind: 'KEYWORD', text, limit, filter: checkFilter(filter) }]))[0]!.items;

    beforeAll(async () => {
      store = await setup();
      for (const { tenant, chunks } of tenants) {
        for (let i = 0; i < chunks.length; i += 500)
          await store.driver.upsert(as(tenant), chunks.slice(i, i + 500), MODEL);
      }
      await store.settle?.();
    });
    afterAll(async () => {
      await store?.close();
    });

    describe.each(tenants)('for the tenant $tenant', ({ tenant, chunks }) => {
      test.each(FILTERS)('ranks exactly the k nearest where $name is filtered', async ({ filter, keep }) => {
        const next = random(3);
        for (const limit of [1, 10, 17]) {
          const query = unitVector(next);
          const wanted = oracle(chunks, query, keep).slice(0, limit);
          sameRanking(await vectorSearch(store.driver, tenant, query, limit, filter), wanted);
        }
      });

      test('ranks only the documents that are named', async () => {
        const documentIds = [
          chunks[0]!.documentId,
          chunks[12]!.documentId,
          'doc_large_3',
          'doc_small_3',
          'doc_nowhere',
        ];
        const query = unitVector(random(4));
        const wanted = oracle(chunks, query, (c) => documentIds.includes(c.documentId));
        sameRanking(await vectorSearch(store.driver, tenant, query, 100, { documentId: { in: documentIds } }), wanted);
      });

      test.each(FILTERS)('finds every chunk with a word where $name is filtered', async ({ filter, keep }) => {
        const wanted = chunks.filter((c) => keep(c) && /\bretry\b/.test(c.text)).map((c) => c.chunkId);
        const got = await keywordSearch(store.driver, tenant, 'retry', 1_000, filter);
        expect(got.map((item) => item.chunkId).sort()).toEqual(wanted.sort());
        const sorted = [...got].sort((a, b) => b.score - a.score);
        expect(got.map((item) => item.score)).toEqual(sorted.map((item) => item.score));
        const k = Math.min(7, wanted.length);
        expect(await keywordSearch(store.driver, tenant, 'retry', 7, filter)).toHaveLength(k);
      });

      test('finds for each chunk the nearest others', async () => {
        const ids = [chunks[0]!.chunkId, chunks[8]!.chunkId, chunks[9]!.chunkId];
        const found = await store.driver.similarToChunks(as(tenant), [...ids, 'chk_nowhere'], 6);
        expect([...found.keys()].sort()).toEqual(ids.sort());
        for (const id of ids) {
          const { vector } = chunks.find((c) => c.chunkId === id)!;
          sameRanking(found.get(id)!.items, oracle(chunks, vector, (c) => c.chunkId !== id).slice(0, 6));
        }
      });

      test('finds for each document the nearest others, by the means of their vectors', async () => {
        const means = new Map<string, Float32Array>();
        for (const { documentId } of chunks) {
          if (means.has(documentId)) continue;
          const own = chunks.filter((c) => c.documentId === documentId);
          const sum = Float64Array.from({ length: MODEL.dimensions }, (_, i) =>
            own.reduce((total, c) => total + c.vector[i]!, 0),
          );
          const length = Math.hypot(...sum);
          means.set(
            documentId,
            Float32Array.from(sum, (value) => value / length),
          );
        }
        const ids = [chunks[0]!.documentId, chunks[17]!.documentId];
        const found = await store.driver.similarToDocuments(as(tenant), [...ids, 'doc_nowhere'], 3);
        expect([...found.keys()].sort()).toEqual(ids.sort());
        for (const id of ids) {
          const wanted = [...means]
            .filter(([other]) => other !== id)
            .map(([documentId, vector]) => ({ documentId, score: dot(vector, means.get(id)!) }))
            .sort((a, b) => b.score - a.score)
            .slice(0, 3);
          const got = found.get(id)!.items;
          expect(got.map((item) => item.documentId)).toEqual(wanted.map((item) => item.documentId));
          got.forEach((item, index) => expect(item.score).toBeCloseTo(wanted[index]!.score, 4));
        }
      });
    });

    test('answers many queries at once, each with its own', async () => {
      const next = random(5);
      const queries: StoreQuery[] = [
        { kind: 'VECTOR', vector: unitVector(next), model: MODEL.model, limit: 3 },
        { kind: 'KEYWORD', text: 'jitter', limit: 4 },
        {
          kind: 'VECTOR',
          vector: unitVector(next),
          model: MODEL.model,
          limit: 5,
          filter: checkFilter({ mediaType: { in: ['text/plain'] } }),
        },
        { kind: 'KEYWORD', text: 'backoff', limit: 6, filter: checkFilter({ source: { startsWith: 'notes/' } }) },
      ];
      const together = await store.driver.search(as('large'), queries);
      for (const [index, query] of queries.entries()) {
        const [alone] = await store.driver.search(as('large'), [query]);
        expect(together[index]).toEqual(alone);
        expect(together[index]!.items).toHaveLength(query.limit);
      }
    });

    test('shows a tenant nothing of another', async () => {
      const theirs = small[0]!;
      expect(
        (await vectorSearch(store.driver, 'large', theirs.vector, 50)).every((item) =>
          item.chunkId.startsWith('chk_large'),
        ),
      ).toBe(true);
      expect(
        await vectorSearch(store.driver, 'large', theirs.vector, 50, { documentId: { in: [theirs.documentId] } }),
      ).toEqual([]);
      expect(await keywordSearch(store.driver, 'large', 'number3', 50)).toHaveLength(1);
      expect(await keywordSearch(store.driver, 'stranger', 'retry', 50)).toEqual([]);
      expect(await vectorSearch(store.driver, 'stranger', theirs.vector, 50)).toEqual([]);
      expect((await store.driver.similarToChunks(as('large'), [theirs.chunkId], 5)).size).toBe(0);
      expect((await store.driver.similarToDocuments(as('large'), [theirs.documentId], 5)).size).toBe(0);
      expect((await store.driver.storedHashes(as('large'), [theirs.documentId])).size).toBe(0);
      expect(await store.driver.delete(as('large'), [theirs.chunkId])).toEqual([]);
      expect(await store.driver.removeDocuments(as('large'), [theirs.documentId])).toBe(0);
      expect(await vectorSearch(store.driver, 'large.small', theirs.vector, 50)).toHaveLength(small.length);
      expect(await store.driver.collectionInfo(as('stranger'))).toBeOneOf([undefined, expect.objectContaining(MODEL)]);
    });

    test('tells the collections and the keys of metadata that the tenant has, and no other', async () => {
      const names = await store.driver.documentCollections(as('large'));
      expect([...names!].sort()).toEqual([...new Set(large.map(({ collection }) => collection))].sort());
      expect((await store.driver.metadataKeys(as('large')))?.length).toBeGreaterThan(0);
      expect(await store.driver.documentCollections(as('stranger'))).toEqual([]);
      const driver = await store.fresh();
      const [one, other] = corpus('x', 2, 10) as [ChunkVector, ChunkVector];
      await driver.upsert(as('a'), [{ ...one, collection: 'mine' }], MODEL);
      await driver.upsert(as('a.b'), [{ ...other, collection: 'a project’s' }], MODEL);
      expect(await driver.documentCollections(as('a'))).toEqual(['mine']);
      await driver.close();
    });

    test('two tenants may use one id', async () => {
      const driver = await store.fresh();
      const [one, other] = [corpus('x', 1, 10)[0]!, corpus('x', 1, 11)[0]!];
      await driver.upsert(as('a'), [one], MODEL);
      await driver.upsert(as('a.b'), [{ ...other, text: 'something else' }], MODEL);
      expect((await vectorSearch(driver, 'a', one.vector, 5))[0]?.score).toBeCloseTo(1, 4);
      expect((await vectorSearch(driver, 'a.b', other.vector, 5))[0]?.score).toBeCloseTo(1, 4);
      expect(await driver.delete(as('a.b'), [one.chunkId])).toEqual([one.chunkId]);
      expect(await vectorSearch(driver, 'a', one.vector, 5)).toHaveLength(1);
      await driver.close();
    });

    test('refuses vectors that cannot be compared', async () => {
      const driver = await store.fresh();
      const [chunk, another] = corpus('x', 2, 12) as [ChunkVector, ChunkVector];
      await driver.upsert(as('a'), [chunk], MODEL);
      await expect(driver.upsert(as('a'), [another], { ...MODEL, model: 'other' })).rejects.toMatchObject({
        extensions: { code: 'CONFLICT', hint: expect.stringContaining('embed') },
      });
      const short = { ...another, vector: unitVector(random(1), 8) };
      await expect(driver.upsert(as('a'), [short], { ...MODEL, dimensions: 8 })).rejects.toMatchObject({
        extensions: { code: 'CONFLICT' },
      });
      await expect(driver.upsert(as('a'), [short], MODEL)).rejects.toMatchObject({
        extensions: { code: 'BAD_USER_INPUT' },
      });
      const ask = (model: string, vector: Float32Array) =>
        driver.search(as('a'), [{ kind: 'VECTOR', vector, model, limit: 1 }]);
      await expect(ask('other', chunk.vector)).rejects.toMatchObject({
        extensions: { code: 'CONFLICT' },
        message: expect.stringContaining('test-model'),
      });
      await expect(ask(MODEL.model, short.vector)).rejects.toMatchObject({
        extensions: { code: 'CONFLICT' },
        message: expect.stringContaining('24'),
      });
      expect(await driver.collectionInfo(as('a'))).toMatchObject(MODEL);
      expect(await vectorSearch(driver, 'a', chunk.vector, 9)).toHaveLength(1);
      await driver.close();
    });

    test('keeps numbers of metadata that a double would change, and finds them', async () => {
      const driver = await store.fresh();
      const [one, other] = corpus('n', 2, 13);
      const metadata = parseExactJson('{"big":9007199254740993,"price":1.10}') as ChunkVector['metadata'];
      await driver.upsert(as('a'), [{ ...one!, metadata }, other!], MODEL);
      const stored = await driver.storedChunks(as('a'), [one!.documentId]);
      expect(writeJson(stored.get(one!.chunkId)!.metadata)).toBe(writeJson(metadata));
      expect(stored.get(other!.chunkId)!.metadata).toEqual(other!.metadata);
      const found = async (path: string, number: string) =>
        (
          await vectorSearch(driver, 'a', one!.vector, 5, {
            metadata: [{ path: [path], in: [numberOf(number)] }],
          })
        ).map(({ chunkId }) => chunkId);
      expect(await found('big', '9007199254740993')).toEqual([one!.chunkId]);
      expect(await found('big', '9007199254740992')).toEqual([]);
      expect(await found('price', '1.1')).toEqual([one!.chunkId]);
    });

    test('makes the chunks of documents exactly what is given, and writes again without harm', async () => {
      const driver = await store.fresh();
      const chunks = corpus('x', 15, 13);
      const documentIds = ['doc_x_0', 'doc_x_1'];
      const inside = chunks.filter((c) => documentIds.includes(c.documentId));
      await driver.upsert(as('a'), chunks, MODEL);
      expect(await driver.storedHashes(as('a'), documentIds)).toEqual(
        new Map(inside.map((c) => [c.chunkId, c.contentHash])),
      );
      const asked = inside.slice(0, 3).map((c) => c.chunkId);
      expect(await driver.contentHashes(as('a'), [...asked, 'chk_missing'])).toEqual(
        new Map(inside.slice(0, 3).map((c) => [c.chunkId, c.contentHash])),
      );
      expect(await driver.contentHashes(as('a.b'), asked)).toEqual(new Map());
      expect(await driver.texts(as('a'), [...asked, 'chk_missing'])).toEqual(
        new Map(
          inside.slice(0, 3).map(({ chunkId, documentId, title, text }) => [chunkId, { documentId, title, text }]),
        ),
      );
      expect(await driver.texts(as('a.b'), asked)).toEqual(new Map());
      const stored = inside.map(
        ({ chunkId, documentId, contentHash, source, collection, mediaType, metadata }) =>
          [chunkId, { documentId, contentHash, source, collection, mediaType, metadata }] as const,
      );
      expect(await driver.storedChunks(as('a'), documentIds)).toEqual(new Map(stored));
      expect(await driver.storedChunks(as('a.b'), documentIds)).toEqual(new Map());

      const [kept, rewritten] = [inside[0]!, inside[5]!];
      const newVector = unitVector(random(14));
      const changed = { ...rewritten, text: 'entirely new', contentHash: 'new', vector: newVector };
      for (let delivery = 0; delivery < 2; delivery++) {
        const removed = await driver.indexDocuments(
          as('a'),
          {
            documentIds,
            changed: [changed],
            kept: [{ ...kept, collection: 'moved', mediaType: 'application/x-kept' }],
          },
          MODEL,
        );
        expect(removed).toBe(delivery === 0 ? inside.length - 2 : 0);
        expect((await vectorSearch(driver, 'a', newVector, 100)).map((item) => item.chunkId).sort()).toEqual(
          [kept, rewritten, ...chunks.slice(10)].map((c) => c.chunkId).sort(),
        );
        expect((await vectorSearch(driver, 'a', newVector, 1))[0]).toMatchObject({ chunkId: rewritten.chunkId });
        expect(await keywordSearch(driver, 'a', 'entirely', 5)).toHaveLength(1);
        expect(
          await vectorSearch(driver, 'a', newVector, 9, { mediaType: { in: ['application/x-kept'] } }),
        ).toMatchObject([{ chunkId: kept.chunkId }]);
        expect(await vectorSearch(driver, 'a', newVector, 9, { collection: { in: ['moved'] } })).toMatchObject([
          { chunkId: kept.chunkId },
        ]);
      }
      await expect(
        driver.indexDocuments(
          as('a'),
          { documentIds, changed: [], kept: [{ ...kept, contentHash: 'other' }] },
          undefined,
        ),
      ).rejects.toMatchObject({ extensions: { code: 'CONFLICT' } });
      expect(await driver.indexDocuments(as('a'), { documentIds, changed: [], kept: [] }, undefined)).toBe(2);
      expect(await driver.removeDocuments(as('a'), ['doc_x_2', 'doc_nowhere'])).toBe(5);
      expect(await vectorSearch(driver, 'a', newVector, 9)).toEqual([]);
      // An empty collection may begin again with another model.
      await driver.indexDocuments(as('nobody'), { documentIds, changed: [], kept: [] }, undefined);
      await driver.close();
    });

    test("two replicas see each other's writes at once", async () => {
      const next = random(20);
      for (let round = 0; round < 8; round++) {
        const [writer, reader] = round % 2 === 0 ? [store.driver, store.replica] : [store.replica, store.driver];
        const [chunk] = corpus('replica', 1, 100 + round) as [ChunkVector];
        const written = { ...chunk, chunkId: `chk_replica_${round % 3}`, vector: unitVector(next) };
        await writer.upsert(as('replica'), [written], MODEL);
        expect((await vectorSearch(reader, 'replica', written.vector, 1))[0]).toMatchObject({
          chunkId: written.chunkId,
          score: expect.closeTo(1, 4),
        });
        if (round % 3 === 2) {
          expect(await writer.delete(as('replica'), [written.chunkId, 'chk_nowhere'])).toEqual([written.chunkId]);
          expect((await vectorSearch(reader, 'replica', written.vector, 9)).map((item) => item.chunkId)).not.toContain(
            written.chunkId,
          );
        }
      }
    });

    test.skipIf(sizes.atomic === false)('readers see whole writes while others write', async () => {
      // Each write replaces all chunks of one document with chunks of one generation; no reader may see two.
      const generation = (n: number): ChunkVector[] =>
        corpus('busy', 5, 200 + n).map((c, i) => ({
          ...c,
          chunkId: `chk_busy_${n}_${i}`,
          documentId: 'doc_busy',
          text: `generation${n}`,
        }));
      await store.driver.indexDocuments(
        as('busy'),
        { documentIds: ['doc_busy'], changed: generation(0), kept: [] },
        MODEL,
      );
      let writing = true;
      const write = (async () => {
        for (let n = 1; n <= 25; n++) {
          const writer = n % 2 === 0 ? store.driver : store.replica;
          await writer.indexDocuments(
            as('busy'),
            { documentIds: ['doc_busy'], changed: generation(n), kept: [] },
            MODEL,
          );
        }
        writing = false;
      })();
      const read = async (driver: VectorDriver, seed: number) => {
        const next = random(seed);
        let latest = 0;
        while (writing) {
          const items = await vectorSearch(driver, 'busy', unitVector(next), 100);
          const generations = new Set(items.map((item) => Number(item.chunkId.split('_')[2])));
          expect(items).toHaveLength(5);
          expect(generations.size).toBe(1);
          const [seen] = [...generations] as [number];
          expect(seen).toBeGreaterThanOrEqual(latest);
          latest = seen;
        }
      };
      await Promise.all([write, read(store.driver, 1), read(store.driver, 2), read(store.replica, 3)]);
      expect(
        (await vectorSearch(store.replica, 'busy', unitVector(random(9)), 100)).every((item) =>
          item.chunkId.startsWith('chk_busy_25_'),
        ),
      ).toBe(true);
    });

    test('is healthy', async () => {
      expect(await store.driver.health()).toMatchObject({ state: 'ok' });
    });
  });
}
