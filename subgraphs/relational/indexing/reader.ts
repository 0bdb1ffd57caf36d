/** How far one document is indexed, as this process knows it: read once for all who follow it. */
import { isDeepStrictEqual } from 'node:util';
import type { IndexingRow } from '../driver.ts';

export class IndexingReader {
  readonly tenantId: string;
  readonly documentId: string;
  readonly #waiting = new Set<() => void>();
  #rows: readonly IndexingRow[] = [];
  #turn = 0;

  constructor(tenantId: string, documentId: string) {
    this.tenantId = tenantId;
    this.documentId = documentId;
  }

  /** What was found at the last look, one row for each store: the same objects to all, and a new one for what has changed. */
  get rows(): readonly IndexingRow[] {
    return this.#rows;
  }

  /** What a look has found. @param turn of that look: what one before it finds later is not taken */
  take(found: readonly IndexingRow[], turn: number): void {
    if (turn < this.#turn) return;
    this.#turn = turn;
    const rows = found.map((row) => this.#rows.find((known) => isDeepStrictEqual(known, row)) ?? row);
    const same = rows.length === this.#rows.length && rows.every((row, index) => row === this.#rows[index]);
    this.#rows = rows;
    if (!same) this.#wakeAll();
  }

  /** Calls `resume`, once, when something has changed. */
  wait(resume: () => void): void {
    this.#waiting.add(resume);
  }

  stopWaiting(resume: () => void): void {
    this.#waiting.delete(resume);
  }

  end(): void {
    this.#waiting.clear();
  }

  #wakeAll(): void {
    const waiting = [...this.#waiting];
    this.#waiting.clear();
    for (const resume of waiting) resume();
  }
}

/** Whether a store is not going to be told of the document: it has been, or it is switched off. */
export const isSettled = ({ state }: Pick<IndexingRow, 'state'>): boolean => state === 'DONE' || state === 'DISABLED';
