/** Retention of sessions: those that nobody has changed for so many days are erased, with all that was said in them. */
import { createRequestContext, type RequestContext } from '#subgraphs/shared/context.ts';
import { doDue, Periodic } from '#subgraphs/shared/periodic.ts';
import { RELATIONAL } from '../bounds.ts';
import type { RelationalDriver } from '../driver.ts';

export interface SessionRetentionOptions {
  /** Days since the last message or other change. */
  readonly days: number;
  /** Time between two looks, in milliseconds; random by half. @default `RELATIONAL.retentionPollMs` */
  readonly everyMs?: number | undefined;
  readonly log?: ((message: string, error?: unknown) => void) | undefined;
}

/** Who erases, as the audit log has it. */
const asRetention = (tenantId: string): RequestContext =>
  createRequestContext({ tenantId, subject: 'system:retention', roles: [], scopes: [], system: true });

export class SessionRetention {
  readonly #driver: RelationalDriver;
  readonly #options: SessionRetentionOptions;
  readonly #periodic: Periodic;

  constructor(driver: RelationalDriver, options: SessionRetentionOptions) {
    this.#driver = driver;
    this.#options = options;
    const onError = (error: unknown): void =>
      options.log?.('Retention could not look for old sessions; it tries again.', error);
    this.#periodic = new Periodic(() => this.sweep(), {
      everyMs: options.everyMs ?? RELATIONAL.retentionPollMs,
      onError,
    });
  }

  /** Looks now and then, until {@link close}. */
  start(): void {
    this.#periodic.start();
  }

  /** Erases what is due. @returns how many sessions; one that fails is logged, and tried again by a later look */
  async sweep(): Promise<number> {
    const { days, log } = this.#options;
    const batch = RELATIONAL.retentionBatch;
    return await doDue(
      () => this.#driver.expiredSessions(asRetention('system'), days, batch),
      ({ tenantId, id }) => this.#driver.expireSession(asRetention(tenantId), id, days),
      {
        batch,
        closed: () => this.#periodic.closed,
        failed: ({ id }, error) => log?.(`The session ${id} could not be erased; it is kept for now.`, error),
      },
    );
  }

  async close(): Promise<void> {
    await this.#periodic.close();
  }
}
