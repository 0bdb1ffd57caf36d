/** What filters of searches must mean, whatever store ranks: the same as of all lists, and before anything is ranked. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { parseExactJson } from '#subgraphs/shared/exact-number.ts';
import type { ChunkVector, StoreQuery } from '#subgraphs/vector/driver.ts';
import { checkFilter, type SearchFilterShape } from '#subgraphs/vector/input.ts';
import { fc } from '#tests/setup/property.ts';
import { random } from '#tests/setup/random.ts';
import { filterOf, matches, METADATA, metadataFilter, stringFilter, TEXTS, type Where } from './filter-oracle.ts';
import { as, MODEL, unitVector, type VectorStoreUnderTest } from './vector-driver.ts';

const QUERY = unitVector(random(7));
/** More than there are chunks. */
const ALL = 500;
const KINDS = ['VECTOR', 'KEYWORD'] as const;
type Kind = (typeof KINDS)[number];

const next = random(3);
const chunkOf = (id: string, more: Partial<ChunkVector>): ChunkVector => ({
  chunkId: `chk_${id}`,
  documentId: `doc_${id}`,
  title: '',
  text: `walrus ${id}`,
  source: 'notes/field.md',
  collection: 'default',
  mediaType: 'text/markdown',
  metadata: {},
  contentHash: `hash-${id}`,
  vector: unitVector(next),
  ...more,
});
export const CHUNKS = Array.from({ length: 60 }, (_, i) =>
  chunkOf(String(i).padStart(2, '0'), {
    documentId: `doc_${i % 20}`,
    source: TEXTS[i % TEXTS.length]!,
    collection: ['default', 'Notes', 'notes', TEXTS[i % 5]!][i % 4]!,
    mediaType: i % 3 === 0 ? 'text/plain' : 'text/markdown',
    metadata: METADATA[i % METADATA.length]! as ChunkVector['metadata'],
  }),
);

const documentId = fc.constantFrom('doc_1', 'doc_7', 'doc_19', 'doc_nowhere');
export const filters = filterOf(
  {
    source: stringFilter(1),
    collection: fc.oneof(
      fc.constantFrom({ eq: 'default' }, { ne: 'default' }, { in: ['default', 'notes'] }, { startsWith: 'N' }),
      stringFilter(1),
    ),
    mediaType: fc.constantFrom({ eq: 'text/plain' }, { not: { eq: 'text/plain' } }, { endsWith: '/plain' }),
    documentId: fc.oneof(
      fc.record({ eq: documentId }),
      fc.record({ notIn: fc.array(documentId, { maxLength: 2 }) }),
      fc.record({ not: fc.record({ in: fc.array(documentId, { maxLength: 2 }) }) }),
    ),
    metadata: metadataFilter,
  },
  1,
);

