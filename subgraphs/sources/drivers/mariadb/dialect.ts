/**
 * MariaDB's SQL. Its collations call different texts equal, so filters and tenants compare bytes of UTF-8; orders, keys and
 * links are the database's own. There is no `LATERAL`: rows of parents are numbered.
 */
import { DummyDriver, Kysely, MysqlAdapter, MysqlIntrospector, MysqlQueryCompiler, sql } from 'kysely';
import type { LeafCondition } from '#subgraphs/shared/sql/conditions.ts';
import { escapeLike } from '#subgraphs/shared/sql/conditions.ts';
import type { Comparison, Operand } from '#subgraphs/shared/filters/condition.ts';
import { writeJson } from '#subgraphs/shared/exact-number.ts';
import { badUserInput } from '#subgraphs/shared/errors.ts';
import { isIndex } from '#subgraphs/shared/filters/holds.ts';
import { toPerl } from '#subgraphs/shared/filters/pattern.ts';
import { SOURCES } from '../../bounds.ts';
import type { RelationColumn } from '../../driver.ts';
import type { Sql, WritingDialect } from '../sql/dialect.ts';
import { jsonCondition, type JsonSql, type JsonType } from '../sql/json.ts';
import { nullsLargest, windowed } from '../sql/statements.ts';
import { mariadbAggregates } from './aggregates.ts';
import { parameterOf, valueOf } from './values.ts';

const compiler = new Kysely<object>({
  dialect: {
    createAdapter: () => new MysqlAdapter(),
    createDriver: () => new DummyDriver(),
    createIntrospector: (db) => new MysqlIntrospector(db),
    createQueryCompiler: () => new MysqlQueryCompiler(),
  },
});

export const mariadbDialect: WritingDialect = {
  compiler,
  table: ({ schema, table }) => sql`${sql.id(schema, table)}`,
  selected,
  textOf: (ref, column) => (column.kind === 'bytes' ? base64(ref) : sql`CAST(${plain(ref, column)} AS CHAR)`),
  written,
  nothing: sql`() VALUES ()`,
  valueOf,
  isTenant: (ref, column, tenantId) => equals(ref, column, tenantId),
  isLinked(own, column, other, otherColumn) {
    const [one, two] = [collationOf(column), collationOf(otherColumn)];
    return one === two ? sql`${other} = ${own}` : sql`${bytes(other)} = ${bytes(own)}`;
  },
  level(ref, column, direction) {
    const { nullable, kind, native } = column;
    if (kind === 'enum')
      // Sorted as they were declared; compared to a text they would be texts.
      return { ref: sql`(${ref} + 0)`, type: (text) => placeIn(native, text), nullable, direction };
    return { ref: isBit(column) ? sql`(${ref} + 0)` : ref, type: (text) => typed(text, column), nullable, direction };
  },
  sorted: nullsLargest,
  condition,
  aggregates: mariadbAggregates({ plain, condition, listed: enumList }),
  parents(columns, keys) {
    const types = columns.map(
      (column, index) => sql`${sql.id(`k${index}`)} ${sql.raw(keyType(column))} PATH ${sql.lit(`$[${index}]`)}`,
    );
    const made = columns.map((column, index) => keyValue(sql.id(`k${index}`), column));
    const names = made.map((value, index) => sql`${value} AS ${sql.id(`k${index}`)}`);
    return sql`(SELECT at, ${sql.join(names)} FROM JSON_TABLE(${JSON.stringify(keys)}, '$[*]' COLUMNS (at FOR ORDINALITY, ${sql.join(types)})) AS j) AS p`;
  },
  ofEach: windowed,
};

const bytes = (text: Sql): Sql => sql`CAST(CONVERT(${text} USING utf8mb4) AS BINARY)`;
const base64 = (ref: Sql): Sql => sql`REPLACE(TO_BASE64(${ref}), '\n', '')`;
const isBit = ({ native }: RelationColumn): boolean => native.startsWith('bit(');
const isSpatial = ({ native }: RelationColumn): boolean =>
  /^(geometry|point|linestring|polygon|multi\w+|geometrycollection)$/.test(native);
const collationOf = ({ native }: RelationColumn): string | undefined => / COLLATE (\w+)$/.exec(native)?.[1];

/** What has a text. */
function plain(ref: Sql, column: RelationColumn): Sql {
  if (isBit(column)) return sql`(${ref} + 0)`;
  if (isSpatial(column)) return sql`ST_AsText(${ref})`;
  return column.native === 'float' ? sql`CAST(${ref} AS DOUBLE)` : ref;
}

