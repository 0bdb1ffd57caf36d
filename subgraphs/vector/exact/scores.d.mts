/** See scores.mjs. */
export interface ScoringJob {
  segments: readonly Float32Array[];
  counts: readonly number[];
  dimensions: number;
  queries: readonly Float32Array[];
  rows?: Int32Array;
}
export function computeScores(job: ScoringJob): Float64Array[];
