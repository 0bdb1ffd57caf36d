/**
 * Which runs wait for workers to be told of them, in PostgreSQL. As the system, across tenants; it reads nothing that a
 * run says.
 */
import { createRequestContext } from '#subgraphs/shared/context.ts';
import type { Postgres } from '#subgraphs/shared/postgres/postgres.ts';
import type { AnnouncementStore, WaitingRun } from '../../dispatch/announcer.ts';

const system = createRequestContext({
  tenantId: 'system',
  subject: 'system:announcements',
  roles: [],
  scopes: [],
  system: true,
});

/** When a run is due. The index `runs_announceable` is of this expression, and of these runs. */
const DUE_AT = 'GREATEST(announce_after, lease_expires_at, scheduled_at, created_at)';
const CLAIMABLE = `agent_id IS NOT NULL AND webhook IS NULL AND workflow_id IS NULL AND NOT asks
  AND (status = 'QUEUED' OR (status = 'RUNNING' AND fence > 0))`;

export function postgresAnnouncements(postgres: Postgres): AnnouncementStore {
  return {
    async due(limit, againInMs) {
      return await postgres.systemTransaction(system, (tx) =>
        tx.query<WaitingRun>({
          sql: `UPDATE runs.runs AS r SET announce_after = now() + make_interval(secs => $2::float8 / 1000)
                  FROM (SELECT tenant_id, id FROM runs.runs WHERE ${CLAIMABLE} AND ${DUE_AT} <= now()
                         ORDER BY ${DUE_AT} LIMIT $1 FOR UPDATE SKIP LOCKED) AS due
                 WHERE r.tenant_id = due.tenant_id AND r.id = due.id
             RETURNING r.tenant_id AS "tenantId", r.id AS "runId", r.agent_id AS "agentId", r.fence AS claims,
                       GREATEST(0, extract(epoch FROM now() - COALESCE(r.scheduled_at, r.created_at)))::float8 AS "ageSeconds"`,
          parameters: [limit, againInMs],
        }),
      );
    },
    async note(taken) {
      await postgres.systemTransaction(system, (tx) =>
        tx.query({
          // One that was claimed since has none, and is due when its lease ends.
          sql: `UPDATE runs.runs AS r SET announce_after = now() + make_interval(secs => t.ms / 1000)
                  FROM unnest($1::text[], $2::text[], $3::float8[]) AS t (tenant_id, id, ms)
                 WHERE r.tenant_id = t.tenant_id AND r.id = t.id AND r.announce_after IS NOT NULL`,
          parameters: [
            taken.map(({ run }) => run.tenantId),
            taken.map(({ run }) => run.runId),
            taken.map(({ nextMs }) => nextMs),
          ],
        }),
      );
    },
  };
}
