/** Subscriptions to a subgraph elsewhere over WebSocket (graphql-ws). */
import { createClient, type SubscribePayload } from 'graphql-ws';
import type { ExecutionResult } from 'graphql';
import WebSocket from 'ws';
import { onAbort } from './abort-hooks.ts';
import { EventQueue } from './event-queue.ts';
import { cancelled } from '../run/fetch-errors.ts';
import { readResult } from './graphql-response.ts';
import type { ExchangeBounds } from './remote-exchange.ts';
import type { RemoteSubscriptions } from './remote-subscription.ts';
import { subscriptionBroke, type SubgraphFailure } from './subgraph-failure.ts';

/** A quiet connection is asked this often whether it still is one, and may take as long to answer. */
const PING_MS = 12_000;

export function remoteSockets(bounds: ExchangeBounds, url: URL): RemoteSubscriptions {
  const open = new Set<EventQueue<ExecutionResult>>();
  return {
    open: ({ signal, context }, body, headers) =>
      openSocket(bounds, url, JSON.parse(body) as SubscribePayload, headers, signal ?? context.signal, open),
    async close() {
      await Promise.all([...open].map((events) => events.return()));
    },
  };
}

function openSocket(
  { name, timeoutMs, maxResponseBytes }: ExchangeBounds,
  url: URL,
  payload: SubscribePayload,
  headers: Record<string, string>,
  signal: AbortSignal | undefined,
  open: Set<EventQueue<ExecutionResult>>,
): Promise<EventQueue<ExecutionResult>> {
  let socket: WebSocket | undefined; // Once it is open.
  class SubgraphSocket extends WebSocket {
    constructor(address: string, protocols?: string | string[]) {
      // Compression makes it hard to bound what waits.
      super(address, protocols, {
        headers,
        maxPayload: maxResponseBytes,
        handshakeTimeout: timeoutMs,
        perMessageDeflate: false,
      });
    }
  }
  const client = createClient({
    url: url.href,
    webSocketImpl: SubgraphSocket,
    connectionParams: headers,
    connectionAckWaitTimeout: timeoutMs,
    keepAlive: PING_MS,
    retryAttempts: 0,
    onNonLazyError: () => undefined,
  });
  let unanswered: NodeJS.Timeout | undefined;
  let unsubscribe = (): void => undefined;
  const events: EventQueue<ExecutionResult> = new EventQueue({
    pause: () => socket?.pause(),
    resume: () => socket?.resume(),
    end: () => {
      open.delete(events);
      clearTimeout(unanswered);
      socket?.resume();
      unsubscribe();
      // Of a connection that failed, it would tell again why.
      Promise.resolve(client.dispose()).catch(() => undefined);
    },
  });
  open.add(events);
  client.on('opened', (opened) => (socket = opened as WebSocket));
  client.on('ping', (received) => {
    if (received) return;
    unanswered = setTimeout(() => {
      // While our own reader is behind, the answer waits with everything else.
      if (!events.paused) socket?.terminate();
    }, PING_MS);
  });
  client.on('message', () => clearTimeout(unanswered));

  return new Promise((resolve, reject) => {
    let opened = false;
    const release = onAbort(signal, () => {
      void events.return();
      reject(cancelled(signal!));
    });
    if (signal?.aborted === true) return;
    const fail = (failure: SubgraphFailure): void => {
      release();
      events.finish(failure);
      if (!opened) reject(failure);
    };
    client.on('connected', () => {
      opened = true;
      release();
      resolve(events);
    });
    unsubscribe = client.subscribe(payload, {
      next(event) {
        try {
          events.push(readResult(name, undefined, event));
        } catch (error) {
          fail(error as SubgraphFailure);
        }
      },
      error(error) {
        // The protocol's own error message: the operation was refused, with GraphQL errors.
        if (Array.isArray(error)) {
          events.push(readResult(name, undefined, { errors: error as unknown[] }));
          events.finish();
          return;
        }
        const { code, reason, error: inner } = (error ?? {}) as { code?: unknown; reason?: unknown; error?: unknown };
        const closeCode = typeof code === 'number' ? code : undefined;
        // What a socket's events hold besides is not fit for a log.
        const cause = error instanceof Error ? error : (inner ?? new Error(`${String(code)} ${String(reason)}`));
        fail(subscriptionBroke(name, { opened, closeCode, cause }));
      },
      complete: () => events.finish(),
    });
  });
}
