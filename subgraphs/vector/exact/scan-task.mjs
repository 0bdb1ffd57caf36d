/** What a thread does for scorer.ts. The matrix is shared memory, not copied. */
export { scan as default } from './kernel.mjs';
