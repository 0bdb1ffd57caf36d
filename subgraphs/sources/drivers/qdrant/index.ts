/** Collections of a Qdrant as a source: points are rows, what their payloads have are columns. Read only. */
import type { RequestContext } from '#subgraphs/shared/context.ts';
import type { JsonValue } from '#subgraphs/shared/json.ts';
import { SOURCES } from '../../bounds.ts';
import type { Condition } from '#subgraphs/shared/filters/condition.ts';
import type { CatalogVector, NearestRequest, Relation, SourceDriver, SourceOptions } from '../../driver.ts';
import { healthOf } from '../health.ts';
import { scannedSource, type Scan, type StoredRow } from '../scanned/source.ts';
import { filterOf, idOf, pathOf } from './filter.ts';
import { columnOf, ID, introspect } from './introspect.ts';
import { QdrantServer } from './server.ts';

interface Point {
  readonly id: JsonValue;
  readonly payload?: Record<string, JsonValue> | null;
}

interface Page {
  readonly points: readonly Point[];
  readonly next_page_offset?: JsonValue;
}

export function createQdrantSource(options: SourceOptions): SourceDriver {
  const server = new QdrantServer(options);
  return scannedSource(
    {
      ordered: ID,
      introspect: () => introspect(server, options),
      pages: (context, scan, size) => pages(server, context, scan, Math.min(size + 1, SOURCES.scannedPage)),
      near: {
        rows: (context, scan, request) => near(server, context, scan, request),
        vectorOf: (context, relation, vector, key) => vectorOf(server, context, { relation, vector, key }),
      },
      health: () => healthOf(options.name, () => server.ask('GET', '/collections')),
      close: () => Promise.resolve(),
    },
    options,
  );
}

async function* pages(
  server: QdrantServer,
  context: RequestContext,
  { relation, where, after }: Scan,
  limit: number,
): AsyncGenerator<readonly StoredRow[]> {
  const filter = filterOf(relation, context.principal.tenantId, where);
  if (filter === undefined) return;
  const path = `/collections/${encodeURIComponent(relation.table)}/points/scroll`;
  const begin = after === undefined ? undefined : idOf(after);
  let offset: unknown = begin;
  do {
    const body = {
      filter,
      limit,
      with_payload: payloadOf(relation),
      with_vector: false,
      ...(offset === undefined ? {} : { offset }),
    };
    const page = (await server.ask('POST', path, body, context)) as Page;
    // It begins with the point that it is to begin behind.
    const points = begin === undefined ? page.points : page.points.filter(({ id }) => String(id) !== String(begin));
    yield points.map(storedOf);
    offset = page.next_page_offset ?? undefined;
  } while (offset !== undefined);
}

const storedOf = ({ id, payload }: Point): StoredRow => ({
  ...Object.fromEntries(Object.entries(payload ?? {}).map(([key, value]) => [columnOf(key), value])),
  [ID]: id,
});

async function near(
  server: QdrantServer,
  context: RequestContext,
  { relation, where }: Omit<Scan, 'after'>,
  { vector, to, limit }: Pick<NearestRequest, 'vector' | 'to' | 'limit'>,
): Promise<{ stored: StoredRow; score: number }[]> {
  const filter = filterOf(relation, context.principal.tenantId, where);
  if (filter === undefined) return [];
  const body = { query: to, ...using(vector), filter, limit, with_payload: payloadOf(relation), with_vector: false };
  const path = `/collections/${encodeURIComponent(relation.table)}/points/query`;
  const { points } = (await server.ask('POST', path, body, context)) as { points: (Point & { score: JsonValue })[] };
  return points.map((point) => ({ stored: storedOf(point), score: Number(point.score) }));
}

/** Found as any row is, so that nobody learns of what another tenant's is near to. */
async function vectorOf(
  server: QdrantServer,
  context: RequestContext,
  { relation, vector, key }: { relation: Relation; vector: CatalogVector; key: Readonly<Record<string, string>> },
): Promise<readonly number[] | undefined> {
  const [field, text] = Object.entries(key)[0]!;
  const where: Condition = { kind: 'compare', column: field, operator: '=', value: text };
  const filter = filterOf(relation, context.principal.tenantId, where);
  if (filter === undefined) return undefined;
  const names = vector.native === '' ? true : [vector.native];
  const path = `/collections/${encodeURIComponent(relation.table)}/points/scroll`;
  const body = { filter, limit: 1, with_payload: false, with_vector: names };
  const { points } = (await server.ask('POST', path, body, context)) as { points: { vector?: JsonValue }[] };
  const found = points[0]?.vector;
  const values = Array.isArray(found) ? found : (found as Record<string, JsonValue> | undefined)?.[vector.native];
  return Array.isArray(values) ? values.map(Number) : undefined;
}

const using = ({ native }: CatalogVector): object => (native === '' ? {} : { using: native });

/** Only what the API has of it; all, where a key is among it that cannot be named. */
function payloadOf({ columns, tenant }: Relation): string[] | true {
  const names = [...Object.values(columns), ...(tenant === undefined ? [] : [tenant])].map(({ name }) => name);
  const paths = names.filter((name) => name !== ID).map(pathOf);
  return paths.every((path) => path !== undefined) ? paths : true;
}
