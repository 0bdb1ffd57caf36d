/** `Query.search`. */
import type { InputRef } from '@pothos/core';
import type { SubgraphSchema } from '#subgraphs/shared/builder.ts';
import { WEIGHT } from '#subgraphs/shared/cost.ts';
import { tellUnknownCollections, tellUnknownKeys } from '#subgraphs/shared/filters/unknown.ts';
import { selects } from '#subgraphs/shared/selections.ts';
import { connectionType, PAGE, pageArguments } from '#subgraphs/shared/connections.ts';
import type { RequestContext } from '#subgraphs/shared/context.ts';
import { noteHint } from '#subgraphs/shared/hints.ts';
import { VECTOR } from '../bounds.ts';
import type { VectorSchemaDeps } from './deps.ts';
import type { SearchFilterShape } from '../input.ts';
import { requiredWords } from '../keywords/query.ts';
import type { VectorLoaders } from '../loaders.ts';
import type { Stub, StubRef } from './similar.ts';
import type { Highlight, Span } from '../search/highlights.ts';
import {
  checkSearch,
  type RankedScore,
  type ScoreParts,
  type SearchEdge,
  type SearchMode,
  type SearchPage,
} from '../search/search.ts';
import { checkBetween } from '#subgraphs/shared/check-between.ts';
import { isStretchOver, nextTurn } from '#subgraphs/shared/turns.ts';

