/** Conditions as SQL, for all that keep rows in PostgreSQL. */
import { sql, type RawBuilder } from 'kysely';
import { writeJson } from '../exact-number.ts';
import type { Condition, JsonTest } from '../filters/condition.ts';
import { toPostgres, type Pattern } from '../filters/pattern.ts';
import { combined, escapeLike, type LeafCondition, type LinkedRows } from '../sql/conditions.ts';

type Sql = RawBuilder<unknown>;

/** A column that filters may name. */
export interface FilteredColumn {
  readonly ref: Sql;
  /** What operands are cast to, of a list its items, so that one statement text serves every value. */
  readonly type: string;
}

/** An expression that is true for the rows that match; false or null for all others. */
export function conditionSql(
  columnOf: (field: string) => FilteredColumn,
  condition: Condition,
  linked?: LinkedRows,
): Sql {
  return combined(condition, (leaf) => leafSql(columnOf, leaf), linked);
}

/** {@link conditionSql}, of one condition. */
export function leafSql(columnOf: (field: string) => FilteredColumn, condition: LeafCondition): Sql {
  const { ref, type } = columnOf(condition.column);
  const cast = sql.raw(type);
  switch (condition.kind) {
    case 'null':
      return sql`${ref} IS NULL`;
    case 'compare': {
      // Texts sort by code point in every store, whatever the column's collation.
      const collation = type === 'text' && condition.operator !== '=' ? sql` COLLATE "C"` : sql``;
      return sql`${ref}${collation} ${sql.raw(condition.operator)} ${condition.value}::${cast}`;
    }
    case 'in':
      return sql`${ref} = ANY(${condition.values}::${cast}[])`;
    case 'contains':
      return contains(ref, condition.text);
    case 'startsWith':
      return startsWith(ref, condition.text);
    case 'endsWith':
      return endsWith(ref, condition.text);
    case 'matches':
      return matches(ref, condition.pattern);
    case 'list': {
      const { test } = condition;
      if (test.kind === 'empty') return sql`cardinality(${ref}) = 0`;
      return sql`${ref} ${sql.raw(LISTED[test.kind])} ${test.values}::${cast}[]`;
    }
    case 'json':
      return jsonSql(sql`(${ref} #> ${condition.path}::text[])`, condition.test);
  }
}

/** Operators of arrays; an index of them serves all three. */
const LISTED = { all: '@>', any: '&&', only: '<@' } as const;

function jsonSql(value: Sql, test: JsonTest): Sql {
  if (test.kind === 'exists') return sql`${value} IS NOT NULL`;
  const whole =
    test.kind === 'in' ? sql`${value} = ANY(${test.values.map((each) => writeJson(each))}::jsonb[]) OR ` : sql``;
  // A list matches where one of its elements does.
  return sql`(${value} IS NOT NULL AND (${whole}EXISTS (
    SELECT FROM jsonb_array_elements(CASE jsonb_typeof(${value}) WHEN 'array' THEN ${value} ELSE jsonb_build_array(${value}) END) AS element(value)
    WHERE ${elementSql(sql`element.value`, test)})))`;
}

function elementSql(element: Sql, test: Exclude<JsonTest, { kind: 'exists' }>): Sql {
  const text = sql`(${element} #>> '{}')`;
  const isText = sql`jsonb_typeof(${element}) = 'string'`;
  switch (test.kind) {
    case 'in':
      return sql`${element} = ANY(${test.values.map((each) => writeJson(each))}::jsonb[])`;
    case 'compare': {
      const operator = sql.raw(test.operator);
      if (typeof test.value === 'string') return sql`${isText} AND ${text} COLLATE "C" ${operator} ${test.value}::text`;
      return sql`jsonb_typeof(${element}) = 'number' AND ${element} ${operator} ${writeJson(test.value)}::jsonb`;
    }
    case 'contains':
      return sql`${isText} AND ${contains(text, test.text)}`;
    case 'startsWith':
      return sql`${isText} AND starts_with(${text}, ${test.text})`;
    case 'endsWith':
      return sql`${isText} AND ${endsWith(text, test.text)}`;
    case 'matches':
      return sql`${isText} AND ${matches(text, test.pattern)}`;
  }
}

/** The database’s own collation knows the case of letters; "C" knows that of ASCII alone. */
const contains = (text: Sql, part: string): Sql => sql`${text} COLLATE "default" ILIKE ${`%${escapeLike(part)}%`}`;

const endsWith = (text: Sql, end: string): Sql => sql`${text} LIKE ${`%${escapeLike(end)}`}`;

const matches = (text: Sql, pattern: Pattern): Sql => sql`${text} COLLATE "default" ~ ${toPostgres(pattern)}`;

/**
 * Under row-level security an index is used for leakproof operators only, which `starts_with` is not and comparisons
 * are: so the range says the same for the index.
 */
function startsWith(column: Sql, prefix: string): Sql {
  const next = behindPrefix(prefix);
  const upper = next === undefined ? sql`` : sql` AND ${column} COLLATE "C" < ${next}::text`;
  return sql`(${column} COLLATE "C" >= ${prefix}::text${upper} AND starts_with(${column}, ${prefix}))`;
}

/** The least text, by code point, that is greater than every text with this prefix; undefined when there is none. */
function behindPrefix(prefix: string): string | undefined {
  const points = [...prefix].map((character) => character.codePointAt(0) ?? 0);
  while (points.at(-1) === 0x10ffff) points.pop();
  const last = points.pop();
  if (last === undefined) return undefined;
  return String.fromCodePoint(...points, last === 0xd7ff ? 0xe000 : last + 1);
}
