/** What a file of SQLite says of itself. Types are what columns were declared as; where nothing was, rows tell. */
import { grouped } from '#subgraphs/shared/grouped.ts';
import { CodedError } from '#subgraphs/shared/errors.ts';
import type { Catalog, CatalogColumn, CatalogForeignKey, CatalogTable, ValueKind } from '../../driver.ts';
import { SOUND } from './dialect.ts';

type Row = Record<string, string | bigint | number | null>;
/** Runs one statement. */
export type Query = (sql: string, parameters?: readonly unknown[]) => Promise<Row[]>;

/** Tables of `fts5` and the like that only these themselves read are `shadow`. */
const TABLES = `
  SELECT l.name, l.type, l.strict, l.wr FROM pragma_table_list AS l
  WHERE l.schema = 'main' AND l.type IN ('table', 'view', 'virtual') AND l.name NOT LIKE 'sqlite\\_%' ESCAPE '\\' ORDER BY 1`;

const UNIQUES = `
  SELECT i.name AS "index", c.name AS "column" FROM pragma_index_list(?) AS i, pragma_index_info(i.name) AS c
  WHERE i."unique" = 1 AND i.partial = 0 ORDER BY i.origin <> 'pk', i.seq, c.seqno`;

const FOREIGN_KEYS = `SELECT id, "table", "from", "to" FROM pragma_foreign_key_list(?) ORDER BY id, seq`;

/** By what the declaration has in it; the first that fits. */
const DECLARED: readonly (readonly [RegExp, ValueKind])[] = [
  [/^bool/, 'boolean'],
  [/^(tinyint|smallint|mediumint|int2|int4)\b/, 'int'],
  [/int/, 'bigint'],
  [/json/, 'json'],
  [/char|clob|text|string|uuid|guid/, 'text'],
  [/blob|binary/, 'bytes'],
  [/real|floa|doub/, 'float'],
  [/dec|numeric|money/, 'decimal'],
  [/timestamp|datetime/, 'moment'],
  [/date/, 'date'],
  [/time/, 'localTime'],
];

/** What rows were seen to hold. */
const SEEN: Readonly<Record<string, ValueKind>> = { integer: 'bigint', real: 'float', text: 'text', blob: 'bytes' };

const quoted = (name: unknown): string => `"${String(name).replaceAll('"', '""')}"`;

/** @param sampled how many rows tell what a column without a type holds */
export async function introspect(query: Query, sampled: number): Promise<Catalog> {
  const tables: Raw[] = [];
  for (const table of await query(TABLES)) {
    const made = await rawOf(query, table);
    if (made !== undefined) tables.push(made);
  }
  const statistics = await rowsOf(query);
  const known = new Map(tables.map((table) => [table.name.toLowerCase(), table]));
  const made: CatalogTable[] = [];
  for (const table of tables) {
    const columns = await columnsOf(query, table, sampled);
    const key = table.key.length > 0 ? table.key : undefined;
    made.push({
      id: `main.${table.name}`,
      schema: 'main',
      name: table.name,
      kind: table.type === 'view' ? 'view' : 'table',
      columns,
      ...(key === undefined ? {} : { key }),
      uniques: [...(key === undefined ? [] : [key]), ...table.uniques],
      foreignKeys: await foreignKeysOf(query, table, known),
      ...(statistics.has(table.name) ? { rows: statistics.get(table.name)! } : {}),
    });
  }
  return { tables: made, enums: [], typeless: true };
}

interface Raw {
  readonly name: string;
  readonly type: string;
  readonly isStrict: boolean;
  readonly columns: readonly Row[];
  readonly key: readonly string[];
  /** The column that is the row's number itself. */
  readonly rowId: string | undefined;
  readonly uniques: readonly (readonly string[])[];
}

/** Undefined for what cannot be read: a view of what is gone, a virtual table of a module that is not there. */
async function rawOf(query: Query, { name: table, type, strict, wr }: Row): Promise<Raw | undefined> {
  const name = String(table);
  try {
    // Hidden columns are commands to virtual tables; 2 and 3 are computed ones.
    const all = await query('SELECT * FROM pragma_table_xinfo(?)', [name]);
    const columns = all.filter(({ hidden }) => Number(hidden) !== 1);
    if (columns.length === 0) return undefined;
    await query(`SELECT 1 FROM "main".${quoted(name)} LIMIT 0`);
    const parts = columns.filter(({ pk }) => Number(pk) > 0).sort((a, b) => Number(a['pk']) - Number(b['pk']));
    const key = parts.map((part) => String(part['name']));
    const isRowId = parts.length === 1 && Number(wr) === 0 && /^integer$/i.test(String(parts[0]!['type']));
    const names = new Set(columns.map((column) => String(column['name'])));
    const sets = [...grouped(await query(UNIQUES, [name]), ({ index }) => String(index)).values()]
      .filter((each) => each.every(({ column }) => column !== null && names.has(String(column))))
      .map((each) => each.map(({ column }) => String(column)));
    // SQLite lets several rows have no value in their key, which no page could tell apart.
    const nullable = parts.filter(({ notnull }) => Number(notnull) === 0).map((part) => quoted(part['name']));
    const isKey =
      isRowId ||
      nullable.length === 0 ||
      (
        await query(
          `SELECT 1 FROM "main".${quoted(name)} WHERE ${nullable.map((part) => `${part} IS NULL`).join(' OR ')} LIMIT 1`,
        )
      ).length === 0;
    return {
      name,
      type: String(type),
      isStrict: Number(strict) === 1,
      columns,
      key: isKey ? key : [],
      rowId: isRowId ? key[0] : undefined,
      uniques: sets.filter((set) => set.join('\0') !== key.join('\0')),
    };
  } catch (error) {
    if (error instanceof CodedError && error.code === 'STORE_TIMEOUT') throw error;
    if ((error as CodedError).extensions?.['unreadable'] === true) return undefined;
    throw error;
  }
}

