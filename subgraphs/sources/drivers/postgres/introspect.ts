/** What a database says of itself: the catalogue, read in one statement for each kind of thing. */
import { grouped } from '#subgraphs/shared/grouped.ts';
import { TRIGGER } from '../../changes/postgres-log.ts';
import type {
  Catalog,
  CatalogColumn,
  CatalogEnum,
  CatalogForeignKey,
  CatalogTable,
  CatalogVector,
  ValueKind,
  VectorMeasure,
} from '../../driver.ts';

/** A connection that is lent. */
interface Client {
  query<Row>(text: string, values: unknown[]): Promise<{ rows: Row[] }>;
}

interface TableRow {
  oid: string;
  schema: string;
  name: string;
  kind: string;
  comment: string | null;
  rows: string;
  /** Arguments of the trigger that records changes: the table, and the columns. Each ends in a NUL. */
  logged: Buffer | null;
  policies: boolean;
}

interface ColumnRow {
  table: string;
  number: number;
  name: string;
  nullable: boolean;
  comment: string | null;
  /** `<schema>.<name>` of the type, with quotes; of a domain, of what it is made of. */
  native: string;
  type: string;
  category: string;
  isEnum: boolean;
  isList: boolean;
  /** Whether it was declared as lists of lists, which the API has no type for. */
  isNested: boolean;
  default: boolean;
  generated: boolean;
}

interface ConstraintRow {
  table: string;
  columns: number[];
  primary: boolean;
}

interface ForeignKeyRow {
  table: string;
  columns: number[];
  to: string;
  toColumns: number[];
}

// Partitions are read by the table that they are parts of. What the user may not read is not there for him.
const TABLES = `
  SELECT c.oid::text AS oid, n.nspname AS schema, c.relname AS name, c.relkind AS kind,
         obj_description(c.oid, 'pg_class') AS comment,
         CASE WHEN c.relkind = 'p'
              THEN (SELECT sum(nullif(p.reltuples, -1)) FROM pg_inherits i JOIN pg_class p ON p.oid = i.inhrelid WHERE i.inhparent = c.oid)
              ELSE c.reltuples END::bigint::text AS rows,
         c.relrowsecurity AS policies,
         (SELECT t.tgargs FROM pg_trigger t WHERE t.tgrelid = c.oid AND t.tgname = '${TRIGGER}' AND t.tgenabled <> 'D') AS logged
  FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
  WHERE n.nspname = ANY($1::text[]) AND c.relkind IN ('r', 'v', 'm', 'p', 'f') AND NOT c.relispartition
    AND has_any_column_privilege(c.oid, 'SELECT') AND has_schema_privilege(n.oid, 'USAGE')
    AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.objid = c.oid AND d.classid = 'pg_class'::regclass AND d.deptype = 'e')
  ORDER BY n.nspname, c.relname`;

// Of a list, the type of its items; of a domain, the type behind it. Domains may stand on domains.
const COLUMNS = `
  WITH RECURSIVE base(oid, of, refuses) AS (
    SELECT oid, oid, typnotnull FROM pg_type
    UNION ALL
    SELECT base.oid, t.typbasetype, base.refuses OR t.typnotnull
    FROM base JOIN pg_type t ON t.oid = base.of WHERE t.typtype = 'd'
  ), plain AS (
    SELECT base.oid, t.oid AS of, base.refuses FROM base JOIN pg_type t ON t.oid = base.of WHERE t.typtype <> 'd'
  )
  SELECT a.attrelid::text AS table, a.attnum AS number, a.attname AS name,
         NOT (a.attnotnull OR b.refuses) AS nullable, col_description(a.attrelid, a.attnum) AS comment,
         CASE WHEN n.nspname = 'pg_catalog' THEN 'pg_catalog."' || t.typname || '"' ELSE quote_ident(n.nspname) || '.' || quote_ident(t.typname) END AS native,
         CASE WHEN n.nspname = 'pg_catalog' THEN t.typname ELSE n.nspname || '.' || t.typname END AS type,
         t.typcategory AS category, t.typtype = 'e' AS "isEnum", outer_type.typcategory = 'A' AS "isList",
         a.attndims > 1 AS "isNested", a.atthasdef OR a.attidentity <> '' OR own.typdefault IS NOT NULL AS default,
         a.attgenerated <> '' OR a.attidentity = 'a' AS generated
  FROM pg_attribute a
  JOIN pg_type own ON own.oid = a.atttypid
  JOIN plain b ON b.oid = a.atttypid
  JOIN pg_type outer_type ON outer_type.oid = b.of
  JOIN plain item ON item.oid = CASE WHEN outer_type.typcategory = 'A' THEN outer_type.typelem ELSE b.of END
  JOIN pg_type t ON t.oid = item.of
  JOIN pg_namespace n ON n.oid = t.typnamespace
  WHERE a.attrelid = ANY($1::oid[]) AND a.attnum > 0 AND NOT a.attisdropped
    AND has_column_privilege(a.attrelid, a.attnum, 'SELECT')
  ORDER BY a.attrelid, a.attnum`;

