/**
 * The clock of the tenants' logs: positions stay in order although the database is restored into another cluster, whose
 * transaction ids begin anew. See the migration `0009_log_clock.sql`.
 */
import { createRequestContext } from '#subgraphs/shared/context.ts';
import type { Postgres } from '#subgraphs/shared/postgres/postgres.ts';

/** Raised for an append while the clock is another cluster's. */
const UNSETTLED = 'TR001';

const system = createRequestContext({
  tenantId: 'system',
  subject: 'system:log-clock',
  roles: [],
  scopes: [],
  system: true,
});

/** Sets the clock for this cluster, behind every position that the log has or had; does nothing where it is set. */
export async function settleClock(postgres: Postgres): Promise<void> {
  await postgres.systemTransaction(system, async (tx) => {
    const [clock] = await tx.query<{ settled: boolean }>({
      sql: 'SELECT COALESCE(cluster = runs.this_cluster(), false) AS settled FROM runs.log_clock FOR UPDATE',
      parameters: [],
    });
    if (clock?.settled === true) return;
    // The last position of each tenant, by the index; a transaction that will write has no smaller id than the
    // snapshot's smallest.
    await tx.query({
      sql: `UPDATE runs.log_clock SET cluster = runs.this_cluster(), shift = GREATEST(0, 1 - pg_snapshot_xmin(pg_current_snapshot())::text::bigint + (
              SELECT COALESCE(max(last::text::bigint), 0) FROM (
                SELECT e.transaction_id AS last FROM (SELECT DISTINCT tenant_id FROM runs.runs) AS t
                 CROSS JOIN LATERAL (SELECT transaction_id FROM runs.run_events WHERE tenant_id = t.tenant_id ORDER BY tenant_id DESC, transaction_id DESC, id DESC LIMIT 1) AS e
                UNION ALL SELECT expired_transaction_id FROM runs.tenant_logs) AS positions))`,
      parameters: [],
    });
  });
}

/** Runs a write; where the clock was another cluster's, sets it and runs the write again. */
export async function withClock<T>(postgres: Postgres, write: () => Promise<T>): Promise<T> {
  try {
    return await write();
  } catch (error) {
    if (!isUnsettled(error)) throw error;
    await settleClock(postgres);
    return await write();
  }
}

const isUnsettled = (error: unknown): boolean =>
  error instanceof Error && ((error as { code?: unknown }).code === UNSETTLED || isUnsettled(error.cause));
