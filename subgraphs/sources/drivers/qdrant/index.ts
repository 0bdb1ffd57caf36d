/** Collections of a Qdrant as a source: points are rows, what their payloads have are columns. Read only. */
import type { RequestContext } from '#subgraphs/shared/context.ts';
import type { JsonValue } from '#subgraphs/shared/json.ts';
import { SOURCES } from '../../bounds.ts';
import type { Relation, SourceDriver, SourceOptions } from '../../driver.ts';
import { healthOf } from '../health.ts';
import { scannedSource, type Scan, type StoredRow } from '../scanned/source.ts';
import { filterOf, idOf, pathOf } from './filter.ts';
import { columnOf, ID, introspect } from './introspect.ts';
import { QdrantServer } from './server.ts';

interface Page {
  readonly points: readonly { readonly id: JsonValue; readonly payload?: Record<string, JsonValue> | null }[];
  readonly next_page_offset?: JsonValue;
}

export function createQdrantSource(options: SourceOptions): SourceDriver {
  const server = new QdrantServer(options);
  return scannedSource(
    {
      ordered: ID,
      introspect: () => introspect(server, options),
      pages: (context, scan, size) => pages(server, context, scan, Math.min(size + 1, SOURCES.scannedPage)),
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
    yield points.map(({ id, payload }) => ({
      ...Object.fromEntries(Object.entries(payload ?? {}).map(([key, value]) => [columnOf(key), value])),
      [ID]: id,
    }));
    offset = page.next_page_offset ?? undefined;
  } while (offset !== undefined);
}

/** Only what the API has of it; all, where a key is among it that cannot be named. */
function payloadOf({ columns, tenant }: Relation): string[] | true {
  const names = [...Object.values(columns), ...(tenant === undefined ? [] : [tenant])].map(({ name }) => name);
  const paths = names.filter((name) => name !== ID).map(pathOf);
  return paths.every((path) => path !== undefined) ? paths : true;
}
