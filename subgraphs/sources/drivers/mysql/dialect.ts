/**
 * The SQL of MariaDB and MySQL. Their collations call different texts equal, so filters and tenants compare bytes of UTF-8; orders, keys and
 * links are the database's own. MariaDB has no `LATERAL`: rows of parents are
 * numbered.
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
import { jsonCondition, type JsonSql } from '../sql/json.ts';
import { nullsLargest, windowed } from '../sql/statements.ts';
import type { Refused } from '../unfit.ts';
import { mysqlAggregates } from './aggregates.ts';
import type { Flavour } from './flavours.ts';
import { parameterOf, valueOf } from './values.ts';

const compiler = new Kysely<object>({
  dialect: {
    createAdapter: () => new MysqlAdapter(),
    createDriver: () => new DummyDriver(),
    createIntrospector: (db) => new MysqlIntrospector(db),
    createQueryCompiler: () => new MysqlQueryCompiler(),
  },
});

/** What the two have alike in the form of each. */
export function mysqlDialect(flavour: Flavour): WritingDialect {
  const plainOf = (ref: Sql, column: RelationColumn): Sql => plain(flavour, ref, column);
  return {
    compiler,
    refusedBy,
    table: ({ schema, table }) => sql`${sql.id(schema, table)}`,
    selected: (ref, column) => selected(flavour, ref, column),
    textOf: (ref, column) => (column.kind === 'bytes' ? base64(ref) : sql`CAST(${plainOf(ref, column)} AS CHAR)`),
    written: (value, column) => written(flavour, value, column),
    nothing: sql`() VALUES ()`,
    valueOf,
    isTenant: (ref, column, tenantId) => equals(flavour, ref, column, tenantId),
    isLinked(own, column, other, otherColumn) {
      const [one, two] = [collationOf(column), collationOf(otherColumn)];
      return one === two ? sql`${other} = ${own}` : sql`${bytes(other)} = ${bytes(own)}`;
    },
    level(ref, column, direction) {
      const { nullable, kind, native } = column;
      if (kind === 'enum')
        // Sorted as they were declared; compared to a text they would be texts.
        return { ref: sql`(${ref} + 0)`, type: (text) => placeIn(native, text), nullable, direction };
      return {
        ref: isBit(column) ? sql`(${ref} + 0)` : ref,
        type: (text) => typed(flavour, text, column),
        nullable,
        direction,
      };
    },
    sorted: nullsLargest,
    condition: (ref, column, asked) => condition(flavour, ref, column, asked),
    aggregates: mysqlAggregates({
      flavour,
      plain: plainOf,
      condition: (ref, column, asked) => condition(flavour, ref, column, asked),
      listed: enumList,
    }),
    parents(columns, keys) {
      const types = columns.map(
        (column, index) => sql`${sql.id(`k${index}`)} ${sql.raw(keyType(column))} PATH ${sql.lit(`$[${index}]`)}`,
      );
      const made = columns.map((column, index) => keyValue(sql.id(`k${index}`), column));
      const names = made.map((value, index) => sql`${value} AS ${sql.id(`k${index}`)}`);
      return sql`(SELECT at, ${sql.join(names)} FROM JSON_TABLE(${JSON.stringify(keys)}, '$[*]' COLUMNS (at FOR ORDINALITY, ${sql.join(types)})) AS j) AS p`;
    },
    ofEach: windowed,
    ...(flavour.returning
      ? {}
      : { unreturned: { counted: sql`LAST_INSERT_ID()`, forget: sql`SELECT LAST_INSERT_ID(0) AS n` } }),
  };
}

