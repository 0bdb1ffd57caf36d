/**
 * SQLite's SQL. Any column may hold anything there, but for those of `STRICT` tables and row ids: what is no value of its
 * column's type is compared and sorted as if it were none. Texts compare by code point, whatever their collation; links are as
 * the database has them.
 */
import { DummyDriver, Kysely, SqliteAdapter, SqliteIntrospector, SqliteQueryCompiler, sql } from 'kysely';
import type { LeafCondition } from '#subgraphs/shared/sql/conditions.ts';
import { toJavaScript } from '#subgraphs/shared/filters/pattern.ts';
import type { Level } from '#subgraphs/shared/sql/keyset.ts';
import type { RelationColumn } from '../../driver.ts';
import type { Sql, WritingDialect } from '../sql/dialect.ts';
import { jsonCondition, type JsonSql, type JsonType } from '../sql/json.ts';
import { windowed } from '../sql/statements.ts';
import { unfit } from '../unfit.ts';
import { ENCODED } from './forms.mjs';
import { sqliteAggregates } from './aggregates.ts';
import { isFormed, operandOf, valueOf, writtenOf } from './values.ts';

const compiler = new Kysely<object>({
  dialect: {
    createAdapter: () => new SqliteAdapter(),
    createDriver: () => new DummyDriver(),
    createIntrospector: (db) => new SqliteIntrospector(db),
    createQueryCompiler: () => new SqliteQueryCompiler(),
  },
});

/** What `introspect` writes behind the type of columns that hold nothing but its values. */
export const SOUND = ' strict';

/** What the store keeps values of a kind as; undefined where that is several. */
const STORED: Partial<Record<RelationColumn['kind'], string>> = {
  boolean: 'integer',
  int: 'integer',
  bigint: 'integer',
  float: 'real',
  text: 'text',
  bytes: 'blob',
};

const isSound = ({ native, kind }: RelationColumn): boolean => native === `${STORED[kind]}${SOUND}`;

export const sqliteDialect: WritingDialect = {
  // `cannot store TEXT value in INTEGER column shop.price`
  refusedBy: (cause) => ({ column: / column .*\.([^.]*)$/.exec(String((cause as Error | undefined)?.message))?.[1] }),
  compiler,
  table: ({ schema, table }) => sql`${sql.id(schema, table)}`,
  selected: (ref, { kind }) =>
    STORED[kind] === undefined || kind === 'text'
      ? sql`CASE typeof(${ref}) WHEN 'text' THEN ${whole(ref)} ELSE ${ref} END`
      : ref,
  textOf,
  valueOf,
  written(value, column) {
    const kept = writtenOf(value, column);
    return typeof kept === 'string' ? parameter(kept) : sql`${kept}`;
  },
  nothing: sql`DEFAULT VALUES`,
  // A transaction that writes is the only one.
  locked: sql``,
  oneByOne: true,
  isText: (ref, column, text) =>
    column.kind === 'boolean' ? equals(ref, column, text === 'true' || text === '1') : equals(ref, column, text),
  // Numbers in a column of no type are no texts: of `7` and `007` it would keep the same.
  isTenant: (ref, column, tenantId) => equals(ref, column, tenantId),
  isLinked: (own, column, other, otherColumn) =>
    isFormed(column.kind) || isFormed(otherColumn.kind)
      ? sql`${formed(other, otherColumn)} = ${formed(own, isFormed(column.kind) ? column : otherColumn)}`
      : sql`${other} = ${own}`,
  level: (ref, column, direction) => ({
    ref: formed(ref, column),
    type: (text) =>
      column.kind === 'enum'
        ? sql`${BigInt(column.values?.indexOf(String(text)) ?? -1)}`
        : column.kind === 'bytes'
          ? sql`tributary_bytes(${String(text)})`
          : parameter(operandOf(text, column)),
    nullable: column.nullable || !isSound(column),
    direction,
  }),
  sorted: nullsLast,
  condition,
  // Where strays may be, they have none.
  isNull: (ref, column) => (isSound(column) ? sql`${ref} IS NULL` : sql`${formed(ref, column)} IS NULL`),
  aggregates: sqliteAggregates({
    formed,
    whole: (ref) => whole(ref),
    operand: (value, column) => parameter(operandOf(value, column)),
  }),
  parents(columns, keys) {
    const made = columns.map((column, index) => {
      const key = sql`json_extract(e.value, ${`$[${index}]`})`;
      return sql`${keyOf(key, column)} AS ${sql.id(`k${index}`)}`;
    });
    return sql`(SELECT e.key + 1 AS at, ${sql.join(made)} FROM json_each(${JSON.stringify(keys)}) AS e) AS p`;
  },
  ofEach: windowed,
};

