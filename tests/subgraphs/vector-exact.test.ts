/** Comparing by codes finds what comparing every vector would have found: the same rows, in the same order. */
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { encodeQuery, encodeRow, widthOf } from '#subgraphs/vector/exact/codes.ts';
import { scan } from '#subgraphs/vector/exact/kernel.mjs';
import { VectorMatrix } from '#subgraphs/vector/exact/matrix.ts';
import { nearest } from '#subgraphs/vector/exact/nearest.ts';
import { WorkPool } from '#subgraphs/shared/work/work-pool.ts';
import { Scorer } from '#subgraphs/vector/exact/scorer.ts';

const folder = new URL('../../subgraphs/vector/exact/', import.meta.url);

test('the kernel is what its text says', async () => {
  const { default: wabt } = await import('wabt');
  const path = fileURLToPath(new URL('kernel.wat', folder));
  const { buffer } = (await wabt()).parseWat(path, await readFile(path, 'utf8')).toBinary({});
  expect(Buffer.from(buffer).equals(await readFile(new URL('kernel.wasm', folder)))).toBe(true);
});

/** Numbers by a seed: many vectors are slow to draw one number at a time. */
function randomBy(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** What vectors look like: those of texts, near-equal ones, equal ones, with one number far from the rest, of other lengths. */
const SHAPES = ['spread', 'near', 'equal', 'peaked', 'scaled', 'constant', 'zero'] as const;

function vectorOf(shape: (typeof SHAPES)[number], dimensions: number, random: () => number): Float32Array {
  const spread = (): number => random() + random() + random() - 1.5;
  switch (shape) {
    case 'spread':
      return Float32Array.from({ length: dimensions }, spread);
    case 'near':
      return Float32Array.from({ length: dimensions }, (_, at) => Math.sin(at + 1) + 1e-6 * spread());
    case 'equal':
      return Float32Array.from({ length: dimensions }, (_, at) => Math.sin(at + 1));
    case 'peaked':
      return Float32Array.from({ length: dimensions }, (_, at) => (at === 0 ? 1 : 1e-4 * spread()));
    case 'scaled': {
      const scale = 10 ** (Math.floor(random() * 13) - 6);
      return Float32Array.from({ length: dimensions }, () => scale * spread());
    }
    case 'constant':
      return new Float32Array(dimensions).fill(random() < 0.5 ? 1 : -1);
    case 'zero':
      return new Float32Array(dimensions);
  }
}

/** By the definition: every living row's product, added up in the same order, sorted by score and id. */
function byDefinition(matrix: VectorMatrix, query: Float32Array, k: number, rows: Iterable<number>): unknown[] {
  return [...rows]
    .filter((row) => matrix.isAlive(row, matrix.version))
    .map((row) => ({ row, score: matrix.score(row, query) }))
    .sort((a, b) => b.score - a.score || (matrix.ids[a.row]! < matrix.ids[b.row]! ? -1 : 1))
    .slice(0, k);
}

/** Mostly those whose order the codes alone would not tell. */
const shape = fc.constantFrom('spread', 'spread', 'spread', 'near', 'near', 'near', ...SHAPES);

const CASE = fc.record({
  seed: fc.integer(),
  dimensions: fc.constantFrom(1, 3, 15, 16, 17, 100, 384, 1_024, 4_096),
  shapes: fc.array(shape, { minLength: 1, maxLength: 3 }),
  asked: shape,
  count: fc.integer({ min: 0, max: 700 }),
  k: fc.constantFrom(0, 1, 10, 100, 1_000),
  dead: fc.constantFrom(0, 0.1, 0.9),
  kept: fc.constantFrom(undefined, 0.02, 0.7),
});

test('random matrices give the same rows and scores as comparing every vector', () => {
  let left = 0;
  let compared = 0;
  fc.assert(
    fc.property(CASE, ({ seed, dimensions, shapes, asked, count, k, dead, kept }) => {
      const random = randomBy(seed);
      const rows = dimensions > 1_000 ? Math.min(count, 100) : count;
      const matrix = new VectorMatrix(dimensions);
      for (let at = 0; at < rows; at++) {
        const vector = vectorOf(shapes[at % shapes.length]!, dimensions, random);
        // Ids in no order, so that ties are broken by them and not by the place.
        const row = { ordinal: at, id: `${Math.floor(random() * 1e9)}-${at}`, group: `g${at % 7}` };
        matrix.append(row, (target) => target.set(vector));
      }
      for (let at = 0; at < rows; at++) if (random() < dead) matrix.remove(at);
      const queries = Array.from({ length: 3 }, () => encodeQuery(vectorOf(asked, dimensions, random)));
      const only =
        kept === undefined
          ? undefined
          : Int32Array.from(Array.from({ length: rows }, (_, row) => row).filter(() => random() < kept));
      const products = scan(matrix.job(queries, only));
      for (const [at, query] of queries.entries()) {
        const scanned = { query, products: products[at]!, rows: only, version: matrix.version };
        const found = nearest(matrix, scanned, k);
        expect(found).toEqual(byDefinition(matrix, query.vector, k, only ?? Array(rows).keys()));
        compared += rows;
        left += found.length;
      }
    }),
    { numRuns: 300, seed: 29_112_026 },
  );
  // It was tried on something.
  expect(compared).toBeGreaterThan(100_000);
  expect(left).toBeGreaterThan(10_000);
});

test('codes are never further from the truth than is said', () => {
  fc.assert(
    fc.property(
      fc.integer(),
      fc.constantFrom(1, 16, 100, 384, 4_096),
      fc.constantFrom(...SHAPES),
      fc.constantFrom(...SHAPES),
      (seed, dimensions, shape, asked) => {
        const random = randomBy(seed);
        const [vector, query] = [vectorOf(shape, dimensions, random), encodeQuery(vectorOf(asked, dimensions, random))];
        const codes = new Int8Array(widthOf(dimensions));
        const { scale, error, length } = encodeRow(vector, codes);
        const [products] = scan({
          segments: [{ codes, scales: Float32Array.of(scale), count: 1 }],
          width: codes.length,
          queries: [query.codes],
        });
        const truth = vector.reduce((sum, value, at) => sum + value * query.vector[at]!, 0);
        const most = query.length * error + query.error * (length + error);
        expect(Math.abs(products![0]! * query.scale - truth)).toBeLessThanOrEqual(most);
      },
    ),
    { numRuns: 500, seed: 7 },
  );
});

test('the largest products of the longest vectors stay within 32 bits', () => {
  // 16,384 equal numbers: what sums up most.
  const [dimensions, ones] = [16_384, new Float32Array(16_384).fill(1)];
  const matrix = new VectorMatrix(dimensions);
  matrix.append({ ordinal: 0, id: 'a', group: 'a' }, (target) => target.set(ones));
  matrix.append({ ordinal: 1, id: 'b', group: 'a' }, (target) => target.set(ones.map((value) => -value)));
  const query = encodeQuery(ones);
  const [products] = scan(matrix.job([query]));
  expect(Math.abs(products![0]! * query.scale - dimensions)).toBeLessThan(2);
  expect(Math.abs(products![1]! * query.scale + dimensions)).toBeLessThan(2);
});

test('threads and this one find the same, and rows that come meanwhile are not in it', async () => {
  const random = randomBy(1);
  const matrix = new VectorMatrix(48);
  const add = (at: number): void =>
    matrix.append({ ordinal: at, id: `${at}`, group: 'g' }, (target) => target.set(vectorOf('spread', 48, random)));
  for (let at = 0; at < 9_000; at++) add(at);
  const queries = Array.from({ length: 7 }, () => encodeQuery(vectorOf('spread', 48, random)));
  const work = new WorkPool({ threads: 1 });
  try {
    const [here, there] = [new Map<number, Float32Array>(), new Map<number, Float32Array>()];
    const job = matrix.job(queries);
    const waits = new Scorer(work, 0).each(job, { tenantId: 'a' }, (query, products) => there.set(query, products));
    for (let at = 9_000; at < 9_500; at++) add(at);
    await waits;
    await new Scorer(work, Infinity).each(job, { tenantId: 'a' }, (query, products) => here.set(query, products));
    expect([...here.keys()]).toEqual([0, 1, 2, 3, 4, 5, 6]);
    expect([...there].sort(([a], [b]) => a - b)).toEqual([...here]);
    expect(here.get(0)).toHaveLength(9_000);
  } finally {
    await work.close();
  }
});
