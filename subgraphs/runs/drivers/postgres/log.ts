/** The logs as the stream readers of a process see them: a run's, and a tenant's with all runs on one cursor. */
import { createRequestContext, type RequestContext } from '#subgraphs/shared/context.ts';
import type { Postgres } from '#subgraphs/shared/postgres/postgres.ts';
import { RUNS } from '../../bounds.ts';
import type { RunLog, TenantLog } from '../../driver.ts';
import type { TenantPosition } from '../../streams/tenant-position.ts';
import { settleClock } from './clock.ts';
import { EVENT_COLUMNS, toEvent, type EventRow } from './rows.ts';

interface TenantRow extends Omit<EventRow, 'bytes'> {
  bytes: number | null;
  transaction_id: string;
  id: string;
  agent_id: string | null;
  /** How many events the look covered, before bytes cut it. */
  looked: string;
}

const reader = (tenantId: string): RequestContext =>
  createRequestContext({ tenantId, subject: 'system:run-reader', roles: [], scopes: [] });
const position = (transactionId: string, id: string): TenantPosition => ({
  transactionId: BigInt(transactionId),
  id: BigInt(id),
});

export function postgresLog(postgres: Postgres): RunLog & TenantLog {
  return {
    async heads(tenantId, runIds) {
      return await postgres.read(reader(tenantId), {
        sql: `SELECT id AS "runId", last_sequence AS "lastSequence", first_available AS "firstAvailable", finished_at IS NOT NULL AS finished,
                     archive_key AS "archiveKey"
                FROM runs.runs WHERE id = ANY($1)`,
        parameters: [runIds],
      });
    },

    async read(tenantId, runId, after, limit, maxBytes = RUNS.readBytes) {
      const rows = await postgres.read<EventRow>(reader(tenantId), {
        // Two large payloads must not become two hundred in memory; one event is always given.
        sql: `SELECT * FROM (
                SELECT e.*, sum(bytes) OVER (ORDER BY sequence) AS total FROM (
                  SELECT ${EVENT_COLUMNS} FROM runs.run_events WHERE run_id = $1 AND sequence > $2 ORDER BY sequence LIMIT $3) AS e) AS e
               WHERE total <= $4 OR total = bytes ORDER BY sequence`,
        parameters: [runId, after, limit, maxBytes],
      });
      return rows.map(toEvent);
    },

    async horizon(tenantId) {
      const look = async () => {
        const [row] = await postgres.read<{ horizon: string; pending: boolean; settled: boolean | null }>(
          reader(tenantId),
          {
            sql: `SELECT horizon::text, settled, EXISTS (SELECT 1 FROM runs.run_events WHERE transaction_id >= horizon) AS pending
                  FROM (SELECT (pg_snapshot_xmin(pg_current_snapshot())::text::bigint + shift)::text::xid8 AS horizon, cluster = runs.this_cluster() AS settled
                          FROM runs.log_clock) AS clock`,
            parameters: [],
          },
        );
        return row!;
      };
      let row = await look();
      if (row.settled !== true) {
        await settleClock(postgres);
        row = await look();
      }
      return { horizon: position(row.horizon, '0'), pending: row.pending };
    },

    async readTenant(tenantId, after, end, { types, agentId }, { events: limit, bytes }) {
      const rows = await postgres.read<TenantRow>(reader(tenantId), {
        // What does not match comes back without its payload: it says how far the look went. The limit comes before the
        // join, so that the log's index is followed whatever the planner thinks of the runs.
        sql: `SELECT * FROM (
                SELECT e.*, sum(bytes) OVER (ORDER BY transaction_id, id) AS total, count(*) OVER () AS looked FROM (
                  SELECT e.transaction_id, e.id, e.run_id, e.sequence, e.type, e.actor, e.created_at, r.agent_id,
                         CASE WHEN m.matches THEN e.payload END AS payload, CASE WHEN m.matches THEN octet_length(e.payload::text) END AS bytes
                    FROM (SELECT * FROM runs.run_events
                           WHERE (transaction_id, id) > ($1::xid8, $2::bigint) AND (transaction_id, id) <= ($3::xid8, $4::bigint)
                           ORDER BY transaction_id, id LIMIT $5) AS e
                    JOIN runs.runs AS r ON r.id = e.run_id AND r.tenant_id = e.tenant_id
                   CROSS JOIN LATERAL (SELECT ($6::text[] IS NULL OR e.type = ANY($6)) AND ($7::text IS NULL OR r.agent_id = $7) IS TRUE AS matches) AS m
                 ) AS e) AS e
               WHERE total IS NULL OR total <= $8 OR total = bytes ORDER BY transaction_id, id`,
        parameters: [
          String(after.transactionId),
          String(after.id),
          String(end.transactionId),
          String(end.id),
          limit,
          types ?? null,
          agentId ?? null,
          bytes,
        ],
      });
      const last = rows.at(-1);
      return {
        entries: rows.flatMap((row) =>
          row.bytes === null
            ? []
            : [
                {
                  position: position(row.transaction_id, row.id),
                  agentId: row.agent_id,
                  event: toEvent(row as EventRow),
                },
              ],
        ),
        upTo: last ? position(last.transaction_id, last.id) : end,
        more: last !== undefined && (rows.length < Number(last.looked) || rows.length === limit),
      };
    },

    async expired(tenantId) {
      const [row] = await postgres.read<{ transaction_id: string; id: string }>(reader(tenantId), {
        sql: 'SELECT expired_transaction_id::text AS transaction_id, expired_id AS id FROM runs.tenant_logs',
        parameters: [],
      });
      return row ? position(row.transaction_id, row.id) : null;
    },
  };
}
