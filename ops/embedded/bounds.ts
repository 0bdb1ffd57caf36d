import { bounds } from '#subgraphs/shared/bound.ts';

/** Bounds of starting and stopping the embedded PostgreSQL. */
export const EMBEDDED = bounds('ops/embedded', 'server', {
  startMs: {
    what: 'The longest time for it to accept connections. Long: after a crash it first replays its log, and giving up on that would make every later start as long.',
    unit: 'ms',
    default: 300_000,
  },
  stopMs: { what: 'The longest time for it to shut down before it is ended.', unit: 'ms', default: 20_000 },
  leftBehindMs: {
    what: 'The longest time for a server that an earlier run left behind to end, for each of three signals.',
    unit: 'ms',
    default: 10_000,
  },
  retryMs: {
    what: 'The pause before it is started again, where a port was taken in between or the processes of a killed one still end.',
    unit: 'ms',
    default: 100,
  },
  lookMs: { what: 'How often it is looked whether a process has ended.', unit: 'ms', default: 20 },
  copyAgeMs: {
    what: 'The age from which a copy of its programs that was interrupted is removed: no copy takes as long.',
    unit: 'ms',
    default: 3_600_000,
  },
});