/** Registers the suite. */
export function testSearchFilters(name: string, setup: () => Promise<VectorStoreUnderTest>): void {
  describe(`filters of searches, ${name}`, () => {
    let store: VectorStoreUnderTest;
    const queryOf = (kind: Kind, where: SearchFilterShape, limit: number): StoreQuery => {
      const base = { filter: checkFilter(where), limit };
      return kind === 'VECTOR'
        ? { ...base, kind, vector: QUERY, model: MODEL.model }
        : { ...base, kind, text: 'walrus' };
    };
    const ask = async (kind: Kind, where: object, limit = ALL, tenant = 'filters'): Promise<string[]> =>
      (await store.driver.search(as(tenant), [queryOf(kind, where as SearchFilterShape, limit)]))[0]!.items.map(
        ({ chunkId }) => chunkId,
      );
    const oracle = (where: Where): string[] =>
      CHUNKS.filter((chunk) => matches({ ...chunk }, where)).map(({ chunkId }) => chunkId);

    beforeAll(async () => {
      store = await setup();
      await store.driver.upsert(as('filters'), CHUNKS, MODEL);
      // A project of the same, of which nothing may be found.
      await store.driver.upsert(
        as('filters.other'),
        CHUNKS.map((chunk) => ({ ...chunk, chunkId: `${chunk.chunkId}_other` })),
        MODEL,
      );
      await store.settle?.();
    });
    afterAll(async () => {
      await store?.close();
    });

    test.each(KINDS)(
      'mean what the oracle says, and the best are the best of what is let through, by %s',
      async (kind) => {
        const whole = await ask(kind, {});
        expect(whole).toHaveLength(CHUNKS.length);
        await fc.assert(
          fc.asyncProperty(filters, async (where) => {
            const wanted = new Set(oracle(where));
            const ranked = whole.filter((id) => wanted.has(id));
            const found = await store.driver.search(
              as('filters'),
              [ALL, 3].map((limit) => queryOf(kind, where as SearchFilterShape, limit)),
            );
            expect(found.map(({ items }) => items.map(({ chunkId }) => chunkId))).toEqual([ranked, ranked.slice(0, 3)]);
          }),
          { numRuns: 150 },
        );
      },
      180_000,
    );

    const HOSTILE = [
      "'",
      "'; DROP TABLE vector.chunks; --",
      "' OR true --",
      "x' OR tenant_id <> '",
      '$1',
      '%s %1$L %%',
      '\\',
      "\\' OR true --",
      "E'\\x27'",
      '{"kind":"not"}',
      '{a,"b}',
      'NULL',
      '$$; SELECT 1; $$',
      '\u0001default',
      '\u202e\u0300e',
      '😀'.repeat(400),
      '\n\r\t',
    ];
    test.each(KINDS)(
      'values and keys are nothing but values and keys, by %s',
      async (kind) => {
        const hostile = HOSTILE.map((text, i) =>
          chunkOf(`hostile_${i}`, {
            source: text,
            collection: text.slice(0, 100),
            metadata: { [text]: text, list: [text] },
          }),
        );
        await store.driver.upsert(as('hostile'), hostile, MODEL);
        for (const [i, text] of HOSTILE.entries()) {
          const only = [`chk_hostile_${i}`];
          const exactly: Where[] = [
            { source: { eq: text } },
            { source: { in: [text, 'nothing'] } },
            { source: { gte: text, lte: text } },
            { collection: { eq: text.slice(0, 100) } },
            { metadata: [{ path: [text], eq: text }] },
            { metadata: [{ path: [text], exists: true }] },
            { metadata: [{ path: ['list'], in: [text] }] },
            { metadata: [{ path: ['list'], eq: [text] }] },
            { metadata: [{ path: ['list', '0'], gte: text, lte: text }] },
          ];
          const partly = ['contains', 'startsWith', 'endsWith'].flatMap((operator): Where[] => [
            { source: { [operator]: text } },
            { metadata: [{ path: ['list'], [operator]: text }] },
          ]);
          const asked = [...exactly, ...partly];
          const found = await store.driver.search(
            as('hostile'),
            asked.map((where) => queryOf(kind, where as SearchFilterShape, ALL)),
          );
          asked.forEach((where, index) => {
            const wanted = hostile.filter((chunk) => matches({ ...chunk }, where)).map(({ chunkId }) => chunkId);
            if (index < exactly.length) expect(wanted).toEqual(only);
            expect([where, found[index]!.items.map(({ chunkId }) => chunkId).sort()]).toEqual([where, wanted.sort()]);
          });
        }
      },
      120_000,
    );

    test('a filter as deep and as long as may be is answered', async () => {
      const nested = (levels: number): object =>
        levels === 0 ? { source: { eq: 'Zoo' } } : { not: nested(levels - 1) };
      const long = {
        or: Array.from({ length: 100 }, (_, i) => ({
          metadata: [{ path: Array(12).fill(`k${i}`), notIn: Array(500).fill(i) }],
        })),
      };
      for (const kind of KINDS) {
        expect((await ask(kind, nested(4))).sort()).toEqual(oracle({ source: { eq: 'Zoo' } }).sort());
        expect(await ask(kind, long)).toHaveLength(CHUNKS.length);
      }
      expect(() => checkFilter(nested(5))).toThrow(/5 levels/);
      expect(() => checkFilter({ source: { eq: 'a\0' } })).toThrow(/NUL/);
    });

    test("the keys of metadata are the tenant's own", async () => {
      const own = new Set(CHUNKS.flatMap(({ metadata }) => Object.keys(metadata)));
      await store.driver.upsert(as('keys'), [chunkOf('key', { metadata: { elsewhere: 1 } })], MODEL);
      expect((await store.driver.metadataKeys(as('filters')))!.toSorted()).toEqual([...own].sort());
      expect(await store.driver.metadataKeys(as('keys'))).toEqual(['elsewhere']);
      expect(await store.driver.metadataKeys(as('filters.nobody'))).toEqual([]);
      const metadata = Object.fromEntries(Array.from({ length: 500 }, (_, i) => [`key${i}`, i]));
      await store.driver.upsert(as('keys'), [chunkOf('many', { metadata })], MODEL);
      expect(await store.driver.metadataKeys(as('keys'))).toBeUndefined();
    });

    test('numbers that a double does not hold are compared as they are', async () => {
      const metadata = parseExactJson('{"big": 9007199254740993, "price": 1.10}') as ChunkVector['metadata'];
      await store.driver.upsert(as('numbers'), [chunkOf('number', { metadata })], MODEL);
      for (const kind of KINDS)
        for (const [condition, count] of [
          ['{"path": ["big"], "gt": 9007199254740992}', 1],
          ['{"path": ["big"], "gt": 9007199254740993}', 0],
          ['{"path": ["big"], "lt": 9007199254740994}', 1],
          ['{"path": ["price"], "lte": 1.1}', 1],
          ['{"path": ["price"], "eq": 1.100}', 1],
          ['{"path": ["price"], "gt": "1"}', 0],
        ] as const)
          expect([
            kind,
            condition,
            (await ask(kind, { metadata: [parseExactJson(condition)] }, ALL, 'numbers')).length,
          ]).toEqual([kind, condition, count]);
    });
  });
}
