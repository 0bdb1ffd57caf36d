import { bounds } from '#subgraphs/shared/bound.ts';

/** Bounds of `npm run keys`. */
export const KEYS = bounds('ops/keys', 'limits', {
  page: { what: 'How many keys, and tenants, it asks for at a time.', unit: 'items', default: 100 },
});
