/** Users of one tenant, each with conversations of his own, by the whole server: whichever way and by whatever filter one asks, he sees his own. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { WAYS_IN } from '#tests/gateway/ways-in.ts';
import { startTestServer, type TestServer } from '#tests/setup/server.ts';

let server: TestServer;
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
const BEGIN = 'mutation ($input: CreateSessionInput!) { createSession(input: $input) { session { id userId } } }';
const SAY = `mutation ($id: ID!, $content: String!, $runId: ID) {
  appendMessages(input: { sessionId: $id, runId: $runId, messages: [{ role: USER, content: $content }] }) { messages { id run { id } } }
}`;

let agentId: string;
let sessionId: string;
let runId: string;
beforeAll(async () => {
  server = await startTestServer({
    TRUSTED_PROXIES: 'loopback',
    FORWARD_AUTH_USER_HEADER: 'remote-user',
    FORWARD_AUTH_ROLES_HEADER: 'remote-groups',
    FORWARD_AUTH_TENANT: 'acme',
    ROLE_SCOPES: 'users=memory:write; services=memory:write sessions:all agents:write runs:write keys:write',
  });
  agentId = (await ask(SERVICE, 'mutation { createAgent(input: { name: "clerk" }) { agent { id } } }'))['createAgent'].agent.id; // prettier-ignore
  sessionId = (await ask(ANN, BEGIN, { input: { agentId, title: 'of ann' } }))['createSession'].session.id;
  const start =
    'mutation ($id: ID!, $thread: ID!) { startRun(input: { agentId: $id, threadId: $thread }) { run { id } } }';
  runId = (await ask(SERVICE, start, { id: agentId, thread: sessionId }))['startRun'].run.id;
  expect((await ask(ANN, SAY, { id: sessionId, content: 'a word in confidence', runId }))['appendMessages'].messages[0].run.id).toBe(runId); // prettier-ignore
});
afterAll(async () => await server?.[Symbol.asyncDispose]());

const LOOKED = `query ($id: ID!, $agent: ID!, $run: ID!) {
  session(id: $id) { title context { messages { content } } summary { text } }
  sessions(where: { agent: { id: { eq: $agent } } }) { totalCount nodes { title } }
  bySaid: sessions(where: { messages: { some: { content: { contains: "confidence" } } } }) { nodes { title } }
  byCount: sessions(where: { messages: { count: { gte: 1 } } }, orderBy: [{ messages: COUNT, direction: DESC }]) { nodes { title } }
  messages(where: { session: { title: { eq: "of ann" } } }) { nodes { content } }
  byRun: messages(where: { run: { id: { eq: $run } } }) { nodes { content session { title } } }
  led: agents(where: { sessions: { some: { title: { startsWith: "of" } } } }) { nodes { name } }
  counted: agents(where: { sessions: { count: { gte: 1 } } }) { nodes { name } }
  agent(id: $agent) { sessions { totalCount nodes { messages { nodes { content } } } } }
  sessionsAggregate(groupBy: [{ field: TITLE }]) { groups { keys { title } } }
  messagesAggregate { groups { count } }
}`;
const NOTHING = {
  session: null,
  sessions: { totalCount: 0, nodes: [] },
  bySaid: { nodes: [] },
  byCount: { nodes: [] },
  messages: { nodes: [] },
  byRun: { nodes: [] },
  led: { nodes: [] },
  counted: { nodes: [] },
  agent: { sessions: { totalCount: 0, nodes: [] } },
  sessionsAggregate: { groups: [] },
  messagesAggregate: { groups: [{ count: 0 }] },
};
const title = { title: 'of ann' };
const said = { content: 'a word in confidence' };
const ALL = {
  session: { title: 'of ann', context: { messages: [said] }, summary: null },
  sessions: { totalCount: 1, nodes: [title] },
  bySaid: { nodes: [title] },
  byCount: { nodes: [title] },
  messages: { nodes: [said] },
  byRun: { nodes: [{ ...said, session: title }] },
  led: { nodes: [{ name: 'clerk' }] },
  counted: { nodes: [{ name: 'clerk' }] },
  agent: { sessions: { totalCount: 1, nodes: [{ messages: { nodes: [said] } }] } },
  sessionsAggregate: { groups: [{ keys: title }] },
  messagesAggregate: { groups: [{ count: 1 }] },
};
const look = (as: Who, way?: string) => ask(as, LOOKED, { id: sessionId, agent: agentId, run: runId }, way);

test.each(Object.keys(WAYS_IN))('by %s, whose it is and who serves all users see it, and nobody else', async (way) => {
  expect(await look(ANN, way)).toEqual(ALL);
  expect(await look(SERVICE, way)).toEqual(ALL);
  for (const other of [BEN, READER]) expect(await look(other, way)).toEqual(NOTHING);
});

test('all at once, each is told his own', async () => {
  const everybody = Array.from({ length: 12 }, (_, index) => [ANN, BEN, SERVICE, READER][index % 4]!);
  const answers = await Promise.all(everybody.map((as) => look(as)));
  answers.forEach((told, index) => expect(told).toEqual(index % 2 === 0 ? ALL : NOTHING));
});

test('who serves all users begins and writes for them; a user writes to his own, and who has no scope to none', async () => {
  const { createSession } = await ask(SERVICE, BEGIN, { input: { userId: 'ben', idempotencyKey: 'ticket 1' } });
  const { id, userId } = createSession.session;
  expect(userId).toBe('ben');
  await ask(SERVICE, SAY, { id, content: 'How can I help?' });
  await ask(BEN, SAY, { id, content: 'With this.' });
  expect((await ask(BEN, 'query ($id: ID!) { session(id: $id) { messages { nodes { sequence content } } } }', { id }))['session']).toEqual({ messages: { nodes: [{ sequence: 1, content: 'How can I help?' }, { sequence: 2, content: 'With this.' }] } }); // prettier-ignore
  const codeOf = async (as: Who, query: string, variables: Record<string, unknown>) =>
    (await answer(as, query, variables)).errors?.[0]?.extensions?.['code'];
  expect(await codeOf(ANN, SAY, { id, content: 'mine' })).toBe('NOT_FOUND');
  expect(await codeOf(BEN, SAY, { id: sessionId, content: 'mine' })).toBe('NOT_FOUND');
  expect(await codeOf(BEN, BEGIN, { input: { userId: 'ann' } })).toBe('FORBIDDEN');
  expect(await codeOf(READER, BEGIN, { input: {} })).toBe('FORBIDDEN');
  expect(await codeOf(READER, SAY, { id: sessionId, content: 'mine' })).toBe('FORBIDDEN');
  // A key is a user of its own, whoever made it.
  const { createApiKey } = await ask(SERVICE, 'mutation { createApiKey(input: { name: "k", scopes: ["memory:write"] }) { secret key { id } } }'); // prettier-ignore
  const key = `Bearer ${createApiKey.secret as string}`;
  const own = await WAYS_IN['POST']!(server.url, { query: BEGIN, variables: { input: { title: 'of a key' } } }, key);
  expect(own.answer.data!['createSession'].session.userId).toBe(createApiKey.key.id);
  const seen = await WAYS_IN['POST']!(server.url, { query: '{ sessions { nodes { title } } }' }, key);
  expect(seen.answer.data).toEqual({ sessions: { nodes: [{ title: 'of a key' }] } });
});
