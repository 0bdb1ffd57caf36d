/** Conditions as SQL. */
import { writeJson } from '#subgraphs/shared/exact-number.ts';
import { sql, type RawBuilder } from 'kysely';
import type { JsonValue } from '#subgraphs/shared/json.ts';
import type { Condition } from '../../models/conditions.ts';
import { columnOf, type ColumnType, type Model } from '../../models/columns.ts';
import { columnRef } from './sql.ts';

type Sql = RawBuilder<unknown>;

/** The SQL type that operands of a column are cast to, so that one statement text serves every value. */
export const SQL_TYPE: Record<ColumnType, string> = {
  id: 'text',
  text: 'text',
  int: 'integer',
  boolean: 'boolean',
  moment: 'timestamptz',
  json: 'jsonb',
};

/** An expression that is true for the rows that match; false or null for all others. */
export function conditionSql(model: Model, condition: Condition): Sql {
  if (condition.kind === 'and' || condition.kind === 'or') {
    if (condition.of.length === 0) return condition.kind === 'and' ? sql`true` : sql`false`;
    const parts = condition.of.map((part) => conditionSql(model, part));
    return sql`(${sql.join(parts, condition.kind === 'and' ? sql` AND ` : sql` OR `)})`;
  }
  // Not `NOT`: what is null is no match, so its opposite is one.
  if (condition.kind === 'not') return sql`(${conditionSql(model, condition.of)}) IS NOT TRUE`;

  const column = columnRef(model, condition.column);
  const type = sql.raw(SQL_TYPE[columnOf(model, condition.column).type]);
  switch (condition.kind) {
    case 'null':
      return sql`${column} IS NULL`;
    case 'compare':
      return sql`${column} ${sql.raw(condition.operator)} ${condition.value}::${type}`;
    case 'in':
      return sql`${column} = ANY(${condition.values}::${type}[])`;
    case 'contains':
      // The database's own collation knows the case of letters; "C" knows that of ASCII alone.
      return sql`${column} COLLATE "default" ILIKE ${`%${escapeLike(condition.text)}%`}`;
    case 'startsWith':
      return startsWith(column, condition.text);
    case 'json':
      return sql`${column} #> ${condition.path}::text[] = ANY(${condition.values.map(toJson)}::jsonb[])`;
    case 'jsonExists':
      return sql`${column} #> ${condition.path}::text[] IS NOT NULL`;
  }
}

const toJson = (value: JsonValue): string => writeJson(value);

const escapeLike = (text: string): string => text.replace(/[\\%_]/g, (character) => `\\${character}`);

/**
 * Under row-level security an index is used for leakproof operators only, which `starts_with` is not and comparisons
 * are: so the range says the same for the index. Its columns collate "C".
 */
function startsWith(column: Sql, prefix: string): Sql {
  const next = behindPrefix(prefix);
  const upper = next === undefined ? sql`` : sql` AND ${column} < ${next}::text`;
  return sql`(${column} >= ${prefix}::text${upper} AND starts_with(${column}, ${prefix}))`;
}

/** The least text, by code point, that is greater than every text with this prefix; undefined when there is none. */
function behindPrefix(prefix: string): string | undefined {
  const points = [...prefix].map((character) => character.codePointAt(0) ?? 0);
  while (points.at(-1) === 0x10ffff) points.pop();
  const last = points.pop();
  if (last === undefined) return undefined;
  return String.fromCodePoint(...points, last === 0xd7ff ? 0xe000 : last + 1);
}
