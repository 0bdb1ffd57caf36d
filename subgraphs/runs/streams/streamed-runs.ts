/**
 * The runs of events that come through a stream: each row is read once for all followers, not once for each of them.
 */
import { RUNS } from '../bounds.ts';
import type { Run, RunEvent } from '../driver.ts';

/** Which reader an event came through. */
const readers = new WeakMap<RunEvent, StreamedRuns>();

/**
 * The run of an event that came through a stream, as it stands: read once for all followers who ask at the same head.
 * @param load reads the run's row
 * @returns undefined for an event that came another way
 */
export const runOfStreamed = (event: RunEvent, load: () => Promise<Run | null>): Promise<Run | null> | undefined =>
  readers.get(event)?.run(event.runId, load);

/** The rows that followers of one log ask for. */
export class StreamedRuns {
  readonly #head: () => unknown;
  readonly #looks = new Map<string, { since: number; run: Promise<Run | null> }>();
  #at: unknown;

  /** @param head where the log stands: another value where it has grown */
  constructor(head: () => unknown) {
    this.#head = head;
  }

  /** Names this as the reader through which the event came. */
  mark(event: RunEvent): void {
    readers.set(event, this);
  }

  run(runId: string, load: () => Promise<Run | null>): Promise<Run | null> {
    const [now, head] = [performance.now(), this.#head()];
    if (this.#at !== head || this.#looks.size >= RUNS.rows) this.#looks.clear(); // What is read now may say more.
    this.#at = head;
    const before = this.#looks.get(runId);
    if (before !== undefined && now - before.since < RUNS.rowMs) return before.run;
    const look = { since: now, run: load() };
    this.#looks.set(runId, look);
    look.run.catch(() => {
      if (this.#looks.get(runId) === look) this.#looks.delete(runId); // Who asks next tries again.
    });
    return look.run;
  }

  clear(): void {
    this.#looks.clear();
  }
}
