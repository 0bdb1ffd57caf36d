/** What is kept beside each socket: its writer, and the operations that run on it. */
import type { WebSocket } from 'ws';
import type { FrameWriter } from './socket-sink.ts';

/** An operation that runs; they are kept by the client's ids for them. */
export interface Running {
  /** The message that asked for it: a client may use an id again as soon as it has ended what had it. */
  readonly payload: unknown;
  readonly cancel: AbortController;
}

export interface Attachment {
  readonly writer: FrameWriter;
  readonly running: Map<string, Running>;
  /** Variables of the message that is being read, where they have numbers that graphql-ws would change. */
  exactVariables?: unknown;
}

/** What belongs to each socket. */
export const attachments = new WeakMap<WebSocket, Attachment>();
