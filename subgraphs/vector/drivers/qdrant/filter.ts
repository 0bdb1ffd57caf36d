/**
 * Qdrant's filters. Every one is made here and begins with the tenant: an empty filter, or a tenant among `should`,
 * matches the points of all tenants.
 */
import { byValue, ExactNumber, writeJson } from '#subgraphs/shared/exact-number.ts';
import { createHash } from 'node:crypto';
import { DEFAULT_COLLECTION } from '#subgraphs/shared/document-collection.ts';
import type { Schemas } from '@qdrant/js-client-rest';

import { isJsonObject, type JsonValue } from '#subgraphs/shared/json.ts';
import type { Condition as Filter, Operand } from '#subgraphs/shared/filters/condition.ts';
import { isIndex } from '#subgraphs/shared/filters/holds.ts';
import { ALL, NOTHING, together, UNCHECKED, without, type Native } from '#subgraphs/shared/qdrant/native.ts';
import type { ChunkColumn } from '../../driver.ts';
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

export const oneOf = (key: string, values: readonly string[]): FieldCondition => ({ key, match: { any: [...values] } });

type FieldCondition = Schemas['FieldCondition'];

/** A filter of chunks as Qdrant takes it. Texts have an order, parts and patterns for the gateway alone; so has JSON that is no scalar. */
export function nativeOf(condition: Filter | undefined): Native {
  if (condition === undefined) return ALL;
  switch (condition.kind) {
    case 'and':
      return together(condition.of.map(nativeOf), true);
    case 'or':
      return together(condition.of.map(nativeOf), false);
    case 'not':
      return without(nativeOf(condition.of));
    case 'null':
      return NOTHING;
    case 'compare':
      return condition.operator === '=' ? oneOfColumn(condition.column, [condition.value]) : UNCHECKED;
    case 'in':
      return oneOfColumn(condition.column, condition.values);
    case 'startsWith':
      if (condition.column !== 'source' || condition.text === '') return condition.text === '' ? ALL : UNCHECKED;
      // `prefix` is of 1.19, and not in the types of a client for Node 20.
      return {
        filter: { key: PAYLOAD.source, match: { prefix: condition.text } } as unknown as FieldCondition,
        exact: true,
      };
    case 'json': {
      const { path, test } = condition;
      // A number may be the place of an element, which words of metadata do not tell.
      if (test.kind !== 'in' || path.some(isIndex)) return UNCHECKED;
      const scalars = test.values.filter(isScalar);
      if (scalars.length < test.values.length) return UNCHECKED;
      return anyOf(
        PAYLOAD.metadata,
        scalars.map((value) => metadataTerm(path, value)),
      );
    }
    default:
      return UNCHECKED;
  }
}

function oneOfColumn(column: string, values: readonly Operand[]): Native {
  const key = PAYLOAD[column as Exclude<ChunkColumn, 'metadata'>];
  const listed = anyOf(key, values.map(String));
  if (key !== PAYLOAD.collection || !values.includes(DEFAULT_COLLECTION)) return listed;
  // Points of before there were collections.
  return { filter: { should: [listed.filter as FieldCondition, { is_empty: { key } }] }, exact: true };
}

const anyOf = (key: string, values: readonly string[]): Native =>
  values.length === 0 ? NOTHING : { filter: oneOf(key, values), exact: true };

/**
 * Every scalar in the metadata, and every scalar element of its lists, as one word each: one index serves all paths.
 */
export function metadataTerms(metadata: { readonly [key: string]: JsonValue }): string[] {
  const terms = new Set<string>();
  const visit = (path: readonly string[], value: JsonValue): void => {
    if (isJsonObject(value)) for (const [key, inner] of Object.entries(value)) visit([...path, key], inner);
    else if (!Array.isArray(value)) terms.add(metadataTerm(path, value));
    else for (const element of value) if (isScalar(element)) terms.add(metadataTerm(path, element));
  };
  visit([], metadata as JsonValue);
  return [...terms];
}

type Scalar = string | number | ExactNumber | boolean | null;
const isScalar = (value: JsonValue): value is Scalar => !Array.isArray(value) && !isJsonObject(value);

const metadataTerm = (path: readonly string[], value: Scalar): string =>
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
