import { bounds } from '#subgraphs/shared/bound.ts';

/** Bounds of WebSockets, event streams and multipart answers. */
export const SUBSCRIBE = bounds('gateway/subscribe', 'limits', {
  sockets: {
    what: 'The most open WebSockets.',
    unit: 'sockets',
    default: 10_000,
    variable: 'MAX_SOCKETS',
    min: 1,
    max: 1_000_000,
  },
  operationsPerSocket: {
    what: 'The most operations running at once on one WebSocket, or on one event stream that carries several.',
    unit: 'operations',
    default: 100,
    variable: 'MAX_SUBSCRIPTIONS_PER_SOCKET',
    min: 1,
    max: 100_000,
  },
  bufferBytes: {
    what: 'How many bytes may wait for a slow WebSocket before it is closed with a code that says to resume.',
    unit: 'bytes',
    default: 4_000_000,
    variable: 'SOCKET_BUFFER_BYTES',
    min: 16_384,
    max: 1_000_000_000,
  },
  initTimeoutMs: {
    what: 'How long a WebSocket may take to say `connection_init` before it is closed with 4408.',
    unit: 'ms',
    default: 10_000,
    variable: 'SOCKET_INIT_TIMEOUT_MS',
    min: 100,
    max: 600_000,
  },
  pingMs: {
    what: 'The time between pings to a WebSocket; one that misses a ping is cut.',
    unit: 'ms',
    default: 12_000,
    variable: 'SOCKET_PING_MS',
    min: 100,
    max: 3_600_000,
  },
  eventStreamAliveMs: {
    what: 'After how long an event stream says that it lives.',
    unit: 'ms',
    default: 12_000,
  },
  multipartAliveMs: {
    what: 'After how long a multipart subscription says that it lives.',
    unit: 'ms',
    default: 10_000,
  },
  eventStreams: {
    what: 'The most event streams that are open, or reserved, to carry several operations (single connection mode).',
    unit: 'streams',
    default: 10_000,
    variable: 'MAX_EVENT_STREAMS',
    min: 1,
    max: 1_000_000,
  },
  eventStreamReservationMs: {
    what: 'How long a reserved event stream waits to be opened before it is given up.',
    unit: 'ms',
    default: 10_000,
    variable: 'EVENT_STREAM_RESERVATION_MS',
    min: 100,
    max: 600_000,
  },
  reservedEventStreams: {
    what: 'The most event streams that one caller has reserved and not opened yet.',
    unit: 'streams',
    default: 100,
  },
  operationIdLength: {
    what: 'The longest id that a client may give an operation on an event stream, which each of its events repeats.',
    unit: 'characters',
    default: 256,
  },
  ahead: {
    what: 'The most events that are answered ahead of one that has been sent.',
    unit: 'events',
    default: 32,
  },
  writeBytes: {
    what: 'Bytes of answers that go into one write, but for a single answer.',
    unit: 'bytes',
    default: 64 * 1024,
  },
  copiedBytes: {
    what: 'Payloads up to this length are cheaper to copy than to write on their own; longer ones stay shared while slow clients take them.',
    unit: 'bytes',
    default: 16 * 1024,
  },
  closeMs: {
    what: 'How long a WebSocket may take to answer the close when the server stops, before it is cut.',
    unit: 'ms',
    default: 1_000,
  },
  giveUpMs: {
    what: 'How long one that reads nothing has until it is cut after it was closed.',
    unit: 'ms',
    default: 5_000,
  },
  completeBytes: {
    what: 'The longest message that is looked at for the end of an operation; a longer one ends with its stream all the same.',
    unit: 'bytes',
    default: 1_000,
  },
});
