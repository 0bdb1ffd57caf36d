import { bounds } from '#subgraphs/shared/bound.ts';

/** Bounds of what one aggregate asks for. */
export const AGGREGATES = bounds('subgraphs/shared/aggregates', 'limits', {
  groupsDefault: {
    what: 'How many groups an aggregate answers with where `first` is absent.',
    unit: 'groups',
    default: 100,
  },
  groupsMost: { what: 'The most groups of one aggregate: the largest `first`.', unit: 'groups', default: 1_000 },
  groupBy: { what: 'The most fields that rows are grouped by at once.', unit: 'fields', default: 8 },
  measures: {
    what: 'The most measures of one aggregate, those that only `having` and `orderBy` name included.',
    unit: 'measures',
    default: 100,
  },
  orderFields: { what: 'The most levels of the order of groups.', unit: 'levels', default: 5 },
  conditions: { what: 'The most conditions in one `having`.', unit: 'conditions', default: 50 },
  conditionDepth: { what: 'Their deepest nesting.', unit: 'levels', default: 5 },
  operandCharacters: { what: 'The longest text that a measure is compared with.', unit: 'characters', default: 2_000 },
  pathKeys: { what: 'The most keys in a path into JSON that rows are grouped by.', unit: 'keys', default: 12 },
});