// An index over expressions or with a condition says nothing of all rows. One with nulls may have many of those.
const UNIQUES = `
  SELECT i.indrelid::text AS table, i.indisprimary AS primary,
         ARRAY(SELECT k FROM unnest(i.indkey::int2[]) WITH ORDINALITY AS u(k, n) WHERE n <= i.indnkeyatts ORDER BY n) AS columns
  FROM pg_index i
  WHERE i.indrelid = ANY($1::oid[]) AND i.indisunique AND i.indisvalid AND i.indpred IS NULL AND i.indexprs IS NULL AND i.indimmediate
  ORDER BY i.indrelid, i.indisprimary DESC, i.indnkeyatts, i.indexrelid`;

const FOREIGN_KEYS = `
  SELECT k.conrelid::text AS table, k.conkey AS columns, k.confrelid::text AS to, k.confkey AS "toColumns"
  FROM pg_constraint k
  WHERE k.contype = 'f' AND k.conrelid = ANY($1::oid[]) AND k.confrelid = ANY($1::oid[]) AND k.conparentid = 0
  ORDER BY k.conrelid, k.conname`;

const ENUMS = `
  SELECT n.nspname || '.' || t.typname AS id, t.typname AS name, obj_description(t.oid, 'pg_type') AS comment,
         array_agg(e.enumlabel::text ORDER BY e.enumsortorder) AS values
  FROM pg_type t JOIN pg_namespace n ON n.oid = t.typnamespace JOIN pg_enum e ON e.enumtypid = t.oid
  WHERE n.nspname || '.' || t.typname = ANY($1::text[])
  GROUP BY t.oid, n.nspname, t.typname ORDER BY 1`;

// Columns of pgvector's types with a fixed number of dimensions, and how an index that there is compares them.
const VECTORS = `
  SELECT a.attrelid::text AS table, a.attname AS name, a.atttypmod AS dimensions,
         quote_ident(n.nspname) || '.' || quote_ident(t.typname) AS native,
         (SELECT min(o.opcname) FROM pg_index i JOIN pg_opclass o ON o.oid = ANY (i.indclass::oid[])
          WHERE i.indrelid = a.attrelid AND i.indkey[0] = a.attnum AND i.indisvalid AND o.opcintype = t.oid
            AND o.opcname ~ '^(half)?vec(tor)?_(cosine|l2|ip|l1)_ops$') AS operators
  FROM pg_attribute a JOIN pg_type t ON t.oid = a.atttypid JOIN pg_namespace n ON n.oid = t.typnamespace
  JOIN pg_depend d ON d.classid = 'pg_type'::regclass AND d.objid = t.oid AND d.deptype = 'e'
  JOIN pg_extension e ON e.oid = d.refobjid AND e.extname = 'vector'
  WHERE a.attrelid = ANY($1::oid[]) AND a.attnum > 0 AND NOT a.attisdropped AND a.atttypmod > 0
    AND t.typname IN ('vector', 'halfvec') AND has_column_privilege(a.attrelid, a.attnum, 'SELECT')
  ORDER BY a.attrelid, a.attnum`;

const MEASURES: Readonly<Record<string, VectorMeasure>> = {
  cosine: 'cosine',
  l2: 'euclid',
  ip: 'dot',
  l1: 'manhattan',
};

interface VectorRow {
  table: string;
  name: string;
  dimensions: number;
  native: string;
  operators: string | null;
}

const vectorOf = ({ name, native, dimensions, operators }: VectorRow): CatalogVector => ({
  name,
  native,
  dimensions,
  measure: MEASURES[/_(\w+)_ops$/.exec(operators ?? '')?.[1] ?? ''] ?? 'cosine',
});

const KINDS: Readonly<Record<string, CatalogTable['kind']>> = {
  r: 'table',
  v: 'view',
  m: 'materialized view',
  p: 'partitioned table',
  f: 'foreign table',
};

