/** Facts of users of one tenant, by the whole server: by meaning, by filters that lead through them and as a tool, each finds his own beside everybody's. */
import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { WAYS_IN } from '#tests/gateway/ways-in.ts';
import { delivered } from '#tests/setup/delivered.ts';
import { givenQdrant } from '#tests/setup/given-stores.ts';
import { startTestServer, type TestServer } from '#tests/setup/server.ts';

let server: TestServer;
const run = randomBytes(4).toString('hex');
/** Qdrant where it is given; otherwise what is embedded. */
const QDRANT = givenQdrant();
const who = (user: string, roles = 'users') => ({ 'remote-user': user, 'remote-groups': roles });
const [ANN, BEN, SERVICE, READER] = [who('ann'), who('ben'), who('helpdesk', 'services'), who('carl', '')];
type Who = typeof ANN;

const answer = async (as: Who, query: string, variables: Record<string, unknown> = {}, way = 'POST') =>
  (await WAYS_IN[way]!(server.url, { query, variables }, as)).answer;
const ask = async (as: Who, query: string, variables: Record<string, unknown> = {}, way?: string) => {
  const { data, errors } = await answer(as, query, variables, way);
  expect(errors).toBeUndefined();
  return data!;
};
/* eslint-disable @typescript-eslint/no-explicit-any -- answers are whatever was asked for */
const tool = async (as: Who, name: string, given: object): Promise<any> => {
  const headers = { 'content-type': 'application/json', ...as };
  const response = await fetch(new URL(`/agents/tools/${name}`, server.url), { method: 'POST', headers, body: JSON.stringify(given) }); // prettier-ignore
  return await response.json();
};
const REMEMBER =
  'mutation ($input: RememberFactInput!) { rememberFact(input: $input) { fact { id userId } notIndexed { store } } }';

let agentId: string;
let factId: string;
beforeAll(async () => {
  server = await startTestServer({
    TRUSTED_PROXIES: 'loopback',
    FORWARD_AUTH_USER_HEADER: 'remote-user',
    FORWARD_AUTH_ROLES_HEADER: 'remote-groups',
    FORWARD_AUTH_TENANT: `acme-${run}`,
    AGENT_CAPABILITIES: 'read,write:memory',
    ROLE_SCOPES: 'users=memory:write; services=memory:write memory:all agents:write; admins=agents:write',
    ...('QDRANT_URL' in QDRANT ? { ...QDRANT, VECTOR_COLLECTION: `users_${run}` } : QDRANT),
  });
  agentId = (await ask(SERVICE, 'mutation { createAgent(input: { name: "clerk" }) { agent { id } } }'))['createAgent'].agent.id; // prettier-ignore
  const own = { key: 'food of the user', value: 'The user eats figs from Smyrna.', agentId, own: true, waitFor: ['VECTOR'], timeoutMs: 20_000 }; // prettier-ignore
  const remembered = (await ask(ANN, REMEMBER, { input: own }))['rememberFact'];
  expect(remembered).toEqual({ fact: { id: expect.any(String), userId: 'ann' }, notIndexed: [] });
  factId = remembered.fact.id;
  await ask(SERVICE, REMEMBER, { input: { key: 'food of all', value: 'On Fridays there is fish for everybody.' } });
  await delivered(server);
});
afterAll(async () => await server?.[Symbol.asyncDispose]());

const QUERY = 'does the user eat figs from Smyrna?';
const LOOKED = `query ($id: ID!, $agent: ID!, $query: String!) {
  memoryFact(id: $id) { value }
  memoryFacts(where: { similarTo: { query: $query } }, orderBy: [{ field: SIMILARITY }]) { totalCount nodes { key userId } }
  first: memoryFacts(where: { similarTo: { query: $query } }, orderBy: [{ field: SIMILARITY }], first: 1) { nodes { key } pageInfo { hasNextPage } }
  words: memoryFacts(where: { similarTo: { query: "\\"figs from Smyrna\\"", minScore: -1 } }) { totalCount nodes { key } }
  near: memoryFacts(where: { id: { eq: $id }, similarTo: { query: $query, minScore: -1 } }) { totalCount nodes { key } }
  similarMemoryFacts(query: $query) { totalCount edges { node { key } } }
  asked: similarMemoryFacts(query: $query, where: { id: { eq: $id } }) { totalCount edges { score } }
  led: agents(where: { memoryFacts: { some: { similarTo: { query: $query, minScore: 0.1 } } } }) { nodes { name } }
  counted: agents(where: { memoryFacts: { count: { gte: 1 } } }) { nodes { name } }
  agent(id: $agent) { memoryFacts { totalCount nodes { key } } }
  memoryFactsAggregate(where: { similarTo: { query: $query, minScore: -1 } }, groupBy: [{ field: KEY }]) { groups { keys { key } count } }
}`;
const [own, all] = [{ key: 'food of the user' }, { key: 'food of all' }];
const whose = (userId: string | null, fact: object) => ({ ...fact, userId });
const ALL = {
  memoryFact: { value: 'The user eats figs from Smyrna.' },
  memoryFacts: { totalCount: 2, nodes: [whose('ann', own), whose(null, all)] },
  first: { nodes: [own], pageInfo: { hasNextPage: true } },
  words: { totalCount: 1, nodes: [own] },
  near: { totalCount: 1, nodes: [own] },
  similarMemoryFacts: { totalCount: 2, edges: [{ node: own }, { node: all }] },
  asked: { totalCount: 1, edges: [{ score: expect.any(Number) }] },
  led: { nodes: [{ name: 'clerk' }] },
  counted: { nodes: [{ name: 'clerk' }] },
  agent: { memoryFacts: { totalCount: 1, nodes: [own] } },
};
const none = { totalCount: 0, nodes: [] };
const EVERYBODYS = {
  memoryFact: null,
  memoryFacts: { totalCount: 1, nodes: [whose(null, all)] },
  first: { nodes: [all], pageInfo: { hasNextPage: false } },
  words: none,
  near: none,
  similarMemoryFacts: { totalCount: 1, edges: [{ node: all }] },
  asked: { totalCount: 0, edges: [] },
  led: { nodes: [] },
  counted: { nodes: [] },
  agent: { memoryFacts: none },
};
const look = async (as: Who, way?: string) => {
  const { memoryFactsAggregate, ...rest } = await ask(as, LOOKED, { id: factId, agent: agentId, query: QUERY }, way);
  const keys = memoryFactsAggregate.groups.map(({ keys, count }: any) => `${keys.key} ${count}`);
  return { ...rest, keys: keys.sort() };
};
const SEEN = { ...ALL, keys: ['food of all 1', 'food of the user 1'] };
const NOT_SEEN = { ...EVERYBODYS, keys: ['food of all 1'] };

