import { bounds } from '#subgraphs/shared/bound.ts';

/** Bounds of the operator's own labels; the model's file says otherwise by `@limit`. */
export const MODEL = bounds('subgraphs/graph-model', 'graph', {
  page: {
    what: 'How many nodes a page has without `limit`, where the model does not say (`@limit`).',
    unit: 'nodes',
    default: 100,
  },
  pageMost: { what: 'The most that `limit` may ask for, where the model does not say.', unit: 'nodes', default: 1_000 },
});
