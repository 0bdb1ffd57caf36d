import { bounds } from '#subgraphs/shared/bound.ts';

/** Bounds of a subgraph that runs apart: what the gateway sends is longer than people’s operations, and was bounded there. */
export const APART = bounds('gateway/subgraph-server.ts', 'limits', {
  graceMs: {
    what: 'How much longer than an operation may take the gateway waits for one of our own subgraphs, where no `SUBGRAPH_TIMEOUT_MS` is set: that the time is up, and for which store, is said there.',
    unit: 'ms',
    default: 1_000,
  },
  bodyBytes: { what: 'The longest body, where `BODY_LIMIT_BYTES` is not more.', unit: 'bytes', default: 50_000_000 },
  jsonDepth: { what: "The deepest nesting of a body's JSON.", unit: 'levels', default: 1_000 },
  jsonValues: { what: 'The most values in it.', unit: 'values', default: 5_000_000 },
  depth: { what: 'The deepest nesting of fields in an operation.', unit: 'levels', default: 1_000 },
  tokens: { what: "The most lexical tokens in an operation's text.", unit: 'tokens', default: 1_000_000 },
  aliases: { what: 'The most aliases in an operation.', unit: 'aliases', default: 100_000 },
  rootFields: { what: 'The most root fields in an operation.', unit: 'fields', default: 100_000 },
  operationsPerSocket: {
    what: 'The most operations running at once on one WebSocket: the gateway may put all its subscribers on one.',
    unit: 'operations',
    default: 1_000_000,
  },
});
