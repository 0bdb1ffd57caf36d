import { bounds } from '#subgraphs/shared/bound.ts';

/** Bounds of the connections to Neo4j. */
export const NEO4J = bounds('subgraphs/shared/neo4j', 'graph', {
  poolSize: {
    what: 'The most connections of one process to Neo4j, for the graph and for your own labels each.',
    unit: 'connections',
    default: 100,
    variable: 'NEO4J_POOL_SIZE',
    min: 1,
    max: 10_000,
  },
  connectTimeoutMs: {
    what: 'The longest wait for a new connection.',
    unit: 'ms',
    default: 5_000,
    variable: 'NEO4J_CONNECT_TIMEOUT_MS',
    min: 100,
    max: 600_000,
  },
  acquireTimeoutMs: {
    what: 'The longest wait for a connection, a free one or a new one; more than `NEO4J_CONNECT_TIMEOUT_MS`.',
    unit: 'ms',
    default: 6_000,
    variable: 'NEO4J_ACQUIRE_TIMEOUT_MS',
    min: 100,
    max: 600_000,
  },
  transactionTimeoutMs: {
    what: 'The longest time for one transaction. Past it the field fails with `STORE_TIMEOUT`.',
    unit: 'ms',
    default: 10_000,
    variable: 'NEO4J_TRANSACTION_TIMEOUT_MS',
    min: 100,
    max: 3_600_000,
  },
  retryMs: {
    what: 'For how long a transaction that may succeed later is tried again. Reads that wait for a server that is away hold up the answers of all other stores.',
    unit: 'ms',
    default: 1_000,
    variable: 'NEO4J_RETRY_MS',
    min: 0,
    max: 600_000,
  },
  probeTimeoutMs: { what: 'How long it may take to answer a health probe.', unit: 'ms', default: 1_000 },
  prepareAttempts: {
    what: 'How often the constraints and indexes are asked for, where others create them too.',
    unit: 'times',
    default: 10,
  },
  preparePauseMs: {
    what: 'The first pause before constraints and indexes are asked for again; it doubles each time.',
    unit: 'ms',
    default: 50,
  },
  prepareLongestPauseMs: { what: 'The longest of those pauses.', unit: 'ms', default: 2_000 },
});
