/** Subscriptions to a subgraph elsewhere, over whichever protocol it speaks. */
import type { ExecutionResult } from 'graphql';
import { REMOTE } from '#gateway/bounds/remote.ts';
import type { EventQueue } from './event-queue.ts';
import { readResult, type Answering } from './graphql-response.ts';
import type { ExchangeBounds } from './remote-exchange.ts';
import type { SubgraphTls } from '#gateway/config/tls-connector.ts';

/**
 * `graphql-ws`: https://github.com/enisdenjo/graphql-ws/blob/master/PROTOCOL.md (the subprotocol
 * `graphql-transport-ws`). `sse`: https://github.com/enisdenjo/graphql-sse/blob/master/PROTOCOL.md, in its distinct
 * connections mode. `auto`: the first, and where there are no WebSockets the second.
 */
export type SubscriptionProtocol = 'auto' | 'graphql-ws' | 'sse';

/** One event of a stream as it came. */
export interface RemoteEvent {
  /** A GraphQL result, as parsed JSON that nobody has changed. */
  readonly payload: unknown;
  /** The same, read: for one reader, who may change its data. */
  readonly result: ExecutionResult;
  /** What it takes of a buffer. */
  readonly bytes: number;
  /** Set where the stream was lost before this event, and asked for again. */
  resubscribed?: Resubscribed;
}

/** What became of a stream that was lost and asked for again. */
export interface Resubscribed {
  /** The subgraph's name. */
  readonly service: string;
  /** When the connection was lost, ISO 8601. Events since then may be missing. */
  readonly lostAt: string;
  /** How often it was tried, the one that succeeded included. */
  readonly attempts: number;
}

/** The events of a stream. `next()` rejects once, with a SubgraphFailure, where it is lost, after all that had arrived. */
export type RemoteEvents = EventQueue<RemoteEvent>;

/**
 * @param bytes of the event's text
 * @throws SubgraphFailure when it is not GraphQL
 */
export const remoteEvent = (from: Answering, payload: unknown, bytes: number): RemoteEvent => ({
  payload,
  result: readResult(from, undefined, payload),
  bytes: bytes + REMOTE.eventOverheadBytes,
});

export const sizeOfEvent = ({ bytes }: RemoteEvent): number => bytes;

/** How streams are bounded, and connected. */
export interface StreamBounds extends ExchangeBounds, SubgraphTls {
  /** Bytes of events that may wait for one reader. */
  bufferBytes: number;
  /** Most operations on one WebSocket. */
  operationsPerSocket: number;
  /** How often a quiet WebSocket is asked whether it still is one, and how long it may take to answer. */
  readonly pingMs: number;
}

/** One subscription to open. */
export interface RemoteSubscription {
  /** The operation, as JSON. */
  body: string;
  /** Names who asks, as far as the subgraph is told: those with the same name may share a connection. */
  identity: string;
  /** Who asks, for a connection that has to be opened. */
  headers(): Promise<Record<string, string>>;
  /** Ends it, also while it is opened. */
  signal: AbortSignal | undefined;
}

/** Opens streams. */
export interface RemoteSubscriptions {
  /**
   * @returns events, or a result with errors when the subgraph refuses
   * @throws SubgraphFailure when the stream cannot be opened in time
   */
  open(subscription: RemoteSubscription): Promise<RemoteEvents | ExecutionResult>;
  /** Ends all streams. */
  close(): Promise<void>;
}
