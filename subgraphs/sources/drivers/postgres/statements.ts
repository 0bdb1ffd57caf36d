/**
 * The statements that read a source: one for all parents of a level, by `LATERAL`. Every value is a parameter, and every
 * table, also those that filters lead to, is held to the caller's tenant.
 */
import { sql, type RawBuilder } from 'kysely';
import type { Condition } from '#subgraphs/shared/filters/condition.ts';
import { conditionSql, type FilteredColumn } from '#subgraphs/shared/postgres/conditions.ts';
import { behind, orderSql, type Level } from '#subgraphs/shared/postgres/keyset.ts';
import { queryBuilder } from '#subgraphs/shared/postgres/kysely.ts';
import type { CountRequest, ListRequest, Parents, Relation, RelationColumn, SourceRow } from '../../driver.ts';
import { PG, valueOf, valueSql } from './values.ts';

type Sql = RawBuilder<unknown>;

const compiler = queryBuilder<object>('public');

/** Whether the table may have rows of this tenant; a column of numbers holds no `acme`. */
export function isTenantOf({ tenant, onlyTenant }: Relation, tenantId: string): boolean {
  if (onlyTenant !== undefined) return tenantId === onlyTenant;
  if (tenant === undefined) return true;
  if (tenant.kind === 'int' || tenant.kind === 'bigint') return /^-?\d{1,18}$/.test(tenantId);
  return tenant.kind !== 'id' || /^[\da-f]{8}(-?[\da-f]{4}){3}-?[\da-f]{12}$/i.test(tenantId);
}

export function listStatement(request: ListRequest, tenantId: string) {
  const { relation, fields, texts, order, after, offset, limit, parents } = request;
  const table = new Aliased(relation, tenantId);
  const levels = order.map(({ field, direction }): Level => {
    const { native, nullable } = columnIn(relation, field);
    return { ref: table.ref(field), type: native, nullable, direction };
  });
  const selected = [
    ...fields.map(
      (field, index) => sql`${valueSql(table.ref(field), columnIn(relation, field))} AS ${sql.id(`v${index}`)}`,
    ),
    ...texts.map((field, index) => sql`${table.ref(field)}::text AS ${sql.id(`t${index}`)}`),
  ];
  const conditions = [...table.conditions(request), ...(after === undefined ? [] : [behind(levels, after)])];
  const rows = sql`SELECT ${selected.length === 0 ? sql`` : sql.join(selected)} FROM ${table.from}${whereSql(conditions)}${
    levels.length === 0 ? sql`` : sql` ORDER BY ${orderSql(levels)}`
  } LIMIT ${sql.lit(limit)}${offset === undefined ? sql`` : sql` OFFSET ${sql.lit(offset)}`}`;
  return compiled(
    parents === undefined
      ? rows
      : sql`SELECT p.at, r.* FROM ${parentsSql(relation, parents)} CROSS JOIN LATERAL (${rows}) AS r`,
  );
}

export function countStatement(request: CountRequest, tenantId: string) {
  const { relation, parents } = request;
  const table = new Aliased(relation, tenantId);
  const rows = sql`SELECT count(*) AS count FROM ${table.from}${whereSql(table.conditions(request))}`;
  return compiled(
    parents === undefined
      ? sql`SELECT 1 AS at, c.count FROM (${rows}) AS c`
      : sql`SELECT p.at, c.count FROM ${parentsSql(relation, parents)} CROSS JOIN LATERAL (${rows}) AS c`,
  );
}

/** What a row of {@link listStatement} holds. */
export function rowOf({ relation, fields, texts }: ListRequest, row: Readonly<Record<string, unknown>>): SourceRow {
  const values: Record<string, unknown> = {};
  const texted: Record<string, string | null> = {};
  fields.forEach((field, index) => (values[field] = valueOf(row[`v${index}`], columnIn(relation, field))));
  texts.forEach((field, index) => (texted[field] = row[`t${index}`] as string | null));
  return { values, texts: texted };
}

function columnIn({ columns, table }: Relation, field: string): RelationColumn {
  const column = columns[field];
  if (column === undefined) throw new Error(`The table ${table} has no column for ${field}.`);
  return column;
}

/** A table under an alias of its own within one statement. */
class Aliased {
  readonly #relation: Relation;
  readonly #tenantId: string;
  readonly #depth: number;

  constructor(relation: Relation, tenantId: string, depth = 0) {
    this.#relation = relation;
    this.#tenantId = tenantId;
    this.#depth = depth;
  }

  get #alias(): string {
    return `a${this.#depth}`;
  }

  get from(): Sql {
    return sql`${sql.id(this.#relation.schema, this.#relation.table)} AS ${sql.id(this.#alias)}`;
  }

  ref(field: string): Sql {
    return this.#column(columnIn(this.#relation, field));
  }

  /** Of the rows that are the caller's, the parents', and match. */
  conditions({ where, parents }: Pick<CountRequest, 'where' | 'parents'>): Sql[] {
    return [
      ...this.#own(),
      ...(parents?.fields ?? []).map((field, index) => sql`${this.ref(field)} = ${sql.id('p', `k${index}`)}`),
      ...(where === undefined ? [] : [this.#condition(where)]),
    ];
  }

  #own(): Sql[] {
    const { tenant } = this.#relation;
    if (!isTenantOf(this.#relation, this.#tenantId)) return [sql`false`];
    return tenant === undefined ? [] : [sql`${this.#column(tenant)} = ${this.#tenantId}::${sql.raw(tenant.native)}`];
  }

  #column({ name }: RelationColumn): Sql {
    return sql`${sql.id(this.#alias, name)}`;
  }

  #condition(where: Condition): Sql {
    return conditionSql(
      (field) => this.#filtered(field),
      where,
      (link, of) => {
        const { to, pairs } = this.#relation.links[link]!;
        const other = new Aliased(to, this.#tenantId, this.#depth + 1);
        const joined = pairs.map(([own, theirs]) => sql`${other.ref(theirs)} = ${this.ref(own)}`);
        const conditions = [...joined, ...other.conditions({ where: of })];
        return sql`EXISTS (SELECT FROM ${other.from}${whereSql(conditions)})`;
      },
    );
  }

  #filtered(field: string): FilteredColumn {
    const { kind, native } = columnIn(this.#relation, field);
    const ref = this.ref(field);
    if (kind === 'other' || native === PG.bpchar) return { ref: sql`${ref}::text`, type: 'text' };
    if (kind === 'text' && native.startsWith('pg_catalog.')) return { ref, type: 'text' };
    if (kind === 'json' && native === PG.json) return { ref: sql`${ref}::jsonb`, type: 'jsonb' };
    return { ref, type: native };
  }
}

const whereSql = (conditions: readonly Sql[]): Sql =>
  conditions.length === 0 ? sql`` : sql` WHERE ${sql.join(conditions, sql` AND `)}`;

/** The keys of parents as rows, with their places from 1. */
function parentsSql(relation: Relation, { fields, keys }: Parents): Sql {
  const columns = fields.map(
    (field, index) => sql`${keys.map((key) => key[index])}::${sql.raw(columnIn(relation, field).native)}[]`,
  );
  const names = fields.map((_, index) => sql.id(`k${index}`));
  return sql`unnest(${sql.join(columns)}) WITH ORDINALITY AS p(${sql.join(names)}, at)`;
}

const compiled = (statement: Sql) => statement.compile(compiler);
