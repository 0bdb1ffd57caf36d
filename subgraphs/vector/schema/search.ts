/** `Query.search`. */
import type { SubgraphSchema } from '#subgraphs/shared/builder.ts';
import { WEIGHT } from '#subgraphs/shared/cost.ts';
import { tellUnknownKeys } from '#subgraphs/shared/filters/unknown-keys.ts';
import { selects } from '#subgraphs/shared/selections.ts';
import { connectionType, pageArguments } from '#subgraphs/shared/connections.ts';
import type { RequestContext } from '#subgraphs/shared/context.ts';
import { noteHint } from '#subgraphs/shared/hints.ts';
import { VECTOR } from '../bounds.ts';
import type { VectorSchemaDeps } from './deps.ts';
import type { SearchFilterShape } from '../input.ts';
import { requiredWords } from '../keywords/query.ts';
import type { VectorLoaders } from '../loaders.ts';
import type { Stub, StubRef } from './similar.ts';
import { checkSearch, type SearchEdge, type SearchMode, type SearchPage } from '../search/search.ts';

export function addSearch(
  subgraph: SubgraphSchema,
  deps: VectorSchemaDeps,
  loaders: (context: RequestContext) => VectorLoaders,
  Chunk: StubRef,
): void {
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

  const Connection = connectionType<Stub, SearchEdge, SearchPage>(subgraph, 'Search', {
    node: Chunk,
    items: 'matching chunks',
    totalCount: `How many matching chunks there are in all pages together: at most \`candidates\`, and by meaning every chunk with a vector matches, so that it is no more than a filter's where \`mode\` is VECTOR or HYBRID. Asking for it ranks that many.`,
    edgeFields: (t) => ({
      score: t.float({
        nullable: false,
        description:
          'How well the chunk matches; higher is better, comparable only within one answer. HYBRID: 0 to 1, where 1 is best by meaning and by words. VECTOR: cosine, -1 to 1. KEYWORD: BM25, from 0 without bound.',
        resolve: (edge: SearchEdge) => edge.score,
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
    }),
  });

  builder.queryField('search', (t) =>
    t.field({
      directives: { cost: { weight: WEIGHT.search } },
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
        ...pageArguments(t.arg as never),
      },
      resolve: async (_, args, context, info) => {
        const asked = checkSearch(args as never, selects(info, ['totalCount']));
        const page = await loaders(context).search.load(asked);
        const isEmpty = asked.from === undefined && asked.page.size > 0 && page.edges.length === 0;
        if (isEmpty) await tellUnknownKeys(args.where, info, async () => await deps.driver.metadataKeys(context));
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
}