/** @returns which chunks take part */
export function addSearch(
  subgraph: SubgraphSchema,
  deps: VectorSchemaDeps,
  loaders: (context: RequestContext) => VectorLoaders,
  Chunk: StubRef,
): InputRef<SearchFilterShape> {
  const { builder, shared } = subgraph;
  const Mode = builder.enumType('SearchMode', {
    description: 'How chunks are ranked.',
    values: {
      HYBRID: {
        description:
          'VECTOR and KEYWORD together, by relative scores of the best 500 of each: 0.4 of how near the meaning is (the best 1, the last 0), and 0.6 of how well the words match (the best 1). Fails with STORE_DISABLED where embedding is off, rather than quietly becoming KEYWORD.',
      },
      VECTOR: {
        description: "By meaning, as far as the embedding model sees it: cosine of the query's vector and the chunk's.",
      },
      KEYWORD: {
        description:
          "By words, ranked by BM25: any word of the query counts, those more that are rare among what the caller's tenant stores. Identifiers, paths, versions and addresses are found whole and in parts, whatever their case and accents; English words in any form; scripts without spaces by pairs of characters. Parts of `octet-stream` count where only one is there: put it between quotes for the whole.",
      },
    } as const,
  });

  const Filter = builder.inputRef<SearchFilterShape>('SearchFilter');
  Filter.implement({
    description:
      'Which chunks take part in a search, before anything is ranked: as many results as asked for come back where so many match. All that ' +
      `is given must hold. At most ${VECTOR.conditionDepth} levels deep, with ${VECTOR.conditions} conditions. On Qdrant, \`eq\`, \`ne\`, ` +
      '`in`, `notIn`, and `startsWith` on `source`, are answered however much is stored; of all others the gateway looks at chunks itself: where ' +
      'more than QDRANT_CHECKED_CHUNKS meet the rest, the search fails with QUERY_TOO_COSTLY.',
    fields: (t) => ({
      and: t.field({ type: [Filter], description: 'All of these must match.' }),
      or: t.field({ type: [Filter], description: 'At least one of these must match; an empty list matches nothing.' }),
      not: t.field({ type: Filter, description: 'Must not match this.' }),
      documentId: t.field({ type: shared.IdFilter, description: "Conditions on the id of the chunk's document." }),
      mediaType: t.field({
        type: shared.StringFilter,
        description: "Conditions on the document's media type, such as `text/markdown`.",
      }),
      collection: t.field({
        type: shared.StringFilter,
        description:
          'Conditions on the collection that the document is in, such as `notes`; that of documents whose writer named none is `default`.',
      }),
      source: t.field({
        type: shared.StringFilter,
        description: "Conditions on the document's source, such as `notes/field.md`.",
      }),
      metadata: t.field({
        type: [shared.MetadataFilter],
        description: "Conditions on the document's metadata; all of them must hold.",
      }),
    }),
  });

  const Grouping = builder.enumType('SearchGrouping', {
    description: 'What of which only the best chunk counts.',
    values: { DOCUMENT: { description: 'The best chunk of each document.' } } as const,
  });
  const Ranked = builder.objectRef<RankedScore>('SearchRankedScore').implement({
    description: 'Where a chunk stood in one ranking.',
    fields: (t) => ({
      score: t.exposeFloat('score', { nullable: false, description: 'Its score there.' }),
      rank: t.exposeInt('rank', { nullable: false, description: 'Its place there; the best is 1.' }),
    }),
  });
  const Explanation = builder.objectRef<ScoreParts>('SearchExplanation').implement({
    description: 'What a score is made of.',
    fields: (t) => ({
      meaning: t.field({
        type: Ranked,
        description: `By meaning: the cosine. Null where \`mode\` is KEYWORD, and where the chunk is not among the best ${VECTOR.fused} by meaning.`,
        resolve: ({ meaning }) => meaning,
      }),
      words: t.field({
        type: Ranked,
        description: `By words: BM25. Null where \`mode\` is VECTOR, and where the chunk is not among the best ${VECTOR.fused} by words.`,
        resolve: ({ words }) => words,
      }),
      before: t.field({
        type: Ranked,
        description: 'Before it was reranked. Null where it was not.',
        resolve: ({ before }) => before,
      }),
    }),
  });
  const HighlightSpan = builder.objectRef<Span>('HighlightSpan').implement({
    description: "A place in a chunk's text, in UTF-16 code units, as JavaScript counts.",
    fields: (t) => ({
      start: t.exposeInt('start', { nullable: false, description: 'Where it begins; 0 is the beginning of the text.' }),
      end: t.exposeInt('end', { nullable: false, description: 'Behind its last character.' }),
    }),
  });
  const SearchHighlight = builder.objectRef<Highlight>('SearchHighlight').implement({
    description: "A piece of a chunk's text in which words of the query stand.",
    fields: (t) => ({
      text: t.exposeString('text', { nullable: false, description: 'The piece, cut between words.' }),
      start: t.exposeInt('start', {
        nullable: false,
        description: "Where it begins in the chunk's text, in UTF-16 code units, as JavaScript counts.",
      }),
      end: t.exposeInt('end', { nullable: false, description: 'Behind its last character.' }),
      matches: t.field({
        directives: { listSize: { assumedSize: VECTOR.highlightMatches } },
        type: [HighlightSpan],
        nullable: { list: false, items: false },
        description: "Where the query's words stand, in the chunk's text and not in this piece.",
        resolve: ({ matches }) => [...matches],
      }),
    }),
  });

  const Connection = connectionType<Stub, SearchEdge, SearchPage>(subgraph, 'Search', {
    node: Chunk,
    items: 'matching chunks',
    totalCount: `How many matching chunks there are in all pages together: at most \`candidates\`, and by meaning every chunk with a vector matches, so that it is no more than a filter's where \`mode\` is VECTOR or HYBRID. Asking for it ranks that many.`,
    edgeFields: (t) => ({
      score: t.float({
        nullable: false,
        description:
          'How well the chunk matches; higher is better, comparable only within one answer. With `rerank`, as the model has it. HYBRID: 0 to 1, where 1 is best by meaning and by words. VECTOR: cosine, -1 to 1. KEYWORD: BM25, from 0 without bound.',
        resolve: (edge: SearchEdge) => edge.score,
      }),
      explain: t.field({
        type: Explanation,
        nullable: false,
        description: 'What the score is made of.',
        resolve: (edge: SearchEdge) => edge.explain(),
      }),
      highlights: t.field({
        directives: { listSize: { slicingArguments: ['first'], requireOneSlicingArgument: false } },
        type: [SearchHighlight],
        nullable: { list: true, items: false },
        description: `The pieces of the chunk's text in which most of the query's words stand, as keyword search takes words; none where no word does, which by meaning alone is no fault. Of the first ${VECTOR.highlightCharacters.toLocaleString('en')} characters. Null where the chunk is gone by now.`,
        args: {
          first: t.arg.int({
            defaultValue: VECTOR.highlightsDefault,
            description: `How many pieces: 1 to ${VECTOR.highlights}.`,
          }),
          around: t.arg.int({
            defaultValue: VECTOR.highlightAroundDefault,
            description: `How many characters are shown before and behind: 0 to ${VECTOR.highlightAround.toLocaleString('en')}.`,
          }),
        },
        resolve: async (
          edge: SearchEdge,
          args: { first?: number | null; around?: number | null },
          context: RequestContext,
        ) => {
          const first = checkBetween('`first`', args.first ?? VECTOR.highlightsDefault, 1, VECTOR.highlights);
          const around = checkBetween(
            '`around`',
            args.around ?? VECTOR.highlightAroundDefault,
            0,
            VECTOR.highlightAround,
          );
          const text = await loaders(context).text.load(edge.node.id);
          if (text === null) return null;
          if (isStretchOver()) await nextTurn(context.principal.tenantId);
          return [...edge.highlight(text, first, around)];
        },
      }),
    }),
    fields: (t) => ({
      approximate: t.boolean({
        nullable: false,
        description:
          'Whether a better chunk may have been missed: an approximate index ranked, more chunks matched than keyword search scores, or stored texts are still being gone through after an upgrade.',
        resolve: (page: SearchPage) => page.approximate,
      }),
      mode: t.field({
        type: Mode,
        nullable: false,
        description: 'How this answer was ranked.',
        resolve: (page: SearchPage) => page.mode,
      }),
      candidates: t.int({
        nullable: false,
        description:
          'The window that pages are cut from: no more than this many results can be reached with `after`. Narrow the query or filter to see others.',
        resolve: (page: SearchPage) => page.candidates,
      }),
      reranker: t.string({
        description:
          'The model that reranked, or whose vectors were compared where none that reranks is served; null where `rerank` was not asked for.',
        resolve: (page: SearchPage) => page.reranker,
      }),
    }),
  });

  builder.queryField('search', (t) =>
    t.field({
      directives: {
        cost: { weight: WEIGHT.search },
        lists: {
          first: PAGE.default,
          most: VECTOR.window,
          // Words are weighed by their rarity among what takes part, and the scores of both are relative to the best.
          steady: ['mode: VECTOR', 'rerank: false', 'groupBy: null'],
          through: ['entity: document.entities'],
        },
      },
      type: Connection,
      description: `Finds the chunks that match a query best, at most ${VECTOR.window.toLocaleString('en')} of them in all pages. This is where to start when you know what you look for but not where it is.`,
      args: {
        query: t.arg.string({
          required: true,
          description:
            'What to look for: words or a question, 1 to 8,000 characters. In every mode `"a phrase"` must stand in a chunk, and `-without` must not; on Qdrant that is seen in the best 1,000.',
        }),
        mode: t.arg({ type: Mode, defaultValue: 'HYBRID' as SearchMode, description: 'How to rank.' }),
        where: t.arg({ type: Filter, description: 'Which chunks take part; all when absent.' }),
        collection: t.arg.string({
          description:
            'The collection whose documents alone take part, such as `notes`; the same as `where: { collection: { eq } }`.',
        }),
        groupBy: t.arg({
          type: Grouping,
          description: `With DOCUMENT as many documents come back as are asked for, each by its best chunk: of the best ${VECTOR.window.toLocaleString('en')} chunks.`,
        }),
        rerank: t.arg.boolean({
          defaultValue: false,
          description: `Whether a model reads the question together with each of the best ${VECTOR.reranked} and puts those in order; scores are the model's own then. Costs tokens, and takes the scope models:use. Where no reranking model is served, vectors of whole texts are compared.`,
        }),
        ...pageArguments(t.arg as never),
      },
      resolve: async (_, args, context, info) => {
        const asked = checkSearch(args as never, selects(info, ['totalCount']));
        const page = await loaders(context).search.load(asked);
        const isEmpty = asked.from === undefined && asked.page.size > 0 && page.edges.length === 0;
        if (isEmpty) {
          await tellUnknownKeys(args.where, info, async () => await deps.driver.metadataKeys(context));
          await tellUnknownCollections(asked.filter, info, async () => await deps.driver.documentCollections(context));
        }
        if (isEmpty && requiredWords(asked.text, VECTOR.keywordTerms) !== undefined)
          noteHint(info, {
            message:
              'No chunk that takes part has every phrase between quotes, and nothing of what follows a minus. Without quotes any word counts.',
            suggestions: [],
          });
        return page;
      },
    }),
  );
  return Filter as unknown as InputRef<SearchFilterShape>;
}
