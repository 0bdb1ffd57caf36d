/** What databases of a MongoDB hold. Documents have no schema: some of each collection tell the columns, and indexes the unique ones. */
import type { Document } from 'mongodb';
import { SOURCES } from '../../bounds.ts';
import type { Catalog, CatalogColumn, CatalogTable } from '../../driver.ts';
import type { MongoServer } from './server.ts';
import { KIND_OF, seenOf, type Seen } from './values.ts';

export const ID = '_id';

/** @param databases those that are looked at; where there are none, that of the URL */
export async function introspect(server: MongoServer, databases: readonly string[], sampled: number): Promise<Catalog> {
  const tables: CatalogTable[] = [];
  for (const schema of databases.length > 0 ? databases : [server.database]) {
    const found = await server.collections(schema);
    const several = databases.length > 1;
    for (const { name, view } of found) tables.push(await tableOf(server, { schema, name, view, several }, sampled));
  }
  return { tables, enums: [], typeless: true };
}

interface Place {
  readonly schema: string;
  readonly name: string;
  readonly view: boolean;
  /** Whether tables are of several databases. */
  readonly several: boolean;
}

async function tableOf(
  server: MongoServer,
  { schema, name, view, several }: Place,
  sampled: number,
): Promise<CatalogTable> {
  // The oldest and the newest: what documents have changes over the years.
  const oldest = await server.sample(schema, name, Math.ceil(sampled / 2), 1);
  const newest =
    view || oldest.length < Math.ceil(sampled / 2)
      ? []
      : await server.sample(schema, name, sampled - oldest.length, -1);
  const known = new Set(oldest.map((document) => String(document[ID])));
  const sample = [...oldest, ...newest.filter((document) => !known.has(String(document[ID])))];
  const rows = view ? undefined : await server.estimate(schema, name);
  const sets = view ? [] : await server.uniques(schema, name);
  const found = countedOf(sample.flatMap((document) => Object.keys(document)));
  // Names that filters and projections would take for paths or operators are left out.
  const possible = found.filter((key) => key !== ID && key !== '' && !key.includes('.') && !key.startsWith('$'));
  const keys = possible.slice(0, SOURCES.fields).sort();
  const id = typeOf(sample.map((document) => document[ID]));
  const isKeyed = sample.length === 0 || (!['json', 'bytes'].includes(id.kind) && !id.list);
  const columns = [
    {
      name: ID,
      ...(sample.length === 0 ? ({ kind: 'id', native: 'objectId', list: false } as const) : id),
      nullable: !isKeyed,
      comment: 'The id of the document.',
    },
    ...keys.map((key): CatalogColumn => {
      const values = sample.map((document) => document[key]).filter((value) => value !== undefined && value !== null);
      const share = Math.round((values.length / sample.length) * 100);
      return {
        name: key,
        ...typeOf(values),
        nullable: true,
        comment: `The field \`${key}\`${shapeOf(values)}: ${share} % of the ${sample.length} documents looked at have it.`,
      };
    }),
  ];
  const shown = new Set(columns.map((column) => column.name));
  return {
    id: several ? `${schema}.${name}` : name,
    schema,
    name,
    kind: view ? 'view' : 'collection',
    ...(keys.length === possible.length
      ? {}
      : {
          comment: `A document of \`${name}\`. Of ${possible.length} fields that were seen, the ${keys.length} are here that most documents have.`,
        }),
    columns,
    ...(isKeyed ? { key: [ID] } : {}),
    uniques: [...(isKeyed ? [[ID]] : []), ...sets.filter((set) => set.every((column) => shown.has(column)))],
    foreignKeys: [],
    ...(rows === undefined ? {} : { rows }),
  };
}

/** Each once, the commonest first. */
function countedOf(names: readonly string[]): string[] {
  const counts = new Map<string, number>();
  for (const name of names) counts.set(name, (counts.get(name) ?? 0) + 1);
  return [...counts].sort(([, a], [, b]) => b - a).map(([name]) => name);
}

/** What has values of several kinds is JSON; whole numbers and others are numbers. */
function typeOf(values: readonly unknown[]): Pick<CatalogColumn, 'kind' | 'native' | 'list'> {
  const list = values.length > 0 && values.every(Array.isArray);
  const seen = seenAmong(list ? (values as unknown[][]).flat() : values);
  const native = seen.size === 1 ? [...seen][0]! : 'mixed';
  const kind = KIND_OF[native];
  return { kind, native, list: list && kind !== 'json' };
}

function seenAmong(values: readonly unknown[]): Set<Seen> {
  const seen = new Set(values.map(seenOf));
  if (seen.has('long') && (seen.has('double') || seen.has('decimal'))) seen.delete('long');
  return seen;
}

/** What is in it, where that is no single value: `, lists of objects with a, b`. */
function shapeOf(values: readonly unknown[]): string {
  const lists = values.filter(Array.isArray).length;
  const items = (values as unknown[][]).flatMap((value) => (Array.isArray(value) ? value : [value]));
  const objects = items.filter(isObject);
  const keys = [...new Set(objects.flatMap((object) => Object.keys(object)))].sort();
  const named = keys.slice(0, SOURCES.named).map((key) => `\`${key}\``);
  const of =
    objects.length === 0
      ? [...seenAmong(items)].sort().join(' or ')
      : `${objects.length < items.length ? 'values and ' : ''}objects with ${named.join(', ')}${keys.length > named.length ? ' …' : ''}`;
  if (lists > 0) return `, ${lists < values.length ? 'values and ' : ''}lists of ${of === '' ? 'nothing' : of}`;
  return objects.length > 0 || seenAmong(items).size > 1 ? `, ${of}` : '';
}

const isObject = (value: unknown): value is Document =>
  typeof value === 'object' &&
  value !== null &&
  !('_bsontype' in value) &&
  !(value instanceof Date) &&
  !Array.isArray(value);
