import { bounds } from '#subgraphs/shared/bound.ts';

/** Bounds of `npm run erase-tenant`. */
export const ERASURE = bounds('ops/erasure', 'limits', {
  leaseMs: {
    what: 'The longest wait for deliveries that were under way, so that what they write is erased too.',
    unit: 'ms',
    default: 600_000,
  },
});
