/** `startRun` with an agent's name, in one process with the agents and apart from them. */
import { execute, graphql } from 'graphql';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { SubgraphClient } from '#gateway/execute/clients/subgraph-client.ts';
import { remotePorts } from '#gateway/mount/remote-ports.ts';
import { createRuns } from '#subgraphs/runs/index.ts';
import type { AgentLookup } from '#subgraphs/shared/ports.ts';
import { contextOf, createRelationalFixture, type RelationalFixture } from './relational-fixture.ts';

let fixture: RelationalFixture;
const ids: Record<string, string> = {};

beforeAll(async () => {
  fixture = await createRelationalFixture();
  for (const [tenant, name] of [
    ['a', 'Release notes'],
    ['a', 'librarian'],
    ['a', 'twin'],
    ['a', 'twin'],
    ['b', 'only of b'],
  ] as const) {
    const create = 'mutation ($name: String!) { createAgent(input: { name: $name }) { agent { id } } }';
    ids[name] = (await fixture.get(tenant, create, { name })).createAgent.agent.id;
  }
});
afterAll(async () => await fixture?.[Symbol.asyncDispose]());

const START = 'mutation ($input: StartRunInput!) { startRun(input: $input) { run { id agent { id } } } }';

/** As a server of its own is asked. */
const apart = async (): Promise<AgentLookup> => {
  const client: Pick<SubgraphClient, 'name' | 'execute'> = {
    name: 'relational',
    execute: async ({ document, variables, context: contextValue }) =>
      execute({ schema: fixture.subgraph.schema, document, variableValues: variables, contextValue }),
  };
  return (await remotePorts('relational', client as SubgraphClient)).agentLookup!;
};

describe.each([
  ['in one process', () => Promise.resolve(fixture.subgraph.provides.agentLookup!)],
  ['apart', apart],
])('%s, an agent', (_way, lookup) => {
  let runs: Awaited<ReturnType<typeof createRuns>>;
  beforeAll(async () => {
    runs = await createRuns({}, { postgres: fixture.postgres, agents: await lookup() });
  });
  afterAll(async () => await runs.close());
  const start = async (input: object, tenant = 'a') => {
    const { data, errors } = await graphql({
      schema: runs.schema,
      source: START,
      variableValues: { input },
      contextValue: contextOf(tenant),
    });
    return {
      agent: (data as { startRun: { run: { agent: { id: string } | null } } | null }).startRun?.run.agent?.id,
      error: errors?.[0],
    };
  };

  test('is found by its name', async () => {
    expect((await start({ agentName: 'librarian' })).agent).toBe(ids['librarian']);
    expect((await start({ agentName: 'Release notes' })).agent).toBe(ids['Release notes']);
  });

  test('that nobody is is not found, and those that may be meant are told', async () => {
    const { error } = await start({ agentName: 'Librarien' });
    expect(error!.extensions).toMatchObject({ code: 'NOT_FOUND', suggestions: ['librarian'] });
    expect(error!.message).toBe('There is no agent "Librarien". Did you mean "librarian"?');
  });

  test('of another tenant is neither found nor suggested', async () => {
    for (const agentName of ['only of b', 'only of bb']) {
      const { error } = await start({ agentName });
      expect(error!.extensions['code']).toBe('NOT_FOUND');
      expect(JSON.stringify([error!.message, error!.extensions['suggestions']])).not.toContain('only of b"?');
    }
    expect((await start({ agentName: 'only of b' }, 'b')).agent).toBe(ids['only of b']);
    expect((await start({ agentName: 'librarian' }, 'nobody')).error!.message).toBe('There is no agent "librarian".');
  });

  test('whose name several bear must be given by its id', async () => {
    const { error } = await start({ agentName: 'twin' });
    expect(error!.extensions).toMatchObject({
      code: 'BAD_USER_INPUT',
      agentIds: expect.arrayContaining([ids['twin']]),
    });
    expect(error!.extensions['agentIds']).toHaveLength(2);
  });

  test('is given in one way', async () => {
    const both = await start({ agentName: 'librarian', agentId: ids['librarian'] });
    expect(both.error!.extensions['code']).toBe('BAD_USER_INPUT');
    for (const agentName of ['', 'a\0b', 'x'.repeat(20_000)])
      expect((await start({ agentName })).error!.extensions['code']).toBe('BAD_USER_INPUT');
    expect((await start({ agentName: null, agentId: ids['librarian'] })).agent).toBe(ids['librarian']);
    expect(await start({})).toEqual({ agent: undefined, error: undefined });
  });

  test('by name and key is the same run as by id and key', async () => {
    const started = async (input: object) => {
      const { data } = await graphql({
        schema: runs.schema,
        source: START,
        variableValues: { input: { idempotencyKey: 'k', ...input } },
        contextValue: contextOf('a'),
      });
      return (data as { startRun: { run: { id: string } } }).startRun.run.id;
    };
    expect(await started({ agentName: 'librarian' })).toBe(await started({ agentId: ids['librarian'] }));
  });
});

test('without somebody who knows the agents a name says what to set', async () => {
  const runs = await createRuns({}, { postgres: fixture.postgres });
  const { errors } = await graphql({
    schema: runs.schema,
    source: START,
    variableValues: { input: { agentName: 'librarian' } },
    contextValue: contextOf('a'),
  });
  expect(errors![0]!.extensions).toMatchObject({
    code: 'STORE_DISABLED',
    hint: expect.stringContaining('SUBGRAPH_RELATIONAL_URL'),
  });
  await runs.close();
});
