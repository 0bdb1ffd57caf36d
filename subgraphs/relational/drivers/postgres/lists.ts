/** Lists of any model: filter, order, keyset page, count, and rows by id. */
import { sql, type CompiledQuery, type RawBuilder } from 'kysely';
import type { RequestContext } from '#subgraphs/shared/context.ts';
import type { ListRequest, ModelName, Rows } from '../../driver.ts';
import type { SortValue } from '../../models/sort.ts';
import type { Condition } from '#subgraphs/shared/filters/condition.ts';
import { columnOf, MODELS, type Model } from '../../models/columns.ts';
import type { Order } from '../../models/sort.ts';
import { conditionSql, SQL_TYPE } from './conditions.ts';
import { withShared } from './shares.ts';
import { columnRef, rowsOf, selection, statement, tableOf } from './sql.ts';

type Sql = RawBuilder<unknown>;

export function listStatement<M extends ModelName>(
  name: M,
  { where, order, after, limit }: ListRequest,
): CompiledQuery<Rows[M]> {
  const model = MODELS[name] as Model;
  const conditions = [
    ...(where === undefined ? [] : [conditionSql(model, where)]),
    ...(after === undefined ? [] : behind(model, order, after)),
  ];
  const by = order.map(({ field, direction }) => sql`${columnRef(model, field)} ${sql.raw(direction)}`);
  return rowsOf(
    name,
    sql`SELECT ${selection(name)} FROM ${tableOf(model)} ${whereSql(conditions)} ORDER BY ${sql.join(by)} LIMIT ${limit}`,
  );
}

export function countStatement(name: ModelName, where: Condition | undefined): CompiledQuery<{ count: string }> {
  const model = MODELS[name] as Model;
  return statement(
    sql<{
      count: string;
    }>`SELECT count(*) FROM ${tableOf(model)} ${whereSql(where === undefined ? [] : [conditionSql(model, where)])}`,
  );
}

/** What may be shared between projects, and what hangs on it. */
const SHAREABLE: readonly ModelName[] = ['Document', 'Chunk', 'Agent', 'AgentVersion'];
export const isShareable = (name: ModelName): boolean => SHAREABLE.includes(name);

/** @param caller who may be shown what was shared with him, too; of {@link isShareable} models */
export function byIdsStatement<M extends ModelName>(
  name: M,
  ids: readonly string[],
  caller?: RequestContext,
): CompiledQuery<Rows[M]> {
  const model = MODELS[name] as Model;
  const own = sql`SELECT ${selection(name)} FROM ${tableOf(model)} WHERE id = ANY(${ids}::text[])`;
  if (caller === undefined) return rowsOf(name, own);
  const { table } = model;
  const shared = sql`SELECT ${selection(name)} FROM ${sql.id('relational', `shared_${table}`)}(${ids}::text[]) AS ${sql.id(table)}`;
  return rowsOf(name, withShared(caller, own, shared));
}

const whereSql = (conditions: readonly Sql[]): Sql =>
  conditions.length === 0 ? sql`` : sql`WHERE ${sql.join(conditions, sql` AND `)}`;

/**
 * The rows behind a sort key, in an order of several fields with directions of their own. PostgreSQL sorts nulls as the
 * largest values, and so does this.
 */
function behind(model: Model, order: readonly Order[], after: readonly SortValue[]): Sql[] {
  const levels = order.map(({ field, direction }, index) => {
    const equal = order.slice(0, index).map((before, at) => equals(model, before.field, after[at] ?? null));
    const further = past(model, field, direction, after[index] ?? null);
    return further === undefined ? undefined : sql`(${sql.join([...equal, further], sql` AND `)})`;
  });
  const possible = levels.filter((level) => level !== undefined);
  // An index cannot seek into an OR; the first field's bound alone lets it start at the right place.
  const first = order[0];
  const value = after[0] ?? null;
  const seek: Sql[] =
    first === undefined || value === null || columnOf(model, first.field).nullable
      ? []
      : [
          sql`${columnRef(model, first.field)} ${sql.raw(first.direction === 'ASC' ? '>=' : '<=')} ${typed(model, first.field, value)}`,
        ];
  return [...seek, sql`(${sql.join(possible, sql` OR `)})`];
}

const typed = (model: Model, field: string, value: SortValue): Sql =>
  sql`${value}::${sql.raw(SQL_TYPE[columnOf(model, field).type])}`;

const equals = (model: Model, field: string, value: SortValue): Sql =>
  value === null
    ? sql`${columnRef(model, field)} IS NULL`
    : sql`${columnRef(model, field)} = ${typed(model, field, value)}`;

/** Strictly behind `value` in one field; undefined where nothing can be. */
function past(model: Model, field: string, direction: 'ASC' | 'DESC', value: SortValue): Sql | undefined {
  const column = columnRef(model, field);
  if (value === null) return direction === 'ASC' ? undefined : sql`${column} IS NOT NULL`;
  if (direction === 'DESC') return sql`${column} < ${typed(model, field, value)}`;
  const greater = sql`${column} > ${typed(model, field, value)}`;
  return columnOf(model, field).nullable ? sql`(${greater} OR ${column} IS NULL)` : greater;
}
