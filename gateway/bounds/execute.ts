import { bounds } from '#subgraphs/shared/bound.ts';

/** Bounds of running plans. */
export const EXECUTE = bounds('gateway/execute', 'planning', {
  entityBatchSize: {
    what: 'The most representations in one `_entities` call; more are split over several.',
    unit: 'representations',
    default: 500,
    variable: 'ENTITY_BATCH_SIZE',
    min: 1,
    max: 1_000_000,
  },
  variants: {
    what: 'The most operations that are kept of one document, the most ways of asking each (by what is skipped, and by what the caller may see), and the most overrides of each way.',
    unit: 'variants',
    default: 64,
    variable: 'OPERATION_VARIANTS',
    min: 1,
    max: 100_000,
  },
  programs: {
    what: 'The most operations of one document that are compiled for a subgraph in this process, and the most ways of asking each.',
    unit: 'programs',
    default: 64,
  },
  rounds: {
    what: 'How often an operation is planned again for what the plan leaves out; each time it may be one level deeper.',
    unit: 'times',
    default: 8,
  },
  wholeRootFields: {
    what: 'The most root fields of an operation that is planned field by field.',
    unit: 'fields',
    default: 20,
  },
  objectsPerLook: {
    what: 'After how many objects the clock, or the budget, is looked at.',
    unit: 'objects',
    default: 256,
  },
  sorted: {
    what: 'The most representations that are brought into an order for the sake of equal questions.',
    unit: 'representations',
    default: 2_000,
  },
  leaves: {
    what: 'How many items of a list of leaves count as one object.',
    unit: 'items',
    default: 64,
  },
  streamedItems: {
    what: 'The most items of a streamed list (`@stream`) that are completed together, with one call of each subgraph behind them. So many may be ready while a client reads, and so many under way.',
    unit: 'items',
    default: 100,
    variable: 'STREAM_BATCH_ITEMS',
    min: 1,
    max: 10_000,
  },
  streamedWaitMs: {
    what: 'How long the first item of such a batch waits for others.',
    unit: 'ms',
    default: 25,
    variable: 'STREAM_BATCH_WAIT_MS',
    min: 0,
    max: 60_000,
  },
  readItems: {
    what: 'The most items that are completed together of a list that comes item by item and is answered whole.',
    unit: 'items',
    default: 100,
  },
  readWaitMs: { what: 'How long the first of them waits for others.', unit: 'ms', default: 25 },
  errors: {
    what: 'The most faults of variables that a subgraph in this process tells.',
    unit: 'errors',
    default: 50,
  },
});
