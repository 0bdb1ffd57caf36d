/** The thread of `scorer.ts`: answers `{id, job}` with `{id, scores}`. The matrix is shared memory, not copied. */
import { parentPort } from 'node:worker_threads';

import { computeScores } from './scores.mjs';

parentPort.on('message', ({ id, job }) => {
  try {
    const scores = computeScores(job);
    parentPort.postMessage(
      { id, scores },
      scores.map((each) => each.buffer),
    );
  } catch (error) {
    parentPort.postMessage({ id, error });
  }
});
