/**
 * Qdrant's filters. Every one is made here and begins with the tenant: an empty filter, or a tenant among `should`,
 * matches the points of all tenants.
 */
import { byValue, ExactNumber, writeJson } from '#subgraphs/shared/exact-number.ts';
import { createHash } from 'node:crypto';
import { DEFAULT_COLLECTION } from '#subgraphs/shared/document-collection.ts';
import type { Schemas } from '@qdrant/js-client-rest';

import { isJsonObject, type JsonValue } from '#subgraphs/shared/json.ts';
import type { ChunkFilter, MetadataCondition } from '../../driver.ts';
import type { KeywordIndex } from './collection.ts';

type Condition = Schemas['Condition'];

/** The payload's keys that filters use; each has an index. */
export const PAYLOAD = {
  tenant: 'tenant',
  documentId: 'document_id',
  mediaType: 'media_type',
  source: 'source',
  collection: 'collection',
  metadata: 'metadata_terms',
} as const;

/**
 * The indexes of chunks' keys. Only tenants have graphs: a search with a further condition compares all (see
 * `ranking.ts`), so that a graph for each document, source, media type and metadata term would be built for nothing.
 */
export const CHUNK_INDEXES: Readonly<Record<string, KeywordIndex>> = {
  [PAYLOAD.tenant]: { is_tenant: true },
  [PAYLOAD.documentId]: { enable_hnsw: false },
  [PAYLOAD.mediaType]: { enable_hnsw: false },
  [PAYLOAD.collection]: { enable_hnsw: false },
  [PAYLOAD.source]: { enable_hnsw: false, prefix: true },
  [PAYLOAD.metadata]: { enable_hnsw: false },
};

/** Points of one tenant that meet all conditions, without those named in `except`. */
export function within(
  tenantId: string,
  conditions: readonly Condition[] = [],
  except: readonly string[] = [],
): Schemas['Filter'] {
  if (tenantId === '') throw new Error('A filter needs a tenant.');
  return {
    must: [{ key: PAYLOAD.tenant, match: { value: tenantId } }, ...conditions],
    ...(except.length === 0 ? {} : { must_not: [{ has_id: [...except] }] }),
  };
}

export const oneOf = (key: string, values: readonly string[]): Condition => ({ key, match: { any: [...values] } });

/**
 * A filter's conditions.
 * @returns undefined where nothing can match
 */
export function conditionsOf(filter: ChunkFilter): Condition[] | undefined {
  const lists: [string, readonly string[] | undefined][] = [
    [PAYLOAD.documentId, filter.documentIds],
    [PAYLOAD.mediaType, filter.mediaTypes],
    [PAYLOAD.source, filter.sources],
    [PAYLOAD.collection, filter.collections],
    ...(filter.metadata ?? []).map(({ path, any }): [string, string[]] => [
      PAYLOAD.metadata,
      any.map((value) => metadataTerm(path, value)),
    ]),
  ];
  const given = lists.filter((each): each is [string, readonly string[]] => each[1] !== undefined);
  if (given.some(([, values]) => values.length === 0)) return undefined;
  const { sourcePrefix } = filter;
  return [
    ...given.map(([key, values]) =>
      key === PAYLOAD.collection && values.includes(DEFAULT_COLLECTION)
        ? { should: [oneOf(key, values), { is_empty: { key } }] } // Points of before there were collections.
        : oneOf(key, values),
    ),
    // Every source begins with nothing. `prefix` is of 1.19, and not in the types of a client for Node 20.
    ...(sourcePrefix === undefined || sourcePrefix === ''
      ? []
      : [{ key: PAYLOAD.source, match: { prefix: sourcePrefix } } as unknown as Condition]),
  ];
}

/**
 * Every scalar in the metadata, and every scalar element of its lists, as one word each: one index serves all paths.
 */
export function metadataTerms(metadata: { readonly [key: string]: JsonValue }): string[] {
  const terms = new Set<string>();
  const visit = (path: readonly string[], value: JsonValue): void => {
    if (isJsonObject(value)) for (const [key, inner] of Object.entries(value)) visit([...path, key], inner);
    else if (!Array.isArray(value)) terms.add(metadataTerm(path, value));
    else
      for (const element of value)
        if (!Array.isArray(element) && !isJsonObject(element)) terms.add(metadataTerm(path, element));
  };
  visit([], metadata as JsonValue);
  return [...terms];
}

const metadataTerm = (path: readonly string[], value: MetadataCondition['any'][number]): string =>
  createHash('sha256')
    .update(writeJson([path, value instanceof ExactNumber ? byValue(value) : value]))
    .digest('base64url')
    .slice(0, 22);

/** The id of a tenant's chunk as Qdrant takes ids: a UUID (version 8, RFC 9562) of 122 bits of a SHA-256. */
export function pointId(tenantId: string, chunkId: string): string {
  const bytes = createHash('sha256').update(`${tenantId.length}:${tenantId}${chunkId}`).digest().subarray(0, 16);
  bytes[6] = (bytes[6]! & 0x0f) | 0x80;
  bytes[8] = (bytes[8]! & 0x3f) | 0x80;
  return bytes.toString('hex').replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
}
