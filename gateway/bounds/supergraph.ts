import { bounds } from '#subgraphs/shared/bound.ts';

/** Bounds of reading schemas and composing them. */
export const SUPERGRAPH = bounds('gateway/supergraph', 'supergraph', {
  pollMs: {
    what: 'How often files are looked at although the system reports no change, and schemas fetched from subgraphs anew.',
    unit: 'ms',
    default: 10_000,
    variable: 'SUPERGRAPH_POLL_MS',
    min: 100,
    max: 86_400_000,
  },
  fetchTimeoutMs: {
    what: "The longest wait for a subgraph's schema.",
    unit: 'ms',
    default: 10_000,
    variable: 'SUPERGRAPH_FETCH_TIMEOUT_MS',
    min: 100,
    max: 600_000,
  },
  schemaBytes: {
    what: 'The largest answer with a schema.',
    unit: 'bytes',
    default: 10_000_000,
    variable: 'SUPERGRAPH_SCHEMA_BYTES',
    min: 1_000,
    max: 1_000_000_000,
  },
  longestRetryMs: {
    what: "The longest pause before a subgraph's schema that could not be fetched is asked for again; the first is `pollMs`, and each doubles.",
    unit: 'ms',
    default: 60_000,
  },
  rewriteMs: {
    what: 'How often the date of a kept schema that stays the same is written.',
    unit: 'ms',
    default: 60_000,
  },
  settleMs: {
    what: 'How long a file must stay as it is before a change counts: writers write in several steps.',
    unit: 'ms',
    default: 100,
  },
});
