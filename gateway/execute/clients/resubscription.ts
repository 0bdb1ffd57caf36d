/** Streams that are asked for again when they are lost, where the operator says that a subgraph's may be. */
import { setTimeout as delay } from 'node:timers/promises';
import type { ExecutionResult } from 'graphql';
import { REMOTE } from '#gateway/bounds/remote.ts';
import { backoff } from '#subgraphs/shared/backoff.ts';
import { EventQueue } from './event-queue.ts';
import { sizeOfEvent, type RemoteEvent, type RemoteEvents, type Resubscribed } from './remote-subscription.ts';
import { SubgraphFailure } from './subgraph-failure.ts';

/** How often in a row, and how soon; see `REMOTE` (gateway/bounds/remote.ts). */
export interface ResubscribePace {
  /** 0 for a stream that ends with its connection. */
  readonly attempts: number;
  readonly delayMs: number;
  readonly longestDelayMs: number;
}

/** Opens the stream; `signal` ends it while it is opened. */
type Open = (signal: AbortSignal) => Promise<RemoteEvents | ExecutionResult>;

/**
 * Opens a stream that outlives its connections: a lost one is opened again after a while that doubles and is spread by
 * chance, so that not all come back at once. The first event after that says so ({@link RemoteEvent.resubscribed});
 * what came between is not known. The first opening is not repeated, and neither is what the subgraph refuses.
 * @param signal ends the waiting and opening; whoever has the stream ends it by `return()`
 */
export async function resubscribing(
  name: string,
  pace: ResubscribePace,
  signal: AbortSignal,
  open: Open,
): Promise<RemoteEvents | ExecutionResult> {
  const first = await open(signal);
  return pace.attempts === 0 || !(first instanceof EventQueue) ? first : lasting(name, pace, open, first);
}

function lasting(name: string, pace: ResubscribePace, open: Open, first: RemoteEvents): RemoteEvents {
  const ending = new AbortController();
  let current = first;
  let since = Date.now();
  let tried = 0;
  let note: Resubscribed | undefined;
  const events: RemoteEvents = new EventQueue<RemoteEvent>({
    highWater: 1,
    sizeOf: sizeOfEvent,
    pause: () => undefined,
    resume: () => pass(),
    end: () => {
      ending.abort();
      void current.return();
    },
  });

  /** Hands events on for as long as the reader keeps up: what waits, waits with the connection. */
  function pass(): void {
    while (!events.behind && !ending.signal.aborted) {
      const event = current.poll();
      if (event === undefined) {
        if (!current.whenMore(pass)) void current.next().then(() => events.finish(), again);
        return;
      }
      if (note !== undefined) event.resubscribed = note;
      note = undefined;
      events.push(event);
    }
  }

  async function again(failure: unknown): Promise<void> {
    if (ending.signal.aborted) return;
    const lostAt = note?.lostAt ?? new Date().toISOString();
    if (Date.now() - since > REMOTE.resubscribedWellMs) tried = 0;
    let last = failure as SubgraphFailure;
    // What was lost may come back; what was wrong would be wrong again.
    while (last.transient && tried < pace.attempts) {
      tried += 1;
      try {
        await delay(delayBefore(tried, pace), undefined, { signal: ending.signal });
        const opened = await open(ending.signal);
        if (ending.signal.aborted) return void (opened instanceof EventQueue && opened.return());
        if (!(opened instanceof EventQueue)) return events.finish(refused(name, opened));
        current = opened;
        since = Date.now();
        note = { service: name, lostAt, attempts: tried };
        return pass();
      } catch (error) {
        if (ending.signal.aborted) return;
        last = error as SubgraphFailure;
      }
    }
    events.finish(last);
  }

  pass();
  return events;
}

/** @param attempt the first is 1 */
export function delayBefore(
  attempt: number,
  { delayMs, longestDelayMs }: Pick<ResubscribePace, 'delayMs' | 'longestDelayMs'>,
  random: () => number = Math.random,
): number {
  return Math.round(backoff(attempt, { firstMs: delayMs, longestMs: longestDelayMs }, random));
}

const refused = (name: string, { errors }: ExecutionResult): SubgraphFailure =>
  new SubgraphFailure(
    `The subgraph ${name} refused to resume the subscription: ${errors?.[0]?.message ?? 'no reason'}.`,
    {
      hint: 'Subscribe again; from the last cursor, where the field takes one.',
    },
  );
