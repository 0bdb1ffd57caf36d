import { bounds } from '#subgraphs/shared/bound.ts';

/** Bounds of the connections to PostgreSQL, which the subgraphs of a process share. */
export const POSTGRES = bounds('subgraphs/shared/postgres', 'relational', {
  poolSize: {
    what: 'The most connections of one process to PostgreSQL, and as many to its replica.',
    unit: 'connections',
    default: 10,
    variable: 'POSTGRES_POOL_SIZE',
    min: 2,
    max: 1_000,
  },
  connectTimeoutMs: {
    what: 'The longest wait for a connection, a free one or a new one.',
    unit: 'ms',
    default: 5_000,
    variable: 'POSTGRES_CONNECT_TIMEOUT_MS',
    min: 100,
    max: 600_000,
  },
  statementTimeoutMs: {
    what: 'The longest time for one statement of a request. Past it the field fails with `STORE_TIMEOUT`.',
    unit: 'ms',
    default: 10_000,
    variable: 'POSTGRES_STATEMENT_TIMEOUT_MS',
    min: 100,
    max: 3_600_000,
  },
  idleMs: {
    what: 'How long a connection is kept that nobody uses.',
    unit: 'ms',
    default: 10_000,
    variable: 'POSTGRES_IDLE_MS',
    min: 100,
    max: 86_400_000,
  },
  copyRows: {
    what: 'How many rows are read, or written, at once by a backup or its restoring.',
    unit: 'rows',
    default: 1_000,
  },
  goodbyeLooks: {
    what: 'How often a restoring looks, a tenth of a second apart, whether a server is still connected.',
    unit: 'looks',
    default: 20,
  },
  copyBytes: {
    what: 'How much of them is written at once.',
    unit: 'bytes',
    default: 8_388_608,
  },
  erasureRows: {
    what: 'How many rows of one table are removed in a transaction while a tenant is erased.',
    unit: 'rows',
    default: 5_000,
  },
  erasureLockMs: {
    what: 'How long the last transaction of an erasure waits for writers, and they for it, before it is tried again.',
    unit: 'ms',
    default: 500,
  },
  erasureAttempts: { what: 'How often it is tried.', unit: 'attempts', default: 60 },
  answerMarginMs: {
    what: 'How much longer than `statementTimeoutMs` a server may take that has stopped answering.',
    unit: 'ms',
    default: 2_000,
  },
  goodbyeMs: { what: 'How long a server is waited for when a connection ends.', unit: 'ms', default: 2_000 },
  replicaConnectTimeoutMs: {
    what: 'The longest wait for a connection to the replica: the primary can answer as well.',
    unit: 'ms',
    default: 1_000,
  },
  replicaProbeMs: {
    what: 'The time between two looks at both servers while reads come, which bounds how far behind the replica may be.',
    unit: 'ms',
    default: 1_000,
    variable: 'DATABASE_REPLICA_PROBE_MS',
    min: 50,
    max: 600_000,
  },
  replicaAnswerMs: {
    what: 'How long the replica may take to answer such a look before it counts as away.',
    unit: 'ms',
    default: 1_500,
  },
  replicaPatienceMs: {
    what: 'After a read that the replica was not far enough for, how long the next ones do not ask it.',
    unit: 'ms',
    default: 20,
  },
  preparedNames: {
    what: "The most statements that are prepared on one connection; each takes some 50 kB of the server's memory.",
    unit: 'statements',
    default: 100,
  },
  preparedCounted: {
    what: 'The most statements whose uses are counted, to know which are worth preparing.',
    unit: 'statements',
    default: 2_000,
  },
  preparedCharacters: {
    what: 'The longest statement that is prepared: longer ones are made for one occasion.',
    unit: 'characters',
    default: 10_000,
  },
  preparedFrom: { what: 'From how many uses in a process on a statement is prepared.', unit: 'uses', default: 2 },
  firstReconnectMs: {
    what: 'The pause before a lost connection to PostgreSQL for wake-ups is made anew; random by half.',
    unit: 'ms',
    default: 100,
  },
  longestReconnectMs: { what: 'The longest such pause: each doubles.', unit: 'ms', default: 5_000 },
});
