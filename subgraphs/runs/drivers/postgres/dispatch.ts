/** The outbox of runs with a webhook in PostgreSQL. */
import { createRequestContext, type RequestContext } from '#subgraphs/shared/context.ts';
import type { Postgres } from '#subgraphs/shared/postgres/postgres.ts';
import { RUNS } from '../../bounds.ts';
import type { DispatchStore } from '../../dispatch/dispatcher.ts';
import type { WakeUps } from '../../streams/wake-ups.ts';
import { claimRun } from './leases.ts';

const context = (tenantId: string, system = false): RequestContext =>
  createRequestContext({ tenantId, subject: 'system:dispatch', roles: [], scopes: [], ...(system ? { system } : {}) });

export function postgresDispatch(postgres: Postgres, wakeUps: WakeUps): DispatchStore {
  return {
    async due(limit) {
      return await postgres.systemTransaction(context('system', true), (tx) =>
        tx.query<{ tenantId: string; runId: string }>({
          sql: `SELECT tenant_id AS "tenantId", id AS "runId" FROM runs.runs
                 WHERE webhook IS NOT NULL AND (status = 'QUEUED' OR (status = 'RUNNING' AND fence > 0))
                   AND (lease_expires_at IS NULL OR lease_expires_at <= clock_timestamp())
                   AND (scheduled_at IS NULL OR scheduled_at <= clock_timestamp())
                   AND (dispatch_after IS NULL OR dispatch_after <= clock_timestamp())
                 ORDER BY priority DESC, COALESCE(scheduled_at, created_at), created_at, id LIMIT $1`,
          parameters: [limit],
        }),
      );
    },
    async claim(tenantId, runId, leaseSeconds) {
      const claimed = await claimRun(postgres, wakeUps, context(tenantId), { runId, leaseSeconds });
      return claimed && { ...claimed, webhook: claimed.run.webhook! };
    },
    async release(tenantId, { run, lease }, { retryInMs, error }) {
      await postgres.transaction(context(tenantId), (tx) =>
        tx.query({
          sql: `UPDATE runs.runs SET lease_token = NULL, lease_expires_at = NULL, dispatch_error = $3,
                       dispatch_after = clock_timestamp() + make_interval(secs => $4::float8 / 1000)
                 WHERE id = $1 AND lease_token = $2 AND last_sequence = $5`,
          parameters: [run.id, lease.token, error.slice(0, RUNS.errorCharacters), retryInMs, run.lastSequence],
        }),
      );
    },
  };
}
