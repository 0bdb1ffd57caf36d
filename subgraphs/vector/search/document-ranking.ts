/**
 * Documents in the order of their best chunks. Stores rank chunks, of which one document may have many: they are asked again, without
 * the documents that are known, until as many documents are known as somebody asks for.
 */
import type { RequestContext } from '#subgraphs/shared/context.ts';
import { CodedError } from '#subgraphs/shared/errors.ts';
import type { Condition } from '#subgraphs/shared/filters/condition.ts';
import { VECTOR } from '../bounds.ts';
import type { RankedChunk, VectorQuery } from '../driver.ts';
import { bothOf } from '../input.ts';
import type { Searchable } from './shared-documents.ts';

/** A document and the best of its chunks, whose score is its own. */
export interface NearDocument {
  readonly id: string;
  readonly chunkId: string;
  readonly score: number;
}

/** What is known of one ranking so far. */
export interface KnownDocuments {
  /** The best first, equal scores in the order of their ids; none that is left out comes before one of them. */
  readonly items: readonly NearDocument[];
  /** Whether these are all. */
  readonly whole: boolean;
  /** What is not among them has at most this score. */
  readonly beyond: number;
  readonly approximate: boolean;
}

/** One query's, for as long as a request lasts: pages that follow do not rank again what is known. */
export class DocumentRanking {
  readonly #searching: Searchable;
  readonly #context: RequestContext;
  readonly #query: Omit<VectorQuery, 'limit'>;
  /** In the order of their scores: the first chunk of a document that is found is its best. */
  readonly #seen = new Map<string, NearDocument>();
  /** What is still to come has at most this score; minus infinity where nothing is. */
  #least = Infinity;
  #approximate = false;
  #asked = 0;
  #before: Promise<unknown> = Promise.resolve();

  constructor(searching: Searchable, context: RequestContext, query: Omit<VectorQuery, 'limit'>) {
    this.#searching = searching;
    this.#context = context;
    this.#query = query;
  }

  /**
   * Goes on until this is enough, or nothing is left.
   * @throws CodedError `QUERY_TOO_COSTLY` where a few documents have more of the best chunks than are looked through
   */
  until(enough: (known: KnownDocuments) => boolean): Promise<KnownDocuments> {
    const next = this.#before.then(async () => {
      for (let known = this.#known(); ; known = this.#known()) {
        if (known.whole || enough(known)) return known;
        await this.#more();
      }
    });
    this.#before = next.catch(() => undefined);
    return next;
  }

  #known(): KnownDocuments {
    const sorted = [...this.#seen.values()].sort(byScoreThenId);
    // One that is not known yet may have the same score as the last, and an id before its.
    const certain = sorted.findIndex(({ score }) => score <= this.#least);
    const items = (certain === -1 ? sorted : sorted.slice(0, certain)).slice(0, VECTOR.rankedDocuments);
    const whole = this.#least === -Infinity || items.length === VECTOR.rankedDocuments;
    return { items, whole, beyond: this.#least, approximate: this.#approximate };
  }

  async #more(): Promise<void> {
    if (this.#asked === VECTOR.documentSearches)
      throw new CodedError(
        'QUERY_TOO_COSTLY',
        `The nearest documents have so many chunks that ${VECTOR.documentSearches} searches did not find as many documents as were asked for.`,
        { hint: 'Ask for fewer documents, or narrow them, for example by `minScore`.' },
      );
    // Mostly the first is enough.
    const limit = this.#asked === 0 ? VECTOR.documentChunksFirst : VECTOR.window;
    this.#asked += 1;
    const filter = withoutThese(this.#query.filter, [...this.#seen.keys()]);
    const [ranking] = await this.#searching.search(this.#context, [{ ...this.#query, filter, limit }]);
    const { items, approximate } = ranking!;
    this.#approximate ||= approximate;
    for (const { documentId, chunkId, score } of items)
      if (!this.#seen.has(documentId)) this.#seen.set(documentId, { id: documentId, chunkId, score });
    this.#least = items.length < limit ? -Infinity : items.at(-1)!.score;
  }
}

const byScoreThenId = (one: NearDocument, other: NearDocument): number =>
  other.score - one.score || (one.id < other.id ? -1 : 1);

function withoutThese(filter: Condition | undefined, ids: readonly RankedChunk['documentId'][]): Condition | undefined {
  if (ids.length === 0) return filter;
  return bothOf(filter, { kind: 'not', of: { kind: 'in', column: 'documentId', values: ids } });
}
