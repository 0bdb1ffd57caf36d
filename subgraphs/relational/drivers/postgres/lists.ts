/** Lists of any model: filter, order, keyset page, count, and rows by id. */
import { sql, type CompiledQuery, type RawBuilder } from 'kysely';
import type { RequestContext } from '#subgraphs/shared/context.ts';
import type { ListRequest, ModelName, Rows } from '../../driver.ts';
import type { Condition } from '#subgraphs/shared/filters/condition.ts';
import { behind, orderSql, type Level } from '#subgraphs/shared/sql/keyset.ts';
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
  return rowsOf(name, page(name, { where, order, after, limit }));
}

function page(name: ModelName, { where, order, after, limit }: ListRequest, further: readonly Sql[] = []): Sql {
  const model = MODELS[name] as Model;
  const levels = order.map((level) => levelOf(model, level));
  const conditions = [
    ...further,
    ...(where === undefined ? [] : [conditionSql(model, where)]),
    ...(after === undefined ? [] : [behind(levels, after)]),
  ];
  return sql`SELECT ${selection(name)} FROM ${tableOf(model)} ${whereSql(conditions)} ORDER BY ${orderSql(levels)} LIMIT ${limit}`;
}

const levelOf = (model: Model, { field, direction }: Order): Level => {
  const { type, nullable } = columnOf(model, field);
  return { ref: columnRef(model, field), type: SQL_TYPE[type], nullable: nullable === true, direction };
};

/** A page of each parent's rows, in one statement; those of one parent stand together, in their order. */
export function listOfStatement<M extends ModelName>(
  name: M,
  parent: string,
  ids: readonly string[],
  request: ListRequest,
): CompiledQuery<Rows[M]> {
  const model = MODELS[name] as Model;
  const rows = page(name, request, [sql`${columnRef(model, parent)} = parent.id`]);
  // What the columns are called by here is the row's fields.
  const by = request.order.map(({ field, direction }) => sql`${sql.id('row', field)} ${sql.raw(direction)}`);
  return rowsOf(
    name,
    sql`SELECT row.* FROM unnest(${ids}::text[]) AS parent(id) CROSS JOIN LATERAL (${rows}) AS row
        ORDER BY ${sql.join([sql`parent.id`, ...by])}`,
  );
}

export function countOfStatement(
  name: ModelName,
  parent: string,
  ids: readonly string[],
  where: Condition | undefined,
): CompiledQuery<{ id: string; count: string }> {
  const model = MODELS[name] as Model;
  const of = columnRef(model, parent);
  const conditions = [sql`${of} = ANY(${ids}::text[])`, ...(where === undefined ? [] : [conditionSql(model, where)])];
  return statement(
    sql<{
      id: string;
      count: string;
    }>`SELECT ${of} AS id, count(*) FROM ${tableOf(model)} ${whereSql(conditions)} GROUP BY ${of}`,
  );
}

type Lists = ReadonlyMap<string, readonly string[]>;

/** Each list's ids, joined with the rows that they are of. */
function among(model: Model, lists: Lists): Sql {
  const parents = [...lists].flatMap(([parent, ids]) => ids.map(() => parent));
  return sql`unnest(${parents}::text[], ${[...lists.values()].flat()}::text[]) AS listed(parent, id) JOIN ${tableOf(model)} ON ${columnRef(model, 'id')} = listed.id`;
}

/** A page of each list, in one statement; the rows of one stand together, in their order. */
export function listAmongStatement<M extends ModelName>(
  name: M,
  lists: Lists,
  { where, order, after, limit }: ListRequest,
): CompiledQuery<Rows[M] & { parent: string }> {
  const model = MODELS[name] as Model;
  const levels = order.map((level) => levelOf(model, level));
  const conditions = [
    ...(where === undefined ? [] : [conditionSql(model, where)]),
    ...(after === undefined ? [] : [behind(levels, after)]),
  ];
  // What is sorted are ids: whole rows are read of those on the pages alone.
  return statement(
    sql<Rows[M] & { parent: string }>`
      SELECT page.parent, ${selection(name)}
      FROM (
        SELECT listed.parent, listed.id, row_number() OVER (PARTITION BY listed.parent ORDER BY ${orderSql(levels)}) AS place
        FROM ${among(model, lists)} ${whereSql(conditions)}
      ) AS page JOIN ${tableOf(model)} ON ${columnRef(model, 'id')} = page.id
      WHERE page.place <= ${limit} ORDER BY page.parent, page.place`,
  );
}

export function countAmongStatement(
  name: ModelName,
  lists: Lists,
  where: Condition | undefined,
): CompiledQuery<{ id: string; count: string }> {
  const model = MODELS[name] as Model;
  const conditions = where === undefined ? [] : [conditionSql(model, where)];
  return statement(
    sql<{
      id: string;
      count: string;
    }>`SELECT listed.parent AS id, count(*) FROM ${among(model, lists)} ${whereSql(conditions)} GROUP BY listed.parent`,
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
