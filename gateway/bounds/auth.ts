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