const VALUES: ReadonlyMap<string, ValueKind> = new Map(
  Object.entries<ValueKind>({
    bool: 'boolean',
    int2: 'int',
    int4: 'int',
    int8: 'bigint',
    oid: 'bigint',
    float4: 'float',
    float8: 'float',
    numeric: 'decimal',
    money: 'decimal',
    text: 'text',
    varchar: 'text',
    bpchar: 'text',
    name: 'text',
    uuid: 'id',
    timestamptz: 'moment',
    timestamp: 'localMoment',
    date: 'date',
    timetz: 'time',
    time: 'localTime',
    interval: 'duration',
    json: 'json',
    jsonb: 'json',
    bytea: 'bytes',
  }),
);

/** Reads the tables of `schemas` that the user may read. */
export async function introspect(client: Client, schemas: readonly string[]): Promise<Catalog> {
  const tables = await client.query<TableRow>(TABLES, [schemas]);
  const oids = tables.rows.map(({ oid }) => oid);
  const columns = await client.query<ColumnRow>(COLUMNS, [oids]);
  const uniques = await client.query<ConstraintRow>(UNIQUES, [oids]);
  const foreignKeys = await client.query<ForeignKeyRow>(FOREIGN_KEYS, [oids]);
  const vectors = await client.query<VectorRow>(VECTORS, [oids]);
  const used = new Set(columns.rows.filter(({ isEnum }) => isEnum).map(({ type }) => type));
  const enums = await client.query<CatalogEnum & { comment: string | null }>(ENUMS, [[...used]]);

  const of = <Row extends { table: string }>(rows: readonly Row[]) => grouped(rows, ({ table }) => table);
  const [columnsOf, uniquesOf, foreignKeysOf] = [of(columns.rows), of(uniques.rows), of(foreignKeys.rows)];
  const vectorsOf = of(vectors.rows);
  const names = new Map(
    [...columnsOf].map(([table, rows]) => [table, new Map(rows.map(({ number, name }) => [number, name]))]),
  );
  const ids = new Map(tables.rows.map(({ oid, schema, name }) => [oid, `${schema}.${name}`]));
  /** Undefined where the user may not read one of them. */
  const named = (table: string, numbers: readonly number[]): string[] | undefined => {
    const found = numbers.map((number) => names.get(table)?.get(number));
    return found.every((name) => name !== undefined) ? found : undefined;
  };
  return {
    tables: tables.rows.map(({ oid, schema, name, kind, comment, rows, logged, policies }) => {
      const own = (columnsOf.get(oid) ?? []).map(columnOf);
      const nullable = new Set(own.filter((column) => column.nullable).map((column) => column.name));
      const sets = (uniquesOf.get(oid) ?? []).flatMap(({ columns: numbers, primary }) => {
        const set = named(oid, numbers);
        return set === undefined ? [] : [{ set, primary }];
      });
      const key = sets.find(({ set, primary }) => primary || set.every((column) => !nullable.has(column)))?.set;
      return {
        id: `${schema}.${name}`,
        schema,
        name,
        kind: KINDS[kind]!,
        ...(comment === null ? {} : { comment }),
        columns: own,
        ...(key === undefined ? {} : { key }),
        uniques: sets.map(({ set }) => set),
        foreignKeys: (foreignKeysOf.get(oid) ?? []).flatMap((found): CatalogForeignKey[] => {
          const [from, to] = [named(oid, found.columns), named(found.to, found.toColumns)];
          return from === undefined || to === undefined
            ? []
            : [{ columns: from, to: ids.get(found.to)!, toColumns: to }];
        }),
        ...(vectorsOf.has(oid) ? { vectors: vectorsOf.get(oid)!.map(vectorOf) } : {}),
        ...(logged === null ? {} : { logged: logged.toString().split('\0').slice(1, -1) }),
        ...(policies ? { policies } : {}),
        ...(rows === null || Number(rows) < 0 ? {} : { rows: Number(rows) }),
      };
    }),
    enums: enums.rows.map(({ comment, ...found }) => ({ ...found, ...(comment === null ? {} : { comment }) })),
  };
}

function columnOf(row: ColumnRow): CatalogColumn {
  const { name, nullable, comment, native, type, isEnum, isList, isNested } = row;
  const told = {
    ...(comment === null ? {} : { comment }),
    ...(row.default ? { default: true } : {}),
    ...(row.generated ? { generated: true } : {}),
  };
  if (isNested) return { name, kind: 'other', native: `${native}[]`, list: false, nullable, ...told };
  const kind = isEnum ? 'enum' : (VALUES.get(type) ?? (/(^|\.)citext$/.test(type) ? 'text' : 'other'));
  return {
    name,
    kind,
    native,
    list: isList,
    nullable,
    ...(isEnum ? { enum: type } : {}),
    ...told,
  };
}
