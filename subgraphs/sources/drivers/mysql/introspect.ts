/** What a MariaDB or a MySQL says of itself: `information_schema`, which has what the user may see. */
import { grouped } from '#subgraphs/shared/grouped.ts';
import type { Flavour } from './flavours.ts';
import type { Catalog, CatalogColumn, CatalogForeignKey, CatalogTable, ValueKind } from '../../driver.ts';

/** Runs one statement. */
export type Query = (text: string, values: readonly unknown[]) => Promise<Record<string, string | number | null>[]>;

const TABLES = `
  SELECT TABLE_SCHEMA AS "schema", TABLE_NAME AS name, TABLE_TYPE AS kind, TABLE_COMMENT AS comment, CAST(TABLE_ROWS AS CHAR) AS "rows"
  FROM information_schema.TABLES WHERE TABLE_SCHEMA IN (?) AND TABLE_TYPE IN ('BASE TABLE', 'VIEW', 'SYSTEM VERSIONED') ORDER BY 1, 2`;

// What the user may not read is not there for him.
const COLUMNS = `
  SELECT TABLE_SCHEMA AS "schema", TABLE_NAME AS "table", COLUMN_NAME AS name, IS_NULLABLE AS nullable, DATA_TYPE AS type, COLUMN_TYPE AS native,
         CHARACTER_SET_NAME AS charset, COLLATION_NAME AS collation, COLUMN_COMMENT AS comment,
         COLUMN_DEFAULT IS NOT NULL OR EXTRA LIKE '%auto_increment%' AS "default",
         COLUMN_DEFAULT AS made, EXTRA AS extra, EXTRA LIKE '%VIRTUAL GENERATED%' OR EXTRA LIKE '%STORED GENERATED%' AS "generated"
  FROM information_schema.COLUMNS WHERE TABLE_SCHEMA IN (?) AND PRIVILEGES LIKE '%select%' ORDER BY 1, 2, ORDINAL_POSITION`;

// An index over beginnings of texts says nothing of the whole ones; one over an expression has no column.
const UNIQUES = `
  SELECT TABLE_SCHEMA AS "schema", TABLE_NAME AS "table", INDEX_NAME AS name, COLUMN_NAME AS "column", SUB_PART AS part
  FROM information_schema.STATISTICS WHERE TABLE_SCHEMA IN (?) AND NON_UNIQUE = 0 ORDER BY 1, 2, INDEX_NAME <> 'PRIMARY', 3, SEQ_IN_INDEX`;

const FOREIGN_KEYS = `
  SELECT TABLE_SCHEMA AS "schema", TABLE_NAME AS "table", CONSTRAINT_NAME AS name, COLUMN_NAME AS "column",
         REFERENCED_TABLE_SCHEMA AS toSchema, REFERENCED_TABLE_NAME AS toTable, REFERENCED_COLUMN_NAME AS toColumn
  FROM information_schema.KEY_COLUMN_USAGE WHERE TABLE_SCHEMA IN (?) AND REFERENCED_TABLE_NAME IS NOT NULL ORDER BY 1, 2, 3, ORDINAL_POSITION`;

// MariaDB keeps JSON as a text that is checked.
const JSON_CHECKS = `
  SELECT CONSTRAINT_SCHEMA AS "schema", TABLE_NAME AS "table", CHECK_CLAUSE AS clause
  FROM information_schema.CHECK_CONSTRAINTS WHERE CONSTRAINT_SCHEMA IN (?) AND CHECK_CLAUSE LIKE 'json_valid(%'`;

const VALUES: Readonly<Record<string, ValueKind>> = {
  tinyint: 'int',
  smallint: 'int',
  mediumint: 'int',
  int: 'int',
  year: 'int',
  bigint: 'bigint',
  bit: 'bigint',
  float: 'float',
  double: 'float',
  decimal: 'decimal',
  char: 'text',
  varchar: 'text',
  tinytext: 'text',
  text: 'text',
  mediumtext: 'text',
  longtext: 'text',
  enum: 'enum',
  date: 'date',
  datetime: 'localMoment',
  timestamp: 'moment',
  time: 'localTime',
  json: 'json',
  uuid: 'id',
  binary: 'bytes',
  varbinary: 'bytes',
  tinyblob: 'bytes',
  blob: 'bytes',
  mediumblob: 'bytes',
  longblob: 'bytes',
};

type Row = Record<string, string | number | null>;

const ofTable = ({ schema, table }: Row): string => `${schema}.${table}`;

