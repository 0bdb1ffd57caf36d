/** Ports whose provider runs as a server of its own: the same interfaces, over its GraphQL API as the system. */
import { Kind, parse, type DocumentNode, type ExecutionResult } from 'graphql';
import { createRequestContext, type RequestContext } from '#subgraphs/shared/context.ts';
import { CodedError, type ErrorCode } from '#subgraphs/shared/errors.ts';
import type {
  AgentLookup,
  ArchiveSink,
  AuditSink,
  Chat,
  Embedder,
  EndedKey,
  EntityLookup,
  GraphLookup,
  KeyStore,
  KnownKey,
  Ports,
  Reranker,
  SharedDocument,
  ShareLookup,
  UsageSink,
} from '#subgraphs/shared/ports.ts';
import { SHARED } from '#subgraphs/shared/bounds.ts';
import { projectOf } from '#subgraphs/shared/tenant-id.ts';
import { SPENDING } from '#subgraphs/shared/scopes.ts';
import type { SubgraphName } from '#subgraphs/shared/subgraph.ts';
import type { SubgraphClient } from '#gateway/execute/clients/subgraph-client.ts';

const EMBED = parse('query Embed($input: [String!]!) { embed(input: $input) { model dimensions vector } }');
const EMBED_QUERIES = parse(
  'query Embed($input: [String!]!) { embed(input: $input, as: QUERY) { model dimensions vector } }',
);
const RERANK = parse(
  'query Rerank($query: String!, $texts: [String!]!) { rerank(query: $query, documents: $texts) { model results { index score } } }',
);
const GENERATE = parse(
  'query Generate($input: GenerateInput!) { generate(input: $input) { text model finishReason } }',
);
const RECORD_USAGE = parse(
  'mutation RecordUsage($input: RecordUsageInput!) { recordUsage(input: $input) { __typename } }',
);
const PUT_OBJECT = parse('mutation PutObject($input: PutObjectInput!) { putObject(input: $input) { __typename } }');

const VERIFY_KEYS = parse(
  'query VerifyKeys($keys: [PresentedApiKeyInput!]!) { verifiedApiKeys(keys: $keys) { id tenantId scopes expiresAt } }',
);
const SHARED_DOCUMENTS = parse(
  'query SharedDocuments($first: Int!) { sharedDocuments(first: $first) { documentId tenantId } }',
);
const SHARED_OBJECTS = parse('query SharedObjects($keys: [String!]!) { sharedObjects(keys: $keys) { key tenantId } }');
const AGENTS_NAMED = parse(
  'query AgentsNamed($name: String!, $first: Int!) { agents(where: { name: { eq: $name } }, first: $first) { nodes { id } } }',
);
const AGENT_NAMES = parse('query AgentNames($first: Int!) { agents(first: $first) { nodes { name } } }');
const ENDED_KEY = parse(
  'query EndedKey($key: PresentedApiKeyInput!) { endedApiKey(key: $key) { id tenantId reason } }',
);
const AUDIT_CHANGED = parse(
  'mutation AuditChanged($input: AuditChangedInput!) { auditChanged(input: $input) { __typename } }',
);
const AUDIT_REFUSED = parse(
  'mutation AuditRefused($input: AuditRefusedInput!) { auditRefused(input: $input) { __typename } }',
);

/**
 * What `client` provides to others, when it is the subgraph `name`.
 * @param options.embeds whether anybody here has texts embedded: to know by which model, it is asked at once. @default true
 */
export async function remotePorts(
  name: SubgraphName,
  client: SubgraphClient,
  { embeds = true }: { readonly embeds?: boolean } = {},
): Promise<Partial<Ports>> {
  if (name === 'inference') {
    const ports = { reranker: remoteReranker(client), chat: remoteChat(client) };
    return embeds ? { embedder: await remoteEmbedder(client), ...ports } : ports;
  }
  if (name === 'relational')
    return {
      usageSink: remoteUsageSink(client),
      keyStore: remoteKeyStore(client),
      auditSink: remoteAuditSink(client),
      shares: remoteShares(client),
      agentLookup: remoteAgents(client),
    };
  if (name === 'object') return { archiveSink: remoteArchiveSink(client) };
  if (name === 'runs') return { runLookup: remoteLookup(client, ['Run']) };
  if (name === 'graph') return { graphLookup: remoteGraphLookup(client) };
  return {};
}

/**
 * The caller as one who may have texts embedded: whoever may search may have his words turned into a vector, as in one
 * process, without a scope for models.
 */
function embedding(caller: RequestContext): RequestContext {
  const { anonymous: _, ...principal } = caller.principal;
  return { ...caller, principal: { ...principal, scopes: [...principal.scopes, SPENDING] } };
}

