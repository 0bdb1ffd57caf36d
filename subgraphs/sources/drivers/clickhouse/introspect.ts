/** What a ClickHouse says of itself by `system.tables` and `system.columns`, which have what the user may see. */
import { grouped } from '#subgraphs/shared/grouped.ts';
import type { Catalog, CatalogColumn, CatalogEnum, CatalogTable, Unread } from '../../driver.ts';
import { enumValues, typeOf } from './types.ts';

type Row = Record<string, unknown>;

/** Runs one statement, with a list of databases as `{schemas:Array(String)}`. */
export type Query = (text: string) => Promise<Row[]>;

// Tables that keep what views show have names of their own making.
const TABLES = `
  SELECT database, name, engine, comment, sorting_key, toString(total_rows) AS total
  FROM system.tables WHERE database IN {schemas:Array(String)} AND NOT is_temporary AND name NOT LIKE '.inner%' ORDER BY 1, 2`;

const COLUMNS = `
  SELECT database, table, name, type, default_kind, comment
  FROM system.columns WHERE database IN {schemas:Array(String)} ORDER BY 1, 2, position`;

/** Engines whose rows are gone once they were read, or that have none to read. */
const UNREAD: readonly (readonly [engine: RegExp, why: string])[] = [
  [/^(Kafka|RabbitMQ|NATS|FileLog|(S3|Azure|GCS)Queue)$/, 'reading it would take its messages away'],
  [/^(Set|Null)$/, 'its engine keeps nothing that can be read'],
  [/^GenerateRandom$|^Loop$/, 'it has no end'],
];

/** Engines of which a row is one of those with equal sorting keys, once `FINAL` has put them together. */
const MERGED = /^(Replicated|Shared)?(Replacing|Summing|Aggregating|Collapsing|Coalescing)MergeTree$/;

/** Reads the tables of some databases. */
export async function introspect(query: Query): Promise<Catalog> {
  const ofTable = ({ database, table }: Row): string => `${String(database)}.${String(table)}`;
  const columns = grouped(await query(COLUMNS), ofTable);
  const enums: CatalogEnum[] = [];
  const unread: Unread[] = [];

  const tables = (await query(TABLES)).flatMap((row): CatalogTable[] => {
    const [schema, name, engine] = [String(row['database']), String(row['name']), String(row['engine'])];
    const id = `${schema}.${name}`;
    const why = UNREAD.find(([form]) => form.test(engine))?.[1];
    if (why !== undefined) {
      unread.push({ name: id, why });
      return [];
    }
    const left: Unread[] = [];
    const own = (columns.get(id) ?? []).flatMap((column) => {
      const read = columnOf(column, `${id}.${String(column['name'])}`, enums);
      if (!('why' in read)) return [read];
      left.push(read);
      return [];
    });
    if (own.length === 0) return [];
    const key = MERGED.test(engine) ? sortingKey(String(row['sorting_key']), own) : undefined;
    const total = row['total'];
    return [
      {
        id,
        schema,
        name,
        kind: engine === 'MaterializedView' ? 'materialized view' : engine.endsWith('View') ? 'view' : 'table',
        ...(row['comment'] === '' ? {} : { comment: String(row['comment']) }),
        columns: own,
        ...(key === undefined ? {} : { key }),
        uniques: key === undefined ? [] : [key],
        foreignKeys: [],
        ...(left.length === 0 ? {} : { unread: left }),
        ...(total === null || total === undefined ? {} : { rows: Number(total) }),
      },
    ];
  });
  return { tables, enums, ...(unread.length === 0 ? {} : { unread }) };
}

function columnOf(row: Row, id: string, enums: CatalogEnum[]): CatalogColumn | Unread {
  const name = String(row['name']);
  if (row['default_kind'] === 'EPHEMERAL') return { name, why: 'it is only written' };
  const type = typeOf(String(row['type']));
  if ('unread' in type) return { name, why: type.unread };
  const { kind, native, list, nullable } = type;
  const of = kind === 'enum' ? id : undefined;
  if (of !== undefined) enums.push({ id: of, name: `${String(row['table'])}_${name}`, values: enumValues(native) });
  return {
    name,
    kind,
    native,
    list,
    nullable,
    // A text may be any bytes, and a number none.
    ...(kind === 'text' || kind === 'float' ? { loose: true } : {}),
    ...(kind === 'json' ? { ungrouped: true } : {}),
    ...(of === undefined ? {} : { enum: of }),
    ...(row['comment'] === '' ? {} : { comment: String(row['comment']) }),
  };
}

/** Undefined where it is none of columns alone that have a value in every row. */
function sortingKey(text: string, columns: readonly CatalogColumn[]): string[] | undefined {
  const names = text.split(', ').map((name) => name.replace(/^`(.*)`$/, '$1'));
  const isKey = names.every((name) =>
    columns.some((column) => column.name === name && !column.nullable && !column.list && column.kind !== 'float'),
  );
  return text !== '' && isKey ? names : undefined;
}
