/**
 * The vectors of one tenant's collection in memory, with the ids of their chunks and documents. Rows are only appended
 * and marked dead, never overwritten, so that a scan in a worker thread reads what was there when it began.
 */
import { VECTOR } from '../bounds.ts';
import { meanVector } from '../indexing/vectors.ts';
import type { ScoringJob } from './scores.mjs';

/** A row to append. */
export interface MatrixRow {
  /** Names the row in the store; never used again once deleted. */
  readonly ordinal: number;
  readonly id: string;
  /** What the row belongs to. */
  readonly group: string;
}

export class VectorMatrix {
  readonly dimensions: number;
  /** By row, dead ones included. */
  readonly ids: string[] = [];
  readonly groups: string[] = [];
  readonly #ordinals: number[] = [];
  /** Dead rows, each with the version from which on it is. */
  readonly #dead = new Map<number, number>();
  #version = 0;
  readonly #segments: Float32Array[] = [];
  readonly #counts: number[] = [];
  readonly #rowByOrdinal = new Map<number, number>();
  readonly #rowById = new Map<string, number>();
  readonly #rowsByGroup = new Map<string, Set<number>>();
  #capacity = 0;

  constructor(dimensions: number) {
    this.dimensions = dimensions;
  }

  /** Rows that are alive. */
  get size(): number {
    return this.ids.length - this.#dead.size;
  }

  /** Memory held: the vectors, and about 400 bytes a row for ids and indexes. */
  get bytes(): number {
    return this.#capacity * this.dimensions * 4 + this.ids.length * 400;
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
    const last = this.#segments.length - 1;
    const segment = this.#segments[last]!;
    const offset = this.#counts[last]! * this.dimensions;
    write(segment.subarray(offset, offset + this.dimensions));
    this.#counts[last]! += 1;
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
    let first = 0;
    for (let s = 0; s < this.#segments.length; s++) {
      if (row < first + this.#counts[s]!) {
        const offset = (row - first) * this.dimensions;
        return this.#segments[s]!.subarray(offset, offset + this.dimensions);
      }
      first += this.#counts[s]!;
    }
    throw new RangeError(`There is no row ${row}.`);
  }

  /** The normalised mean of a group's vectors. */
  meanOf(group: string): Float32Array {
    return meanVector(
      Array.from(this.rowsOfGroup(group), (row) => this.vector(row)),
      this.dimensions,
    );
  }

  /** A job for the scorer over the rows of now. @param rows in ascending order; all, dead ones included, when absent */
  job(queries: readonly Float32Array[], rows?: Int32Array): ScoringJob {
    return { segments: [...this.#segments], counts: [...this.#counts], dimensions: this.dimensions, queries, rows };
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

  #grow(): void {
    const rows = Math.min(VECTOR.segmentRows, Math.max(VECTOR.firstSegmentRows, this.#capacity));
    this.#segments.push(new Float32Array(new SharedArrayBuffer(rows * this.dimensions * 4)));
    this.#counts.push(0);
    this.#capacity += rows;
  }
}
