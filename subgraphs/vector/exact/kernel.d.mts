/** See kernel.mjs. */
export interface ScanSegment {
  /** `width` bytes for each row. */
  readonly codes: Int8Array;
  /** What one of a row's codes stands for. */
  readonly scales: Float32Array;
  /** Rows in use. */
  readonly count: number;
}

export interface ScanJob {
  readonly segments: readonly ScanSegment[];
  /** Bytes of a row: its dimensions, rounded up to a multiple of 16; what is beyond them is zero. */
  readonly width: number;
  /** The queries' codes, `width` numbers each. */
  readonly queries: readonly Int16Array[];
  /** The rows to score, in ascending order; all when absent. */
  readonly rows?: Int32Array;
}

/** @returns for each query, of each row (of `rows`, where given): the product of the codes, times the row's scale */
export function scan(job: ScanJob): Float32Array[];
