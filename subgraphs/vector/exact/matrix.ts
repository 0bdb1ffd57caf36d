/**
 * The vectors of one tenant's collection in memory, with their codes and the ids of their chunks and documents. Rows are
 * only appended and marked dead, never overwritten, so that a scan in a worker thread reads what was there when it began.
 */
import { VECTOR } from '../bounds.ts';
import { meanVector } from '../indexing/vectors.ts';
import { dot, encodeRow, widthOf, type CodedQuery } from './codes.ts';
import type { ScanJob } from './kernel.mjs';

/** A row to append. */
export interface MatrixRow {
  /** Names the row in the store; never used again once deleted. */
  readonly ordinal: number;
  readonly id: string;
  /** What the row belongs to. */
  readonly group: string;
}

interface Segment {
  readonly vectors: Float32Array;
  /** Shared memory, which threads scan; see codes.ts. */
  readonly codes: Int8Array;
  readonly scales: Float32Array;
  /** The first row. */
  readonly first: number;
  /** Rows in use. */
  count: number;
}

export class VectorMatrix {
  readonly dimensions: number;
  readonly #width: number;
  /** By row, dead ones included. */
  readonly ids: string[] = [];
  readonly groups: string[] = [];
  readonly #ordinals: number[] = [];
  /** Dead rows, each with the version from which on it is. */
  readonly #dead = new Map<number, number>();
  #version = 0;
  readonly #segments: Segment[] = [];
  #errors = new Float32Array(0);
  #longest = 0;
  readonly #rowByOrdinal = new Map<number, number>();
  readonly #rowById = new Map<string, number>();
  readonly #rowsByGroup = new Map<string, Set<number>>();
  #capacity = 0;

  constructor(dimensions: number) {
    this.dimensions = dimensions;
    this.#width = widthOf(dimensions);
  }

  /** Rows that are alive. */
  get size(): number {
    return this.ids.length - this.#dead.size;
  }

  /** Memory held: the vectors with their codes, and about 400 bytes a row for ids and indexes. */
  get bytes(): number {
    return this.#capacity * (this.dimensions * 4 + this.#width + 8) + this.ids.length * 400;
  }

  /** For each row the length of what its codes leave out of it. */
  get errors(): Float32Array {
    return this.#errors;
  }

  /** The length of the longest row. */
  get longest(): number {
    return this.#longest;
  }

  /** Whether so many rows are dead that {@link compacted} is worth its copy. */
  get wasteful(): boolean {
    return this.#dead.size > VECTOR.deadRows && this.#dead.size > this.size;
  }

  /**
   * Grows with every removal. A scan notes it when it begins, so that what is removed while it runs is still there for
   * it.
   */
  get version(): number {
    return this.#version;
  }
  isAlive(row: number, at: number): boolean {
    const since = this.#dead.get(row);
    return since === undefined || since > at;
  }
  rowOf(id: string): number | undefined {
    return this.#rowById.get(id);
  }
  rowOfOrdinal(ordinal: number): number | undefined {
    return this.#rowByOrdinal.get(ordinal);
  }
  rowsOfGroup(group: string): Iterable<number> {
    return this.#rowsByGroup.get(group) ?? [];
  }
  groupNames(): Iterable<string> {
    return this.#rowsByGroup.keys();
  }

  /** Adds a row, in place of the one with its ordinal. @param write fills the row's vector, which is zero */
  append(row: MatrixRow, write: (target: Float32Array) => void): void {
    this.remove(row.ordinal);
    const index = this.ids.length;
    if (index === this.#capacity) this.#grow();
    const segment = this.#segments.at(-1)!;
    const vector = this.#vectorIn(segment, segment.count);
    write(vector);
    const codes = segment.codes.subarray(segment.count * this.#width, (segment.count + 1) * this.#width);
    const { scale, error, length } = encodeRow(vector, codes);
    segment.scales[segment.count] = scale;
    segment.count += 1;
    this.#errors[index] = error;
    this.#longest = Math.max(this.#longest, length + error);
    this.ids.push(row.id);
    this.groups.push(row.group);
    this.#ordinals.push(row.ordinal);
    this.#rowByOrdinal.set(row.ordinal, index);
    this.#rowById.set(row.id, index);
    const rows = this.#rowsByGroup.get(row.group);
    if (rows === undefined) this.#rowsByGroup.set(row.group, new Set([index]));
    else rows.add(index);
  }

  /** Marks a row dead. @returns its group, undefined where there was no such row */
  remove(ordinal: number): string | undefined {
    const row = this.#rowByOrdinal.get(ordinal);
    if (row === undefined) return undefined;
    this.#dead.set(row, ++this.#version);
    this.#rowByOrdinal.delete(ordinal);
    if (this.#rowById.get(this.ids[row]!) === row) this.#rowById.delete(this.ids[row]!);
    const group = this.groups[row]!;
    const rows = this.#rowsByGroup.get(group)!;
    rows.delete(row);
    if (rows.size === 0) this.#rowsByGroup.delete(group);
    return group;
  }

  vector(row: number): Float32Array {
    const segment = this.#segmentOf(row);
    return this.#vectorIn(segment, row - segment.first);
  }

  /** The exact product of a row with a vector. */
  score(row: number, query: Float32Array): number {
    const { vectors, first } = this.#segmentOf(row);
    return dot(vectors, (row - first) * this.dimensions, query);
  }

  /** The normalised mean of a group's vectors. */
  meanOf(group: string): Float32Array {
    return meanVector(
      Array.from(this.rowsOfGroup(group), (row) => this.vector(row)),
      this.dimensions,
    );
  }

  /** A job for the scorer over the rows of now. @param rows in ascending order; all, dead ones included, when absent */
  job(queries: readonly CodedQuery[], rows?: Int32Array): ScanJob {
    return {
      segments: this.#segments.map(({ codes, scales, count }) => ({ codes, scales, count })),
      width: this.#width,
      queries: queries.map(({ codes }) => codes),
      ...(rows === undefined ? {} : { rows }),
    };
  }

  /** A copy without the dead rows. */
  compacted(): VectorMatrix {
    const copy = new VectorMatrix(this.dimensions);
    for (let row = 0; row < this.ids.length; row++) {
      if (this.#dead.has(row)) continue;
      copy.append({ ordinal: this.#ordinals[row]!, id: this.ids[row]!, group: this.groups[row]! }, (target) =>
        target.set(this.vector(row)),
      );
    }
    return copy;
  }

  #segmentOf(row: number): Segment {
    let from = 0;
    for (let to = this.#segments.length - 1; from < to;) {
      const middle = (from + to + 1) >> 1;
      if (this.#segments[middle]!.first <= row) from = middle;
      else to = middle - 1;
    }
    const segment = this.#segments[from];
    if (segment === undefined || row >= segment.first + segment.count) throw new RangeError(`There is no row ${row}.`);
    return segment;
  }

  #vectorIn({ vectors }: Segment, at: number): Float32Array {
    return vectors.subarray(at * this.dimensions, (at + 1) * this.dimensions);
  }

  #grow(): void {
    const rows = Math.min(VECTOR.segmentRows, Math.max(VECTOR.firstSegmentRows, this.#capacity));
    this.#segments.push({
      vectors: new Float32Array(rows * this.dimensions),
      codes: new Int8Array(new SharedArrayBuffer(rows * this.#width)),
      scales: new Float32Array(new SharedArrayBuffer(rows * 4)),
      first: this.#capacity,
      count: 0,
    });
    this.#capacity += rows;
    const errors = new Float32Array(this.#capacity);
    errors.set(this.#errors);
    this.#errors = errors;
  }
}
