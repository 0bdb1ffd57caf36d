/**
 * The generic cell rate algorithm in its form of virtual scheduling: ITU-T Recommendation I.371, annex A. One number for
 * each key, the theoretical arrival time (TAT), says all: when everything that was taken will have been given back. What
 * is given back comes evenly, so there is no edge of a window at which twice as much passes.
 */

/** So much in so much time, and so much at once. */
export interface Rate {
  /** What is given back in {@link windowMs}. */
  readonly count: number;
  /** In milliseconds. */
  readonly windowMs: number;
  /** The most that may be taken at once, when nothing was taken for long. */
  readonly burst: number;
}

/** What became of taking something. */
export interface Decision {
  readonly allowed: boolean;
  /** The key's TAT from now on, in milliseconds of the clock that was asked; as it was where it is not allowed. */
  readonly tat: number;
  /** How much more may be taken at once; undefined where that was not asked. */
  readonly remaining: number | undefined;
  /** After how long it would be allowed, in milliseconds; 0 where it is. */
  readonly retryAfterMs: number;
  /** After how long all of the burst may be taken again, in milliseconds. */
  readonly resetMs: number;
}

/** How long it takes to give one back, in milliseconds. */
export const intervalOf = ({ count, windowMs }: Rate): number => windowMs / count;

/**
 * Takes `weight` at the time `now`; 0 looks whether one could be taken, and takes none. What weighs more than the burst is taken for as much as the burst: it passes when nothing
 * is owed, and nothing passes for long after it.
 * @param tat the key's TAT so far; undefined for a key of which nothing is known
 * @param now by a clock that may go back: a TAT that no taking can have led to is one of before that
 */
export function gcra(
  tat: number | undefined,
  now: number,
  rate: Rate,
  weight = 1,
): Decision & { readonly remaining: number } {
  const interval = intervalOf(rate);
  const most = rate.burst * interval;
  const owed = Math.min(Math.max((tat ?? now) - now, 0), most);
  const wanted = owed + Math.min(Math.max(weight, 1), rate.burst) * interval;
  // Sums of fractions: what is over by less than a microsecond is not over.
  const allowed = wanted - most < TOLERANCE_MS;
  const left = allowed && weight > 0 ? Math.min(wanted, most) : owed;
  return {
    allowed,
    tat: now + left,
    remaining: Math.max(Math.floor((most - left) / interval + TOLERANCE_MS), 0),
    retryAfterMs: allowed ? 0 : wanted - most,
    resetMs: left,
  };
}

const TOLERANCE_MS = 1e-3;
