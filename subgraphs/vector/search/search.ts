/**
 * A search from its arguments to a page: embeds the query, asks the driver, fuses, and cuts the page from a bounded
 * window.
 */
import { writeJson } from '#subgraphs/shared/exact-number.ts';
import { createHash } from 'node:crypto';

import {
  pageOf,
  pageRequest,
  type Edge,
  type Page,
  type PageArguments,
  type PageRequest,
} from '#subgraphs/shared/connections.ts';
import type { RequestContext } from '#subgraphs/shared/context.ts';
import { decodeCursor, encodeCursor } from '#subgraphs/shared/cursors.ts';
import type { Condition } from '#subgraphs/shared/filters/condition.ts';
import { storeDisabled } from '#subgraphs/shared/errors.ts';
import type { Embedder, Reranker } from '#subgraphs/shared/ports.ts';
import { VECTOR } from '../bounds.ts';
import { modelOf } from '../indexing/embedding-model.ts';
import type { RankedChunk, Ranking, StoreQuery } from '../driver.ts';
import { requiredWords } from '../keywords/query.ts';
import { highlighter, type Highlighter } from './highlights.ts';
import { byScoreThenId, fuse } from './fusion.ts';
import type { Searchable } from './shared-documents.ts';
import { checkFilter, checkText, type SearchFilterShape } from '../input.ts';
import { modelsVector } from '../indexing/vectors.ts';

export type SearchMode = 'HYBRID' | 'VECTOR' | 'KEYWORD';

/** A checked search. */
export interface SearchRequest {
  readonly text: string;
  readonly mode: SearchMode;
  readonly filter: Condition | undefined;
  readonly page: PageRequest;
  /** Whether only the best chunk of each document counts. */
  readonly byDocument: boolean;
  /** Whether a model that reads question and text together puts the best in order. */
  readonly reranked: boolean;
  /** Whether all of the window is ranked, to tell how much that is. */
  readonly counted: boolean;
  readonly from: CursorPosition | undefined;
  /** What its cursors belong to. */
  readonly list: string;
}

export interface CursorPosition {
  readonly score: number;
  readonly id: string;
}

export interface SearchEdge extends Edge<{ id: string }> {
  score: number;
  /** Where the words that were looked for stand in a text. */
  readonly highlight: Highlighter;
  explain(): ScoreParts;
}

/** What a score is made of. Ranks count from 1. */
export interface ScoreParts {
  /** Absent where it was not ranked by meaning, or not among those that were fused. */
  readonly meaning?: RankedScore | undefined;
  readonly words?: RankedScore | undefined;
  /** Where it stood before a model read it. */
  readonly before?: RankedScore | undefined;
}
export interface RankedScore {
  readonly score: number;
  readonly rank: number;
}
export interface SearchPage extends Page<{ id: string }, SearchEdge> {
  mode: SearchMode;
  approximate: boolean;
  candidates: number;
  /** What reranked; null where nothing did. */
  reranker: string | null;
}

export interface SearchArguments extends PageArguments {
  query: string;
  mode?: SearchMode | null;
  where?: SearchFilterShape | null;
  collection?: string | null;
  groupBy?: 'DOCUMENT' | null;
  rerank?: boolean | null;
}

/**
 * @param counted whether the operation asks for `totalCount`
 * @throws CodedError `BAD_USER_INPUT`
 */
export function checkSearch(args: SearchArguments, counted = false): SearchRequest {
  const text = checkText(args.query, '`query`', VECTOR.queryCharacters, 1).trim();
  const mode = args.mode ?? 'HYBRID';
  const filter = checkFilter(args.where, args.collection);
  const byDocument = args.groupBy === 'DOCUMENT';
  const reranked = args.rerank === true;
  const list = `search:${createHash('sha256')
    .update(
      writeJson([
        text,
        mode,
        filter && withoutDocuments(filter),
        ...(byDocument ? ['by document'] : []),
        ...(reranked ? ['reranked'] : []),
      ]),
    )
    .digest('base64url')
    .slice(0, 16)}`;
  const page = pageRequest(args);
  return { text, mode, filter, page, byDocument, reranked, counted, from: readCursor(list, page.from), list };
}

/**
 * The filter as cursors know it. Which documents take part may change from page to page: what the gateway pushes down of a condition
 * on another store is worked out for each. A cursor goes on by score and id all the same.
 */
