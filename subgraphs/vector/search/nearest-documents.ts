/** The documents, the remembered facts or the messages nearest to a query, from arguments to a page. */
import { LRUCache } from 'lru-cache';
import { createHash } from 'node:crypto';
import { checkBetween } from '#subgraphs/shared/check-between.ts';
import {
  pageOf,
  pageRequest,
  type Edge,
  type Page,
  type PageArguments,
  type PageRequest,
} from '#subgraphs/shared/connections.ts';
import type { RequestContext } from '#subgraphs/shared/context.ts';
import { writeJson } from '#subgraphs/shared/exact-number.ts';
import type { Condition } from '#subgraphs/shared/filters/condition.ts';
import { VECTOR } from '../bounds.ts';
import {
  checkFactFilter,
  checkFilter,
  checkMessageFilter,
  checkText,
  type FactFilterShape,
  type SearchFilterShape,
} from '../input.ts';
import { requiredWords } from '../keywords/query.ts';
import { DocumentRanking, type KnownDocuments, type NearDocument } from './document-ranking.ts';
import {
  cut,
  embedTexts,
  isWhereItWas,
  readCursor,
  writeCursor,
  type CursorPosition,
  type SearchDeps,
} from './search.ts';

export interface NearDocumentEdge extends Edge<{ id: string }> {
  readonly score: number;
  readonly chunk: { id: string };
}
export interface NearDocumentPage extends Page<{ id: string }, NearDocumentEdge> {
  readonly approximate: boolean;
}

/** What a ranking is asked by. */
export interface NearArguments<Filter> extends PageArguments {
  query: string;
  minScore?: number | null;
  where?: Filter | null;
}

/** A checked request. */
export interface NearDocumentsRequest {
  readonly text: string;
  readonly least: number;
  readonly filter: Condition | undefined;
  readonly page: PageRequest;
  readonly from: CursorPosition | undefined;
  readonly list: string;
}

/** @throws CodedError `BAD_USER_INPUT` */
export const checkNearDocuments = (args: NearArguments<SearchFilterShape>): NearDocumentsRequest =>
  checkNear('similarDocuments', args, checkFilter(args.where));

/** @throws CodedError `BAD_USER_INPUT` */
export const checkNearFacts = (context: RequestContext, args: NearArguments<FactFilterShape>): NearDocumentsRequest =>
  checkNear('similarMemoryFacts', args, checkFactFilter(context, args.where));

/** @throws CodedError `BAD_USER_INPUT` */
export const checkNearMessages = (
  context: RequestContext,
  args: NearArguments<FactFilterShape>,
): NearDocumentsRequest => checkNear('similarMessages', args, checkMessageFilter(context, args.where));

function checkNear(field: string, args: NearArguments<unknown>, filter: Condition | undefined): NearDocumentsRequest {
  const text = checkText(args.query, '`query`', VECTOR.queryCharacters, 1).trim();
  const least = args.minScore == null ? -Infinity : checkBetween('`minScore`', args.minScore, -1, 1);
  const page = pageRequest(args);
  // A cursor goes on by score and id, whichever take part.
  const list = `${field}:${createHash('sha256').update(text).digest('base64url').slice(0, 16)}`;
  return { text, least, filter, page, from: readCursor(list, page.from), list };
}

/** Rankings of one request, by what is ranked. */
export class NearDocuments {
  readonly #context: RequestContext;
  readonly #deps: () => Pick<SearchDeps, 'searching' | 'embedder'>;
  readonly #rankings = new LRUCache<string, Promise<DocumentRanking>>({ max: VECTOR.documentRankings });

  constructor(context: RequestContext, deps: () => Pick<SearchDeps, 'searching' | 'embedder'>) {
    this.#context = context;
    this.#deps = deps;
  }

  async page({ text, filter, least, page, from, list }: NearDocumentsRequest): Promise<NearDocumentPage> {
    const key = writeJson([text, filter ?? null]);
    let ranking = this.#rankings.get(key);
    if (ranking === undefined) this.#rankings.set(key, (ranking = this.#begin(text, filter)));
    const of = ({ items }: KnownDocuments): readonly NearDocument[] => {
      const end = items.findIndex(({ score }) => score < least);
      return cut(end === -1 ? items : items.slice(0, end), page, from, {
        idOf: ({ id }) => id,
        ofItself: true,
      });
    };
    const begun = await ranking;
    const known = await begun.until(
      (so) => so.beyond < least || (!page.backward && !isAmongUnknown(from, so) && of(so).length > page.size),
    );
    return {
      approximate: known.approximate,
      totalCount: async () => {
        const { items } = await begun.until(({ beyond }) => beyond < least);
        const end = items.findIndex(({ score }) => score < least);
        return end === -1 ? items.length : end;
      },
      ...pageOf(of(known), page, ({ id, chunkId, score }): NearDocumentEdge => ({
        score,
        chunk: { id: chunkId },
        node: { id },
        cursor: () => writeCursor(list, score, id),
      })),
    };
  }

  async #begin(text: string, filter: Condition | undefined): Promise<DocumentRanking> {
    const { searching, embedder } = this.#deps();
    const { vector, model } = (await embedTexts(this.#context, embedder, [text])).get(text)!;
    const words = requiredWords(text, VECTOR.keywordTerms);
    return new DocumentRanking(searching, this.#context, { kind: 'VECTOR', vector, model, words, filter });
  }
}

/** Whether the place that a cursor is of is still to come. */
const isAmongUnknown = (from: CursorPosition | undefined, { items, beyond }: KnownDocuments): boolean =>
  from !== undefined && from.score <= beyond && !items.some((item) => item.id === from.id && isWhereItWas(item, from));
