/** Loaders of one request: one statement for all that a level of a query needs, matched to keys by key. */
import type DataLoader from 'dataloader';
import { CodedError } from '#subgraphs/shared/errors.ts';
import { perRequest, type RequestContext } from '#subgraphs/shared/context.ts';
import { grouped } from '#subgraphs/shared/grouped.ts';
import { writeJson } from '#subgraphs/shared/exact-number.ts';
import type { Condition } from '#subgraphs/shared/filters/condition.ts';
import type { GraphLookup } from '#subgraphs/shared/ports.ts';
import { requestLoader } from '#subgraphs/shared/request-loader.ts';
import { ID_PREFIX, isIdOf } from '#subgraphs/shared/ids.ts';
import type {
  AgentVersionRow,
  ChildRequest,
  ChunkRow,
  DocumentRow,
  IndexingRow,
  ListRequest,
  MessageParts,
  MessageRow,
  ModelName,
  NewShare,
  RelationalDriver,
  ReplacedSecretRow,
  Rows,
  SessionSummaryRow,
  ShareRow,
} from './driver.ts';
import { RELATIONAL } from './bounds.ts';
import { largeIn } from './sessions/fitting.ts';
import { MODELS } from './models/columns.ts';

export interface Loaders {
  /** Rows by id; null for an id that is unknown here, is another tenant's or another type's. */
  readonly byId: { readonly [M in ModelName]: DataLoader<string, Rows[M] | null> };
  readonly documentText: DataLoader<string, string | null>;
  readonly indexing: DataLoader<string, IndexingRow[]>;
  /** Of an API key, those that were replaced last first. */
  readonly replacedSecrets: DataLoader<string, ReplacedSecretRow[]>;
  /** Of a document or an agent: the shares that the caller gave or received. */
  readonly sharesOf: { readonly [K in NewShare['kind']]: DataLoader<string, ShareRow[]> };
  /** `limit` rows of each document, for each distinct request. */
  documentChunks(request: ChildRequest): DataLoader<string, ChunkRow[]>;
  /** What stands around a chunk in its document, in order, by {@link placeOf} it. */
  chunksAround(before: number, after: number): DataLoader<string, ChunkRow[]>;
  /** How many chunks of each document match. */
  chunkCount(where: Condition | undefined): DataLoader<string, number>;
  agentVersions(request: ChildRequest): DataLoader<string, AgentVersionRow[]>;
  /** A page of the rows of each parent, by the field that names it. */
  listOf<M extends ModelName>(
    model: M,
    parent: keyof Rows[M] & string,
    request: ListRequest,
  ): DataLoader<string, Rows[M][]>;
  countOf<M extends ModelName>(
    model: M,
    parent: keyof Rows[M] & string,
    where: Condition | undefined,
  ): DataLoader<string, number>;
  /** The newest summary of each session. */
  readonly sessionSummary: DataLoader<string, SessionSummaryRow | null>;
  summariesOf(request: ChildRequest): DataLoader<string, SessionSummaryRow[]>;
  /** What of messages may be long, within the bytes of a request; null for one that is there no more. */
  readonly messageParts: DataLoader<string, MessageParts | null>;
  /** The newest messages of each session that fit so many tokens beside its summary. */
  sessionContext(maxTokens: number): DataLoader<string, SessionContext>;
  /** A page of the documents that name each entity, in the order of their ids. */
  naming(slice: NamingSlice): DataLoader<string, DocumentRow[]>;
  readonly namingCount: DataLoader<string, number>;
  /** Those documents that are looked through where they are filtered or sorted. */
  readonly namingAll: DataLoader<string, NamingDocuments>;
  /** A page of the documents that name each entity, of those that are looked through. */
  namingList(request: ListRequest): DataLoader<string, DocumentRow[]>;
  namingListCount(where: Condition | undefined): DataLoader<string, number>;
  /** Forgets everything: a mutation has changed it. */
  clear(): void;
}

/** What of a session fits a model. */
export interface SessionContext {
  /** Null also where it takes more than there is room for. */
  readonly summary: SessionSummaryRow | null;
  /** In order. What is larger than the whole, and the newest, may have to be cut. */
  readonly messages: readonly MessageRow[];
}

/** Where a chunk stands, as loaders know it. */
export const placeOf = ({ documentId, index }: Pick<ChunkRow, 'documentId' | 'index'>): string =>
  `${index} ${documentId}`;

function placeAt(key: string): { documentId: string; index: number } {
  const end = key.indexOf(' ');
  return { documentId: key.slice(end + 1), index: Number(key.slice(0, end)) };
}

type NamingSlice = Parameters<GraphLookup['naming']>[2];

/** The documents that name an entity, as many as are looked through. */
export interface NamingDocuments {
  readonly ids: readonly string[];
  /** Whether there are more. */
  readonly truncated: boolean;
}

