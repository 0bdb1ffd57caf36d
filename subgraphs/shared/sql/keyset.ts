/** Pages by their sort key, as SQL. */
import { sql, type RawBuilder } from 'kysely';

type Sql = RawBuilder<unknown>;

/** One level of an order. The last level's values are unique. */
export interface Level {
  readonly ref: Sql;
  /** The SQL type that its values are cast to; or what makes one of a value. */
  readonly type: string | ((value: unknown) => Sql);
  readonly nullable: boolean;
  readonly direction: 'ASC' | 'DESC';
}

/** The order, where the store itself sorts nulls as the largest. */
export const orderSql = (levels: readonly Level[]): Sql =>
  sql.join(levels.map(({ ref, direction }) => sql`${ref} ${sql.raw(direction)}`));

/**
 * The rows behind a sort key, in an order of several levels with directions of their own. Nulls are the largest values, as
 * PostgreSQL sorts them.
 * @param after a value for each level; one that is missing counts as null
 */
export function behind(levels: readonly Level[], after: readonly unknown[]): Sql {
  const parts = levels.map((level, index) => {
    const equal = levels.slice(0, index).map((before, at) => equals(before, after[at] ?? null));
    const further = past(level, after[index] ?? null);
    return further === undefined ? undefined : sql`(${sql.join([...equal, further], sql` AND `)})`;
  });
  const possible = parts.filter((part) => part !== undefined);
  // An index cannot seek into an OR; the first level's bound alone lets it start at the right place.
  const [first] = levels;
  const value = after[0] ?? null;
  const seek: Sql[] =
    first === undefined || value === null || first.nullable
      ? []
      : [sql`${first.ref} ${sql.raw(first.direction === 'ASC' ? '>=' : '<=')} ${typed(first, value)}`];
  return sql.join([...seek, sql`(${sql.join(possible, sql` OR `)})`], sql` AND `);
}

const typed = ({ type }: Level, value: unknown): Sql =>
  typeof type === 'string' ? sql`${value}::${sql.raw(type)}` : type(value);

const equals = (level: Level, value: unknown): Sql =>
  value === null ? sql`${level.ref} IS NULL` : sql`${level.ref} = ${typed(level, value)}`;

/** Strictly behind `value` in one level; undefined where nothing can be. */
function past(level: Level, value: unknown): Sql | undefined {
  const { ref, direction, nullable } = level;
  if (value === null) return direction === 'ASC' ? undefined : sql`${ref} IS NOT NULL`;
  if (direction === 'DESC') return sql`${ref} < ${typed(level, value)}`;
  const greater = sql`${ref} > ${typed(level, value)}`;
  return nullable ? sql`(${greater} OR ${ref} IS NULL)` : greater;
}