function selected(ref: Sql, column: RelationColumn): Sql {
  switch (column.kind) {
    case 'bytes':
      return base64(ref);
    case 'boolean':
      return sql`(${ref} <> 0)`;
    case 'int':
    case 'float':
      return ref;
    default:
      return sql`CAST(${plain(ref, column)} AS CHAR)`;
  }
}

/** Without a conversion of its text, which would make another of what the column cannot hold: the database refuses that. */
function written(value: unknown, column: RelationColumn): Sql {
  if (value === null) return sql`NULL`;
  const given = value instanceof Date ? value.toISOString() : value;
  if (column.kind === 'json') return sql`${writeJson(given)}`;
  if (column.kind === 'bytes') return sql`FROM_BASE64(${String(given as string)})`;
  const { text } = parameterOf(given, column);
  return isBit(column) ? sql`CAST(${text} AS UNSIGNED)` : sql`${text}`;
}

/** A parameter as a value of a column's type; an index of the column serves it. */
function typed(value: unknown, column: RelationColumn): Sql {
  const { cast, text } = parameterOf(value, column);
  if (cast !== undefined) return sql`CAST(${text} AS ${sql.raw(cast)})`;
  const [, charset, collation] = / CHARACTER SET (\w+) COLLATE (\w+)$/.exec(column.native) ?? [];
  if (charset === undefined || collation === undefined) return sql`${text}`;
  return sql`CONVERT(${text} USING ${sql.raw(charset)}) COLLATE ${sql.raw(collation)}`;
}

/** Of `enum('a','b')` what stands in the brackets. */
function enumList(native: string): string {
  return /^enum\((.*)\)/s.exec(native)![1]!;
}

/** The place of a text in its enum; 0 for what is none of them. */
function placeIn(native: string, text: unknown): Sql {
  return sql`FIELD(${text}, ${sql.raw(enumList(native))})`;
}

const isText = ({ kind }: RelationColumn): boolean => kind === 'text' || kind === 'enum' || kind === 'other';

function equals(ref: Sql, column: RelationColumn, value: Operand): Sql {
  if (column.kind === 'boolean') return value === true ? sql`${ref} <> 0` : sql`${ref} = 0`;
  if (!isText(column)) return sql`${plain(ref, column)} = ${typed(value, column)}`;
  const exact = sql`${bytes(plain(ref, column))} = ${bytes(sql`${String(value)}`)}`;
  // The first part is for the index.
  return collationOf(column) === undefined ? exact : sql`(${ref} = ${typed(value, column)} AND ${exact})`;
}

function compare(ref: Sql, column: RelationColumn, operator: Comparison, value: Operand): Sql {
  if (operator === '=') return equals(ref, column, value);
  if (isText(column)) return sql`${bytes(plain(ref, column))} ${sql.raw(operator)} ${bytes(sql`${String(value)}`)}`;
  return sql`${plain(ref, column)} ${sql.raw(operator)} ${typed(value, column)}`;
}

const TYPES: Readonly<Record<JsonType, readonly string[]>> = {
  null: ['NULL'],
  boolean: ['BOOLEAN'],
  number: ['INTEGER', 'DOUBLE'],
  string: ['STRING'],
  array: ['ARRAY'],
  object: ['OBJECT'],
};
const TEXT: RelationColumn = { name: '', kind: 'text', native: 'longtext', list: false, nullable: true };

/** Keys that paths of MariaDB do not reach, quoted or not: found among all keys, by their place. */
const isOdd = (key: string): boolean => /^-|\p{Cc}/u.test(key);

function memberOf(value: Sql, key: string): Sql {
  if (!isOdd(key)) return sql`JSON_EXTRACT(${value}, ${`$."${key.replace(/["\\]/g, '\\$&')}"`})`;
  const place = sql`(SELECT min(k.at) - 1 FROM JSON_TABLE(JSON_KEYS(${value}), '$[*]' COLUMNS (at FOR ORDINALITY, name longtext CHARACTER SET utf8mb4 PATH '$')) AS k WHERE ${bytes(sql`k.name`)} = ${bytes(sql`${key}`)})`;
  return sql`JSON_EXTRACT(JSON_EXTRACT(${value}, '$.*'), CONCAT('$[', ${place}, ']'))`;
}

