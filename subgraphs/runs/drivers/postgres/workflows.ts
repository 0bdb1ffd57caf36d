/**
 * What is due of the runs that workflows own, in PostgreSQL. As the system, across tenants; it reads nothing that a run
 * says.
 */
import { createRequestContext } from '#subgraphs/shared/context.ts';
import type { Postgres } from '#subgraphs/shared/postgres/postgres.ts';
import { RUNS } from '../../bounds.ts';
import type { DueWorkflow, WorkflowStore } from '../../dispatch/workflows.ts';

const system = createRequestContext({
  tenantId: 'system',
  subject: 'system:temporal',
  roles: [],
  scopes: [],
  system: true,
});

export function postgresWorkflows(postgres: Postgres): WorkflowStore {
  return {
    async due(limit, againInMs) {
      return await postgres.systemTransaction(system, (tx) =>
        tx.query<DueWorkflow>({
          sql: `UPDATE runs.runs AS r SET workflow_due_at = now() + make_interval(secs => $2::float8 / 1000)
                  FROM (SELECT tenant_id, id FROM runs.runs WHERE workflow_due_at <= now() ORDER BY workflow_due_at LIMIT $1 FOR UPDATE SKIP LOCKED) AS due
                 WHERE r.tenant_id = due.tenant_id AND r.id = due.id
             RETURNING r.tenant_id AS "tenantId", r.id AS "runId", r.workflow_id AS "workflowId", r.workflow_started AS started, r.status,
                       r.dispatch_error AS "dispatchError", GREATEST(0, extract(epoch FROM now() - COALESCE(r.scheduled_at, r.created_at)))::float8 AS "ageSeconds"`,
          parameters: [limit, againInMs],
        }),
      );
    },
    async note({ tenantId, runId, status }, next, { started, error }) {
      await postgres.systemTransaction(system, (tx) =>
        tx.query({
          sql: `UPDATE runs.runs
                   SET workflow_due_at = CASE WHEN $3::float8 IS NULL THEN NULL
                                              WHEN finished_at IS NULL OR status = $7 THEN now() + make_interval(secs => $3 / 1000) ELSE now() END,
                       workflow_started = workflow_started OR $4, dispatch_error = CASE WHEN $5 THEN $6 ELSE dispatch_error END
                 WHERE tenant_id = $1 AND id = $2`,
          parameters: [
            tenantId,
            runId,
            next,
            started === true,
            error !== undefined,
            error?.slice(0, RUNS.errorCharacters) ?? null,
            status,
          ],
        }),
      );
    },
  };
}
