/**
 * What the gateway itself asks its subgraphs: in process unknown fields and inputs are forgiven, apart they are refused,
 * so every operation is held to the schema that it is for, and its variables too.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { buildSubgraphSchema } from '@apollo/subgraph';
import { getVariableValues, Kind, print, validate, type DocumentNode, type GraphQLSchema } from 'graphql';
import { describe, expect, test, vi } from 'vitest';
import type { SubgraphClient, SubgraphRequest } from '#gateway/execute/clients/subgraph-client.ts';
import { DELIVERIES } from '#gateway/indexing/deliver.ts';
import { INDEXED_STORES, type OutboxEntry } from '#gateway/indexing/outbox.ts';
import type { SubgraphCall } from '#gateway/indexing/subgraph-call.ts';
import { remotePorts } from '#gateway/mount/remote-ports.ts';
import { createRequestContext } from '#subgraphs/shared/context.ts';
import { CodedError } from '#subgraphs/shared/errors.ts';
import { SUBGRAPH_NAMES, type SubgraphName } from '#subgraphs/shared/subgraph.ts';
import { modelOf } from '#subgraphs/vector/indexing/embedding-model.ts';

/** What modules parse while they are loaded. */
const parsed = vi.hoisted(() => [] as DocumentNode[]);
vi.mock(import('graphql'), async (original) => {
  const graphql = await original();
  return {
    ...graphql,
    parse: (...given: Parameters<typeof graphql.parse>) => {
      const document = graphql.parse(...given);
      parsed.push(document);
      return document;
    },
  };
});

const { parse } = await vi.importActual<typeof import('graphql')>('graphql');
const SCHEMAS = new Map<string, GraphQLSchema>(
  SUBGRAPH_NAMES.map((name) => {
    const text = readFileSync(new URL(`../../subgraphs/${name}/schema.graphql`, import.meta.url), 'utf8');
    return [name, buildSubgraphSchema({ typeDefs: parse(text) })];
  }),
);
const context = createRequestContext({ tenantId: 'a', subject: 'tester', roles: [], scopes: [] });

/** Fails for what the subgraph would not take. */
function checkAgainst(name: string, document: DocumentNode, variables: Record<string, unknown>): void {
  const schema = SCHEMAS.get(name)!;
  expect(validate(schema, document).map(({ message }) => message)).toEqual([]);
  const operation = document.definitions.find((definition) => definition.kind === Kind.OPERATION_DEFINITION)!;
  const { errors } = getVariableValues(schema, operation.variableDefinitions ?? [], variables);
  expect(errors?.map(({ message }) => message)).toBeUndefined();
}

test('every operation in the rooms that ask fits a subgraph', async () => {
  parsed.length = 0;
  vi.resetModules();
  for (const room of ['indexing', 'mount'])
    for (const file of readdirSync(new URL(`../../gateway/${room}/`, import.meta.url)))
      await import(`../../gateway/${room}/${file}`);
  const operations = parsed.filter(({ definitions }) =>
    definitions.some(({ kind }) => kind === Kind.OPERATION_DEFINITION),
  );
  expect(operations.length).toBeGreaterThan(12);
  const unfit = operations.filter((document) =>
    [...SCHEMAS.values()].every((schema) => validate(schema, document).length > 0),
  );
  expect(unfit.map(print)).toEqual([]);
});

describe('deliveries', () => {
  const entry = (changes: Partial<OutboxEntry>): OutboxEntry => ({
    id: 'o1',
    tenantId: 'a',
    documentId: 'doc_1',
    revision: 1,
    store: 'VECTOR',
    operation: 'UPSERT',
    attempts: 1,
    objectKey: 'documents/doc_1',
    document: { title: 't', source: 's', collection: 'c', mediaType: 'text/plain', text: 'x', metadata: { a: 1 } },
    chunks: [{ id: 'chunk_1', text: 'x' }],
    entities: [{ name: 'n', kind: 'k', properties: { p: 1 } }],
    relations: [{ from: { name: 'n', kind: 'k' }, to: { name: 'm', kind: 'k' }, type: 'T', properties: {} }],
    ...changes,
  });

  test.each(INDEXED_STORES)('to %s are what it takes', async (store) => {
    const asked: string[] = [];
    const call = ((name, document, variables) => {
      asked.push(name);
      checkAgainst(name, document, variables);
      return Promise.resolve({});
    }) as SubgraphCall;
    const entries = [entry({ store }), entry({ store, operation: 'DELETE', document: null, chunks: [] })];
    await DELIVERIES[store].deliver(call, 'a', entries);
    expect(asked).toHaveLength(2);
  });
});

