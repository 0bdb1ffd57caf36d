/**
 * The statements that read a source of any SQL: one for all parents of a level. Every value is a parameter, and every table,
 * also those that filters lead to, is held to the caller's tenant.
 */
import { sql } from 'kysely';
import type { Condition, ConditionKeys } from '#subgraphs/shared/filters/condition.ts';
import { aggregateSql } from '#subgraphs/shared/sql/aggregates.ts';
import { combined } from '#subgraphs/shared/sql/conditions.ts';
import { behind, type Level } from '#subgraphs/shared/sql/keyset.ts';
import type { CountRequest, GroupsRequest, ListRequest, Relation, RelationColumn, SourceRow } from '../../driver.ts';
import type { LinkedEnds, Rows, Sql, SqlDialect, SqlStatement } from './dialect.ts';

/** Whether the table may have rows of this tenant; a column of numbers holds no `acme`, nor `007`. */
export function isTenantOf({ tenant, onlyTenant }: Relation, tenantId: string): boolean {
  if (onlyTenant !== undefined) return tenantId === onlyTenant;
  switch (tenant?.kind) {
    case undefined:
    case 'text':
    case 'enum':
    case 'other':
      return true;
    case 'int':
    case 'bigint':
      return /^(0|-?[1-9]\d{0,17})$/.test(tenantId);
    case 'id':
      return /^[\da-f]{8}(-?[\da-f]{4}){3}-?[\da-f]{12}$/i.test(tenantId);
    default:
      return false;
  }
}

export function listStatement(dialect: SqlDialect, request: ListRequest, tenantId: string): SqlStatement {
  const { relation, order, after, offset, limit, parents } = request;
  const table = new Aliased(dialect, relation, tenantId);
  const levels = order.map(({ field, direction }) =>
    dialect.level(table.ref(field), columnIn(relation, field), direction),
  );
  const rows: Rows = {
    selected: selectedOf(dialect, request, table),
    from: table.from,
    conditions: [...table.conditions(request), ...(after === undefined ? [] : [behind(levels, after)])],
    order: levels.map((level) => dialect.sorted(level)),
    limit,
    offset,
  };
  return compiled(
    dialect,
    parents === undefined ? rowsSql(rows) : dialect.ofEach(parentsSql(dialect, relation, parents), rows),
  );
}

export function countStatement(dialect: SqlDialect, request: CountRequest, tenantId: string): SqlStatement {
  const { relation, parents } = request;
  const table = new Aliased(dialect, relation, tenantId);
  const conditions = whereSql(table.conditions(request));
  return compiled(
    dialect,
    parents === undefined
      ? sql`SELECT 1 AS at, count(*) AS count FROM ${table.from}${conditions}`
      : sql`SELECT p.at AS at, count(*) AS count FROM ${besideParents(dialect, relation, parents, table.from)}${conditions} GROUP BY p.at`,
  );
}

export function aggregateStatement(
  dialect: SqlDialect,
  aggregates: NonNullable<SqlDialect['aggregates']>,
  { relation, where, parents, ...request }: GroupsRequest,
  tenantId: string,
): SqlStatement {
  const table = new Aliased(dialect, relation, tenantId);
  const columnOf = (field: string) => ({ ref: table.ref(field), column: columnIn(relation, field) });
  const from = parents === undefined ? table.from : besideParents(dialect, relation, parents, table.from);
  const rows = sql`FROM ${from}${whereSql(table.conditions({ where, parents }))}`;
  return compiled(
    dialect,
    aggregateSql(aggregates(columnOf), request, rows, parents === undefined ? undefined : sql`p.at`),
  );
}

type Wanted = Pick<ListRequest, 'relation' | 'fields' | 'texts'>;

/** What is selected of a row for {@link rowOf}. */
export const selectedOf = (dialect: SqlDialect, { relation, fields, texts }: Wanted, table: Aliased): Sql[] => [
  ...fields.map((field, index) => named(dialect.selected(table.ref(field), columnIn(relation, field)), `v${index}`)),
  ...texts.map((field, index) => named(dialect.textOf(table.ref(field), columnIn(relation, field)), `t${index}`)),
];

