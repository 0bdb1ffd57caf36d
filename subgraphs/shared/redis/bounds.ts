import { bounds } from '#subgraphs/shared/bound.ts';

/** Bounds of connections to Redis. */
export const REDIS = bounds('subgraphs/shared/redis', 'server', {
  erasureMs: { what: 'How long Redis may take for a command while a tenant is erased.', unit: 'ms', default: 5_000 },
  erasureScan: { what: 'How many keys Redis looks at for each of these commands.', unit: 'keys', default: 1_000 },
  firstReconnectMs: {
    what: 'The pause before a lost connection is made anew; random by half.',
    unit: 'ms',
    default: 100,
  },
  longestReconnectMs: { what: 'The longest such pause: each doubles.', unit: 'ms', default: 5_000 },
  connectMs: { what: 'The longest wait for a connection.', unit: 'ms', default: 5_000 },
  ratesMs: {
    what: 'How long Redis may take to say whether a rate is used up. It stands in the way of every request.',
    unit: 'ms',
    default: 250,
  },
  ratesPauseMs: {
    what: 'For how long it is not asked again after it has not said so.',
    unit: 'ms',
    default: 1_000,
  },
});