describe('ports of subgraphs that run apart', () => {
  const strict = (name: SubgraphName, data: Record<string, unknown>): SubgraphClient =>
    ({
      name,
      execute: ({ document, variables }: SubgraphRequest) => {
        checkAgainst(name, document, variables);
        return Promise.resolve({ data });
      },
    }) as unknown as SubgraphClient;

  test('the sink of usage', async () => {
    const { usageSink } = await remotePorts('relational', strict('relational', {}));
    const usage = { operation: 'EMBED', provider: 'p', model: 'm', inputTokens: 1, outputTokens: 0, estimated: true };
    await usageSink!.record(context, usage as never);
  });

  test('the sink of archives', async () => {
    const { archiveSink } = await remotePorts('object', strict('object', {}));
    await archiveSink!.put(context, 'archive/x', 'application/jsonl', Buffer.from('x'));
  });

  test('whose API keys are', async () => {
    const key = { prefix: 'x', digest: 'y', seal: 'z' };
    const known = { id: 'key_1', tenantId: 'a', scopes: ['s'], expiresAt: '2026-01-01T00:00:00.000Z' };
    const { keyStore } = await remotePorts('relational', strict('relational', { verifiedApiKeys: [null, known] }));
    expect(await keyStore!.verify(context, [key, key])).toEqual([
      undefined,
      { ...known, expiresAt: Date.UTC(2026, 0, 1) },
    ]);
    await expect(keyStore!.verify(context, [key])).rejects.toMatchObject({ code: 'SUBGRAPH_UNAVAILABLE' });
  });

  test('whose an API key was, and what was refused', async () => {
    const ended = { id: 'key_1', tenantId: 'a', reason: 'revoked' };
    const { keyStore } = await remotePorts('relational', strict('relational', { endedApiKey: ended }));
    expect(await keyStore!.ended(context, { prefix: 'x', digest: 'y', seal: 'z' })).toEqual(ended);
    const { auditSink } = await remotePorts('relational', strict('relational', {}));
    const action = { subject: 's', action: 'Mutation.x', code: 'FORBIDDEN', count: 1 };
    await auditSink!.refused(context, [action, { ...action, reason: 'expired', address: '::1', requestId: 'r' }]);
  });

  test('which runs there are', async () => {
    const { runLookup } = await remotePorts('runs', strict('runs', { _entities: [null] }));
    expect(await runLookup!.existing(context, 'Run', ['run_1'])).toEqual(new Set());
  });

  test('an embedder that starts later is found when it is needed, and one that is off says so', async () => {
    let answer: () => Promise<unknown> = () => Promise.reject(new CodedError('SUBGRAPH_UNAVAILABLE', 'Not up yet.'));
    const client = { name: 'inference', execute: () => answer() } as unknown as SubgraphClient;
    const { embedder } = await remotePorts('inference', client);
    await expect(modelOf(context, embedder!)).rejects.toMatchObject({ code: 'SUBGRAPH_UNAVAILABLE' });
    const off = { message: 'Off.', extensions: { code: 'STORE_DISABLED' } };
    answer = () => Promise.resolve({ data: { embed: null }, errors: [off] });
    await expect(modelOf(context, embedder!)).rejects.toMatchObject({ code: 'STORE_DISABLED' });
    const up = strict('inference', { embed: [{ model: 'm', dimensions: 2, vector: [1, 0] }] });
    answer = () => up.execute({ ...asked, context });
    let asked: SubgraphRequest;
    client.execute = (request) => {
      asked = request;
      return answer() as ReturnType<SubgraphClient['execute']>;
    };
    expect(await modelOf(context, embedder!)).toEqual({ name: 'm', dimensions: 2 });
  });
});
