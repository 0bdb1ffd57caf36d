/** Runs in PostgreSQL: the schema `runs`, under row-level security. */
import { sql, type RawBuilder, type SqlBool } from 'kysely';
import { aggregatedOf, type AggregateRow } from '#subgraphs/shared/aggregates/rows.ts';
import type { Condition } from '#subgraphs/shared/filters/condition.ts';
import { postgresAggregates, type AggregatedSql } from '#subgraphs/shared/postgres/aggregates.ts';
import { conditionSql, type FilteredColumn } from '#subgraphs/shared/postgres/conditions.ts';
import { aggregateSql } from '#subgraphs/shared/sql/aggregates.ts';
import { behind, orderSql, type Level } from '#subgraphs/shared/sql/keyset.ts';
import { queryBuilder } from '#subgraphs/shared/postgres/kysely.ts';
import type { Postgres } from '#subgraphs/shared/postgres/postgres.ts';
import {
  RUN_KINDS,
  RUN_LIMITS,
  type RunField,
  type RunLimits,
  type RunOrder,
  type RunsDriver,
  type RunsQuery,
} from '../../driver.ts';
import type { WakeUps } from '../../streams/wake-ups.ts';
import { appendEvents, startRun } from './append.ts';
import { takeQuestion } from './asks.ts';
import { withClock } from './clock.ts';
import { aggregateEvents } from './event-aggregates.ts';
import { claimRun, heartbeatRun } from './leases.ts';
import { postgresLog } from './log.ts';
import { EVENT_COLUMNS, RUN_COLUMNS, toEvent, toRun, type EventRow, type RunRow, type Tables } from './rows.ts';

const db = queryBuilder<Tables>('runs');

/**
 * @param wakeUps how appends wake the readers of all processes
 * @param limits for tests; everything else uses {@link RUN_LIMITS}
 */
export function postgresDriver(postgres: Postgres, wakeUps: WakeUps, limits: RunLimits = RUN_LIMITS): RunsDriver {
  return {
    start: (context, run) => startRun(postgres, context, run),
    append: (context, append) => withClock(postgres, () => appendEvents(postgres, wakeUps, limits, context, append)),
    claim: (context, claim) => withClock(postgres, () => claimRun(postgres, wakeUps, context, claim)),
    heartbeat: (context, beat) => heartbeatRun(postgres, context, beat),
    takeQuestion: (context, leaseSeconds, except) => takeQuestion(postgres, context, leaseSeconds, except),
    async runsById(context, ids) {
      const rows = await postgres.read<RunRow>(context, {
        sql: `SELECT ${RUN_COLUMNS} FROM runs.runs WHERE id = ANY($1)`,
        parameters: [ids],
      });
      return rows.map(toRun);
    },
    async runs(context, query) {
      return (await postgres.read<RunRow>(context, statement(page(query)))).map(toRun);
    },
    async runsOfAgents(context, agentIds, query) {
      const rows = await postgres.read<RunRow>(
        context,
        statement(sql`
          SELECT run.* FROM unnest(${agentIds}::text[]) AS agent(id)
          CROSS JOIN LATERAL (${page(query, [sql`agent_id = agent.id`])}) AS run
          ORDER BY agent.id, ${orderSql(levelsOf(query.order, 'run'))}`),
      );
      return rows.map(toRun);
    },
    async countRunsOfAgents(context, agentIds, where) {
      const conditions = [sql`agent_id = ANY(${agentIds}::text[])`, ...(where ? [matching(where)] : [])];
      const rows = await postgres.read<{ id: string; total: string }>(
        context,
        statement(
          sql`SELECT agent_id AS id, count(*) AS total FROM runs.runs WHERE ${sql.join(conditions, sql` AND `)} GROUP BY agent_id`,
        ),
      );
      return new Map(rows.map(({ id, total }) => [id, Number(total)]));
    },
    async countRuns(context, where) {
      let query = db.selectFrom('runs').select(({ fn }) => fn.countAll<string>().as('total'));
      if (where) query = query.where(matching(where));
      const [row] = await postgres.read(context, query.compile());
      return Number(row?.total ?? 0);
    },
    async aggregateRuns(context, { where, ...request }) {
      const of = (field: string): AggregatedSql => ({
        ...FILTERED[field as RunField],
        kind: RUN_KINDS[field as RunField],
      });
      const rows = sql`FROM runs.runs${where === undefined ? sql`` : sql` WHERE ${matching(where)}`}`;
      const asked = statement<AggregateRow>(aggregateSql(postgresAggregates(of), request, rows));
      return aggregatedOf((_, value) => value, request, await postgres.read(context, asked));
    },
    aggregateEvents: (context, request) => aggregateEvents(postgres, context, request),
    async events(context, runs, { limit, types, backward = false }) {
      const [behind, way] = backward ? ['<', 'DESC'] : ['>', 'ASC'];
      const rows = await postgres.read<EventRow>(context, {
        sql: `SELECT e.* FROM unnest($1::text[], $2::integer[]) AS r (id, after)
                CROSS JOIN LATERAL (SELECT ${EVENT_COLUMNS} FROM runs.run_events
                  WHERE run_id = r.id AND sequence ${behind} r.after ${types ? 'AND type = ANY($4)' : ''} ORDER BY sequence ${way} LIMIT $3) AS e
              ORDER BY e.run_id, e.sequence ${way}`,
        parameters: [runs.map(({ runId }) => runId), runs.map(({ after }) => after), limit, ...(types ? [types] : [])],
      });
      return rows.map(toEvent);
    },
    log: postgresLog(postgres),
    health: () => postgres.health(),
  };
}

