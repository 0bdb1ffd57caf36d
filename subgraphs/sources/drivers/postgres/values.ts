/** How values come out of PostgreSQL: exactly, and in the forms that the API's scalars have. */
import { sql, type RawBuilder } from 'kysely';
import { ExactNumber } from '#subgraphs/shared/exact-number.ts';
import type { RelationColumn, ValueKind } from '../../driver.ts';

type Sql = RawBuilder<unknown>;

/** Kinds that the client library gives in their form by itself; all others are asked for as texts. */
const AS_THEY_COME: ReadonlySet<ValueKind> = new Set(['boolean', 'int', 'float', 'text', 'id', 'enum', 'json']);

/** Types of PostgreSQL's own, as the catalogue is read. */
export const PG = {
  bpchar: 'pg_catalog."bpchar"',
  int8: 'pg_catalog."int8"',
  json: 'pg_catalog."json"',
  money: 'pg_catalog."money"',
  oid: 'pg_catalog."oid"',
} as const;

/** What to select for a column's value. */
export function valueSql(ref: Sql, { kind, list, native }: RelationColumn): Sql {
  const bytes = (each: Sql): Sql => sql`translate(encode(${each}, 'base64'), E'\n', '')`;
  // As JSON, so that items without a value are told from texts.
  if (list && kind === 'bytes')
    return sql`CASE WHEN ${ref} IS NOT NULL THEN to_jsonb(ARRAY(SELECT ${bytes(sql`i.item`)} FROM unnest(${ref}) WITH ORDINALITY AS i(item, at) ORDER BY i.at)) END`;
  if (list) return kind === 'other' ? sql`to_jsonb(${ref}::text[])` : sql`to_jsonb(${ref})`;
  if (kind === 'bytes') return bytes(ref);
  if (kind === 'decimal' && native === PG.money) return sql`${ref}::numeric::text`;
  return AS_THEY_COME.has(kind) && native !== PG.oid ? ref : sql`${ref}::text`;
}

/** What became of a value on its way. */
export function valueOf(value: unknown, { kind, list }: RelationColumn): unknown {
  if (value === null) return null;
  if (list) return Array.isArray(value) ? value.map((item: unknown) => itemOf(item, kind)) : null;
  return kind === 'moment'
    ? momentOf(value as string)
    : kind === 'localMoment'
      ? localMomentOf(value as string)
      : value;
}

function itemOf(item: unknown, kind: ValueKind): unknown {
  if (item === null) return null;
  // A list of lists: what it is of cannot be said.
  if (Array.isArray(item)) return item;
  if (kind === 'bigint' || kind === 'decimal') return item instanceof ExactNumber ? item.text : String(item);
  // JSON has no such numbers.
  if (kind === 'float') return item instanceof ExactNumber ? item.valueOf() : Number(item);
  if (kind === 'moment') return momentOf(item as string);
  return item;
}

/** `2026-01-31 09:30:00.1234+00` as ISO 8601 has it; what that cannot say, such as `infinity`, as it is. */
function momentOf(text: string): string {
  const found = /^(\d{4}-\d\d-\d\d)[ T](\d\d:\d\d:\d\d)(?:\.(\d+))?\+00(?::00)?$/.exec(text);
  return found === null ? text : `${found[1]}T${found[2]}.${(found[3] ?? '').padEnd(3, '0')}Z`;
}

const localMomentOf = (text: string): string => text.replace(/^(\d{4,}-\d\d-\d\d) /, '$1T');