function withoutDocuments(filter: Condition): Condition | undefined {
  if (filter.kind === 'in') return filter.column === 'documentId' ? undefined : filter;
  if (filter.kind === 'not') {
    const of = withoutDocuments(filter.of);
    return of && { kind: 'not', of };
  }
  if (filter.kind !== 'and' && filter.kind !== 'or') return filter;
  const of = filter.of.map(withoutDocuments).filter((each) => each !== undefined);
  return of.length < 2 ? of[0] : { kind: filter.kind, of };
}

/** Answers several searches: one call of the embedder, one of the driver. */
export async function searchAll(
  context: RequestContext,
  { searching, embedder, reranker }: SearchDeps,
  requests: readonly SearchRequest[],
): Promise<SearchPage[]> {
  const embedded = await embedTexts(
    context,
    embedder,
    requests.filter(({ mode }) => mode !== 'KEYWORD').map(({ text }) => text),
  );
  const plans = requests.map((request): StoreQuery[] => {
    const { text, mode, filter } = request;
    const limit = limitOf(request);
    if (mode === 'KEYWORD') return [{ kind: 'KEYWORD', text, filter, limit }];
    const { vector, model } = embedded.get(text)!;
    // Phrases and what is left out are asked for, whatever ranks.
    const words = requiredWords(text, VECTOR.keywordTerms);
    if (mode === 'VECTOR') return [{ kind: 'VECTOR', vector, model, words, filter, limit }];
    return [
      { kind: 'VECTOR', vector, model, words, filter, limit: VECTOR.fused },
      { kind: 'KEYWORD', text, filter, limit: VECTOR.fused },
    ];
  });
  const rankings = await searching.search(context, plans.flat());
  let next = 0;
  return await Promise.all(
    requests.map(async (request, index) => {
      const own = rankings.slice(next, (next += plans[index]!.length));
      const whole = own[1] === undefined ? own[0]! : fuse(own[0]!, own[1], VECTOR.window);
      const found = request.byDocument ? bestOfEach(whole) : whole;
      const reranked = request.reranked ? await rerank(context, searching, reranker, request.text, found) : undefined;
      const explain = (chunkId: string): ScoreParts => ({
        ...(request.mode === 'KEYWORD'
          ? { words: placeIn(own[0]!, chunkId) }
          : { meaning: placeIn(own[0]!, chunkId), words: own[1] && placeIn(own[1], chunkId) }),
        before: reranked && placeIn(found, chunkId),
      });
      return pageOfSearch(request, reranked?.ranking ?? found, explain, reranked?.model ?? null);
    }),
  );
}

export interface SearchDeps {
  readonly searching: Searchable;
  readonly embedder: Embedder;
  readonly reranker: Reranker | undefined;
}

/** How much a store is asked for. */
const limitOf = ({ page, counted, byDocument, reranked }: SearchRequest): number => {
  // A document may have many of the best chunks.
  if (byDocument) return VECTOR.window;
  return reranked ? VECTOR.reranked : rankedFor(page, counted);
};

function bestOfEach({ items, approximate }: Ranking<RankedChunk>): Ranking<RankedChunk> {
  const seen = new Set<string>();
  return { approximate, items: items.filter(({ documentId }) => !seen.has(documentId) && seen.add(documentId)) };
}

/** The best, in the order of a model that reads question and text together; what it does not read is left out. */
async function rerank(
  context: RequestContext,
  searching: Searchable,
  reranker: Reranker | undefined,
  text: string,
  { items, approximate }: Ranking<RankedChunk>,
): Promise<{ ranking: Ranking<RankedChunk>; model: string | null }> {
  if (reranker === undefined) throw storeDisabled('Reranking', 'OPENAI_BASE_URL');
  const best = items.slice(0, VECTOR.reranked);
  const texts = await searching.texts(
    context,
    best.map(({ chunkId }) => chunkId),
  );
  // What was removed in between has no text any more.
  const read = best.flatMap((item) => {
    const stored = texts.get(item.chunkId);
    const whole =
      stored === undefined ? '' : `${stored.title}\n${stored.text}`.slice(0, VECTOR.rerankedCharacters).trim();
    return whole === '' ? [] : [{ item, whole }];
  });
  if (read.length === 0) return { ranking: { items: [], approximate }, model: null };
  const { results, model } = await reranker.rerank(
    context,
    text,
    read.map(({ whole }) => whole),
  );
  const ranked = results.map(({ index, score }) => ({ ...read[index]!.item, score }));
  return { ranking: { items: ranked.sort(byScoreThenId), approximate }, model };
}