async function columnsOf(query: Query, table: Raw, sampled: number): Promise<CatalogColumn[]> {
  const kinds = new Map(table.columns.map((column) => [column, declaredKind(String(column['type']))]));
  const untold = table.columns.filter((column) => kinds.get(column) === undefined);
  const seen = untold.length === 0 ? [] : await sample(query, table.name, untold, sampled);
  untold.forEach((column, index) => kinds.set(column, seen[index]));
  return table.columns.map((column) => {
    const name = String(column['name']);
    const declared = String(column['type']).toLowerCase();
    const isRowId = name === table.rowId;
    const kind = kinds.get(column) ?? 'other';
    const isSound = isRowId || (table.isStrict && declared !== 'any');
    return {
      name,
      kind,
      native: isSound ? `${declared === 'int' ? 'integer' : declared}${SOUND}` : declared,
      list: false,
      nullable: Number(column['notnull']) === 0 && !isRowId,
      ...(isSound ? {} : { loose: true }),
      ...(isRowId || column['dflt_value'] !== null ? { default: true } : {}),
      ...(Number(column['hidden']) > 1 ? { generated: true } : {}),
      ...(kind === 'json' ? { ungrouped: true } : {}),
      ...(declared === '' ? { comment: `The column \`${name}\`; its rows tell what it holds.` } : {}),
    };
  });
}

function declaredKind(type: string): ValueKind | undefined {
  const declared = type.toLowerCase();
  if (declared === '' || declared === 'any') return undefined;
  return DECLARED.find(([form]) => form.test(declared))?.[1] ?? 'other';
}

/** What is of several kinds is its text. A view that takes too long tells nothing. */
async function sample(
  query: Query,
  table: string,
  columns: readonly Row[],
  sampled: number,
): Promise<(ValueKind | undefined)[]> {
  const types = columns.map(({ name }, index) => `typeof(${quoted(name)}) AS t${index}`);
  const rows = await query(`SELECT ${types.join(', ')} FROM "main".${quoted(table)} LIMIT ${sampled}`).catch(
    (error: unknown) => {
      if (error instanceof CodedError) return [];
      throw error;
    },
  );
  return columns.map((_, index) => {
    const kinds = new Set(rows.map((row) => SEEN[String(row[`t${index}`])]).filter((kind) => kind !== undefined));
    if (kinds.has('float')) kinds.delete('bigint');
    return kinds.size === 1 ? [...kinds][0] : undefined;
  });
}

async function foreignKeysOf(
  query: Query,
  { name, columns }: Raw,
  known: ReadonlyMap<string, Raw>,
): Promise<CatalogForeignKey[]> {
  const parts = await query(FOREIGN_KEYS, [name]);
  const named = (among: readonly Row[], wanted: unknown): string | undefined =>
    among.map((column) => String(column['name'])).find((each) => each.toLowerCase() === String(wanted).toLowerCase());
  return [...grouped(parts, ({ id }) => String(id)).values()].flatMap((of): CatalogForeignKey[] => {
    const other = known.get(String(of[0]!['table']).toLowerCase());
    if (other === undefined) return [];
    // Nothing said is the key of the other.
    const toColumns = of.map(({ to }, index) => (to === null ? other.key[index] : named(other.columns, to)));
    const from = of.map((part) => named(columns, part['from']));
    return [...from, ...toColumns].every((column) => column !== undefined)
      ? [{ columns: from as string[], to: `main.${other.name}`, toColumns: toColumns as string[] }]
      : [];
  });
}

/** What `ANALYZE` found, where somebody ran it. */
async function rowsOf(query: Query): Promise<Map<string, number>> {
  if ((await query("SELECT 1 FROM main.sqlite_schema WHERE name = 'sqlite_stat1'")).length === 0) return new Map();
  const rows = await query('SELECT tbl, max(CAST(stat AS INTEGER)) AS "rows" FROM main.sqlite_stat1 GROUP BY tbl');
  return new Map(rows.map((row) => [String(row['tbl']), Number(row['rows'])]));
}
