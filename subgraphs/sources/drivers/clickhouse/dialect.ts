/**
 * ClickHouse's SQL. Texts are bytes to it, so that they compare by code point; a number that is none (`NaN`) is taken for no
 * value. What a link leads to is looked for by `IN`, and rows of parents are joined to their keys and cut by `LIMIT … BY`.
 */
import { sql } from 'kysely';
import type { LeafCondition } from '#subgraphs/shared/sql/conditions.ts';
import { isIndex } from '#subgraphs/shared/filters/holds.ts';
import { toPerl } from '#subgraphs/shared/filters/pattern.ts';
import type { Comparison, Operand } from '#subgraphs/shared/filters/condition.ts';
import type { Level } from '#subgraphs/shared/sql/keyset.ts';
import type { RelationColumn } from '../../driver.ts';
import type { LinkedEnds, Sql, SqlDialect } from '../sql/dialect.ts';
import { jsonCondition, type JsonSql, type JsonType } from '../sql/json.ts';
import { orderBy, whereSql } from '../sql/statements.ts';
import { unfit } from '../unfit.ts';
import { clickhouseAggregates } from './aggregates.ts';
import { compiler, parameter, Parameter } from './parameters.ts';
import { digitsOf, isPadded, isWhole } from './types.ts';
import { ENCODED, keyText, operandOf, valueOf } from './values.ts';

export const clickhouseDialect: SqlDialect = {
  compiler,
  table: ({ schema, table }) => sql`${sql.id(schema, table)}`,
  selected: (ref, column) =>
    column.list ? sql`arrayMap(item -> ${shown(sql`item`, column)}, ${ref})` : shown(ref, column),
  textOf,
  valueOf,
  isTenant(ref, column, tenantId) {
    if (column.kind === 'text' && !isPadded(column.native)) return sql`${ref} = ${parameter('String', tenantId)}`;
    if (column.kind === 'text' || column.kind === 'enum' || column.kind === 'other')
      return sql`toString(${ref}) = ${parameter('String', tenantId)}`;
    return compared(ref, column, '=', tenantId);
  },
  isLinked: (own, _, other, otherColumn) => sql`${textOf(other, otherColumn)} = ${own}`,
  level: (ref, column, direction) => ({
    ref: formed(ref, column),
    type: (text) => typed(text, column),
    nullable: column.nullable || column.kind === 'float',
    direction,
  }),
  sorted: nullsLargest,
  condition,
  not: (of) => sql`NOT ifNull(${of}, false)`,
  leads: (ends, from, conditions) => ledTo(ends, ends.map(comparable), from, conditions),
  // Keys are texts, as columns are told as.
  leadsToKeys: (ends, from, conditions) =>
    ledTo(
      ends,
      ends.map(({ own, column, other }) => [textOf(own, column), other]),
      from,
      conditions,
    ),
  aggregates: clickhouseAggregates({ formed, textOf, condition }),
  parents(columns, keys) {
    const lists = columns.map((column, index) =>
      parameter(
        'Array(String)',
        keys.map((key) => keyText(key[index]!, column)),
      ),
    );
    const names = lists.map((list, index) => sql`${list} AS ${sql.id(`k${index}`)}`);
    return sql`(SELECT ${sql.join(columns.map((_, index) => sql.id(`k${index}`)))}, at FROM (SELECT 1) ARRAY JOIN ${sql.join(names)}, arrayEnumerate(${lists[0]}) AS at) AS p`;
  },
  // The smaller one behind, which is what it is looked up in.
  beside: (parents, from) => sql`${from} CROSS JOIN ${parents}`,
  among(ref, column, texts) {
    if (column.kind !== 'text' && column.kind !== 'id' && !isWhole(column.native)) return undefined;
    if (isPadded(column.native) || texts.some((text) => text.startsWith(ENCODED))) return undefined;
    const list = parameter(
      'Array(String)',
      texts.map((text) => keyText(text, column)),
    );
    return sql`${ref} IN (SELECT accurateCastOrNull(arrayJoin(${list}), ${sql.lit(column.native)}))`;
  },
  ofEach: (parents, { selected, from, conditions, order, limit, offset }) =>
    sql`SELECT ${sql.join([sql`p.at AS at`, ...selected])} FROM ${from} CROSS JOIN ${parents}${whereSql(conditions)}${orderBy([sql`p.at`, ...order])} LIMIT ${sql.lit(limit)}${offset === undefined ? sql`` : sql` OFFSET ${sql.lit(offset)}`} BY p.at`,
};

/** A text of what is no UTF-8 would come as another. */
const encoded = (text: Sql): Sql =>
  sql`if(isValidUTF8(${text}) AND NOT startsWith(${text}, ${parameter('String', ENCODED)}), ${text}, concat(${parameter('String', ENCODED)}, base64Encode(${text})))`;

