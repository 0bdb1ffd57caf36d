/** Ports whose provider runs as a server of its own: the same interfaces, over its GraphQL API as the system. */
import { Kind, parse, type DocumentNode, type ExecutionResult } from 'graphql';
import { createRequestContext, type RequestContext } from '#subgraphs/shared/context.ts';
import { CodedError, type ErrorCode } from '#subgraphs/shared/errors.ts';
import type { ArchiveSink, Embedder, Ports, RunLookup, UsageSink } from '#subgraphs/shared/ports.ts';
import type { SubgraphName } from '#subgraphs/shared/subgraph.ts';
import type { SubgraphClient } from '#gateway/execute/clients/subgraph-client.ts';

const EMBED = parse('query Embed($input: [String!]!) { embed(input: $input) { model dimensions vector } }');
const RECORD_USAGE = parse(
  'mutation RecordUsage($input: RecordUsageInput!) { recordUsage(input: $input) { __typename } }',
);
const PUT_OBJECT = parse('mutation PutObject($input: PutObjectInput!) { putObject(input: $input) { __typename } }');

const RUN = parse('query RunExists($id: ID!) { run(id: $id) { id } }');

/** What `client` provides to others, when it is the subgraph `name`. */
export async function remotePorts(name: SubgraphName, client: SubgraphClient): Promise<Partial<Ports>> {
  if (name === 'inference') return { embedder: await remoteEmbedder(client) };
  if (name === 'relational') return { usageSink: remoteUsageSink(client) };
  if (name === 'object') return { archiveSink: remoteArchiveSink(client) };
  if (name === 'runs') return { runLookup: remoteRunLookup(client) };
  return {};
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
    async embed(caller, input) {
      if (input.length === 0 && model !== undefined)
        return { model: model.name, dimensions: model.dimensions ?? 0, vectors: [] };
      const { embed } = await call<Embedded>(client, EMBED, { input }, caller);
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

const remoteUsageSink = (client: SubgraphClient): UsageSink => ({
  async record(context, usage) {
    await call(client, RECORD_USAGE, { input: { ...usage } }, context);
  },
});

const remoteArchiveSink = (client: SubgraphClient): ArchiveSink => ({
  async put(context, key, contentType, body) {
    await call(
      client,
      PUT_OBJECT,
      { input: { key, contentType, content: Buffer.from(body).toString('base64'), encoding: 'BASE64' } },
      context,
    );
  },
});

const remoteRunLookup = (client: SubgraphClient): RunLookup => ({
  async exists(context, id) {
    const { run } = await call<{ run: object | null }>(client, RUN, { id }, context);
    return run !== null;
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
