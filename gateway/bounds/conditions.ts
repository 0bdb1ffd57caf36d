import { bounds } from '#subgraphs/shared/bound.ts';

/** Bounds of conditions on what another store has. */
export const CONDITIONS = bounds('gateway/conditions', 'planning', {
  pushed: {
    what: 'The most keys that one condition on another store becomes. With more, candidates of the list itself are looked at where they are fewer; past both the field fails with `QUERY_TOO_COSTLY`.',
    unit: 'keys',
    default: 20_000,
    variable: 'CONDITION_KEYS',
    min: 500,
    max: 40_000,
  },
  candidates: {
    what: 'The most objects that are read for all conditions of one operation. Past it their fields fail with `QUERY_TOO_COSTLY`.',
    unit: 'objects',
    default: 200_000,
    variable: 'CONDITION_CANDIDATES',
    min: 1_000,
    max: 100_000_000,
  },
  bytes: {
    what: 'The most bytes that are read for all conditions of one operation, as JSON.',
    unit: 'bytes',
    default: 64 * 1024 ** 2,
    variable: 'CONDITION_BYTES',
    min: 1024 ** 2,
    max: 10 * 1024 ** 3,
  },
  timeMs: {
    what: 'The longest time for the conditions of one operation, which is part of its own.',
    unit: 'ms',
    default: 15_000,
    variable: 'CONDITION_TIME_MS',
    min: 100,
    max: 600_000,
  },
  probed: {
    what: 'How many objects that match are read before the ways are compared.',
    unit: 'objects',
    default: 20,
  },
  glanced: {
    what: 'How many objects at the beginning of a list may be looked at for each of them that matches; where more are, the ways are compared.',
    unit: 'objects',
    default: 16,
  },
  walked: {
    what: 'How many objects that are only read cost as much as one that is walked, which is looked at, and looked up: so the ways are compared.',
    unit: 'objects',
    default: 3,
  },
  keyPages: {
    what: 'How many pages of keys are read rather than to look at the beginning of a list that is ranked by what may match.',
    unit: 'pages',
    default: 3,
  },
  nested: {
    what: 'The most items of a link that are read with each object; what has more is read on by itself.',
    unit: 'items',
    default: 100,
  },
  orderLevels: {
    what: 'The most fields of `orderBy` where one of them is of another store.',
    unit: 'fields',
    default: 5,
  },
  sortedSpare: {
    what: 'How many more objects than four pages want are kept, of a list that the gateway sorts, before all but a page are let go.',
    unit: 'objects',
    default: 1_000,
  },
  cost: {
    what: 'What each such condition, and each field of another store that is sorted by, adds to what an operation may cost (`MAX_COST`).',
    unit: 'weight',
    default: 50,
  },
  questions: {
    what: 'The most different questions to lists of which it is kept how they are asked.',
    unit: 'questions',
    default: 500,
  },
  kept: {
    what: 'The most operations of one document of which it is kept where their filters are.',
    unit: 'operations',
    default: 20,
  },
});
