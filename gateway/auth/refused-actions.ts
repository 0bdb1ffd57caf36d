/**
 * The audit of what was refused: who tried what, from where, by which code. Whoever may try anything may try it a thousand
 * times, so that equal attempts of a while are one entry and a count, and each tenant has so many entries in a while.
 */
import type { BoundValues } from '#subgraphs/shared/bound.ts';
import { createRequestContext } from '#subgraphs/shared/context.ts';
import type { AuditSink, RefusedAction } from '#subgraphs/shared/ports.ts';
import { AUTH } from '#gateway/bounds/auth.ts';

/** What somebody tried. */
export interface Attempt extends Omit<RefusedAction, 'count'> {
  readonly tenantId: string;
}

/** Bounds are said in `AUTH` (gateway/bounds/auth.ts), with their defaults. */
export interface RefusedActionsOptions extends Partial<BoundValues<typeof AUTH>> {
  /** Whose log it is; undefined while that is not there yet, and where there is none. */
  sink(): Pick<AuditSink, 'refused'> | undefined;
  /** Whether entries have addresses. @default true */
  readonly withAddresses?: boolean;
  /** Told what could not be written. */
  log(message: string, error: unknown): void;
}

interface Counted {
  readonly attempt: Attempt;
  /** Since it was written. */
  count: number;
  written: boolean;
}

/** Whom an entry is by that stands for those that there was no room for. */
const OVERFLOW = { subject: 'system:audit', action: 'others', code: 'RATE_LIMITED' } as const;

export class RefusedActions {
  readonly #options: RefusedActionsOptions;
  readonly #counted = new Map<string, Counted>();
  readonly #ofTenant = new Map<string, number>();
  #flushing: NodeJS.Timeout | undefined;
  #window: NodeJS.Timeout | undefined;
  #writing: Promise<void> = Promise.resolve();

  constructor(options: RefusedActionsOptions) {
    this.#options = options;
  }

  /** Takes an attempt down; nobody waits for its being written. */
  note(attempt: Attempt): void {
    const { auditRefusals = AUTH.auditRefusals, withAddresses = true } = this.#options;
    const { tenantId, subject, action, code, reason } = attempt;
    const kept = withAddresses ? attempt : { ...attempt, address: undefined };
    const key = [tenantId, subject, action, code, kept.address, reason].join('\n');
    const known = this.#counted.get(key);
    if (known !== undefined) known.count += 1;
    else {
      const count = this.#ofTenant.get(tenantId) ?? 0;
      if (count < auditRefusals && this.#counted.size < AUTH.auditRefusalsInAll) {
        this.#ofTenant.set(tenantId, count + 1);
        this.#counted.set(key, { attempt: kept, count: 1, written: false });
      } else this.#overflow(attempt);
    }
    this.#flushing ??= setTimeout(() => this.#flush(false), AUTH.auditFlushMs).unref();
    const windowMs = this.#options.auditWindowMs ?? AUTH.auditWindowMs;
    this.#window ??= setTimeout(() => this.#flush(true), windowMs).unref();
  }

  /** Writes what is left. */
  async close(): Promise<void> {
    this.#flush(true);
    await this.#writing;
  }

  /** One entry of a tenant for all that there is no room for; of tenants that have none there is nothing. */
  #overflow({ tenantId, requestId }: Attempt): void {
    const known = this.#counted.get(tenantId);
    if (known !== undefined) known.count += 1;
    else if (this.#ofTenant.has(tenantId))
      this.#counted.set(tenantId, { attempt: { tenantId, requestId, ...OVERFLOW }, count: 1, written: true });
  }

  /** @param whole whether the while is over: then what was counted since is written, and all is forgotten */
  #flush(whole: boolean): void {
    clearTimeout(this.#flushing);
    this.#flushing = undefined;
    const byTenant = new Map<string, RefusedAction[]>();
    for (const counted of this.#counted.values()) {
      if (counted.count === 0 || (counted.written && !whole)) continue;
      const { tenantId, ...action } = counted.attempt;
      const list = byTenant.get(tenantId) ?? [];
      list.push({ ...action, count: counted.count });
      byTenant.set(tenantId, list);
      counted.count = 0;
      counted.written = true;
    }
    if (whole) {
      clearTimeout(this.#window);
      this.#window = undefined;
      this.#counted.clear();
      this.#ofTenant.clear();
    }
    // One tenant after the other, so that it is one connection at most.
    this.#writing = this.#writing.then(async () => {
      for (const [tenantId, actions] of byTenant) await this.#write(tenantId, actions);
    });
  }

  async #write(tenantId: string, actions: readonly RefusedAction[]): Promise<void> {
    const principal = { tenantId, subject: 'system:audit', roles: [], scopes: [], system: true };
    const signal = AbortSignal.timeout(AUTH.auditTimeoutMs);
    try {
      const context = createRequestContext(principal, { signal });
      for (let start = 0; start < actions.length; start += AUTH.auditBatch)
        await this.#options.sink()?.refused(context, actions.slice(start, start + AUTH.auditBatch));
    } catch (error) {
      this.#options.log('What was refused could not be written to the audit log.', error);
    }
  }
}
