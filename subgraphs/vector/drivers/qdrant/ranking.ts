/**
 * Ranking by Qdrant so that the answer is the same whatever its length: every item that ties at the cut is read before it
 * is cut, and what a graph may have missed for its filter is compared exactly.
 *
 * A graph of a tenant has one entry point. In 1.19 a search whose filter the entry point does not meet comes back empty,
 * however many points match (seen on 1.19.0, and on the engine of that version: tests/stores/qdrant.test.ts); so searches
 * with any condition beyond the tenant do not use the graph, and neither does the repetition of one that found too few.
 */
import type { Schemas } from '@qdrant/js-client-rest';

import type { RequestContext } from '#subgraphs/shared/context.ts';
import type { Ranking } from '../../driver.ts';
import { VECTOR } from '../../bounds.ts';
import type { QdrantCollection } from './collection.ts';

/** Scores as near as this are taken to tie: two computations of one cosine may differ in the last digit. */
const TIE = 1e-6;

/** What is asked of the server for each ranking. */
export interface RankingRequest<Item> {
  /** A vector, or words. */
  readonly query: number[] | { indices: number[]; values: number[] };
  readonly using: string;
  readonly filter: Schemas['Filter'];
  /** Compare all, without the graph. */
  readonly exact: boolean;
  /** How many items to return. */
  readonly limit: number;
  readonly payload: string[];
  readonly itemOf: (point: Schemas['ScoredPoint']) => Item;
  /** An item that is left out, such as the one whose neighbours are asked for. */
  readonly except?: (item: Item) => boolean;
  /** Search parameters of this kind of query, such as `idf`. */
  readonly params?: object;
}

interface Asked<Item> {
  readonly request: RankingRequest<Item>;
  readonly place: number;
  readonly most: number;
  readonly exact: boolean;
}

/** Answers every request, in order. At most three rounds of requests, each of as few as the number of rankings allows. */
export async function rank<Item extends { score: number }>(
  context: RequestContext,
  collection: QdrantCollection,
  requests: readonly RankingRequest<Item>[],
  order: (a: Item, b: Item) => number,
): Promise<Ranking<Item>[]> {
  const rankings: Ranking<Item>[] = requests.map(() => ({ items: [], approximate: true }));
  let open = requests.map((request, place): Asked<Item> => ({
    request,
    place,
    most: within(request, request.limit),
    exact: request.exact,
  }));
  while (open.length > 0) {
    const again: Asked<Item>[] = [];
    for (let from = 0; from < open.length; from += VECTOR.qdrantSearches) {
      const asked = open.slice(from, from + VECTOR.qdrantSearches);
      const answers = await collection.call(context, (client) =>
        client.queryBatch(collection.name, { searches: asked.map(searchOf) }),
      );
      asked.forEach((each, index) => {
        const { request, place, most, exact } = each;
        const { points } = answers[index]!;
        // Words have none: what comes back is all there is.
        const hasGraph = Array.isArray(request.query);
        const items = points.map(request.itemOf).filter((item) => request.except?.(item) !== true);
        const [last, next] = [items[request.limit - 1], items[request.limit]];
        rankings[place] = { items: items.sort(order).slice(0, request.limit), approximate: !exact && hasGraph };
        if (!exact && hasGraph && points.length < most) again.push({ ...each, exact: true });
        else if (
          last !== undefined &&
          next !== undefined &&
          last.score - next.score < TIE &&
          most < within(request, VECTOR.window)
        )
          again.push({ ...each, most: within(request, VECTOR.window) });
      });
    }
    open = again;
  }
  return rankings;
}

/** One over, to see a tie at the cut, and one for what is left out. */
const within = ({ except }: { readonly except?: unknown }, limit: number): number =>
  limit + 1 + (except === undefined ? 0 : 1);

const searchOf = <Item>({ request, most, exact }: Asked<Item>): Schemas['QueryRequest'] => ({
  query: request.query,
  using: request.using,
  filter: request.filter,
  limit: most,
  with_payload: request.payload,
  ...(exact || request.params !== undefined ? { params: { ...(exact ? { exact } : {}), ...request.params } } : {}),
});
