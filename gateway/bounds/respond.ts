import { bounds } from '#subgraphs/shared/bound.ts';

/** Bounds of shaping answers. */
export const RESPOND = bounds('gateway/respond', 'limits', {
  leaves: {
    what: 'How many items of a list of leaves are charged as one object.',
    unit: 'items',
    default: 64,
  },
  errorBytes: {
    what: 'What an error is charged besides its message: path, code, service.',
    unit: 'bytes',
    default: 150,
  },
});
