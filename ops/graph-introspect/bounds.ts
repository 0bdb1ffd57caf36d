import { bounds } from '#subgraphs/shared/bound.ts';

/** Bounds of looking at somebody's graph. */
export const INTROSPECT = bounds('ops/graph-introspect', 'server', {
  connectMs: { what: 'The longest time to connect to the Neo4j that is looked at.', unit: 'ms', default: 5_000 },
  retryMs: { what: 'The longest time that a read of it is tried anew.', unit: 'ms', default: 1_000 },
});
