/**
 * Wake-ups tell the readers of every process that a log has grown. They carry no events: readers read the log. A lost
 * one delays a reader until the next poll; it never loses an event.
 */
import type { Statement } from '#subgraphs/shared/postgres/postgres.ts';
import type { StoreHealth } from '#subgraphs/shared/subgraph.ts';
import { isTenantId } from '#subgraphs/shared/tenant-id.ts';

/** A run whose log has grown, and to where. */
export interface Wake {
  readonly tenantId: string;
  readonly runId: string;
  readonly sequence: number;
}

export interface WakeListener {
  onWake(wake: Wake): void;
  /** Wake-ups may have been missed: look for what has grown since. */
  onGap(): void;
  /** Whether anybody reads; nobody does, nothing reconnects. */
  needed(): boolean;
}

/** A way for wake-ups to travel: PostgreSQL's NOTIFY, or Redis in its place where there is one. */
export interface WakeUps {
  /** What the append runs in its own transaction, so that the wake-up leaves with the commit. */
  statement?(wake: Wake): Statement;
  /** Called once the append has committed. Must not throw. */
  committed?(wake: Wake): void;
  /** Names the one listener of this process. Nothing is connected yet. */
  start(listener: WakeListener): void;
  /**
   * Resolves when wake-ups sent from now on will arrive, or when connecting failed: reconnecting goes on behind, and
   * the poll covers the time until then. Never rejects.
   */
  ready(): Promise<void>;
  /** The state of what carries them, where that is a store of its own. Never rejects. */
  health?(): Promise<StoreHealth>;
  close(): Promise<void>;
}

/** A wake-up as text. Ids and a number only: every process hears it, whatever its tenant. */
export const formatWake = ({ tenantId, runId, sequence }: Wake): string => `${tenantId} ${runId} ${sequence}`;

/** @returns undefined for what is no wake-up (anybody may notify a channel) */
export function parseWake(text: string): Wake | undefined {
  const [, tenantId, runId, sequence] = /^(\S{1,127}) (run_[a-z0-9]{1,40}) (\d{1,9})$/.exec(text) ?? [];
  return tenantId === undefined || runId === undefined || !isTenantId(tenantId)
    ? undefined
    : { tenantId, runId, sequence: Number(sequence) };
}
