import { bounds } from '#subgraphs/shared/bound.ts';

/** Bounds of the process and its workers. */
export const SERVE = bounds('ops/serve', 'server', {
  workers: { what: 'The most processes that serve (`--workers`).', unit: 'processes', default: 64 },
  firstPauseMs: { what: 'The pause before a worker that has ended is replaced.', unit: 'ms', default: 100 },
  longestPauseMs: {
    what: 'The longest such pause: each doubles while a worker ends before it is ready.',
    unit: 'ms',
    default: 10_000,
  },
  workerMarginMs: {
    what: 'How much longer than `SHUTDOWN_DELAY_MS` and `SHUTDOWN_TIMEOUT_MS` a worker may take to stop before it is ended.',
    unit: 'ms',
    default: 5_000,
  },
  gatherMs: {
    what: 'How long the first process waits for the metrics of a worker; one that is later is left out.',
    unit: 'ms',
    default: 12_000,
  },
  sameSignalMs: {
    what: 'npm forwards the signals that the process group gets too, so one Ctrl-C arrives twice; only a later one is a second one.',
    unit: 'ms',
    default: 2_000,
  },
});
