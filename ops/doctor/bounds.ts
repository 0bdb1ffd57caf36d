import { bounds } from '#subgraphs/shared/bound.ts';

/** Bounds of `npm run doctor`. */
export const DOCTOR = bounds('ops/doctor', 'limits', {
  storeMs: { what: 'How long looking at one store may take; they are looked at at once.', unit: 'ms', default: 10_000 },
  endMs: { what: 'How long connections may take to end before it leaves without.', unit: 'ms', default: 1_000 },
  clockMs: {
    what: 'By how much the clock of a store may differ from that of this machine before it is told.',
    unit: 'ms',
    default: 2_000,
  },
  diskBytes: {
    what: 'Free space on the disk of `DATA_DIR` below which it is told.',
    unit: 'bytes',
    default: 1_073_741_824,
  },
  hosts: { what: 'How many hosts of `DISPATCH_ALLOWED_HOSTS` are looked up.', unit: 'hosts', default: 50 },
});