const tooMuchSaid = (): CodedError =>
  new CodedError('QUERY_TOO_COSTLY', 'The messages of this request say more than is read for one.', {
    hint: 'Ask for fewer messages, or without `content`, `toolCalls` and `metadata`.',
  });

/**
 * Makes the loaders of each request.
 * @param graph what knows which documents name entities
 * @param mostNaming the most of them that are looked through for all entities of a level
 */
export const createLoaders = (
  driver: RelationalDriver,
  graph: () => GraphLookup | undefined,
  mostNaming: number = RELATIONAL.naming,
): ((context: RequestContext) => Loaders) =>
  perRequest((context) => {
    const made: { clearAll(): unknown }[] = [];
    const loader = <V>(load: (ids: readonly string[]) => Promise<Map<string, V>>, absent: V): DataLoader<string, V> => {
      const instance = requestLoader<string, V>(context, async (ids) => {
        const found = await load(ids);
        return ids.map((id) => found.get(id) ?? absent);
      });
      made.push(instance);
      return instance;
    };
    const perArguments = <Arguments extends readonly unknown[], V>(
      load: (ids: readonly string[], ...given: Arguments) => Promise<Map<string, V>>,
      absent: V,
    ) => {
      const byArguments = new Map<string, DataLoader<string, V>>();
      return (...given: Arguments): DataLoader<string, V> => {
        const key = writeJson(given);
        let found = byArguments.get(key);
        if (found === undefined) byArguments.set(key, (found = loader((ids) => load(ids, ...given), absent)));
        return found;
      };
    };

    const asked = (): GraphLookup => graph() ?? notTold('Which documents name this entity', 'graph');
    // What is no id of an entity names none, and may hold what a store refuses.
    const entitiesOf = (ids: readonly string[]): string[] => ids.filter((id) => isIdOf('Entity', id));
    const namingAll = loader<NamingDocuments>(
      async (ids) => {
        const entities = entitiesOf(ids);
        if (entities.length === 0) return new Map();
        const most = Math.max(1, Math.floor(mostNaming / entities.length));
        const found = await asked().naming(context, entities, { limit: most + 1, after: null, backward: false });
        return new Map([...found].map(([id, all]) => [id, { ids: all.slice(0, most), truncated: all.length > most }]));
      },
      { ids: [], truncated: false },
    );
    /** What is looked through of each of these entities. */
    const namingOf = async (entities: readonly string[]): Promise<Map<string, readonly string[]>> =>
      new Map(await Promise.all(entities.map(async (id) => [id, (await namingAll.load(id)).ids] as const)));

    const models = Object.keys(MODELS) as ModelName[];
    const byId = Object.fromEntries(
      models.map((model) => [
        model,
        loader<Rows[ModelName] | null>(async (ids) => {
          // What is no id of this type cannot be found, and may hold what PostgreSQL refuses.
          const plausible = ids.filter((id) => model in ID_PREFIX && isIdOf(model, id));
          const rows = plausible.length === 0 ? [] : await driver.byIds(context, model, plausible);
          return new Map(rows.map((row) => [row.id, row]));
        }, null),
      ]),
    ) as unknown as Loaders['byId'];
    const sessionSummary = loader<SessionSummaryRow | null>(
      async (ids) => new Map((await driver.sessionSummaries(context, ids)).map((row) => [row.sessionId, row])),
      null,
    );
    let partsLeft: number = RELATIONAL.messagePartBytes;
    let partsRead: Promise<unknown> = Promise.resolve();
    return {
      byId,
      sessionSummary,
      summariesOf: perArguments(
        async (ids, request: ChildRequest) =>
          grouped(await driver.summariesOfSessions(context, ids, request), (row) => row.sessionId),
        [],
      ),
      sessionContext: perArguments(
        async (ids, maxTokens: number) => {
          // What the messages go on from is the summary that was read, whatever is written meanwhile.
          const summaries = await Promise.all(
            ids.map(async (id) => {
              const summary = await sessionSummary.load(id);
              return summary !== null && summary.tokens <= maxTokens ? summary : null;
            }),
          );
          const of = ids.map((sessionId, at) => {
            const { throughSequence: behind = 0, tokens = 0 } = summaries[at] ?? {};
            return { sessionId, behind, tokens: maxTokens - tokens, whole: maxTokens, large: largeIn(maxTokens) };
          });
          const rows = await driver.newestMessages(context, of, RELATIONAL.contextMessages);
          const messages = grouped(rows, (row) => row.sessionId);
          return new Map(ids.map((id, at) => [id, { summary: summaries[at]!, messages: messages.get(id) ?? [] }]));
        },
        { summary: null, messages: [] } as SessionContext,
      ),
      // What is an error is one of its key alone.
      messageParts: loader<MessageParts | Error | null>(async (ids) => {
        // One after the other: together they have so many bytes.
        const read = partsRead.then(() => driver.messageParts(context, ids, { bytes: partsLeft }));
        partsRead = read.then(
          (rows) => {
            for (const { bytes, parts } of rows) if (parts !== null) partsLeft -= bytes;
          },
          () => undefined,
        );
        return new Map((await read).map(({ id, parts }) => [id, parts ?? tooMuchSaid()]));
      }, null) as DataLoader<string, MessageParts | null>,
      documentText: loader<string | null>(
        async (ids) => new Map((await driver.documentTexts(context, ids)).map(({ id, text }) => [id, text])),
        null,
      ),
      indexing: loader(async (ids) => grouped(await driver.indexing(context, ids), (row) => row.documentId), []),
      replacedSecrets: loader(
        async (ids) => grouped(await driver.replacedSecrets(context, ids), (row) => row.keyId),
        [],
      ),
      sharesOf: {
        Document: loader(
          async (ids) => grouped(await driver.sharesOf(context, 'Document', ids), (row) => row.documentId!),
          [],
        ),
        Agent: loader(async (ids) => grouped(await driver.sharesOf(context, 'Agent', ids), (row) => row.agentId!), []),
      },
      documentChunks: perArguments(
        async (ids, request: ChildRequest) =>
          grouped(await driver.chunksOfDocuments(context, ids, request), (row) => row.documentId),
        [],
      ),
      chunksAround: perArguments(async (keys, before: number, after: number) => {
        const asked = keys.map(placeAt);
        const places = asked.map(({ documentId, index }) => ({
          documentId,
          first: Math.max(0, index - before),
          last: index + after,
        }));
        const rows = grouped(await driver.chunksAt(context, places), (row) => row.documentId);
        return new Map(
          keys.map((key, at) => {
            const { documentId, first, last } = places[at]!;
            const around = (rows.get(documentId) ?? []).filter(
              ({ index }) => index >= first && index <= last && index !== asked[at]!.index,
            );
            return [key, around.sort((one, other) => one.index - other.index)];
          }),
        );
      }, []),
      chunkCount: perArguments(
        (ids, where: Condition | undefined) => driver.countChunksOfDocuments(context, ids, where),
        0,
      ),
      agentVersions: perArguments(
        async (ids, request: ChildRequest) =>
          grouped(await driver.versionsOfAgents(context, ids, request), (row) => row.agentId),
        [],
      ),
      // Which model's rows they are, the arguments say.
      listOf: perArguments(async (ids, model: ModelName, parent: string, request: ListRequest) => {
        const rows = await driver.listOf(context, model, parent as 'id', ids, request);
        return grouped(rows, (row) => (row as unknown as Record<string, string>)[parent]!);
      }, []) as unknown as Loaders['listOf'],
      countOf: perArguments(
        (ids, model: ModelName, parent: string, where: Condition | undefined) =>
          driver.countOf(context, model, parent as 'id', ids, where),
        0,
      ) as unknown as Loaders['countOf'],
      naming: perArguments(async (ids, slice: NamingSlice) => {
        const entities = entitiesOf(ids);
        const named = new Map(entities.length === 0 ? [] : await asked().naming(context, entities, slice));
        // Read here, so that all entities of a level have theirs at once, and what is asked for next is asked for together.
        const rowsOf = (documents: readonly string[]) =>
          Promise.all(
            // A mention may outlive its document for a moment, which is then known by its id alone.
            documents.map(async (id) => (await byId.Document.load(id)) ?? ({ id, objectKey: null } as DocumentRow)),
          );
        return new Map(
          await Promise.all([...named].map(async ([id, documents]) => [id, await rowsOf(documents)] as const)),
        );
      }, [] as DocumentRow[]),
      namingCount: loader(async (ids) => {
        const entities = entitiesOf(ids);
        return new Map(entities.length === 0 ? [] : await asked().namingCounts(context, entities));
      }, 0),
      namingAll,
      namingList: perArguments(
        async (ids, request: ListRequest) => await driver.listAmong(context, 'Document', await namingOf(ids), request),
        [] as DocumentRow[],
      ),
      namingListCount: perArguments(
        async (ids, where: Condition | undefined) =>
          await driver.countAmong(context, 'Document', await namingOf(ids), where),
        0,
      ),
      clear: () => made.forEach((one) => one.clearAll()),
    };
  });

/**
 * What is answered where another subgraph would have to be asked, and nobody has said where it is.
 * @throws CodedError `STORE_DISABLED`: nobody told this subgraph, which runs apart, where another is that knows something
 */
export function notTold(what: string, owner: string): never {
  throw new CodedError(
    'STORE_DISABLED',
    `${what} is not known: the subgraph relational has not been told where ${owner} is.`,
    { hint: `Set SUBGRAPH_${owner.toUpperCase()}_URL where relational runs, and restart it.` },
  );
}
