/** Runs in PostgreSQL: the schema `runs`, under row-level security. */
import { expressionBuilder, type Expression, type ExpressionBuilder, type SqlBool } from 'kysely';
import { queryBuilder } from '#subgraphs/shared/postgres/kysely.ts';
import type { Postgres } from '#subgraphs/shared/postgres/postgres.ts';
import type { DateTimeFilterShape, IdFilterShape } from '#subgraphs/shared/shared-types.ts';
import { RUN_LIMITS, type RunFilter, type RunLimits, type RunsDriver } from '../../driver.ts';
import type { WakeUps } from '../../streams/wake-ups.ts';
import { appendEvents, startRun } from './append.ts';
import { withClock } from './clock.ts';
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
    async runsById(context, ids) {
      const rows = await postgres.read<RunRow>(context, {
        sql: `SELECT ${RUN_COLUMNS} FROM runs.runs WHERE id = ANY($1)`,
        parameters: [ids],
      });
      return rows.map(toRun);
    },
    async runs(context, { where, direction, after, limit }) {
      const order = direction === 'ASC' ? 'asc' : 'desc';
      let query = db.selectFrom('runs').selectAll().orderBy('created_at', order).orderBy('id', order).limit(limit);
      if (where) query = query.where(conditions(where));
      if (after) {
        query = query.where(({ eb, refTuple, tuple }) =>
          eb(refTuple('created_at', 'id'), order === 'asc' ? '>' : '<', tuple(new Date(after[0]), after[1])),
        );
      }
      return (await postgres.read<RunRow>(context, query.compile())).map(toRun);
    },
    async countRuns(context, where) {
      let query = db.selectFrom('runs').select(({ fn }) => fn.countAll<string>().as('total'));
      if (where) query = query.where(conditions(where));
      const [row] = await postgres.read(context, query.compile());
      return Number(row?.total ?? 0);
    },
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

type Builder = ExpressionBuilder<Tables, 'runs'>;

function conditions(where: RunFilter): Expression<SqlBool> {
  const eb = expressionBuilder<Tables, 'runs'>();
  const parts: Expression<SqlBool>[] = [
    ...column(eb, 'status', where.status),
    ...column(eb, 'agent_id', where.agentId),
    ...column(eb, 'created_at', where.createdAt),
    ...(where.and ?? []).map(conditions),
  ];
  if (where.or) parts.push(eb.or(where.or.map(conditions)));
  if (where.not) parts.push(no(eb, conditions(where.not)));
  return eb.and(parts);
}

/**
 * SQL's NOT of an unknown is unknown; a filter's `not` is true there: what does not match, a missing value included.
 */
const no = (eb: Builder, condition: Expression<SqlBool>) =>
  eb(eb.fn.coalesce(condition, eb.lit(false)), '=', eb.lit(false));

type ColumnFilter = RunFilter['status'] | IdFilterShape | DateTimeFilterShape;
const COMPARISONS = [
  ['gt', '>'],
  ['gte', '>='],
  ['lt', '<'],
  ['lte', '<='],
] as const;

function column(
  eb: Builder,
  name: 'status' | 'agent_id' | 'created_at',
  filter: ColumnFilter | null | undefined,
): Expression<SqlBool>[] {
  if (!filter) return [];
  const parts: Expression<SqlBool>[] = [];
  if (filter.eq !== null && filter.eq !== undefined) parts.push(eb(name, '=', filter.eq));
  // One array parameter, not one parameter an item: the statement stays the same for every length.
  if (filter.in) parts.push(eb(name, '=', eb.fn.any(eb.val(filter.in as string[]))));
  for (const [key, operator] of COMPARISONS) {
    const bound = (filter as DateTimeFilterShape)[key];
    if (bound !== null && bound !== undefined) parts.push(eb(name, operator, bound));
  }
  if (filter.not) parts.push(no(eb, eb.and(column(eb, name, filter.not))));
  return parts;
}
