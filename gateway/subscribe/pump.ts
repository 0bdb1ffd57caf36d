/** Sends the answers of a stream that many follow: pulled as fast as this client takes them, several in one write. */
import type { ExecutionResult } from 'graphql';
import type { Delivery, SharedAnswer } from '#gateway/execute/shared-answers.ts';

/** Where one subscription's answers go. */
export interface Sink {
  /** Sends answers, in order. Those with errors are this client's own: see {@link Delivery.fit}. */
  write(answers: readonly SharedAnswer[]): void;
  /** Whether the client has yet to take what was written. */
  readonly full: boolean;
  /** Resolves when it has, or is gone. */
  drained(): Promise<void>;
}

/** Most events that are answered ahead of one that has been sent. */
const AHEAD = 32;
/** Bytes of answers that go into one write, but for a single answer. */
const WRITE_BYTES = 64 * 1024;

/**
 * Sends everything that comes, to its end.
 * @param ended whether the client no longer wants it
 * @returns the answer to send last where the stream failed
 */
export async function pump({ events, answer, failed }: Delivery, sink: Sink, ended: () => boolean): Promise<ExecutionResult | undefined> {
  try {
    for (;;) {
      let event = events.poll();
      if (event === undefined) {
        const next = await events.next();
        if (next.done === true || ended()) return undefined;
        event = next.value;
      }
      const answers = [answer(event)];
      while (answers.length < AHEAD && (event = events.poll()) !== undefined) answers.push(answer(event));
      // One that waits, as for another subgraph, does not hold up those before it.
      for (let start = 0; start < answers.length; ) {
        const first = answers[start]!;
        if (first.result === undefined) await first.ready();
        if (ended()) return undefined;
        let end = start + 1;
        for (let bytes = first.size; end < answers.length && answers[end]!.result !== undefined; end += 1) {
          bytes += answers[end]!.size;
          if (bytes > WRITE_BYTES) break;
        }
        sink.write(start === 0 && end === answers.length ? answers : answers.slice(start, end));
        start = end;
        if (sink.full) {
          await sink.drained();
          if (ended()) return undefined;
        }
      }
    }
  } catch (error) {
    return failed(error);
  }
}