test.each(Object.keys(WAYS_IN))('by %s, whose it is and who serves all users find it, and nobody else', async (way) => {
  expect(await look(ANN, way)).toEqual(SEEN);
  expect(await look(SERVICE, way)).toEqual(SEEN);
  for (const other of [BEN, READER]) expect(await look(other, way)).toEqual(NOT_SEEN);
});

test('all at once, each is told his own', async () => {
  const everybody = Array.from({ length: 12 }, (_, index) => [ANN, BEN, SERVICE, READER][index % 4]!);
  const answers = await Promise.all(everybody.map((as) => look(as)));
  answers.forEach((told, index) => expect(told).toEqual(index % 2 === 0 ? SEEN : NOT_SEEN));
});

test('as tools, agents remember for a user, recall what is his and everybody’s, and forget it', async () => {
  const remembered = async (as: Who, given: object) => (await tool(as, 'remember', given)).data.rememberFact.fact.id;
  const mine = await remembered(BEN, { key: 'drink', value: 'The user drinks mint tea.', own: true });
  const served = await remembered(SERVICE, { key: 'drink', value: 'The user drinks coffee.', userId: 'dora' });
  await delivered(server);
  const recalled = async (as: Who, given: object = {}) =>
    (await tool(as, 'recall', { query: 'what does the user drink?', first: 9, ...given })).data.memoryFacts.nodes.map(({ id, userId }: any) => `${id} ${userId}`); // prettier-ignore
  expect((await recalled(BEN))[0]).toBe(`${mine} ben`);
  expect(await recalled(BEN)).toHaveLength(2);
  expect(await recalled(BEN, { userId: 'dora' })).toEqual([expect.stringMatching(/ null$/)]);
  expect(await recalled(SERVICE)).toHaveLength(4);
  const forDora = await recalled(SERVICE, { userId: 'dora' });
  expect(forDora).toEqual([`${served} dora`, expect.stringMatching(/ null$/)]);
  expect(await recalled(who('dora'))).toEqual(forDora);
  for (const [as, name, given, code] of [
    [BEN, 'remember', { key: 'k', value: 'v', userId: 'dora' }, 'FORBIDDEN'],
    [READER, 'remember', { key: 'k', value: 'v', own: true }, 'FORBIDDEN'],
    [BEN, 'remember', { key: 'k', value: 'v', own: true, userId: 'ben' }, 'BAD_USER_INPUT'],
    [BEN, 'remember', { key: 'k', value: 'v', user: 'ben' }, 'BAD_USER_INPUT'],
    [BEN, 'recall', { query: 'x', user_id: 'ben' }, 'BAD_USER_INPUT'],
    [BEN, 'forget', { id: served }, 'NOT_FOUND'],
    [BEN, 'forget', { id: factId }, 'NOT_FOUND'],
  ] as const)
    expect([given, await tool(as, name, given)]).toEqual([given, expect.objectContaining({ errors: [expect.objectContaining({ extensions: expect.objectContaining({ code }) })] })]); // prettier-ignore
  expect(await tool(SERVICE, 'forget', { id: served })).toEqual({ data: { forgetFact: { deletedIds: [served] } } });
  expect(await tool(BEN, 'forget', { id: mine })).toEqual({ data: { forgetFact: { deletedIds: [mine] } } });
  expect(await recalled(SERVICE)).toHaveLength(2);
});

test('whose fact it was is gone from the vector store with its agent, whoever deletes that', async () => {
  const input = {
    key: 'k',
    value: 'An otter lives under the pier.',
    own: true,
    waitFor: ['VECTOR'],
    timeoutMs: 20_000,
  };
  const agent = (await ask(SERVICE, 'mutation { createAgent(input: { name: "short-lived" }) { agent { id } } }'))['createAgent'].agent.id; // prettier-ignore
  const { id } = (await ask(BEN, REMEMBER, { input: { ...input, agentId: agent } }))['rememberFact'].fact;
  const near = 'query ($id: ID!) { similarMemoryFacts(query: "otter", where: { id: { eq: $id } }) { totalCount } }';
  expect((await ask(BEN, near, { id }))['similarMemoryFacts'].totalCount).toBe(1);
  // Who may delete agents, and see no other user's facts.
  await ask(who('admin', 'admins'), 'mutation ($id: ID!) { deleteAgent(input: { id: $id }) { agent { id } } }', { id: agent }); // prettier-ignore
  await delivered(server);
  for (const as of [BEN, SERVICE]) expect((await ask(as, near, { id }))['similarMemoryFacts'].totalCount).toBe(0);
});