type Embedded = { embed: { model: string; dimensions: number; vector: number[] }[] | null };

/**
 * The model's name is asked for once, on first use and again after a failure, since the provider may start later than
 * its users.
 */
async function remoteEmbedder(client: SubgraphClient): Promise<Embedder> {
  let model: Embedder['model'];
  const embedder: Embedder = {
    get model() {
      return model;
    },
    async learn(context) {
      if (model === undefined) await embedder.embed(context, ['.']);
    },
    async embed(caller, input, as) {
      if (input.length === 0 && model !== undefined)
        return { model: model.name, dimensions: model.dimensions ?? 0, vectors: [] };
      const asked = as === 'QUERY' ? EMBED_QUERIES : EMBED;
      const { embed } = await call<Embedded>(client, asked, { input }, embedding(caller));
      const [first] = embed ?? [];
      if (first === undefined)
        throw new CodedError('SUBGRAPH_UNAVAILABLE', `The subgraph ${client.name} embedded nothing.`);
      model = { name: first.model, dimensions: first.dimensions };
      return {
        model: first.model,
        dimensions: first.dimensions,
        vectors: embed!.map(({ vector }) => Float32Array.from(vector)),
      };
    },
  };
  const principal = { tenantId: 'system', subject: 'system:mount', roles: [], scopes: [], system: true };
  await embedder.embed(createRequestContext(principal), ['.']).catch((error: unknown) => {
    // Embeddings may be off there, or the server not up yet; what asks for them later is told why.
    if (!(error instanceof CodedError)) throw error;
  });
  return embedder;
}

/** As the caller, who has to be one that may spend on models there as here. */
const remoteReranker = (client: SubgraphClient): Reranker => ({
  async rerank(context, query, texts) {
    type Reranked = { rerank: Awaited<ReturnType<Reranker['rerank']>> | null };
    const { rerank } = await call<Reranked>(client, RERANK, { query, texts }, context);
    if (rerank === null) throw new CodedError('SUBGRAPH_UNAVAILABLE', `The subgraph ${client.name} reranked nothing.`);
    return rerank;
  },
});

/** As the caller, likewise. */
const remoteChat = (client: SubgraphClient): Chat => ({
  async generate(context, input) {
    type Generated = { generate: Awaited<ReturnType<Chat['generate']>> | null };
    const { generate } = await call<Generated>(client, GENERATE, { input }, context);
    if (generate === null)
      throw new CodedError('SUBGRAPH_UNAVAILABLE', `The subgraph ${client.name} generated nothing.`);
    return generate;
  },
});

const remoteUsageSink = (client: SubgraphClient): UsageSink => ({
  async record(context, usage) {
    await call(client, RECORD_USAGE, { input: { ...usage } }, context);
  },
});

const remoteAuditSink = (client: SubgraphClient): AuditSink => ({
  async changed(context, rows) {
    await call(client, AUDIT_CHANGED, { input: { rows: rows.map((row) => ({ ...row })) } }, context);
  },
  async refused(context, actions) {
    await call(client, AUDIT_REFUSED, { input: { actions: actions.map((action) => ({ ...action })) } }, context);
  },
});

const remoteArchiveSink = (client: SubgraphClient): ArchiveSink => ({
  async put(context, key, contentType, body) {
    await call(
      client,
      PUT_OBJECT,
      { input: { key, mediaType: contentType, content: Buffer.from(body).toString('base64'), encoding: 'BASE64' } },
      context,
    );
  },
});

/** @param types those that the subgraph has: it refuses to be asked of others */
function remoteLookup(client: SubgraphClient, types: readonly string[]): EntityLookup {
  const query = parse(
    `query Existing($of: [_Any!]!) { _entities(representations: $of) { ${types.map((type) => `... on ${type} { id }`).join(' ')} } }`,
  );
  return {
    async existing(context, type, ids) {
      const of = ids.map((id) => ({ __typename: type, id }));
      const { _entities: found } = await call<{ _entities: ({ id: string } | null)[] }>(client, query, { of }, context);
      return new Set(found.flatMap((one) => one?.id ?? []));
    },
  };
}

const NAMING = parse(
  'query Naming($of: [_Any!]!, $limit: Int!, $after: ID, $backward: Boolean!) { _entities(representations: $of) { ... on Entity { id documentIds(limit: $limit, after: $after, backward: $backward) } } }',
);
const NAMING_COUNTS = parse(
  'query NamingCounts($of: [_Any!]!) { _entities(representations: $of) { ... on Entity { id documentCount } } }',
);