/** All of a text: the client ends it at a NUL, and a cursor that came back as another text would begin before its own row. */
const whole = (ref: Sql): Sql =>
  sql`CASE WHEN tributary_plain(CAST(${ref} AS BLOB)) THEN ${ref} ELSE ${ENCODED} || tributary_text(CAST(${ref} AS BLOB)) END`;

/** What is none of its column's type has no text, as it has no place in an order. */
function textOf(ref: Sql, column: RelationColumn): Sql {
  const strays = isSound(column) ? sql`` : sql`WHEN ${formed(ref, column)} IS NULL THEN NULL `;
  // A moment that is kept as a number is told as one.
  const other = /moment/i.test(column.kind) ? formed(ref, column) : sql`tributary_text(${ref})`;
  return sql`CASE ${strays}WHEN typeof(${ref}) = 'text' THEN ${whole(ref)} ELSE ${other} END`;
}

/** Unlike a test for null, this can be read from an index. */
function nullsLast({ ref, nullable, direction }: Level): Sql {
  if (!nullable) return sql`${ref} ${sql.raw(direction)}`;
  return direction === 'ASC' ? sql`${ref} ASC NULLS LAST` : sql`${ref} DESC NULLS FIRST`;
}

/** A parameter; of a text, all characters: the client ends them at a NUL. */
function parameter(value: bigint | number | string): Sql {
  if (typeof value === 'string' && value.startsWith(ENCODED))
    return sql`CAST(${Buffer.from(value.slice(ENCODED.length), 'base64')} AS TEXT)`;
  return typeof value === 'string' && value.includes('\0') ? sql`CAST(${Buffer.from(value)} AS TEXT)` : sql`${value}`;
}

/** A text of a filter. @throws CodedError `BAD_USER_INPUT` for one with a NUL, as other databases do */
function plainText(text: string): string {
  if (text.includes('\0') || text.startsWith(ENCODED)) throw unfit(text);
  return text;
}

/** What a column is sorted and compared by; null for what is none of its type. */
function formed(ref: Sql, column: RelationColumn): Sql {
  const { kind, values } = column;
  if (isFormed(kind)) return sql`tributary_form(${sql.lit(kind)}, ${ref})`;
  if (kind === 'enum') {
    const places = (values ?? []).map((value, index) => sql`WHEN ${value} THEN ${sql.lit(index)}`);
    return sql`CASE ${ref} COLLATE BINARY ${sql.join(places, sql` `)} END`;
  }
  const value = kind === 'text' || kind === 'id' ? sql`${ref} COLLATE BINARY` : ref;
  if (isSound(column)) return value;
  switch (kind) {
    case 'boolean':
      return sql`CASE typeof(${ref}) WHEN 'integer' THEN ${ref} <> 0 END`;
    case 'int':
    case 'bigint':
      return sql`CASE typeof(${ref}) WHEN 'integer' THEN ${ref} END`;
    case 'float':
      return sql`CASE WHEN typeof(${ref}) IN ('integer', 'real') THEN ${ref} END`;
    case 'text':
    case 'id':
      return sql`(CASE typeof(${ref}) WHEN 'text' THEN ${ref} END) COLLATE BINARY`;
    case 'bytes':
      return sql`CASE typeof(${ref}) WHEN 'blob' THEN ${ref} END`;
    default:
      return sql`CASE typeof(${ref}) WHEN 'blob' THEN tributary_text(${ref}) ELSE CAST(${ref} AS TEXT) END COLLATE BINARY`;
  }
}

