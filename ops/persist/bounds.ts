import { bounds } from '#subgraphs/shared/bound.ts';

/** Bounds of writing lists of persisted operations. */
export const PERSIST = bounds('ops/persist', 'server', {
  fileBytes: { what: 'The largest file of operations that is read.', unit: 'bytes', default: 16 * 1024 * 1024 },
});
