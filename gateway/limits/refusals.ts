/** Who is refused by a limit: what he is told, what is counted, and what the operator reads of it. */
import { CodedError } from '#subgraphs/shared/errors.ts';
import { LIMITS } from '#gateway/bounds/limits.ts';
import type { Logger } from '#gateway/telemetry/logger.ts';

/** Whose limit it was. */
export interface Refused {
  readonly tenantId?: string | undefined;
  readonly address?: string | undefined;
}

export class Refusals {
  readonly #log: Logger;
  readonly #counts = new Map<string, number>();
  /** When each limit was last logged, and how often it had refused by then. */
  readonly #logged = new Map<string, { at: number; count: number }>();

  constructor(log: Logger) {
    this.#log = log;
  }

  /** How many each limit has refused since the process began. */
  counts(): Readonly<Record<string, number>> {
    return Object.fromEntries(this.#counts);
  }

  /** Counts it, and makes the error for it. @param what as in "requests from this address" */
  error(limit: string, what: string, retryAfterMs: number, who: Refused): CodedError {
    this.#count(limit, who);
    const retryAfterSeconds = Math.max(Math.ceil(retryAfterMs / 1_000), 1);
    return new CodedError('RATE_LIMITED', `There are too many ${what}.`, {
      hint: `Try again in ${retryAfterSeconds} ${retryAfterSeconds === 1 ? 'second' : 'seconds'}.`,
      extensions: { limit, retryAfterSeconds },
    });
  }

  /** A flood of requests must not become one of lines: of each limit one is written a minute. */
  #count(limit: string, who: Refused): void {
    const count = (this.#counts.get(limit) ?? 0) + 1;
    this.#counts.set(limit, count);
    const before = this.#logged.get(limit);
    const now = performance.now();
    if (before !== undefined && now - before.at < LIMITS.logMs) return;
    this.#logged.set(limit, { at: now, count });
    const { tenantId: tenant, address } = who;
    this.#log.warn(
      { limit, refused: count - (before?.count ?? 0), tenant, address },
      'A limit refuses requests; this was the last of those that are counted here.',
    );
  }
}