/** A value as it is read: what is no number has no text by which it is found, and is told. */
const shown = (ref: Sql, column: RelationColumn): Sql =>
  column.kind === 'float' ? sql`toString(${ref})` : textOf(ref, column);

function textOf(ref: Sql, column: RelationColumn): Sql {
  const { kind, native } = column;
  switch (kind) {
    case 'float':
      return sql`toString(${formed(ref, column)})`;
    case 'text':
      return encoded(isPadded(native) ? sql`toString(${ref})` : ref);
    case 'moment':
      return sql`toString(${ref}, 'UTC')`;
    case 'json':
      return sql`toJSONString(${ref})`;
    case 'other':
      return encoded(sql`toString(${ref})`);
    default:
      return sql`toString(${ref})`;
  }
}

/** What a column is sorted and grouped by. */
function formed(ref: Sql, { kind, native }: RelationColumn): Sql {
  if (kind === 'float') return sql`if(isNaN(${ref}), NULL, ${ref})`;
  return kind === 'other' && !isAddress(native) ? sql`toString(${ref})` : ref;
}

const isAddress = (native: string): boolean => native === 'IPv4' || native === 'IPv6';

/** A text of the column's, such as in a cursor, as what {@link formed} makes. */
function typed(value: unknown, column: RelationColumn): Sql {
  const text = String(value);
  if (column.kind === 'enum') return sql`CAST(${parameter('String', text)} AS ${sql.raw(column.native)})`;
  if (column.kind === 'other' && isAddress(column.native)) return parameter(column.native, text);
  if (text.startsWith(ENCODED)) return sql`base64Decode(${parameter('String', text.slice(ENCODED.length))})`;
  const operand = operandOf(text, column);
  if (!(operand instanceof Parameter)) throw unfit(text);
  return sql`${operand}`;
}

/** Whether what is compared of a row is among what is of others. @param compared own and other, of each end */
function ledTo(
  ends: readonly LinkedEnds[],
  compared: readonly (readonly [own: Sql, other: Sql])[],
  from: Sql,
  conditions: readonly Sql[],
): Sql {
  const owned = ends.filter(({ column }) => column.nullable).map(({ own }) => sql`${own} IS NOT NULL`);
  const theirs = ends.filter(({ otherColumn }) => otherColumn.nullable).map(({ other }) => sql`${other} IS NOT NULL`);
  const [own, other] = [compared.map(([mine]) => mine), compared.map(([, its]) => its)];
  const among = sql`(${sql.join(own)}) IN (SELECT ${sql.join(other)} FROM ${from}${whereSql([...theirs, ...conditions])})`;
  return sql`(${sql.join([...owned, among], sql` AND `)})`;
}

/** By the type that both ends have, or by one that holds both exactly. */
function comparable({ own, column, other, otherColumn }: LinkedEnds): readonly [Sql, Sql] {
  if (column.native === otherColumn.native) return [own, other];
  if (isWhole(column.native) && isWhole(otherColumn.native)) return [sql`toInt256(${own})`, sql`toInt256(${other})`];
  const isNumber = ({ kind }: RelationColumn): boolean => kind === 'int' || kind === 'bigint' || kind === 'decimal';
  if (isNumber(column) && isNumber(otherColumn)) {
    const scale = sql.lit(Math.max(scaleOf(column), scaleOf(otherColumn)));
    return [sql`toDecimal256(${own}, ${scale})`, sql`toDecimal256(${other}, ${scale})`];
  }
  return [textOf(own, column), textOf(other, otherColumn)];
}

const scaleOf = ({ native }: RelationColumn): number => digitsOf(native).scale;

/** Said both ways: without words, nulls are the last in either direction. */
function nullsLargest({ ref, nullable, direction }: Level): Sql {
  if (!nullable) return sql`${ref} ${sql.raw(direction)}`;
  return sql`${ref} ${sql.raw(direction === 'ASC' ? 'ASC NULLS LAST' : 'DESC NULLS FIRST')}`;
}

/** A text of a filter. @throws CodedError `BAD_USER_INPUT` for one with a NUL, as other databases do */
function plainText(text: string): string {
  if (text.includes('\0')) throw unfit(text);
  return text;
}

const TYPES: Readonly<Record<JsonType, readonly string[]>> = {
  null: ['Null'],
  boolean: ['Bool'],
  number: ['Int64', 'UInt64', 'Double'],
  string: ['String'],
  array: ['Array'],
  object: ['Object'],
};
const TEXT: RelationColumn = { name: '', kind: 'text', native: 'String', list: false, nullable: true };

