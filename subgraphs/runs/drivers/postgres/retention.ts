/**
 * Retention in PostgreSQL: what is due, removing what has been archived, and the log's partitions. As the system,
 * across tenants.
 */
import { createRequestContext, type RequestContext } from '#subgraphs/shared/context.ts';
import type { Postgres, Transaction } from '#subgraphs/shared/postgres/postgres.ts';
import { partitionDays, type LogRange, type RetentionStore } from '../../retention/retention.ts';

const system = (tenantId = 'system'): RequestContext =>
  createRequestContext({ tenantId, subject: 'system:retention', roles: [], scopes: [], system: true });

/** Runs of a range that are not archived. The index is by bytes, as the partitions are. */
const UNARCHIVED = (range: string): string =>
  `SELECT FROM runs.runs AS r WHERE r.archived_at IS NULL AND r.id COLLATE "C" >= ${range}.lower_id AND r.id COLLATE "C" < ${range}.upper_id`;

/** Partitions, and what lies before and behind them; those two have no moment at which they are past. */
const RANGES = `
  partitions AS MATERIALIZED (SELECT lower_id, upper_id, upper_at FROM runs.event_partitions()),
  ranges AS (
    SELECT * FROM partitions
    UNION ALL SELECT '', min(lower_id COLLATE "C"), NULL FROM partitions
    UNION ALL SELECT max(upper_id COLLATE "C"), '~', NULL FROM partitions)`;

/** Partitions end a day ago before they are dropped: clocks differ. */
const DROPPABLE = `p.upper_at < now() - interval '1 day' AND NOT EXISTS (${UNARCHIVED('p')})`;

/** @param log told of partitions that are in use */
export function postgresRetention(
  postgres: Postgres,
  log: (message: string, error?: unknown) => void = () => undefined,
): RetentionStore {
  const inSystem = <Row>(sql: string, parameters: unknown[]): Promise<Row[]> =>
    postgres.systemTransaction(system(), (tx) => tx.query<Row>({ sql, parameters }));
  return {
    async ranges(days) {
      return await inSystem<LogRange>(
        `WITH ${RANGES}
         SELECT g.lower_id AS "lowerId", g.upper_id AS "upperId",
                g.upper_at <= c.cutoff IS TRUE AND NOT EXISTS (${UNARCHIVED('g')} AND (r.finished_at < c.cutoff) IS NOT TRUE) AS whole
           FROM ranges AS g CROSS JOIN (SELECT now() - make_interval(days => $1) AS cutoff) AS c
          WHERE (g.upper_at <= c.cutoff OR g.upper_at > c.cutoff + make_interval(days => $2) OR g.upper_at IS NULL)
            AND EXISTS (${UNARCHIVED('g')} AND r.finished_at < c.cutoff)
          ORDER BY g.upper_id COLLATE "C"`,
        [days, partitionDays({ days })],
      );
    },
    async dueByAge({ lowerId, upperId }, days, limit) {
      return await inSystem(
        `SELECT tenant_id AS "tenantId", id AS "runId" FROM runs.runs
          WHERE archived_at IS NULL AND id COLLATE "C" >= $1 AND id COLLATE "C" < $2 AND finished_at < now() - make_interval(days => $3)
          ORDER BY id COLLATE "C" LIMIT $4`,
        [lowerId, upperId, days, limit],
      );
    },
    async dueByNumber(runs, limit) {
      return await inSystem(
        `SELECT tenant_id AS "tenantId", id AS "runId" FROM (
           SELECT tenant_id, id, finished_at, row_number() OVER (PARTITION BY tenant_id ORDER BY finished_at DESC, id DESC) AS place
             FROM runs.runs WHERE finished_at IS NOT NULL AND archived_at IS NULL) AS ended
          WHERE place > $1 ORDER BY finished_at, id LIMIT $2`,
        [runs, limit],
      );
    },
    async remove({ tenantId, runId, archiveKey }, withRange) {
      await postgres.systemTransaction(system(tenantId), async (tx) => {
        const [locked] = await tx.query<{ archived: boolean }>({
          sql: 'SELECT archived_at IS NOT NULL AS archived FROM runs.runs WHERE tenant_id = $1 AND id = $2 FOR UPDATE',
          parameters: [tenantId, runId],
        });
        if (!locked || locked.archived) return;
        if (!withRange)
          await tx.query({
            sql: 'DELETE FROM runs.run_appends WHERE tenant_id = $1 AND run_id = $2',
            parameters: [tenantId, runId],
          });
        await expire(tx, tenantId, runId, withRange);
        await tx.query({
          sql: `UPDATE runs.runs SET first_available = last_sequence + 1, archived_at = now(), archive_key = $3 WHERE tenant_id = $1 AND id = $2`,
          parameters: [tenantId, runId, archiveKey],
        });
      });
    },
    async dropArchived() {
      const archived = await inSystem<{ suffix: string }>(
        `SELECT p.suffix FROM runs.event_partitions() AS p WHERE ${DROPPABLE}`,
        [],
      );
      let dropped = 0;
      for (const { suffix } of archived) {
        try {
          const [answer] = await inSystem<{ done: boolean }>(
            `SELECT runs.drop_event_partition(p.suffix) AS done FROM runs.event_partitions() AS p WHERE p.suffix = $1 AND ${DROPPABLE}`,
            [suffix],
          );
          if (answer?.done === true) dropped += 1;
        } catch (error) {
          // The others could wait as long, and everybody behind them.
          log('A partition of the run log whose runs are archived is in use; it is dropped later.', error);
          break;
        }
      }
      return dropped;
    },
  };
}

/** Tells readers of the tenant's log of the hole that opens, or will: the last position of the run. */
async function expire(tx: Transaction, tenantId: string, runId: string, keep: boolean): Promise<void> {
  const events = 'runs.run_events WHERE tenant_id = $1 AND run_id = $2';
  await tx.query({
    sql: `WITH gone AS (${keep ? `SELECT transaction_id, id FROM ${events}` : `DELETE FROM ${events} RETURNING transaction_id, id`})
          INSERT INTO runs.tenant_logs AS l (tenant_id, expired_transaction_id, expired_id)
          SELECT $1, transaction_id, id FROM gone ORDER BY transaction_id DESC, id DESC LIMIT 1
          ON CONFLICT (tenant_id) DO UPDATE SET expired_transaction_id = EXCLUDED.expired_transaction_id, expired_id = EXCLUDED.expired_id
           WHERE (l.expired_transaction_id, l.expired_id) < (EXCLUDED.expired_transaction_id, EXCLUDED.expired_id)`,
    parameters: [tenantId, runId],
  });
}

/** Makes the log's partitions ahead, as the user that owns the tables. */
export async function addPartitions(postgres: Postgres, days: number): Promise<void> {
  const sql = 'SELECT runs.add_event_partitions(now() + make_interval(days => $1), make_interval(days => $2))';
  await postgres.maintain([{ sql, parameters: [Math.max(2 * days, 7), days] }]);
}
