/** A closer look at a store than its health is: what runs there, and what is wrong with it that a probe does not meet. */

/** Something that is wrong, or will be. */
export interface Finding {
  /** `fault`: something does not work. `warning`: it works, and should not stay so. */
  readonly level: 'fault' | 'warning';
  /** A sentence for a person, without secrets. */
  readonly what: string;
  /** What to do about it. */
  readonly remedy?: string;
}

export interface Examination {
  /** As the server tells it, such as `18.4`; absent where it does not. */
  readonly version?: string | undefined;
  /** What else there is to know, a few words each, such as `pgvector 0.8.0`. */
  readonly facts?: readonly string[];
  readonly findings: readonly Finding[];
  /** By how many milliseconds the store's clock is ahead of this machine's; absent where that is not known. */
  readonly clockAheadMs?: number | undefined;
}