/** What an index of the column answers, and beside it that the value is one of the type. */
function equals(ref: Sql, column: RelationColumn, value: unknown): Sql {
  switch (column.kind) {
    case 'int':
    case 'bigint':
      return sql`(${ref} = ${operandOf(value, column)} AND typeof(${ref}) = 'integer')`;
    case 'text':
    case 'id':
    case 'enum':
      return sql`(${ref} = ${parameter(String(value))} COLLATE BINARY AND typeof(${ref}) = 'text')`;
    case 'boolean':
      return sql`${formed(ref, column)} = ${sql.lit(value === true ? 1 : 0)}`;
    default:
      return sql`${formed(ref, column)} = ${parameter(operandOf(value, column))}`;
  }
}

const TYPES: Readonly<Record<JsonType, string>> = {
  null: 'n',
  boolean: 'tf',
  number: '-0123456789',
  string: '"',
  array: '[',
  object: '{',
};
const TEXT: RelationColumn = { name: '', kind: 'text', native: `text${SOUND}`, list: false, nullable: true };

/** By functions of ours: SQLite's own take numbers for doubles, and keys with quotes for others. */
const json: JsonSql = {
  at: (value, path) => sql`tributary_json_at(${value}, ${JSON.stringify(path)})`,
  is: (value, type) => sql`instr(${sql.lit(TYPES[type])}, substr(${value}, 1, 1)) > 0`,
  text: (value) => sql`tributary_json_text(${value})`,
  size: (value) => sql`tributary_json_size(${value})`,
  compared: (value, operator, other) =>
    sql`tributary_form('decimal', ${value}) ${sql.raw(operator)} tributary_form('decimal', ${other})`,
  some: (list, test) =>
    sql`EXISTS (SELECT 1 FROM json_each(tributary_json_items(${list})) AS j WHERE ${test(sql`j.value`)})`,
  condition: (text, asked) => condition(text, TEXT, asked),
};

function condition(ref: Sql, column: RelationColumn, asked: LeafCondition): Sql {
  const text = formed(ref, column.kind === 'enum' ? { ...column, kind: 'text' } : column);
  switch (asked.kind) {
    case 'null':
      return sql`${ref} IS NULL`;
    case 'compare': {
      const { operator, value } = asked;
      if (typeof value === 'string') plainText(value);
      if (operator === '=') return equals(ref, column, value);
      return sql`${text} ${sql.raw(operator)} ${parameter(operandOf(value, column))}`;
    }
    case 'in':
      if (asked.values.length === 0) return sql`false`;
      if (column.kind === 'boolean') {
        const each = asked.values.map((value) => equals(ref, column, value));
        return sql`(${sql.join(each, sql` OR `)})`;
      }
      return sql`${text} IN (${sql.join(
        asked.values.map((value) => parameter(operandOf(typeof value === 'string' ? plainText(value) : value, column))),
      )})`;
    case 'contains':
      return sql`tributary_contains(CAST(${text} AS BLOB), ${plainText(asked.text).toLowerCase()})`;
    case 'startsWith':
      return sql`tributary_starts(CAST(${text} AS BLOB), ${plainText(asked.text)})`;
    case 'endsWith':
      return sql`tributary_ends(CAST(${text} AS BLOB), ${plainText(asked.text)})`;
    case 'matches': {
      const { source, flags } = toJavaScript(asked.pattern);
      return sql`tributary_matches(CAST(${text} AS BLOB), ${source}, ${flags})`;
    }
    case 'list':
      throw new Error('SQLite has no lists.');
    case 'json':
      return jsonCondition(json, ref, asked);
  }
}

/** A part of a parent's key, which is a text, as the column has it. */
function keyOf(key: Sql, { kind }: RelationColumn): Sql {
  switch (kind) {
    case 'boolean':
    case 'int':
    case 'bigint':
      return sql`CAST(${key} AS INTEGER)`;
    case 'float':
      return sql`CAST(${key} AS REAL)`;
    case 'bytes':
      return sql`tributary_bytes(${key})`;
    default:
      return key;
  }
}
