/**
 * Every field that takes a scope, asked by a caller who has all but that one, and by one who has only that one. Nothing is
 * listed here: the fields are those of the API, so that one that is added is tried too.
 */
import type { GraphQLField } from 'graphql';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { subgraphSchemas } from '#ops/schema.ts';
import { ALL_SCOPES, scopeOf, SPENDING } from '#subgraphs/shared/scopes.ts';
import { isInaccessible, leastOperation } from '#tests/setup/least-operation.ts';
import { startTestServer, type TestServer } from '#tests/setup/server.ts';
import { WAYS_IN } from '#tests/gateway/ways-in.ts';

type Operation = 'query' | 'mutation' | 'subscription';
interface Taking {
  readonly operation: Operation;
  readonly field: GraphQLField<unknown, unknown>;
  readonly scope: string | undefined;
}

const schemas = await subgraphSchemas();
/** The fields of the root types that clients see. */
const fields: Taking[] = Object.values(schemas).flatMap((schema) =>
  (['query', 'mutation', 'subscription'] as const).flatMap((operation) => {
    const root = {
      query: schema.getQueryType(),
      mutation: schema.getMutationType(),
      subscription: schema.getSubscriptionType(),
    };
    return Object.values(root[operation]?.getFields() ?? {})
      .filter((field) => !field.name.startsWith('_') && !isInaccessible(field))
      .map((field) => ({ operation, field, scope: scopeOf(field) }));
  }),
);
const taking = fields.filter(({ scope }) => scope !== undefined);

describe('what takes a scope', () => {
  test('is everything that changes something', () => {
    const free = fields.filter(({ operation, scope }) => operation === 'mutation' && scope === undefined);
    expect(free.map(({ field }) => field.name)).toEqual([]);
  });

  test('is what spends, and what is kept for administrators', () => {
    const reading = taking.filter(({ operation }) => operation !== 'mutation').map(({ field }) => field.name);
    expect(reading.sort()).toEqual([
      'apiKeys',
      'apiKeysAggregate',
      'auditEntries',
      'auditEntriesAggregate',
      'embed',
      'generate',
      'generateStream',
      'rerank',
      'usageRecords',
      'usageRecordsAggregate',
    ]);
  });

  test('every scope is taken by something', () => {
    // One is taken by what a file of sources says; the others let see more of what everybody may ask.
    const taken = new Set([...taking.map(({ scope }) => scope), 'sources:write', 'sessions:all', 'memory:all']);
    expect([...taken].sort()).toEqual([...ALL_SCOPES].sort());
  });
});

describe('is held to it', () => {
  let server: TestServer;
  beforeAll(async () => {
    server = await startTestServer({
      TRUSTED_PROXIES: 'loopback',
      FORWARD_AUTH_USER_HEADER: 'remote-user',
      FORWARD_AUTH_ROLES_HEADER: 'remote-groups',
      FORWARD_AUTH_TENANT: 'acme',
      ROLE_SCOPES: ALL_SCOPES.map((scope) => `has ${scope}=${scope}`).join(';'),
    });
  });
  afterAll(async () => await server[Symbol.asyncDispose]());

  const as = (scopes: readonly string[]) => ({
    'remote-user': 'ann',
    'remote-groups': scopes.map((scope) => `has ${scope}`).join(','),
  });
  const ask = async ({ operation, field }: Taking, scopes: readonly string[], way = 'server-sent events') =>
    (await WAYS_IN[way]!(server.url, { query: leastOperation(operation, field) }, as(scopes))).answer;
  const codeOf = (answer: Awaited<ReturnType<typeof ask>>) => answer.errors?.[0]?.extensions?.['code'];

  test.each(taking.map((each) => [each.field.name, each] as const))('%s', async (name, each) => {
    const others = ALL_SCOPES.filter((scope) => scope !== each.scope);
    const refused = await ask(each, others);
    expect(codeOf(refused)).toBe('FORBIDDEN');
    expect(refused.errors![0]!.extensions!['hint']).toContain(`the scope ${each.scope}`);
    if (each.operation !== 'subscription') expect(refused.data).toEqual({ [name]: null });
    // Whatever the field makes of such values, it is asked.
    expect(codeOf(await ask(each, [each.scope!]))).not.toBe('FORBIDDEN');
  });

  test.each(['POST', 'server-sent events', 'multipart', 'WebSocket'])('nobody gets past by %s', async (way) => {
    const writing = taking.find(({ field }) => field.name === 'createAgent')!;
    expect(codeOf(await ask(writing, [], way))).toBe('FORBIDDEN');
    const answer = await ask(writing, ['agents:write'], way);
    expect(answer).toMatchObject({ data: { createAgent: { __typename: 'CreateAgentPayload' } } });
  });

  test('an alias, a fragment or a variable hides nothing', async () => {
    const query = `
      mutation ($on: Boolean = true) { a: createAgent(input: { name: "a" }) @include(if: $on) { __typename } ...F }
      fragment F on Mutation { ... on Mutation { b: deleteDocument(input: { id: "x" }) { __typename } } }`;
    const { answer } = await WAYS_IN['POST']!(server.url, { query }, as(['agents:write']));
    expect(answer.data).toEqual({ a: { __typename: 'CreateAgentPayload' }, b: null });
    expect(answer.errors!.map(({ path, extensions }) => [path, extensions!['code']])).toEqual([[['b'], 'FORBIDDEN']]);
  });

  test('what spends cannot be reached by GET, whoever asks, nor by MCP without its scope', async () => {
    for (const each of taking.filter(({ operation, scope }) => operation === 'query' && scope === SPENDING)) {
      const answer = await ask(each, ALL_SCOPES, 'GET');
      expect(codeOf(answer)).toBe('FORBIDDEN');
      expect(answer.errors![0]!.extensions!['hint']).toContain('POST');
      expect(codeOf(await ask(each, [], 'MCP'))).toBe('FORBIDDEN');
    }
    // What reads for administrators is no matter of the method.
    const audit = taking.find(({ field }) => field.name === 'auditEntries')!;
    expect(await ask(audit, ['audit:read'], 'GET')).toEqual({
      data: { auditEntries: { __typename: 'AuditEntryConnection' } },
    });
  });
});
