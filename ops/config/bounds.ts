import { bounds } from '#subgraphs/shared/bound.ts';

/** Bounds of `npm run config`. */
export const CONFIG = bounds('ops/config', 'limits', {
  valueCharacters: {
    what: 'How much of a value it shows to people; `--json` has all of it.',
    unit: 'characters',
    default: 120,
  },
});
