/** What differs between kinds of SQL. What all share is in statements.ts; a kind's dialect is one small file of its folder. */
import type { RawBuilder } from 'kysely';
import type { AggregateDialect } from '#subgraphs/shared/sql/aggregates.ts';
import type { LeafCondition } from '#subgraphs/shared/sql/conditions.ts';
import type { Level } from '#subgraphs/shared/sql/keyset.ts';
import type { Relation, RelationColumn } from '../../driver.ts';
import type { Refused } from '../unfit.ts';

export type Sql = RawBuilder<unknown>;

/** One statement with its parameters. */
export interface SqlStatement {
  readonly sql: string;
  readonly parameters: readonly unknown[];
}

/** Rows of one table, each part as SQL. */
export interface Rows {
  readonly selected: readonly Sql[];
  /** The table under its alias. */
  readonly from: Sql;
  /** All of them hold. Those that name parents' keys have them as `p.k0`, `p.k1`, … */
  readonly conditions: readonly Sql[];
  /** Empty where nothing is said. */
  readonly order: readonly Sql[];
  readonly limit: number;
  readonly offset: number | undefined;
}

/** Two columns that are equal at the ends of a link. */
export interface LinkedEnds {
  readonly own: Sql;
  readonly column: RelationColumn;
  readonly other: Sql;
  readonly otherColumn: RelationColumn;
}

export interface SqlDialect {
  /** Writes identifiers and parameters. */
  readonly compiler: Parameters<RawBuilder<unknown>['compile']>[0];
  table(relation: Relation): Sql;
  /** What to select for a column's value. */
  selected(ref: Sql, column: RelationColumn): Sql;
  /** What to select for its text, which names the same value again, in cursors and keys. */
  textOf(ref: Sql, column: RelationColumn): Sql;
  /** What its own error says of a value that it refuses. @default only that it does */
  refusedBy?(cause: unknown): Refused;
  /** What became of a value on its way. An `Error` where it is none of its type: that field's alone. */
  valueOf(value: unknown, column: RelationColumn): unknown;
  /** Whether a column is a tenant's id: character for character, whatever the column's collation. */
  isTenant(ref: Sql, column: RelationColumn, tenantId: string): Sql;
  /** Whether two columns at the ends of a link are equal, as the store has it; or a part of a parent's key and its column. */
  isLinked(own: Sql, column: RelationColumn, other: Sql, otherColumn: RelationColumn): Sql;
  /**
   * One level of an order, by what sorts a column: its texts make values of that.
   * @throws CodedError `BAD_USER_INPUT`, when it is given a text, for what the store would take for another value
   */
  level(ref: Sql, column: RelationColumn, direction: 'ASC' | 'DESC'): Level;
  /** Levels as an order, in which what has no value is the largest. */
  sorted(level: Level): Sql;
  condition(ref: Sql, column: RelationColumn, condition: LeafCondition): Sql;
  /** Whether a column has no value. @default `IS NULL` */
  isNull?(ref: Sql, column: RelationColumn): Sql;
  /** What holds where a condition does not, or is null. @default `IS NOT TRUE` */
  not?(condition: Sql): Sql;
  /** Whether a link leads to rows of a table that fulfil conditions. @default `EXISTS`, which names the row itself */
  leads?(ends: readonly LinkedEnds[], from: Sql, conditions: readonly Sql[]): Sql;
  /** The same of a table of keys of many rows, wherever it stands. @default as {@link leads} */
  leadsToKeys?(ends: readonly LinkedEnds[], from: Sql, conditions: readonly Sql[]): Sql;
  /** Its part of aggregates over these columns; absent where the API has none of its. */
  aggregates?(columnOf: (field: string) => { readonly ref: Sql; readonly column: RelationColumn }): AggregateDialect;
  /** Keys of parents as rows `p(k0, k1, …, at)`, `at` counting from 1. */
  parents(columns: readonly RelationColumn[], keys: readonly (readonly string[])[]): Sql;
  /** Parents and a table beside each other; conditions join them. @default `CROSS JOIN`, parents first */
  beside?(parents: Sql, from: Sql): Sql;
  /** What a column must be for rows of parents with such keys, where that spares the table's other rows; else undefined. */
  among?(ref: Sql, column: RelationColumn, texts: readonly string[]): Sql | undefined;
  /** Rows of each parent, each with its own limit and order; the parent's place is `at`. */
  ofEach(parents: Sql, rows: Rows): Sql;
}

/** Of a kind whose rows can be changed. */
export interface WritingDialect extends SqlDialect {
  /** A value of the API's to be kept in a column. @throws CodedError `BAD_USER_INPUT` for what it cannot hold */
  written(value: unknown, column: RelationColumn): Sql;
  /** What stands behind the table of an `INSERT` that says no value. */
  readonly nothing: Sql;
  /** What stands behind a `SELECT` so that nobody else changes its rows. @default `FOR UPDATE` */
  readonly locked?: Sql;
  /** Whether rows are inserted one by one, where values have no `DEFAULT` among them. @default false */
  readonly oneByOne?: boolean;
  /**
   * How a row is found again where `INSERT` does not tell what it has made: what the database has counted, and a statement that
   * forgets the count before. What columns say of themselves in {@link RelationColumn.made} is needed too. @default `INSERT` has `RETURNING`
   */
  readonly unreturned?: { readonly counted: Sql; readonly forget: Sql };
  /** Whether a column is a text of its own, by an index of it. @default as levels of orders compare */
  isText?(ref: Sql, column: RelationColumn, text: string): Sql;
}