const json: JsonSql = {
  at: (value, path) =>
    path.reduce((of, key) => {
      const member = memberOf(of, key);
      // Of what is no object, a member would be one of its items, or itself.
      const own = sql`CASE JSON_TYPE(${of}) WHEN 'OBJECT' THEN ${member}`;
      const place = isIndex(key) ? Number(key) : undefined;
      if (place === undefined || !Number.isSafeInteger(place)) return sql`${own} END`;
      const at = place < 0 ? sql`JSON_LENGTH(${of}) - ${sql.lit(-place)}` : sql`${sql.lit(place)}`;
      return sql`${own} WHEN 'ARRAY' THEN IF(${at} >= 0, JSON_EXTRACT(${of}, CONCAT('$[', ${at}, ']')), NULL) END`;
    }, value),
  is: (value, type) => sql`JSON_TYPE(${value}) IN (${sql.join(TYPES[type].map((each) => sql.lit(each)))})`,
  text: (value) => sql`JSON_UNQUOTE(${value})`,
  size: (value) => sql`JSON_LENGTH(${value})`,
  compared(value, operator, other) {
    const [own, its] = [value, sql`${other}`].map((each) => sql`CAST(${each} AS DOUBLE)`);
    const [exact, itsExact] = [value, sql`${other}`].map((each) => sql`CAST(${each} AS DECIMAL(65, 30))`);
    const way = sql.raw(operator);
    // Numbers past its decimals are told apart by their doubles.
    return sql`IF(${own} = ${its}, ${exact} ${way} ${itsExact}, ${own} ${way} ${its})`;
  },
  some: (list, test) =>
    sql`EXISTS (SELECT 1 FROM JSON_TABLE(${list}, '$[*]' COLUMNS (at FOR ORDINALITY)) AS j WHERE ${test(sql`JSON_EXTRACT(${list}, CONCAT('$[', j.at - 1, ']'))`)})`,
  condition: (text, asked) => condition(text, TEXT, asked),
};

function condition(ref: Sql, column: RelationColumn, asked: LeafCondition): Sql {
  const text = sql`CONVERT(${plain(ref, column)} USING utf8mb4)`;
  const like = (of: Sql, pattern: Sql | string): Sql => sql`${of} COLLATE utf8mb4_bin LIKE ${pattern}`;
  switch (asked.kind) {
    case 'null':
      return sql`${ref} IS NULL`;
    case 'compare':
      return compare(ref, column, asked.operator, asked.value);
    case 'in': {
      if (asked.values.length === 0) return sql`false`;
      if (column.kind === 'boolean')
        return sql`(${sql.join(
          asked.values.map((value) => equals(ref, column, value)),
          sql` OR `,
        )})`;
      if (!isText(column))
        return sql`${plain(ref, column)} IN (${sql.join(asked.values.map((value) => typed(value, column)))})`;
      const exact = sql`${bytes(plain(ref, column))} IN (${sql.join(asked.values.map((value) => bytes(sql`${String(value)}`)))})`;
      return collationOf(column) === undefined
        ? exact
        : sql`(${ref} IN (${sql.join(asked.values.map((value) => typed(value, column)))}) AND ${exact})`;
    }
    case 'contains':
      return like(sql`LOWER(${text})`, sql`LOWER(CONVERT(${`%${escapeLike(asked.text)}%`} USING utf8mb4))`);
    case 'startsWith':
      return like(text, `${escapeLike(asked.text)}%`);
    case 'endsWith':
      return like(text, `%${escapeLike(asked.text)}`);
    case 'matches':
      return sql`${text} REGEXP ${toPerl(asked.pattern)}`;
    case 'list':
      throw new Error('MariaDB has no lists.');
    case 'json': {
      if (asked.path.filter((key) => isIndex(key) || isOdd(key)).length > SOURCES.jsonPlaces)
        throw badUserInput(
          `A path into JSON of a MariaDB has at most ${SOURCES.jsonPlaces} keys that may be places in lists, or begin with \`-\`.`,
        );
      return jsonCondition(json, ref, asked);
    }
  }
}

/** What a part of a parent's key is read as; its text fits, or can be no key. */
function keyType({ kind, native }: RelationColumn): string {
  const collation = / CHARACTER SET .*$/.exec(native)?.[0] ?? ' CHARACTER SET utf8mb4';
  switch (kind) {
    case 'int':
    case 'boolean':
    case 'bigint':
      return native.includes('unsigned') || native.startsWith('bit') ? 'bigint unsigned' : 'bigint';
    case 'decimal':
      return native;
    case 'float':
      return 'double';
    case 'date':
    case 'localTime':
      return kind === 'date' ? 'date' : 'time(6)';
    case 'moment':
    case 'localMoment':
      return 'datetime(6)';
    case 'text':
      return /^(var)?char\(/.test(native) ? native.replace(/^char/, 'varchar') : `longtext${collation}`;
    case 'enum':
      return `varchar(255)${collation}`;
    default:
      return 'longtext CHARACTER SET utf8mb4';
  }
}

function keyValue(key: Sql, { kind, native }: RelationColumn): Sql {
  if (kind === 'bytes') return sql`FROM_BASE64(${key})`;
  return kind === 'id' || /^inet[46]$/.test(native) ? sql`CAST(${key} AS ${sql.raw(native)})` : key;
}
