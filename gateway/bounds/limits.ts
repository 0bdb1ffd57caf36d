import { bounds } from '#subgraphs/shared/bound.ts';

/** Bounds of how much one caller, tenant and address may do at once, and of counting it. */
export const LIMITS = bounds('gateway/limits', 'limits', {
  principalOperations: {
    what: 'The most queries and mutations of one caller that are under way at once, in one process; 0 for any number. Past it they are refused with `RATE_LIMITED`, not kept waiting. Callers without a token count by their address.',
    unit: 'operations',
    default: 1_000,
    variable: 'MAX_OPERATIONS_PER_PRINCIPAL',
    min: 0,
    max: 1_000_000,
  },
  tenantOperations: {
    what: 'The same of one tenant.',
    unit: 'operations',
    default: 5_000,
    variable: 'MAX_OPERATIONS_PER_TENANT',
    min: 0,
    max: 1_000_000,
  },
  addressOperations: {
    what: 'The same of one address (`TRUSTED_PROXIES` says whose `X-Forwarded-For` counts).',
    unit: 'operations',
    default: 5_000,
    variable: 'MAX_OPERATIONS_PER_ADDRESS',
    min: 0,
    max: 1_000_000,
  },
  principalStreams: {
    what: "The most subscriptions and streams of runs' events of one caller that are open at once, in one process; 0 for any number.",
    unit: 'streams',
    default: 20_000,
    variable: 'MAX_STREAMS_PER_PRINCIPAL',
    min: 0,
    max: 1_000_000,
  },
  tenantStreams: {
    what: 'The same of one tenant.',
    unit: 'streams',
    default: 50_000,
    variable: 'MAX_STREAMS_PER_TENANT',
    min: 0,
    max: 1_000_000,
  },
  addressStreams: {
    what: 'The same of one address.',
    unit: 'streams',
    default: 50_000,
    variable: 'MAX_STREAMS_PER_ADDRESS',
    min: 0,
    max: 1_000_000,
  },
  entries: {
    what: 'Of how many callers, tenants and addresses together a process keeps how much of each rate they have used up. Past it, who came last longest ago is forgotten.',
    unit: 'entries',
    default: 100_000,
    variable: 'RATE_LIMIT_ENTRIES',
    min: 1_000,
    max: 100_000_000,
  },
  knownTokens: {
    what: 'Of how many tokens that were good it is remembered, by their hashes, while there are wrong ones from their address.',
    unit: 'tokens',
    default: 10_000,
  },
  keyCharacters: {
    what: 'The longest subject that stands for itself where rates are kept; longer ones are hashed.',
    unit: 'characters',
    default: 64,
  },
  busySeconds: {
    what: 'After how long one who has too much under way is told to come again: nobody can know.',
    unit: 's',
    default: 1,
  },
  logMs: {
    what: 'How often it is logged that a limit refuses; how often it did is counted.',
    unit: 'ms',
    default: 60_000,
  },
});