/** Reads the tables of `schemas` that the user may read. */
export async function introspect(query: Query, schemas: readonly string[], flavour: Flavour): Promise<Catalog> {
  const marks = schemas.map(() => '?').join(', ');
  const read = (text: string): Promise<Row[]> => query(text.replace('(?)', `(${marks})`).replaceAll('"', '`'), schemas);
  const tables = await read(TABLES);
  const columns = grouped(await read(COLUMNS), ofTable);
  const uniques = grouped(await read(UNIQUES), ofTable);
  const foreignKeys = grouped(await read(FOREIGN_KEYS), ofTable);
  const json = new Set(
    (flavour.textualJson ? await read(JSON_CHECKS) : []).map(
      (row) => `${ofTable(row)}.${/^json_valid\(`(.*)`\)$/.exec(String(row['clause']))?.[1]}`,
    ),
  );
  const enums = new Map<string, { id: string; name: string; values: string[] }>();
  const known = new Set(tables.map(({ schema, name }) => `${schema}.${name}`));

  const columnOf = (row: Row): CatalogColumn => {
    const name = String(row['name']);
    const id = `${ofTable(row)}.${name}`;
    const native = String(row['native']);
    const kind = kindOf(row, json.has(id));
    const of = kind === 'enum' ? id : undefined;
    if (of !== undefined) enums.set(of, { id: of, name: `${row['table']}_${name}`, values: enumValues(native) });
    const charset = row['charset'] === null ? '' : ` CHARACTER SET ${row['charset']} COLLATE ${row['collation']}`;
    return {
      name,
      kind,
      native: `${native}${charset}`,
      list: false,
      nullable: row['nullable'] === 'YES',
      // A value that was none of its enum, or no JSON, may have been let in by a lax `sql_mode`.
      ...(kind === 'enum' || kind === 'json' ? { loose: true } : {}),
      ...(kind === 'json' ? { ungrouped: true } : {}),
      ...(of === undefined ? {} : { enum: of }),
      ...(Number(row['default']) > 0 ? { default: true } : {}),
      ...(flavour.returning ? {} : madeOf(row)),
      ...(Number(row['generated']) > 0 ? { generated: true } : {}),
      ...(row['comment'] === '' ? {} : { comment: String(row['comment']) }),
    };
  };

  return {
    tables: tables.flatMap((row): CatalogTable[] => {
      const id = `${row['schema']}.${row['name']}`;
      const own = (columns.get(id) ?? []).map(columnOf);
      if (own.length === 0) return [];
      const names = new Set(own.map(({ name }) => name));
      const nullable = new Set(own.filter((column) => column.nullable).map(({ name }) => name));
      const sets = [...grouped(uniques.get(id) ?? [], ({ name }) => String(name)).values()]
        .filter((parts) =>
          parts.every(({ part, column }) => part === null && column !== null && names.has(String(column))),
        )
        .map((parts) => parts.map(({ column }) => String(column)));
      const key = sets.find((set) => set.every((column) => !nullable.has(column)));
      const isView = row['kind'] === 'VIEW';
      return [
        {
          id,
          schema: String(row['schema']),
          name: String(row['name']),
          kind: isView ? 'view' : 'table',
          ...(isView || row['comment'] === '' ? {} : { comment: String(row['comment']) }),
          columns: own,
          ...(key === undefined ? {} : { key }),
          uniques: sets,
          foreignKeys: [...grouped(foreignKeys.get(id) ?? [], ({ name }) => String(name)).values()].flatMap(
            (parts): CatalogForeignKey[] => {
              const to = `${parts[0]!['toSchema']}.${parts[0]!['toTable']}`;
              const [from, toColumns] = ['column', 'toColumn'].map((end) => parts.map((part) => String(part[end])));
              const theirs = new Set((columns.get(to) ?? []).map(({ name }) => name));
              return known.has(to) &&
                from!.every((name) => names.has(name)) &&
                toColumns!.every((name) => theirs.has(name))
                ? [{ columns: from!, to, toColumns: toColumns! }]
                : [];
            },
          ),
          ...(isView || row['rows'] === null ? {} : { rows: Number(row['rows']) }),
        },
      ];
    }),
    enums: [...enums.values()],
  };
}

function kindOf({ type, native }: Row, isJson: boolean): ValueKind {
  if (isJson) return 'json';
  if (native === 'tinyint(1)' || native === 'bit(1)') return 'boolean';
  if (type === 'int' && String(native).includes('unsigned')) return 'bigint';
  // MySQL tells its types in three bytes a character: what stands for others may be any.
  if (type === 'enum' && String(native).includes('?')) return 'other';
  return VALUES[String(type)] ?? 'other';
}

/** How a MySQL makes a value, where that does not take the row's others, which stand between backticks. */
function madeOf({ extra, made, type }: Row): Pick<CatalogColumn, 'made'> {
  if (String(extra).includes('auto_increment')) return { made: 'counted' };
  if (made === null) return {};
  const told = String(made);
  if (String(extra).includes('DEFAULT_GENERATED'))
    // The catalog escapes the quotes of what it tells as an expression.
    return told.includes('`') ? {} : { made: { as: told.replace(/\\(.)/gs, '$1') } };
  const isText = type !== 'bit' && VALUES[String(type)] !== 'bytes';
  return isText ? { made: { as: `'${told.replace(/['\\]/g, '\\$&')}'` } } : {};
}

/** Of `enum('a','it''s')`. */
const enumValues = (native: string): string[] =>
  [...native.matchAll(/'((?:[^'\\]|''|\\.)*)'/gs)].map(([, value]) =>
    value!.replaceAll("''", "'").replace(/\\(.)/gs, '$1'),
  );
