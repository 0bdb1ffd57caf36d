/**
 * A second oracle: `@apollo/gateway` with its own planner and its own executor, on the supergraph that the server
 * composed and on the same subgraphs, must load it (without the scopes that fields take, which it does not know) and answer the contract's queries as the server's engine does.
 */
import { readFile } from 'node:fs/promises';
import { parse, print, type DocumentNode, type ExecutionResult } from 'graphql';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { DEVELOPER } from '#gateway/auth/authenticator.ts';
import { withoutAccessRules } from '#ops/compare/supergraph.ts';
import { createEngine, type Engine } from '#gateway/execute/engine.ts';
import { createRequestContext } from '#subgraphs/shared/context.ts';
import { entityId } from '#subgraphs/shared/ids.ts';
import { startTestServer, type TestServer } from '#tests/setup/server.ts';

type Gateway = import('@apollo/gateway').ApolloGateway;

let server: TestServer;
let engine: Engine;
let gateway: Gateway;
let operations: string;

beforeAll(async () => {
  operations = await readFile(new URL('../../contract/operations.graphql', import.meta.url), 'utf8');
  server = await startTestServer();
  const { clients } = server.services;
  const supergraphSdl = server.server.supergraph.current.sdl;
  engine = await createEngine({ supergraphSdl, clients });

  vi.stubEnv('APOLLO_TELEMETRY_DISABLED', 'true'); // It reports to its vendor unless told not to, before it is loaded.
  const { ApolloGateway } = await import('@apollo/gateway');
  gateway = new ApolloGateway({
    supergraphSdl: withoutAccessRules(supergraphSdl),
    buildService: ({ name }) => ({
      async process({ request }) {
        const result = await clients.get(name)!.execute({
          document: parse(request.query!),
          operationType: 'query',
          variables: (request.variables ?? {}) as Record<string, unknown>,
          context: createRequestContext(DEVELOPER),
        });
        return result as never;
      },
    }),
  });
  await gateway.load();

  for (let i = 0; i < 12; i++) {
    const self = { name: `package-${i}`, kind: 'package' };
    const input = {
      title: `GraphQL notes ${i}`,
      source: `notes/${i}.md`,
      mediaType: 'text/markdown',
      text: `Note ${i}: retry with backoff, and jitter.`,
      metadata: { number: i },
      entities: [self],
      relations: [{ from: self, to: { name: `package-${(i + 1) % 12}`, kind: 'package' }, type: 'DEPENDS_ON' }],
    };
    const document = parse(
      'mutation($input: UpsertDocumentInput!) { upsertDocument(input: $input) { document { id } } }',
    );
    expect(
      (await engine.execute({ document, variables: { input }, context: createRequestContext(DEVELOPER) })).errors,
    ).toBeUndefined();
  }
  const indexing = parse('{ documents(first: 50) { edges { node { indexing { state } } } } }');
  await vi.waitFor(
    async () => {
      const { data } = await engine.execute({ document: indexing, context: createRequestContext(DEVELOPER) });
      expect(new Set(JSON.stringify(data).match(/(?<="state":")\w+/g))).toEqual(new Set(['DONE']));
    },
    { timeout: 20_000 },
  );
});
afterAll(async () => {
  await gateway?.stop();
  await engine?.close();
  await server?.[Symbol.asyncDispose]();
  vi.unstubAllEnvs();
});

/** The same operation, by the other planner and the other executor. */
async function byApollo(
  document: DocumentNode,
  operationName: string,
  variables: Record<string, unknown>,
): Promise<ExecutionResult> {
  const { executor } = gateway as unknown as { executor: (context: object) => Promise<ExecutionResult> };
  return await executor({
    document,
    operationName,
    operation: document.definitions.find(
      (definition) => definition.kind === 'OperationDefinition' && definition.name?.value === operationName,
    ),
    source: print(document),
    queryHash: operationName,
    request: { query: print(document), operationName, variables, http: undefined },
    metrics: {},
    overallCachePolicy: undefined,
    context: {},
    logger: console,
    cache: undefined,
    schema: gateway.schema,
  });
}

/** Signed links hold the moment at which they were made. */
const comparable = (result: ExecutionResult): unknown =>
  JSON.parse(
    JSON.stringify(
      { data: result.data, errors: result.errors?.map(({ message, path }) => ({ message, path })) },
      (key, value: unknown) => (key === 'downloadUrl' ? typeof value : value),
    ),
  );

const QUERIES: [string, Record<string, unknown>][] = [
  ['Research', { question: 'retry with backoff' }],
  ['FromGraph', { name: 'package-3' }],
  ['Path', { from: entityId('default', 'package', 'package-1'), to: entityId('default', 'package', 'package-4') }],
  ['Documents', {}],
  ['Embed', {}],
  ['Models', {}],
  ['Recall', {}],
  ['Objects', {}],
];

test.each(QUERIES)('%s', async (name, variables) => {
  // `@defer` is not for the other executor, which would refuse the document.
  const document = parse(operations.slice(0, operations.indexOf('# 7. @defer')));
  const ours = await engine.execute({
    document,
    operationName: name,
    variables,
    context: createRequestContext(DEVELOPER),
  });
  expect(ours.errors).toBeUndefined();
  expect(comparable(ours)).toEqual(comparable(await byApollo(document, name, variables)));
});
