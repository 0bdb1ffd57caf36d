/**
 * Conditions on JSON in SQL that has no operators for it: what a kind can do with a value, put together to what the conditions
 * mean. A value is JSON as a text, or null where there is none.
 */
import { sql } from 'kysely';
import { badUserInput } from '#subgraphs/shared/errors.ts';
import { ExactNumber, writeJson } from '#subgraphs/shared/exact-number.ts';
import type { Comparison, JsonTest } from '#subgraphs/shared/filters/condition.ts';
import { isJsonObject, type JsonValue } from '#subgraphs/shared/json.ts';
import type { LeafCondition } from '#subgraphs/shared/sql/conditions.ts';
import { SOURCES } from '../../bounds.ts';
import type { Sql } from './dialect.ts';

export type JsonType = 'null' | 'boolean' | 'number' | 'string' | 'array' | 'object';

/** What a kind can do with values of JSON. */
export interface JsonSql {
  /** What is there: of an object by key; where a key may be the place of an item, also of a list. */
  at(value: Sql, path: readonly string[]): Sql;
  is(value: Sql, type: JsonType): Sql;
  /** Of a string, its text; of a boolean, `true` or `false`. */
  text(value: Sql): Sql;
  /** How many items a list has, and how many keys an object. */
  size(value: Sql): Sql;
  /** Whether a number compares so to another, by value. @param other as JSON writes it */
  compared(value: Sql, operator: Comparison, other: string): Sql;
  /** Whether an item of a list is such. */
  some(list: Sql, test: (item: Sql) => Sql): Sql;
  /** A condition on a text. */
  condition(text: Sql, condition: LeafCondition): Sql;
}

/** The condition of a filter on JSON. @throws CodedError `BAD_USER_INPUT` for what would be too long a statement */
export function jsonCondition(
  json: JsonSql,
  document: Sql,
  { path, test }: Extract<LeafCondition, { kind: 'json' }>,
): Sql {
  const value = json.at(document, path);
  if (test.kind === 'exists') return sql`${value} IS NOT NULL`;
  const parts = { left: SOURCES.jsonParts };
  const whole = testSql(json, value, test, parts);
  // A list matches where one of its items does.
  return sql`(${whole} OR (${json.is(value, 'array')} AND ${json.some(value, (item) => testSql(json, item, test, parts))}))`;
}

function testSql(json: JsonSql, value: Sql, test: Exclude<JsonTest, { kind: 'exists' }>, parts: { left: number }): Sql {
  const text = (condition: LeafCondition): Sql =>
    sql`(${json.is(value, 'string')} AND ${json.condition(json.text(value), condition)})`;
  const column = '';
  switch (test.kind) {
    case 'in': {
      const texts = test.values.filter((each) => typeof each === 'string');
      const others = test.values.filter((each) => typeof each !== 'string');
      const each = [
        ...(texts.length === 0 ? [] : [text({ kind: 'in', column, values: texts })]),
        ...others.map((other) => equal(json, value, other, parts)),
      ];
      return each.length === 0 ? sql`false` : sql`(${sql.join(each, sql` OR `)})`;
    }
    case 'compare':
      return typeof test.value === 'string'
        ? text({ ...test, value: test.value, column })
        : sql`(${json.is(value, 'number')} AND ${json.compared(value, test.operator, writeJson(test.value))})`;
    default:
      return text({ ...test, column });
  }
}

function equal(json: JsonSql, value: Sql, other: JsonValue, parts: { left: number }): Sql {
  if (--parts.left < 0)
    throw badUserInput(
      `A filter compares JSON with at most ${SOURCES.jsonParts} values, those within others included.`,
    );
  const all = (type: JsonType, ...more: Sql[]): Sql => sql`(${sql.join([json.is(value, type), ...more], sql` AND `)})`;
  if (other === null) return all('null');
  if (typeof other === 'number' || other instanceof ExactNumber)
    return all('number', json.compared(value, '=', writeJson(other)));
  if (typeof other === 'boolean') return all('boolean', sql`${json.text(value)} = ${String(other)}`);
  if (typeof other === 'string')
    return all(
      'string',
      json.condition(json.text(value), { kind: 'compare', column: '', operator: '=', value: other }),
    );
  const [type, members]: readonly [JsonType, readonly (readonly [string, JsonValue])[]] = Array.isArray(other)
    ? ['array', other.map((item, index) => [String(index), item] as const)]
    : ['object', isJsonObject(other) ? Object.entries(other) : []];
  return all(
    type,
    sql`${json.size(value)} = ${sql.lit(members.length)}`,
    ...members.map(([key, member]) => equal(json, json.at(value, [key]), member, parts)),
  );
}