const json: JsonSql = {
  at: (value, path) =>
    path.reduce((of, key) => {
      const member = sql`JSONExtractRaw(j, ${parameter('String', plainText(key))})`;
      const place = isIndex(key) ? Number(key) : undefined;
      const found =
        place === undefined || !Number.isSafeInteger(place)
          ? member
          : sql`if(JSONType(j) = 'Array', JSONExtractRaw(j, ${sql.lit(place < 0 ? place : place + 1)}), ${member})`;
      // A name for what is looked at twice.
      return sql`arrayMap(j -> nullIf(if(JSONType(j) IN ('Array', 'Object'), ${found}, ''), ''), [${of}])[1]`;
    }, value),
  is: (value, type) =>
    sql`(JSONType(ifNull(${value}, '')) IN (${sql.join(TYPES[type].map((each) => sql.lit(each)))}) AND ${value} IS NOT NULL)`,
  text: (value) => sql`if(JSONType(ifNull(${value}, '')) = 'Bool', ${value}, JSONExtractString(ifNull(${value}, '')))`,
  size: (value) => sql`JSONLength(ifNull(${value}, ''))`,
  compared(value, operator, other) {
    const [own, its] = [sql`toFloat64OrNull(${value})`, sql`toFloat64(${parameter('String', other)})`];
    const [exact, itsExact] = [
      sql`toDecimal256OrNull(${value}, 30)`,
      sql`toDecimal256OrNull(${parameter('String', other)}, 30)`,
    ];
    const way = sql.raw(operator);
    return sql`if(${own} = ${its} AND isNotNull(${exact}) AND isNotNull(${itsExact}), ${exact} ${way} ${itsExact}, ${own} ${way} ${its})`;
  },
  some: (list, test) =>
    sql`arrayExists(item -> ifNull(${test(sql`item`)}, false), JSONExtractArrayRaw(ifNull(${list}, '')))`,
  condition: (text, asked) => condition(text, TEXT, asked),
};

function compared(ref: Sql, column: RelationColumn, operator: Comparison, value: Operand): Sql {
  if (typeof value === 'string') plainText(value);
  // A name that is not known any more is no fault.
  if (column.kind === 'enum') return sql`toString(${ref}) ${sql.raw(operator)} ${parameter('String', String(value))}`;
  const operand = operandOf(value, column);
  const own = column.kind === 'other' || isPadded(column.native) ? sql`toString(${ref})` : formed(ref, column);
  if (operand instanceof Parameter) return sql`${own} ${sql.raw(operator)} ${operand}`;
  const isAll = operand === 'below' ? operator.startsWith('>') : operator.startsWith('<');
  return isAll ? sql`${ref} IS NOT NULL` : sql`false`;
}

function condition(ref: Sql, column: RelationColumn, asked: LeafCondition): Sql {
  const text = (): Sql => (column.kind === 'text' && !isPadded(column.native) ? ref : sql`toString(${ref})`);
  const given = (of: string): Sql => parameter('String', plainText(of));
  switch (asked.kind) {
    case 'null':
      return sql`${ref} IS NULL`;
    case 'compare':
      return compared(ref, column, asked.operator, asked.value);
    case 'in': {
      if (column.kind === 'boolean' || column.kind === 'float' || column.kind === 'decimal') {
        const each = asked.values.map((value) => compared(ref, column, '=', value));
        return each.length === 0 ? sql`false` : sql`(${sql.join(each, sql` OR `)})`;
      }
      const isText = column.kind === 'enum' || column.kind === 'other' || column.kind === 'text';
      const operands = asked.values.map((value) =>
        operandOf(
          typeof value === 'string' ? plainText(value) : value,
          isText ? { kind: 'text', native: 'String' } : column,
        ),
      );
      const inside = operands.filter((operand) => operand instanceof Parameter);
      if (inside.length === 0) return sql`false`;
      return sql`${isText ? text() : ref} IN (${sql.join(inside.map((operand) => sql`${operand}`))})`;
    }
    case 'contains':
      return sql`position(lowerUTF8(${text()}), lowerUTF8(${given(asked.text)})) > 0`;
    case 'startsWith':
      return sql`startsWith(${text()}, ${given(asked.text)})`;
    case 'endsWith':
      return sql`endsWith(${text()}, ${given(asked.text)})`;
    case 'matches':
      return sql`match(${text()}, ${given(toPerl(asked.pattern))})`;
    case 'list': {
      const { test } = asked;
      if (test.kind === 'empty') return sql`empty(${ref})`;
      const item: RelationColumn = { ...column, list: false };
      const isOneOf = (values: readonly Operand[]): Sql =>
        sql`item -> ifNull(${condition(sql`item`, item, { kind: 'in', column: asked.column, values })}, false)`;
      if (test.kind !== 'all')
        return sql`${sql.raw(test.kind === 'any' ? 'arrayExists' : 'arrayAll')}(${isOneOf(test.values)}, ${ref})`;
      if (test.values.length === 0) return sql`true`;
      const each = test.values.map((value) => sql`arrayExists(${isOneOf([value])}, ${ref})`);
      return sql`(${sql.join(each, sql` AND `)})`;
    }
    case 'json':
      return jsonCondition(json, textOf(ref, column), asked);
  }
}
