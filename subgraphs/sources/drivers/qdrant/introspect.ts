/** What the collections of a Qdrant hold: their payloads have no schema, so it is told by indexes and by points that are looked at. */
import { ExactNumber } from '#subgraphs/shared/exact-number.ts';
import type { JsonValue } from '#subgraphs/shared/json.ts';
import type {
  Catalog,
  CatalogColumn,
  CatalogTable,
  CatalogVector,
  SourceOptions,
  ValueKind,
  VectorMeasure,
} from '../../driver.ts';
import { CollectionGone, type QdrantServer } from './server.ts';

/** The column of a point's id. */
export const ID = 'id';
/** The column of a payload's key: its own name, but for `id`. */
export const columnOf = (key: string): string => (key === ID ? 'payload.id' : key);
export const keyOf = (column: string): string => (column === 'payload.id' ? ID : column);

interface Description {
  readonly points_count?: number | null;
  readonly payload_schema?: Readonly<Record<string, { readonly data_type: string }>>;
  readonly config?: { readonly params?: { readonly vectors?: VectorParams | Readonly<Record<string, VectorParams>> } };
}

interface VectorParams {
  readonly size: JsonValue;
  readonly distance: string;
  /** Of points that have several vectors of one name, which are compared otherwise. */
  readonly multivector_config?: object | null;
}

const MEASURES: Readonly<Record<string, VectorMeasure>> = {
  Cosine: 'cosine',
  Dot: 'dot',
  Euclid: 'euclid',
  Manhattan: 'manhattan',
};

/** What the one vector of a collection is called that has no name. */
export const UNNAMED = 'default';

function vectorsOf({ config }: Description): CatalogVector[] {
  const { vectors = {} } = config?.params ?? {};
  const named = 'size' in vectors ? { [UNNAMED]: vectors as VectorParams } : (vectors as Record<string, VectorParams>);
  return Object.entries(named).flatMap(([name, { size, distance, multivector_config: several }]) => {
    const measure = MEASURES[distance];
    return measure === undefined || several != null
      ? []
      : [{ name, native: 'size' in vectors ? '' : name, dimensions: Number(size), measure }];
  });
}

/** Of indexed keys, what their values are. */
const INDEXED: Readonly<Record<string, ValueKind>> = {
  keyword: 'text',
  text: 'text',
  uuid: 'text',
  integer: 'bigint',
  float: 'float',
  bool: 'boolean',
  datetime: 'moment',
};

export async function introspect(server: QdrantServer, { sampled }: SourceOptions): Promise<Catalog> {
  const { collections } = (await server.ask('GET', '/collections')) as { collections: { name: string }[] };
  const names = collections.map(({ name }) => name).sort();
  const tables: CatalogTable[] = [];
  for (const name of names) {
    try {
      tables.push(await tableOf(server, name, sampled));
    } catch (error) {
      // Dropped since they were listed.
      if (!(error instanceof CollectionGone)) throw error;
    }
  }
  return { tables, enums: [], typeless: true };
}

async function tableOf(server: QdrantServer, name: string, sampled: number): Promise<CatalogTable> {
  const path = `/collections/${encodeURIComponent(name)}`;
  const description = (await server.ask('GET', path)) as Description;
  const { points_count: points, payload_schema: indexes = {} } = description;
  const vectors = vectorsOf(description);
  const { points: sample } = (await server.ask('POST', `${path}/points/scroll`, {
    limit: sampled,
    with_payload: true,
    with_vector: false,
  })) as { points: { payload?: Record<string, JsonValue> }[] };
  const values = new Map<string, JsonValue[]>();
  for (const { payload = {} } of sample)
    for (const [key, value] of Object.entries(payload ?? {})) {
      if (value === null) continue;
      values.set(key, [...(values.get(key) ?? []), value]);
    }
  // An index of a place within JSON is part of that key's column.
  const keys = new Set([...Object.keys(indexes).filter((key) => !/[.[\]"]/.test(key)), ...values.keys()]);
  return {
    id: name,
    schema: 'public',
    name,
    kind: 'collection',
    columns: [
      { name: ID, kind: 'id', native: 'point id', list: false, nullable: false, comment: 'The id of the point.' },
      ...[...keys].sort().map((key): CatalogColumn => {
        const found = values.get(key) ?? [];
        const index = indexes[key]?.data_type;
        const share = sample.length === 0 ? 0 : Math.round((found.length / sample.length) * 100);
        return {
          name: columnOf(key),
          ...typeOf(found, index),
          nullable: true,
          comment: `The \`${key}\` of the payload: ${share} % of the ${sample.length} points looked at have it.`,
        };
      }),
    ],
    key: [ID],
    uniques: [[ID]],
    foreignKeys: [],
    ...(vectors.length === 0 ? {} : { vectors }),
    ...(points == null ? {} : { rows: points }),
  };
}

/** What has values of several kinds is JSON. */
function typeOf(
  values: readonly JsonValue[],
  index: string | undefined,
): Pick<CatalogColumn, 'kind' | 'native' | 'list'> {
  const list = values.length > 0 && values.every(Array.isArray);
  const items = list ? (values as JsonValue[][]).flat() : values;
  const kinds = new Set(items.map(kindOf));
  if (kinds.has('bigint') && kinds.has('float') && kinds.size === 2) kinds.delete('bigint');
  const [kind = index === undefined ? 'json' : INDEXED[index]] = kinds;
  const seen = kinds.size > 1 || kind === undefined ? 'json' : kind;
  const told = seen === 'text' && index === 'datetime' ? 'moment' : seen;
  return { kind: told, native: index ?? told, list: list && told !== 'json' };
}

function kindOf(value: JsonValue): ValueKind {
  if (typeof value === 'string') return 'text';
  if (typeof value === 'boolean') return 'boolean';
  if (value instanceof ExactNumber) return value.isInteger ? 'bigint' : 'float';
  if (typeof value === 'number') return Number.isInteger(value) ? 'bigint' : 'float';
  return 'json';
}