/** What {@link selectedOf} calls what it selects, in its order. */
export const selectedNames = ({ fields, texts }: Pick<Wanted, 'fields' | 'texts'>): string[] => [
  ...fields.map((_, index) => `v${index}`),
  ...texts.map((_, index) => `t${index}`),
];

/** What a row with {@link selectedOf} holds. */
export function rowOf(
  dialect: SqlDialect,
  { relation, fields, texts }: Wanted,
  row: Readonly<Record<string, unknown>>,
): SourceRow {
  const values: Record<string, unknown> = {};
  const texted: Record<string, string | null> = {};
  fields.forEach((field, index) => (values[field] = dialect.valueOf(row[`v${index}`], columnIn(relation, field))));
  texts.forEach((field, index) => (texted[field] = row[`t${index}`] as string | null));
  return { values, texts: texted };
}

export function columnIn({ columns, table }: Relation, field: string): RelationColumn {
  const column = columns[field];
  if (column === undefined) throw new Error(`The table ${table} has no column for ${field}.`);
  return column;
}

/** A table under an alias of its own within one statement. */
export class Aliased {
  readonly #dialect: SqlDialect;
  readonly #relation: Relation;
  readonly #tenantId: string;
  readonly #depth: number;
  readonly #rows: Sql;

  /** @param rows what has them. @default the table itself */
  constructor(dialect: SqlDialect, relation: Relation, tenantId: string, depth = 0, rows = dialect.table(relation)) {
    this.#dialect = dialect;
    this.#relation = relation;
    this.#tenantId = tenantId;
    this.#depth = depth;
    this.#rows = rows;
  }

