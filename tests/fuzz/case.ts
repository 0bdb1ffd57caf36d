/** What the fuzzer sends: JSON, so that what it found can be kept in a file and sent again. */

/** Ways for an operation to come in. */
export const WAYS = ['POST', 'GET', 'events', 'multipart', 'WebSocket', 'MCP', 'batch', 'upload'] as const;
export type Way = (typeof WAYS)[number];

/** Who asks: a caller with all scopes, one without any, nobody, or one whose token does not hold. */
export type Says = 'all' | 'reader' | 'nobody' | 'wrong';

/** A GraphQL request as it is sent. `%id:7%` in it stands for an id that the store really holds. */
export interface OperationCase {
  readonly kind: 'operation';
  readonly way: Way;
  readonly query: string;
  /** JSON text, which may hold what no object of JavaScript does (a number beyond doubles, a key twice). */
  readonly variables?: string;
  readonly operationName?: string;
  readonly extensions?: string;
  readonly says: Says;
  /** When the client goes away without a word, in milliseconds. @default it waits for the end */
  readonly leavesAfterMs?: number;
  /** The client takes a little of the answer now and then. */
  readonly readsSlowly?: boolean;
}

/** Any request of HTTP. */
export interface HttpCase {
  readonly kind: 'http';
  readonly method: string;
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string;
  readonly says: Says;
}

/** Messages on a WebSocket, in any order. */
export interface SocketCase {
  readonly kind: 'socket';
  readonly protocols: readonly string[];
  readonly messages: readonly string[];
  /** The first is answered before the others are sent. */
  readonly awaits: boolean;
  /** Sent as binary frames. */
  readonly isBinary?: boolean;
  /** Goes without closing. */
  readonly vanishes: boolean;
  readonly says: Says;
}

/** Bytes on a connection (latin1), each part written apart. */
export interface RawCase {
  readonly kind: 'raw';
  readonly parts: readonly string[];
}

export type Case = OperationCase | HttpCase | SocketCase | RawCase;

/** What came of a case. */
export interface Outcome {
  /** Of HTTP; absent where there was no answer. */
  readonly status?: number;
  /** With which a WebSocket was closed by the server. */
  readonly closeCode?: number;
  /** All that was sent back, as text. */
  readonly text: string;
  readonly bytes: number;
  readonly ms: number;
  /** Why there is no whole answer: a connection that broke, or nothing for very long. */
  readonly broken?: string;
}
