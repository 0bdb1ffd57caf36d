/**
 * One vector for each document, the normalised mean of its chunks', in a collection of its own: finding the documents
 * near two hundred others is one read by id and two hundred searches among documents, not a search among all chunks and
 * a read of whole documents for each of them.
 *
 * Of whole documents a mean is written before the chunks, so that whoever is killed in between finds both to do at the next
 * delivery. Of two who write one document at the same moment, the later mean may be of the earlier state until the
 * document is written again; so may that of a document of which single chunks are removed by one who is killed then.
 */
import type { Schemas } from '@qdrant/js-client-rest';

import type { RequestContext } from '#subgraphs/shared/context.ts';
import type { RankedDocument, Ranking, VectorModel } from '../../driver.ts';
import { meanVector } from '../../indexing/vectors.ts';
import { QdrantCollection } from './collection.ts';
import type { QdrantConnection } from './connection.ts';
import { PAYLOAD, pointId, within } from './filter.ts';
import { inBatches, rowsOf, vectorOf } from './points.ts';
import { rank } from './ranking.ts';

const MEAN = 'mean';
const byScoreThenDocument = (a: RankedDocument, b: RankedDocument): number =>
  b.score - a.score || (a.documentId < b.documentId ? -1 : a.documentId > b.documentId ? 1 : 0);

export class DocumentMeans {
  readonly #collection: QdrantCollection;
  readonly #batchBytes: number;

  constructor(connection: QdrantConnection, chunks: string) {
    this.#batchBytes = connection.batchBytes;
    this.#collection = new QdrantCollection(connection, `${chunks}_documents`, {
      dense: MEAN,
      indexes: { [PAYLOAD.tenant]: { is_tenant: true } },
    });
  }

  /** The collection's name in Qdrant. */
  get name(): string {
    return this.#collection.name;
  }

  /** @returns what keeps it from being used */
  fault = (): Promise<string | undefined> => this.#collection.fault();

  /**
   * Keeps the means of documents, each with the vectors of all its chunks; one without any has no mean.
   * @param documents their vectors by id
   */
  async keep(
    context: RequestContext,
    model: VectorModel,
    documents: ReadonlyMap<string, readonly Float32Array[]>,
  ): Promise<void> {
    const { tenantId } = context.principal;
    const kept = [...documents].filter(([, vectors]) => vectors.length > 0);
    if (kept.length > 0) {
      await this.#collection.prepare(context, model);
      const points = kept.map(([documentId, vectors]) => ({
        id: pointId(tenantId, documentId),
        vector: { [MEAN]: Array.from(meanVector(vectors, model.dimensions)) },
        payload: { tenant: tenantId, document_id: documentId },
      }));
      for await (const batch of inBatches(points, this.#batchBytes))
        await this.#collection.call(context, (client) =>
          client.upsert(this.#collection.name, { wait: true, points: batch }),
        );
    }
    await this.remove(
      context,
      [...documents].filter(([, vectors]) => vectors.length === 0).map(([documentId]) => documentId),
    );
  }

  async remove(context: RequestContext, documentIds: readonly string[]): Promise<void> {
    if (documentIds.length === 0 || (await this.#collection.info(context, true)) === undefined) return;
    const points = documentIds.map((documentId) => pointId(context.principal.tenantId, documentId));
    await this.#collection.call(context, (client) => client.delete(this.#collection.name, { wait: true, points }));
  }

  /** For each document that has a mean: the nearest others. */
  async similar(
    context: RequestContext,
    documentIds: readonly string[],
    limit: number,
  ): Promise<Map<string, Ranking<RankedDocument>>> {
    const { tenantId } = context.principal;
    const info = await this.#collection.info(context);
    if (info === undefined) return new Map();
    const means = await readOwn(context, this.#collection, MEAN, documentIds, rowsOf(info.dimensions));
    const known = documentIds.filter((documentId) => means.has(documentId));
    const rankings = await rank<RankedDocument>(
      context,
      this.#collection,
      known.map((documentId) => ({
        query: means.get(documentId)!,
        using: MEAN,
        // The document itself is left out here: a condition would keep the search from its graph.
        filter: within(tenantId),
        exact: false,
        limit,
        payload: ['document_id'],
        itemOf: (point) => ({ documentId: String(point.payload?.['document_id']), score: point.score }),
        except: (item) => item.documentId === documentId,
      })),
      byScoreThenDocument,
    );
    return new Map(known.map((documentId, index) => [documentId, rankings[index]!]));
  }
}

/**
 * The vectors of a tenant's points, by what the points were named for. Reading by id takes no filter: the ids are of
 * this tenant by construction, and checked to be.
 * @param rows how many to read at once
 */
export async function readOwn(
  context: RequestContext,
  collection: QdrantCollection,
  vector: string,
  names: readonly string[],
  rows: number,
): Promise<Map<string, number[]>> {
  const { tenantId } = context.principal;
  const nameOf = new Map(names.map((name) => [pointId(tenantId, name), name]));
  const ids = [...nameOf.keys()];
  const found: Schemas['Record'][] = [];
  for (let from = 0; from < ids.length; from += rows)
    found.push(
      ...(await collection.call(context, (client) =>
        client.retrieve(collection.name, {
          ids: ids.slice(from, from + rows),
          with_payload: [PAYLOAD.tenant],
          with_vector: [vector],
        }),
      )),
    );
  return new Map(
    found
      .filter((point) => point.payload?.[PAYLOAD.tenant] === tenantId)
      .flatMap((point) => {
        const own = vectorOf(point, vector);
        return own === undefined ? [] : [[nameOf.get(String(point.id))!, own] as const];
      }),
  );
}