/** `Data too long for column 'name' at row 1`, `Incorrect integer value: 'x' for column `shop`.`orders`.`id` at row 1`, `… in value for column 'orders.meta'.` */
function refusedBy(cause: unknown): Refused {
  const { sqlMessage = '', errno } = (cause ?? {}) as { sqlMessage?: string; errno?: number };
  const column = /for column (?:[`'](?:.*[`.])?)([^`'.]+)[`']/.exec(sqlMessage)?.[1];
  return column === undefined ? { text: / value: '([^]*)'/.exec(sqlMessage)?.[1] } : { column, long: errno === 1406 };
}

const bytes = (text: Sql): Sql => sql`CAST(CONVERT(${text} USING utf8mb4) AS BINARY)`;
const base64 = (ref: Sql): Sql => sql`REPLACE(TO_BASE64(${ref}), '\n', '')`;
const isBit = ({ native }: RelationColumn): boolean => native.startsWith('bit(');
const isSpatial = ({ native }: RelationColumn): boolean =>
  /^(geometry|point|linestring|polygon|multi\w+|geom(etry)?collection)$/.test(native);
const collationOf = ({ native }: RelationColumn): string | undefined => / COLLATE (\w+)$/.exec(native)?.[1];

/** What has a text. */
function plain(flavour: Flavour, ref: Sql, column: RelationColumn): Sql {
  if (isBit(column)) return sql`(${ref} + 0)`;
  if (column.native.startsWith('vector(')) return sql`${sql.raw(flavour.vectorText)}(${ref})`;
  if (isSpatial(column)) return sql`ST_AsText(${ref})`;
  return column.native === 'float' ? sql`CAST(${ref} AS DOUBLE)` : ref;
}

function selected(flavour: Flavour, ref: Sql, column: RelationColumn): Sql {
  switch (column.kind) {
    case 'bytes':
      return base64(ref);
    case 'boolean':
      return sql`(${ref} <> 0)`;
    case 'int':
    case 'float':
      return ref;
    default:
      return sql`CAST(${plain(flavour, ref, column)} AS CHAR)`;
  }
}

/** Without a conversion of its text, which would make another of what the column cannot hold: the database refuses that. */
function written(flavour: Flavour, value: unknown, column: RelationColumn): Sql {
  if (value === null) return sql`NULL`;
  const given = value instanceof Date ? value.toISOString() : value;
  if (column.kind === 'json') return sql`${writeJson(given)}`;
  if (column.kind === 'bytes') return sql`FROM_BASE64(${String(given as string)})`;
  const { text } = parameterOf(given, column, flavour);
  return isBit(column) ? sql`CAST(CAST(${text} AS CHAR) AS UNSIGNED)` : sql`${text}`;
}

/** A parameter as a value of a column's type; an index of the column serves it. */
function typed(flavour: Flavour, value: unknown, column: RelationColumn): Sql {
  const { cast, text } = parameterOf(value, column, flavour);
  // To MySQL a parameter that becomes a number is one, and no larger than one with a sign.
  if (cast === 'UNSIGNED') return sql`CAST(CAST(${text} AS CHAR) AS UNSIGNED)`;
  if (cast !== undefined) return sql`CAST(${text} AS ${sql.raw(cast)})`;
  const [, charset, collation] = / CHARACTER SET (\w+) COLLATE (\w+)$/.exec(column.native) ?? [];
  if (charset === undefined || collation === undefined) return sql`${text}`;
  return sql`CONVERT(${text} USING ${sql.raw(charset)}) COLLATE ${sql.raw(collation)}`;
}

/** Texts of which all surely have characters that the column's set has; others are found without an index alone. */
function areSought({ refusesForeignTexts }: Flavour, texts: readonly unknown[], { native }: RelationColumn): boolean {
  const charset = / CHARACTER SET (\w+) /.exec(native)?.[1];
  if (charset === undefined) return false;
  if (!refusesForeignTexts || charset === 'utf8mb4') return true;
  const all = /^utf8/.test(charset)
    ? /^[\0-\uffff]*$/u
    : charset === 'latin1'
      ? /^[\0-\x7f\xa0-\xff]*$/
      : /^[\0-\x7f]*$/;
  return texts.every((text) => all.test(String(text)));
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

function equals(flavour: Flavour, ref: Sql, column: RelationColumn, value: Operand): Sql {
  if (column.kind === 'boolean') return value === true ? sql`${ref} <> 0` : sql`${ref} = 0`;
  if (!isText(column)) return sql`${plain(flavour, ref, column)} = ${typed(flavour, value, column)}`;
  const exact = sql`${bytes(plain(flavour, ref, column))} = ${bytes(sql`${String(value)}`)}`;
  // The first part is for the index.
  return areSought(flavour, [value], column) ? sql`(${ref} = ${typed(flavour, value, column)} AND ${exact})` : exact;
}

function compare(flavour: Flavour, ref: Sql, column: RelationColumn, operator: Comparison, value: Operand): Sql {
  if (operator === '=') return equals(flavour, ref, column, value);
  if (isText(column))
    return sql`${bytes(plain(flavour, ref, column))} ${sql.raw(operator)} ${bytes(sql`${String(value)}`)}`;
  return sql`${plain(flavour, ref, column)} ${sql.raw(operator)} ${typed(flavour, value, column)}`;
}

const TEXT: RelationColumn = { name: '', kind: 'text', native: 'longtext', list: false, nullable: true };

/** Keys that paths of MariaDB do not reach, quoted or not: found among all keys, by their place. */
const isOdd = ({ textualJson }: Flavour, key: string): boolean => textualJson && /^-|\p{Cc}/u.test(key);

function memberOf(flavour: Flavour, value: Sql, key: string): Sql {
  if (!flavour.textualJson) return sql`JSON_EXTRACT(${value}, ${`$.${JSON.stringify(key)}`})`;
  if (!isOdd(flavour, key)) return sql`JSON_EXTRACT(${value}, ${`$."${key.replace(/["\\]/g, '\\$&')}"`})`;
  const place = sql`(SELECT min(k.at) - 1 FROM JSON_TABLE(JSON_KEYS(${value}), '$[*]' COLUMNS (at FOR ORDINALITY, name longtext CHARACTER SET utf8mb4 PATH '$')) AS k WHERE ${bytes(sql`k.name`)} = ${bytes(sql`${key}`)})`;
  return sql`JSON_EXTRACT(JSON_EXTRACT(${value}, '$.*'), CONCAT('$[', ${place}, ']'))`;
}