  get #alias(): string {
    return `a${this.#depth}`;
  }

  get from(): Sql {
    return sql`${this.#rows} AS ${sql.id(this.#alias)}`;
  }

  ref(field: string): Sql {
    return this.column(columnIn(this.#relation, field));
  }

  /** Of the rows that are the caller's, the parents', and match. */
  conditions({ where, parents }: Pick<CountRequest, 'where' | 'parents'>): Sql[] {
    return [
      ...this.#own(),
      ...this.#areKey(this.#keyEnds(parents?.fields ?? [])),
      ...(parents?.fields ?? []).flatMap((field, index) => {
        const texts = parents!.keys.map((key) => key[index]!);
        return this.#dialect.among?.(this.ref(field), columnIn(this.#relation, field), texts) ?? [];
      }),
      ...(where === undefined ? [] : [this.#condition(where)]),
    ];
  }

  #own(): Sql[] {
    const { tenant } = this.#relation;
    if (!isTenantOf(this.#relation, this.#tenantId)) return [sql`false`];
    return tenant === undefined ? [] : [this.#dialect.isTenant(this.column(tenant), tenant, this.#tenantId)];
  }

  /** A column that need not be a field. */
  column({ name }: Pick<RelationColumn, 'name'>): Sql {
    return sql`${sql.id(this.#alias, name)}`;
  }

  #condition(where: Condition): Sql {
    return combined(
      where,
      (leaf) =>
        leaf.kind === 'null'
          ? (this.#dialect.isNull?.(this.ref(leaf.column), columnIn(this.#relation, leaf.column)) ??
            sql`${this.ref(leaf.column)} IS NULL`)
          : this.#dialect.condition(this.ref(leaf.column), columnIn(this.#relation, leaf.column), leaf),
      (link, of) => {
        const { to, pairs } = this.#relation.links[link]!;
        const other = new Aliased(this.#dialect, to, this.#tenantId, this.#depth + 1);
        const ends = pairs.map(([own, theirs]) => ({
          own: this.ref(own),
          column: columnIn(this.#relation, own),
          other: other.ref(theirs),
          otherColumn: columnIn(to, theirs),
        }));
        const conditions = other.conditions({ where: of });
        if (this.#dialect.leads !== undefined) return this.#dialect.leads(ends, other.from, conditions);
        const joined = ends.map((each) => this.#dialect.isLinked(each.own, each.column, each.other, each.otherColumn));
        return sql`EXISTS (SELECT 1 FROM ${other.from}${whereSql([...joined, ...conditions])})`;
      },
      this.#dialect.not,
      (keys) => this.#keyed(keys),
    );
  }

  /** One statement with as many parameters as there are columns, however many keys. */
  #keyed({ columns: fields, keys }: ConditionKeys): Sql {
    const from = parentsSql(this.#dialect, this.#relation, { fields, keys });
    const ends = this.#keyEnds(fields);
    const leads = this.#dialect.leadsToKeys ?? this.#dialect.leads;
    return leads?.(ends, from, []) ?? sql`EXISTS (SELECT 1 FROM ${from}${whereSql(this.#areKey(ends))})`;
  }

  /** Fields, and the parts of keys in {@link parentsSql} that they are compared with. */
  #keyEnds(fields: readonly string[]): LinkedEnds[] {
    return fields.map((field, index) => {
      const column = columnIn(this.#relation, field);
      return { own: this.column(column), column, other: sql`${sql.id('p', `k${index}`)}`, otherColumn: column };
    });
  }

  #areKey(ends: readonly LinkedEnds[]): Sql[] {
    return ends.map(({ own, column, other }) => this.#dialect.isLinked(other, column, own, column));
  }
}

/** Rows of a table by themselves. */
export function rowsSql({ selected, from, conditions, order, limit, offset }: Rows): Sql {
  return sql`SELECT ${selected.length === 0 ? sql`1` : sql.join(selected)} FROM ${from}${whereSql(conditions)}${orderBy(order)} LIMIT ${sql.lit(limit)}${offset === undefined ? sql`` : sql` OFFSET ${sql.lit(offset)}`}`;
}

const besideParents = (
  dialect: SqlDialect,
  relation: Relation,
  parents: NonNullable<CountRequest['parents']>,
  from: Sql,
): Sql => (dialect.beside ?? crossed)(parentsSql(dialect, relation, parents), from);

const crossed = (parents: Sql, from: Sql): Sql => sql`${parents} CROSS JOIN ${from}`;

/** Rows of each parent by numbering them, where the store has no `LATERAL`. */
export function windowed(parents: Sql, { selected, from, conditions, order, limit, offset = 0 }: Rows): Sql {
  const number = sql`row_number() OVER (PARTITION BY p.at${orderBy(order)})`;
  return sql`SELECT r.* FROM (SELECT p.at, ${sql.join([...selected, named(number, 'rn')])} FROM ${crossed(parents, from)}${whereSql(conditions)}) AS r WHERE r.rn > ${sql.lit(offset)} AND r.rn <= ${sql.lit(offset + limit)} ORDER BY r.at, r.rn`;
}

/** What is null sorts as the largest, where the store sorts it as the least. */
export const nullsLargest = ({ ref, nullable, direction }: Level): Sql => {
  const way = sql.raw(direction);
  return nullable ? sql`${ref} IS NULL ${way}, ${ref} ${way}` : sql`${ref} ${way}`;
};

export const orderBy = (order: readonly Sql[]): Sql => (order.length === 0 ? sql`` : sql` ORDER BY ${sql.join(order)}`);

export const whereSql = (conditions: readonly Sql[]): Sql =>
  conditions.length === 0 ? sql`` : sql` WHERE ${sql.join(conditions, sql` AND `)}`;

export const named = (value: Sql, name: string): Sql => sql`${value} AS ${sql.id(name)}`;

export const parentsSql = (
  dialect: SqlDialect,
  relation: Relation,
  { fields, keys }: NonNullable<CountRequest['parents']>,
): Sql =>
  dialect.parents(
    fields.map((field) => columnIn(relation, field)),
    keys,
  );

export const compiled = ({ compiler }: SqlDialect, statement: Sql): SqlStatement => statement.compile(compiler);