/** What is told by `read` of the entities that there are, by id; asked about the caller by the gateway itself. */
async function ofEntities<Found, Told>(
  client: SubgraphClient,
  document: DocumentNode,
  variables: Record<string, unknown>,
  ids: readonly string[],
  caller: RequestContext,
  read: (found: Found) => Told,
): Promise<Map<string, Told>> {
  const of = ids.map((id) => ({ __typename: 'Entity', id }));
  const { _entities: found } = await call<{ _entities: (({ id: string } & Found) | null)[] }>(
    client,
    document,
    { of, ...variables },
    asSystem(caller),
  );
  return new Map(found.flatMap((one) => (one === null ? [] : [[one.id, read(one)] as const])));
}

const remoteGraphLookup = (client: SubgraphClient): GraphLookup => ({
  ...remoteLookup(client, ['Entity', 'GraphRelation']),
  naming: (context, ids, slice) =>
    ofEntities(client, NAMING, { ...slice }, ids, context, (found: { documentIds: string[] }) => found.documentIds),
  namingCounts: (context, ids) =>
    ofEntities(client, NAMING_COUNTS, {}, ids, context, (found: { documentCount: number }) => found.documentCount),
});

/** Asked about the caller by the gateway itself; of callers without a project, nobody is asked. */
const remoteShares = (client: SubgraphClient): ShareLookup => ({
  async documents(context) {
    if (projectOf(context.principal.tenantId) === undefined) return [];
    const { sharedDocuments } = await call<{ sharedDocuments: SharedDocument[] | null }>(
      client,
      SHARED_DOCUMENTS,
      { first: SHARED.sharedDocuments },
      asSystem(context),
    );
    return sharedDocuments ?? [];
  },
  async objects(context, keys) {
    if (projectOf(context.principal.tenantId) === undefined) return new Map();
    const { sharedObjects } = await call<{ sharedObjects: { key: string; tenantId: string }[] | null }>(
      client,
      SHARED_OBJECTS,
      { keys },
      asSystem(context),
    );
    return new Map(sharedObjects?.map(({ key, tenantId }) => [key, tenantId]));
  },
});

const remoteAgents = (client: SubgraphClient): AgentLookup => ({
  async named(context, name) {
    const found = await call<{ agents: { nodes: { id: string }[] } }>(
      client,
      AGENTS_NAMED,
      { name, first: SHARED.suggestions },
      context,
    );
    const ids = found.agents.nodes.map(({ id }) => id);
    if (ids.length > 0) return { ids, known: [] };
    const known = await call<{ agents: { nodes: { name: string }[] } }>(
      client,
      AGENT_NAMES,
      { first: SHARED.pageMost },
      context,
    );
    return { ids, known: [...new Set(known.agents.nodes.map((agent) => agent.name))] };
  },
});

const asSystem = (caller: RequestContext): RequestContext => ({
  ...caller,
  principal: { ...caller.principal, system: true },
});

type VerifiedKeys = { verifiedApiKeys: ((Omit<KnownKey, 'expiresAt'> & { expiresAt: string }) | null)[] | null };

const remoteKeyStore = (client: SubgraphClient): KeyStore => ({
  async verify(context, keys) {
    const { verifiedApiKeys } = await call<VerifiedKeys>(client, VERIFY_KEYS, { keys }, context);
    if (verifiedApiKeys?.length !== keys.length)
      throw new CodedError('SUBGRAPH_UNAVAILABLE', `The subgraph ${client.name} did not tell which keys hold.`);
    return verifiedApiKeys.map((key) => (key === null ? undefined : { ...key, expiresAt: Date.parse(key.expiresAt) }));
  },
  async ended(context, key) {
    const { endedApiKey } = await call<{ endedApiKey: EndedKey | null }>(client, ENDED_KEY, { key }, context);
    return endedApiKey ?? undefined;
  },
});

async function call<Data>(
  client: SubgraphClient,
  document: DocumentNode,
  variables: Record<string, unknown>,
  context: RequestContext,
): Promise<Data> {
  const [operation] = document.definitions;
  const result: ExecutionResult = await client.execute({
    document,
    operationType: operation?.kind === Kind.OPERATION_DEFINITION ? operation.operation : 'query',
    variables,
    context,
  });
  const [error] = result.errors ?? [];
  if (error !== undefined) {
    const { code, hint, service: _, ...extensions } = error.extensions ?? {};
    throw new CodedError((code as ErrorCode | undefined) ?? 'INTERNAL_SERVER_ERROR', error.message, {
      cause: error,
      hint: hint as string | undefined,
      // What a port's user goes by, such as `retryAfterSeconds` or which text was too long.
      extensions,
    });
  }
  return result.data as Data;
}
