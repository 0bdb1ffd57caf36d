import { bounds } from '#subgraphs/shared/bound.ts';

/** Bounds of delivering the outbox to the other stores, and of comparing them. */
export const INDEXING = bounds('gateway/indexing', 'indexing', {
  pollMs: {
    what: 'The longest time between two looks at the outbox; what is written through this process is looked at once.',
    unit: 'ms',
    default: 2_000,
    variable: 'INDEXING_POLL_MS',
    min: 50,
    max: 3_600_000,
  },
  callTimeoutMs: {
    what: "The longest time for one mutation of a store's subgraph, such as embedding and writing a batch of documents. Entries are leased for 15 seconds more.",
    unit: 'ms',
    default: 45_000,
    variable: 'INDEXING_CALL_TIMEOUT_MS',
    min: 1_000,
    max: 3_000_000,
  },
  longestRetrySeconds: {
    what: 'The longest pause before what could not be delivered is tried again; the first is a second, and each doubles.',
    unit: 's',
    default: 300,
    variable: 'INDEXING_LONGEST_RETRY_SECONDS',
    min: 1,
    max: 86_400,
  },
  recut: {
    what: 'How many documents that an older version, or another limit, has cut are cut again at once behind a start; the next wait until these are delivered. With 0 they are left as they are until `npm run reconcile -- --mend`.',
    unit: 'documents',
    default: 10,
    variable: 'INDEXING_RECUT',
    min: 0,
    max: 10,
  },
  leaseMarginSeconds: {
    what: 'How much longer than a call entries are leased.',
    unit: 's',
    default: 15,
  },
  disabledRetrySeconds: {
    what: 'How long until a store that is switched off is looked at again: it may be on after a restart of its subgraph.',
    unit: 's',
    default: 300,
  },
  objectBatch: {
    what: 'The most documents in one batch for the object store.',
    unit: 'documents',
    default: 50,
  },
  vectorBatch: {
    what: 'The most documents in one batch for the vector store.',
    unit: 'documents',
    default: 25,
  },
  graphBatch: {
    what: 'The most documents in one batch for the graph.',
    unit: 'documents',
    default: 100,
  },
  objectConcurrency: {
    what: 'The most objects written at once; each is a file or a request of its own.',
    unit: 'objects',
    default: 8,
  },
  errorCharacters: {
    what: 'The longest text of an error that is kept with an entry.',
    unit: 'characters',
    default: 500,
  },
  reconcilePage: {
    what: 'How many ids of documents or objects are read at once for comparing stores.',
    unit: 'documents',
    default: 200,
  },
  reconcileOthers: {
    what: 'How many other documents are read at once for what they have in common.',
    unit: 'documents',
    default: 50,
  },
  compared: { what: 'How many documents are compared with their stores at once.', unit: 'documents', default: 25 },
});