function placeIn({ items }: Ranking<RankedChunk>, chunkId: string): RankedScore | undefined {
  const at = items.findIndex((item) => item.chunkId === chunkId);
  return at === -1 ? undefined : { score: items[at]!.score, rank: at + 1 };
}

/** The vectors of queries, by their texts. */
export async function embedTexts(
  context: RequestContext,
  embedder: Embedder,
  texts: readonly string[],
): Promise<Map<string, { vector: Float32Array; model: string }>> {
  const unique = [...new Set(texts)];
  if (unique.length === 0) return new Map();
  await modelOf(context, embedder);
  const { model, dimensions, vectors } = await embedder.embed(context, unique, 'QUERY');
  if (vectors.length !== unique.length)
    throw new Error(`The embedder sent ${vectors.length} vectors for ${unique.length} texts.`);
  return new Map(unique.map((text, index) => [text, { model, vector: modelsVector(vectors[index]!, dimensions) }]));
}

function pageOfSearch(
  request: SearchRequest,
  ranking: Ranking<RankedChunk>,
  explain: (chunkId: string) => ScoreParts,
  reranker: string | null,
): SearchPage {
  let made: Highlighter | undefined;
  const highlight: Highlighter = (...given) => (made ??= highlighter(request.text))(...given);
  const items = cut(ranking.items, request.page, request.from, {
    idOf: (item) => item.chunkId,
    ofItself: request.mode === 'VECTOR' && !request.reranked,
  });
  return {
    mode: request.mode,
    approximate: ranking.approximate,
    candidates: request.reranked ? VECTOR.reranked : VECTOR.window,
    reranker,
    totalCount: () => Promise.resolve(ranking.items.length),
    ...pageOf(items, request.page, (item): SearchEdge => ({
      score: item.score,
      highlight,
      explain: () => explain(item.chunkId),
      node: { id: item.chunkId },
      cursor: () => writeCursor(request.list, item.score, item.chunkId),
    })),
  };
}

export const writeCursor = (list: string, score: number, id: string): string => encodeCursor(list, [score, id]);

/** @throws CodedError `BAD_USER_INPUT` for a cursor of another search */
export function readCursor(list: string, cursor: string | null | undefined): CursorPosition | undefined {
  if (cursor === null || cursor === undefined) return undefined;
  const [score, id] = decodeCursor(list, cursor, 2);
  return { score: Number(score), id: String(id) };
}

/**
 * How much must be ranked for a page. A first one needs no more than itself; others are cut from behind a cursor, or the end.
 * @param counted whether somebody asks how much there is
 */
export const rankedFor = ({ size, backward, from }: PageRequest, counted: boolean): number =>
  from === undefined && !backward && !counted ? Math.min(size + 1, VECTOR.window) : VECTOR.window;

/** Whether a cursor's item is where the cursor was made, but for an embedder whose vectors differ in the last digit. */
export const isWhereItWas = (item: { readonly score: number }, from: CursorPosition): boolean =>
  Math.abs(item.score - from.score) <= VECTOR.scoreNoise;

/**
 * Cuts a page out of a ranking, in the direction of reading and with one item more where there is one. It goes on behind the
 * cursor's item, or, where that is gone, behind its score.
 * @param ofItself whether an item's score says nothing of others, as that of a vector: an item that was written anew and has another one is
 *   gone from the cursor's place. Else it goes on behind the item wherever it is by now, for writes move the scores of all.
 */
export function cut<Item extends { score: number }>(
  ranking: readonly Item[],
  { size, backward }: PageRequest,
  from: CursorPosition | undefined,
  { idOf, ofItself }: { idOf: (item: Item) => string; ofItself: boolean },
): readonly Item[] {
  const items = backward ? ranking.toReversed() : ranking;
  if (from === undefined) return items.slice(0, size + 1);
  const lower = (item: Item): boolean => item.score < from.score || (item.score === from.score && idOf(item) > from.id);
  const here = items.findIndex((item) => idOf(item) === from.id && (!ofItself || isWhereItWas(item, from)));
  const next = here === -1 ? items.findIndex((item) => lower(item) !== backward) : here + 1;
  return next === -1 ? [] : items.slice(next, next + size + 1);
}
