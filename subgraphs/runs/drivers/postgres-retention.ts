/** Retention in PostgreSQL: what is due, and removing what has been archived. As the system, across tenants. */
import { createRequestContext, type RequestContext } from '#subgraphs/shared/context.ts';
import type { Postgres } from '#subgraphs/shared/postgres.ts';
import type { RetentionStore } from '../retention.ts';

const system = (tenantId: string): RequestContext => createRequestContext({ tenantId, subject: 'system:retention', roles: [], scopes: [], system: true });

export function postgresRetention(postgres: Postgres): RetentionStore {
  return {
    async due({ days, runs }, limit) {
      return await postgres.systemTransaction(system('system'), (tx) =>
        tx.query<{ tenantId: string; runId: string }>({
          sql: `SELECT tenant_id AS "tenantId", id AS "runId" FROM (
                  SELECT tenant_id, id, finished_at, row_number() OVER (PARTITION BY tenant_id ORDER BY finished_at DESC, id DESC) AS place
                    FROM runs.runs WHERE finished_at IS NOT NULL AND archived_at IS NULL) AS ended
                 WHERE finished_at < now() - make_interval(days => $1) OR place > $2
                 ORDER BY finished_at, id LIMIT $3`,
          parameters: [days ?? null, runs ?? null, limit],
        }),
      );
    },
    async remove({ tenantId, runId, archiveKey }) {
      await postgres.systemTransaction(system(tenantId), async (tx) => {
        const [locked] = await tx.query<{ archived: boolean }>({
          sql: 'SELECT archived_at IS NOT NULL AS archived FROM runs.runs WHERE tenant_id = $1 AND id = $2 FOR UPDATE',
          parameters: [tenantId, runId],
        });
        if (!locked || locked.archived) return;
        await tx.query({
          sql: `WITH gone AS (DELETE FROM runs.run_events WHERE tenant_id = $1 AND run_id = $2 RETURNING transaction_id, id)
                INSERT INTO runs.tenant_logs AS l (tenant_id, expired_transaction_id, expired_id)
                SELECT $1, transaction_id, id FROM gone ORDER BY transaction_id DESC, id DESC LIMIT 1
                ON CONFLICT (tenant_id) DO UPDATE SET expired_transaction_id = EXCLUDED.expired_transaction_id, expired_id = EXCLUDED.expired_id
                 WHERE (l.expired_transaction_id, l.expired_id) < (EXCLUDED.expired_transaction_id, EXCLUDED.expired_id)`,
          parameters: [tenantId, runId],
        });
        await tx.query({ sql: 'DELETE FROM runs.run_appends WHERE tenant_id = $1 AND run_id = $2', parameters: [tenantId, runId] });
        await tx.query({
          sql: `UPDATE runs.runs SET first_available = last_sequence + 1, archived_at = now(), archive_key = $3 WHERE tenant_id = $1 AND id = $2`,
          parameters: [tenantId, runId, archiveKey],
        });
      });
    },
  };
}
