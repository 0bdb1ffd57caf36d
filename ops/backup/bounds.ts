import { bounds } from '#subgraphs/shared/bound.ts';

/** Bounds of `npm run backup` and `npm run restore`. */
export const BACKUP = bounds('ops/backup', 'limits', {
  objects: { what: 'How many objects are copied at once.', unit: 'objects', default: 8 },
});
