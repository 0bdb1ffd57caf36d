import { bounds } from '#subgraphs/shared/bound.ts';

/** Bounds of comparing this engine with another gateway. */
export const COMPARE = bounds('ops/compare', 'server', {
  operations: {
    what: 'The most recorded operations that are compared; more are passed over, and said.',
    unit: 'operations',
    default: 10_000,
  },
  fileBytes: { what: 'The largest file of recorded operations.', unit: 'bytes', default: 256 * 1024 * 1024 },
  answerMs: { what: 'The longest wait for one answer of one side.', unit: 'ms', default: 30_000 },
  answerBytes: {
    what: 'The largest answer of a gateway that is compared with.',
    unit: 'bytes',
    default: 64 * 1024 * 1024,
  },
  startMs: { what: 'The longest wait until a side is ready.', unit: 'ms', default: 60_000 },
  rounds: { what: 'The most rounds.', unit: 'rounds', default: 1_000 },
  places: { what: 'The most places that are named for one difference.', unit: 'places', default: 20 },
});
