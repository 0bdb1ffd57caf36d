/** The k best rows, exactly: found by their codes, then put in order by their vectors. */
import type { CodedQuery } from './codes.ts';
import type { VectorMatrix } from './matrix.ts';
import { topK } from './top-k.ts';

export interface Scanned {
  readonly query: CodedQuery;
  /** Of the query's codes with each row's: what kernel.mjs returns. */
  readonly products: Float32Array;
  /** Which rows `products` speaks of, in ascending order; all when absent. */
  readonly rows?: Int32Array | undefined;
  /** Of the matrix when the scan began. */
  readonly version: number;
  /** A row to leave out. */
  readonly without?: number | undefined;
}

/** @returns rows, best score first, equal scores by id: the same in every process, whatever the order of the input */
export function nearest(
  matrix: VectorMatrix,
  { query, products, rows, version, without }: Scanned,
  k: number,
): { row: number; score: number }[] {
  if (k <= 0) return [];
  const { errors } = matrix;
  const ofQuery = query.error * matrix.longest;
  // What the k-th best has at least, as far as is known: a row that cannot reach it is not among them.
  const lowest = new GreatestNumbers(k);
  const reaches: number[] = [];
  const most: number[] = [];
  for (let index = 0; index < products.length; index++) {
    const row = rows === undefined ? index : rows[index]!;
    const score = products[index]! * query.scale;
    const error = query.length * errors[row]! + ofQuery;
    if (score + error < lowest.least || row === without || !matrix.isAlive(row, version)) continue;
    reaches.push(row);
    most.push(score + error);
    if (score - error > lowest.least) lowest.add(score - error);
  }
  const found = reaches.filter((_, index) => !(most[index]! < lowest.least));
  const scores = found.map((row) => matrix.score(row, query.vector));
  return topK(
    found.length,
    k,
    (index) => scores[index]!,
    (index) => matrix.ids[found[index]!]!,
  ).map((index) => ({ row: found[index]!, score: scores[index]! }));
}

/** The k greatest of many numbers: a heap with the least of them at its root. */
class GreatestNumbers {
  readonly #heap: Float64Array;
  #size = 0;

  constructor(k: number) {
    this.#heap = new Float64Array(k);
  }

  /** The k-th greatest; minus infinity while there are fewer. */
  get least(): number {
    return this.#size === this.#heap.length ? this.#heap[0]! : -Infinity;
  }

  /** @param value greater than {@link least} */
  add(value: number): void {
    const heap = this.#heap;
    if (this.#size < heap.length) {
      let at = this.#size++;
      for (let parent = (at - 1) >> 1; at > 0 && heap[parent]! > value; at = parent, parent = (at - 1) >> 1)
        heap[at] = heap[parent]!;
      heap[at] = value;
      return;
    }
    let at = 0;
    for (let child = 1; child < heap.length; child = 2 * at + 1) {
      if (child + 1 < heap.length && heap[child + 1]! < heap[child]!) child += 1;
      if (heap[child]! >= value) break;
      heap[at] = heap[child]!;
      at = child;
    }
    heap[at] = value;
  }
}
