import { bounds } from '#subgraphs/shared/bound.ts';

/** Bounds of asking who somebody is, and what they may see. */
export const AUTH = bounds('gateway/auth', 'auth', {
  oidcTimeoutMs: {
    what: 'The longest wait for the issuer’s metadata and keys.',
    unit: 'ms',
    default: 5_000,
    variable: 'OIDC_TIMEOUT_MS',
    min: 100,
    max: 60_000,
  },
  oidcKeysMs: {
    what: 'How long the issuer’s keys are taken for current.',
    unit: 'ms',
    default: 600_000,
    variable: 'OIDC_KEYS_MAX_AGE_MS',
    min: 1_000,
    max: 86_400_000,
  },
  introspectionCacheMs: {
    what: 'How long what the issuer said of a token is taken for current, and so how long one that it has revoked still opens anything.',
    unit: 'ms',
    default: 30_000,
    variable: 'OIDC_INTROSPECTION_CACHE_MS',
    min: 0,
    max: 3_600_000,
  },
  introspectionNegativeMs: {
    what: 'How long it is not asked again about a token that it did not know.',
    unit: 'ms',
    default: 5_000,
    variable: 'OIDC_INTROSPECTION_NEGATIVE_CACHE_MS',
    min: 0,
    max: 60_000,
  },
  introspectionEntries: {
    what: 'The most tokens of which that is kept, by their hashes: of those that hold, and as many of those that do not.',
    unit: 'tokens',
    default: 10_000,
    variable: 'OIDC_INTROSPECTION_CACHE_TOKENS',
    min: 1,
    max: 1_000_000,
  },
  introspectionConnections: {
    what: 'The most connections to its introspection endpoint.',
    unit: 'connections',
    default: 16,
    variable: 'OIDC_INTROSPECTION_CONNECTIONS',
    min: 1,
    max: 10_000,
  },
  introspections: {
    what: 'The most tokens about which it is asked at a time; past it others are told that it cannot be asked.',
    unit: 'tokens',
    default: 1_000,
  },
  introspectedCharacters: {
    what: 'The longest token about which it is asked.',
    unit: 'characters',
    default: 16_384,
  },
  introspectionAnswerBytes: {
    what: 'Its largest answer about one.',
    unit: 'bytes',
    default: 262_144,
  },
  policyTimeoutMs: {
    what: 'The longest wait for the service at `POLICY_URL`.',
    unit: 'ms',
    default: 1_000,
    variable: 'POLICY_TIMEOUT_MS',
    min: 1,
    max: 60_000,
  },
  policyConnections: {
    what: 'The most connections to it.',
    unit: 'connections',
    default: 16,
    variable: 'POLICY_CONNECTIONS',
    min: 1,
    max: 10_000,
  },
  policyAnswerBytes: {
    what: 'Its largest answer.',
    unit: 'bytes',
    default: 65_536,
  },
  oidcCooldownMs: {
    what: 'How long the issuer’s keys are not fetched again for a key that is not among them.',
    unit: 'ms',
    default: 30_000,
  },
  internalTokenSeconds: {
    what: 'How long a token between the gateway and its own subgraphs holds.',
    unit: 's',
    default: 60,
  },
  internalSkewSeconds: {
    what: 'By how much their clocks may differ.',
    unit: 's',
    default: 5,
  },
  timerMs: {
    what: 'The longest that a timer of Node can wait; a token’s expiry that is further off is waited for in parts.',
    unit: 'ms',
    default: 2 ** 31 - 1,
  },
  combinations: {
    what: 'The most combinations of alternatives of scopes and policies; past it nothing is derived from them.',
    unit: 'combinations',
    default: 1_000,
  },
  selections: {
    what: 'The most selections of an operation without what the caller may not see, in which a field may stand once for each type that it may be seen of.',
    unit: 'selections',
    default: 20_000,
  },
  errors: {
    what: 'The most errors that a refusal tells.',
    unit: 'errors',
    default: 20,
  },
});