/** The columns that filters name. */
const FILTERED: { readonly [Field in RunField]: FilteredColumn } = {
  id: { ref: sql.ref('id'), type: 'text' },
  status: { ref: sql.ref('status'), type: 'text' },
  agentId: { ref: sql.ref('agent_id'), type: 'text' },
  threadId: { ref: sql.ref('thread_id'), type: 'text' },
  startedBy: { ref: sql.ref('actor'), type: 'text' },
  createdAt: { ref: sql.ref('created_at'), type: 'timestamptz' },
  startedAt: { ref: sql.ref('started_at'), type: 'timestamptz' },
  finishedAt: { ref: sql.ref('finished_at'), type: 'timestamptz' },
};

const statement = <Row>(raw: RawBuilder<unknown>) => (raw as RawBuilder<Row>).compile(db);

function page({ where, order, after, limit }: RunsQuery, further: readonly RawBuilder<unknown>[] = []) {
  const levels = levelsOf(order, 'runs');
  const conditions = [...further, ...(where ? [matching(where)] : []), ...(after ? [behind(levels, after)] : [])];
  return sql`SELECT ${sql.raw(RUN_COLUMNS)} FROM runs.runs ${conditions.length > 0 ? sql`WHERE ${sql.join(conditions, sql` AND `)}` : sql``}
    ORDER BY ${orderSql(levels)} LIMIT ${limit}`;
}

/** @param of the table or alias */
const levelsOf = (order: readonly RunOrder[], of: string): Level[] => [
  ...order.map(({ field, direction }): Level => ({
    ref: sql.ref(`${of}.${MOMENTS[field]}`),
    type: 'timestamptz',
    nullable: field !== 'createdAt',
    direction,
  })),
  { ref: sql.ref(`${of}.id`), type: 'text', nullable: false, direction: order.at(-1)!.direction },
];
const MOMENTS = { createdAt: 'created_at', startedAt: 'started_at', finishedAt: 'finished_at' } as const;

const matching = (where: Condition) =>
  conditionSql((field) => FILTERED[field as RunField], where) as RawBuilder<SqlBool>;
