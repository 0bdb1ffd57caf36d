/** Loaders of one request: one statement for all that a level of a query needs, matched to keys by key. */
import type DataLoader from 'dataloader';
import { perRequest, type RequestContext } from '#subgraphs/shared/context.ts';
import { requestLoader } from '#subgraphs/shared/request-loader.ts';
import { ID_PREFIX, isIdOf } from '#subgraphs/shared/ids.ts';
import type {
  AgentVersionRow,
  ChildRequest,
  ChunkRow,
  IndexingRow,
  ModelName,
  NewShare,
  RelationalDriver,
  ReplacedSecretRow,
  Rows,
  ShareRow,
} from './driver.ts';
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
  agentVersions(request: ChildRequest): DataLoader<string, AgentVersionRow[]>;
  /** Forgets everything: a mutation has changed it. */
  clear(): void;
}

/** Makes the loaders of each request. */
export const createLoaders = (driver: RelationalDriver): ((context: RequestContext) => Loaders) =>
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
    const perArguments = <V>(load: (ids: readonly string[], request: ChildRequest) => Promise<Map<string, V[]>>) => {
      const byArguments = new Map<string, DataLoader<string, V[]>>();
      return (request: ChildRequest): DataLoader<string, V[]> => {
        const key = `${request.limit}:${request.backward ?? false}:${request.after ?? ''}`;
        let found = byArguments.get(key);
        if (found === undefined) byArguments.set(key, (found = loader((ids) => load(ids, request), [])));
        return found;
      };
    };

    const models = Object.keys(MODELS) as ModelName[];
    return {
      byId: Object.fromEntries(
        models.map((model) => [
          model,
          loader<Rows[ModelName] | null>(async (ids) => {
            // What is no id of this type cannot be found, and may hold what PostgreSQL refuses.
            const plausible = ids.filter((id) => model in ID_PREFIX && isIdOf(model, id));
            const rows = plausible.length === 0 ? [] : await driver.byIds(context, model, plausible);
            return new Map(rows.map((row) => [row.id, row]));
          }, null),
        ]),
      ) as unknown as Loaders['byId'],
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
      documentChunks: perArguments(async (ids, request) =>
        grouped(await driver.chunksOfDocuments(context, ids, request), (row) => row.documentId),
      ),
      agentVersions: perArguments(async (ids, request) =>
        grouped(await driver.versionsOfAgents(context, ids, request), (row) => row.agentId),
      ),
      clear: () => made.forEach((one) => one.clearAll()),
    };
  });

/** Groups rows by key, keeping their order. */
function grouped<V>(rows: readonly V[], keyOf: (row: V) => string): Map<string, V[]> {
  const groups = new Map<string, V[]>();
  for (const row of rows) {
    const group = groups.get(keyOf(row));
    if (group === undefined) groups.set(keyOf(row), [row]);
    else group.push(row);
  }
  return groups;
}
