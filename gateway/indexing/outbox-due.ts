/** Hears from the relational subgraph that something is to be delivered, in whatever process it was written. */
import { setTimeout as pause } from 'node:timers/promises';
import { parse } from 'graphql';
import type { SubgraphClient } from '#gateway/execute/clients/subgraph-client.ts';
import { untilAborted } from '#gateway/execute/run/fetch-errors.ts';
import { systemContext } from './subgraph-call.ts';

const OUTBOX_DUE = parse('subscription OutboxDue { outboxDue }');

export interface OutboxDueOptions {
  /** The relational subgraph as it is reached now; undefined while there is none. */
  readonly client: () => SubgraphClient | undefined;
  readonly wake: () => void;
  /** How long after a stream has ended another is opened: the indexer looks as often without. */
  readonly retryMs: number;
  readonly signal: AbortSignal;
}

/** Calls `wake` until the signal ends it, and then ends at once. Never rejects: what is not heard is found by the poll. */
export async function hearOutboxDue({ client, wake, retryMs, signal }: OutboxDueOptions): Promise<void> {
  while (!signal.aborted) {
    try {
      const events = await client()?.subscribe({
        document: OUTBOX_DUE,
        operationType: 'subscription',
        variables: {},
        context: systemContext(signal),
      });
      if (events !== undefined && Symbol.asyncIterator in events) {
        const iterator = events[Symbol.asyncIterator]();
        try {
          // A stream of another server tells nothing, its end included, while nothing is written.
          const next = () => untilAborted(iterator.next(), signal);
          for (let event = await next(); event.done !== true; event = await next())
            if (event.value.data?.['outboxDue'] === true) wake();
        } finally {
          void Promise.resolve(iterator.return?.()).catch(() => undefined); // Who stops does not wait for the other server.
        }
      }
    } catch {
      // The subgraph is away, and it, or another in its place, is asked again; or the signal ends this.
    }
    await pause(retryMs, undefined, { signal, ref: false }).catch(() => undefined);
  }
}
