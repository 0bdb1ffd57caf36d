/** What a thread does for scorer.ts. The matrix is shared memory, not copied. */
export { computeScores as default } from './scores.mjs';
