/**
 * The filters of searches, before anything is ranked: what Qdrant checks itself, and, of the chunks that meet that, the ids of
 * those that meet the rest, which the gateway looks at itself.
 */
import type { Schemas } from '@qdrant/js-client-rest';
import { DEFAULT_COLLECTION } from '#subgraphs/shared/document-collection.ts';
import type { RequestContext } from '#subgraphs/shared/context.ts';
import { CodedError } from '#subgraphs/shared/errors.ts';
import { writeJson } from '#subgraphs/shared/exact-number.ts';
import type { Condition } from '#subgraphs/shared/filters/condition.ts';
import { checkOf } from '#subgraphs/shared/filters/holds.ts';
import type { JsonValue } from '#subgraphs/shared/json.ts';
import { isStretchOver, nextTurn } from '#subgraphs/shared/turns.ts';
import { VECTOR } from '../../bounds.ts';
import type { ChunkColumn } from '../../driver.ts';
import { nativeOf, PAYLOAD, within } from './filter.ts';
import { metadataOf } from './points.ts';
import type { StoredChunks } from './stored-chunks.ts';

type Conditions = readonly Schemas['Condition'][];

export class FilterConditions {
  readonly #stored: StoredChunks;
  readonly #most: number;

  /** @param most of how many chunks are looked at for one filter. @default `VECTOR.qdrantChecked` */
  constructor(stored: StoredChunks, most: number = VECTOR.qdrantChecked) {
    this.#stored = stored;
    this.#most = most;
  }

  /**
   * What filters come to beside the tenant, in order; equal ones are looked at once. Undefined where nothing can match.
   * @throws CodedError `QUERY_TOO_COSTLY` where there is too much that Qdrant does not check
   */
  async of(
    context: RequestContext,
    filters: readonly (Condition | undefined)[],
  ): Promise<readonly (Conditions | undefined)[]> {
    const known = new Map<string, Promise<Conditions | undefined>>();
    return await Promise.all(
      filters.map(async (filter) => {
        if (filter === undefined) return [];
        const key = writeJson(filter);
        const found = known.get(key) ?? this.#conditionsOf(context, filter);
        known.set(key, found);
        return await found;
      }),
    );
  }

  /** The keys that metadata begins with; undefined where there is too much to look through. */
  async metadataKeys(context: RequestContext): Promise<readonly string[] | undefined> {
    return await this.#namesIn(context, 'metadata', VECTOR.metadataKeys, (value) => Object.keys(value ?? {}));
  }

  /** The collections that documents are in; undefined likewise. */
  async documentCollections(context: RequestContext): Promise<readonly string[] | undefined> {
    return await this.#namesIn(context, PAYLOAD.collection, VECTOR.collections, (value) => [
      String(value ?? DEFAULT_COLLECTION),
    ]);
  }

  /** Not by facets, which older servers do not have. @param namesOf what the payload has under the key */
  async #namesIn(
    context: RequestContext,
    key: string,
    most: number,
    namesOf: (value: object | undefined) => readonly string[],
  ): Promise<readonly string[] | undefined> {
    const filter = within(context.principal.tenantId);
    if ((await this.#stored.count(context, filter)) > this.#most) return undefined;
    const names = new Set<string>();
    for await (const points of this.#stored.pages(context, filter, [key])) {
      for (const { payload } of points)
        for (const name of namesOf(payload![key] as object | undefined)) names.add(name);
      if (names.size >= most) return undefined;
    }
    return [...names];
  }

  async #conditionsOf(context: RequestContext, condition: Condition): Promise<Conditions | undefined> {
    const { filter, exact } = nativeOf(condition);
    if (filter === false) return undefined;
    const native = filter === true ? [] : isPlainMust(filter) ? filter.must : [filter];
    if (exact) return native;
    const ids = await this.#idsOf(context, native, condition);
    return ids.length === 0 ? undefined : [{ has_id: ids }];
  }

  async #idsOf(context: RequestContext, native: Conditions, condition: Condition): Promise<string[]> {
    const { tenantId } = context.principal;
    const filter = within(tenantId, native);
    const count = await this.#stored.count(context, filter);
    if (count > this.#most) throw tooMany(count, this.#most);
    const holds = checkOf(condition, { left: VECTOR.qdrantCheckedSteps });
    const ids: string[] = [];
    for await (const points of this.#stored.pages(context, filter, Object.values(PAYLOAD_OF).flat()))
      for (const { id, payload } of points) {
        if (isStretchOver()) await nextTurn(tenantId, context.began);
        if (holds((column) => valueOf(payload!, column as ChunkColumn))) ids.push(String(id));
      }
    return ids;
  }
}

/** What is read of a point for each column. */
const PAYLOAD_OF: Readonly<Record<ChunkColumn, readonly string[]>> = {
  documentId: [PAYLOAD.documentId],
  mediaType: [PAYLOAD.mediaType],
  source: [PAYLOAD.source],
  collection: [PAYLOAD.collection],
  metadata: ['metadata', 'metadata_exact'],
};

function valueOf(payload: Record<string, unknown>, column: ChunkColumn): JsonValue | undefined {
  if (column === 'metadata') return metadataOf(payload);
  const value = payload[PAYLOAD[column]] as string | undefined;
  return column === 'collection' ? (value ?? DEFAULT_COLLECTION) : value;
}

/** Whether a filter is nothing but conditions that all must hold. */
const isPlainMust = (filter: object): filter is { must: Schemas['Condition'][] } =>
  'must' in filter && Object.keys(filter).length === 1;

const tooMany = (count: number, most: number) =>
  new CodedError(
    'QUERY_TOO_COSTLY',
    `Qdrant does not check some conditions of the filter, and ${count.toLocaleString('en')} chunks meet the others; at most ${most.toLocaleString('en')} are looked at.`,
    {
      hint: 'Add conditions that narrow it: `eq` or `in` on documentId, collection, mediaType, source or a value in metadata, or `startsWith` on source. Operators may raise QDRANT_CHECKED_CHUNKS.',
    },
  );