const jsonOf = (flavour: Flavour): JsonSql => ({
  at: (value, path) =>
    path.reduce((of, key) => {
      const member = memberOf(flavour, of, key);
      // Of what is no object, a member would be one of its items, or itself.
      const own = sql`CASE JSON_TYPE(${of}) WHEN 'OBJECT' THEN ${member}`;
      const place = isIndex(key) ? Number(key) : undefined;
      if (place === undefined || !Number.isSafeInteger(place)) return sql`${own} END`;
      const at = place < 0 ? sql`JSON_LENGTH(${of}) - ${sql.lit(-place)}` : sql`${sql.lit(place)}`;
      return sql`${own} WHEN 'ARRAY' THEN IF(${at} >= 0, JSON_EXTRACT(${of}, CONCAT('$[', ${at}, ']')), NULL) END`;
    }, value),
  is: (value, type) => sql`JSON_TYPE(${value}) IN (${sql.join(flavour.jsonTypes[type].map((each) => sql.lit(each)))})`,
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
  condition: (text, asked) => condition(flavour, text, TEXT, asked),
});

function condition(flavour: Flavour, ref: Sql, column: RelationColumn, asked: LeafCondition): Sql {
  const text = sql`CONVERT(${plain(flavour, ref, column)} USING utf8mb4)`;
  const like = (of: Sql, pattern: Sql | string): Sql => sql`${of} COLLATE utf8mb4_bin LIKE ${pattern}`;
  switch (asked.kind) {
    case 'null':
      return sql`${ref} IS NULL`;
    case 'compare':
      return compare(flavour, ref, column, asked.operator, asked.value);
    case 'in': {
      if (asked.values.length === 0) return sql`false`;
      if (column.kind === 'boolean')
        return sql`(${sql.join(
          asked.values.map((value) => equals(flavour, ref, column, value)),
          sql` OR `,
        )})`;
      if (!isText(column))
        return sql`${plain(flavour, ref, column)} IN (${sql.join(asked.values.map((value) => typed(flavour, value, column)))})`;
      const exact = sql`${bytes(plain(flavour, ref, column))} IN (${sql.join(asked.values.map((value) => bytes(sql`${String(value)}`)))})`;
      return areSought(flavour, asked.values, column)
        ? sql`(${ref} IN (${sql.join(asked.values.map((value) => typed(flavour, value, column)))}) AND ${exact})`
        : exact;
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
      throw new Error(`${flavour.title} has no lists.`);
    case 'json': {
      if (asked.path.filter((key) => isIndex(key) || isOdd(flavour, key)).length > SOURCES.jsonPlaces)
        throw badUserInput(
          `A path into JSON of a ${flavour.title} has at most ${SOURCES.jsonPlaces} keys that may be places in lists${flavour.textualJson ? ', or begin with `-`' : ''}.`,
        );
      return jsonCondition(jsonOf(flavour), ref, asked);
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
