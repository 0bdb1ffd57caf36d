/** What is said in sessions, found by meaning by the whole server: each user finds his own, until the session is gone. */
import { randomBytes } from 'node:crypto';
import { parse } from 'graphql';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { reconcile } from '#gateway/indexing/reconcile.ts';
import { systemCalls } from '#gateway/indexing/subgraph-call.ts';
import { createPostgresDriver } from '#subgraphs/relational/drivers/postgres/index.ts';
import { SessionRetention } from '#subgraphs/relational/sessions/retention.ts';
import { Postgres } from '#subgraphs/shared/postgres/postgres.ts';
import { WAYS_IN } from '#tests/gateway/ways-in.ts';
import { delivered } from '#tests/setup/delivered.ts';
import { givenQdrant } from '#tests/setup/given-stores.ts';
import { startTestServer, type TestServer } from '#tests/setup/server.ts';

/* eslint-disable @typescript-eslint/no-explicit-any -- answers are whatever was asked for */
const run = randomBytes(4).toString('hex');
const QDRANT = givenQdrant();
const who = (user: string, roles = 'users') => ({ 'remote-user': user, 'remote-groups': roles });
const [ANN, BEN, SERVICE] = [who('ann'), who('ben'), who('helpdesk', 'services')];
type Who = typeof ANN;
const AS_USERS = {
  TRUSTED_PROXIES: 'loopback',
  FORWARD_AUTH_USER_HEADER: 'remote-user',
  FORWARD_AUTH_ROLES_HEADER: 'remote-groups',
  FORWARD_AUTH_TENANT: `said-${run}`,
  ROLE_SCOPES: 'users=memory:write; services=memory:write sessions:all',
};

const answerOf = async (server: TestServer, as: Who, query: string, variables: object = {}, way = 'POST') =>
  (await WAYS_IN[way]!(server.url, { query, variables: { ...variables } }, as)).answer;
const asking =
  (server: () => TestServer) =>
  async (as: Who, query: string, variables: object = {}, way?: string) => {
    const { data, errors } = await answerOf(server(), as, query, variables, way);
    expect(errors).toBeUndefined();
    return data as any;
  };
const BEGIN = 'mutation ($title: String!) { createSession(input: { title: $title }) { session { id } } }';
const SAY = `mutation ($id: ID!, $messages: [MessageInput!]!) { appendMessages(input: { sessionId: $id, messages: $messages }) { messages { id } } }`;

let server: TestServer;
let database: pg.Client;
const ask = asking(() => server);
const said = async (as: Who, title: string, ...contents: string[]) => {
  const { id } = (await ask(as, BEGIN, { title })).createSession.session;
  const messages = contents.map((content) => ({ role: 'USER', content }));
  const { appendMessages } = await ask(as, SAY, { id, messages });
  return { id, messages: appendMessages.messages.map(({ id }: any) => id) };
};
let ann: { id: string; messages: string[] };
let other: typeof ann;
let ben: typeof ann;
beforeAll(async () => {
  server = await startTestServer({
    ...AS_USERS,
    ...('QDRANT_URL' in QDRANT ? { ...QDRANT, VECTOR_COLLECTION: `said_${run}` } : QDRANT),
  });
  database = new pg.Client(server.databaseUrl);
  await database.connect();
  ann = await said(ANN, 'figs', 'I eat figs from Smyrna for breakfast.', ' ', 'What is the weather like?');
  other = await said(ANN, 'ships', 'When does the ferry sail?', `${'Nothing of note. '.repeat(600)} The walrus is at the very end.`); // prettier-ignore
  ben = await said(BEN, 'figs', 'Figs are not for me.');
  await delivered(server);
});
afterAll(async () => {
  await database?.end();
  await server?.[Symbol.asyncDispose]();
});

const LIKE = 'messages(where: { similarTo: { query: $query } }, orderBy: [{ field: SIMILARITY }], first: 1)';
const LOOKED = `query ($query: String!, $id: ID!, $said: ID!) {
  ${LIKE} { nodes { content session { title } } }
  similarMessages(query: $query, where: { id: { eq: $said } }) { totalCount edges { score } }
  near: messages(where: { similarTo: { query: $query, minScore: 0.2 }, session: { title: { eq: "figs" } } }) { totalCount }
  of: session(id: $id) { messages(where: { similarTo: { query: $query, minScore: 0.2 } }) { nodes { id } } }
  led: sessions(where: { messages: { some: { similarTo: { query: $query, minScore: 0.2 } } } }) { nodes { id } }
  phrase: messages(where: { similarTo: { query: "\\"figs from Smyrna\\"", minScore: -1 } }) { totalCount nodes { id } }
  messagesAggregate(where: { similarTo: { query: $query, minScore: 0.2 } }) { groups { count } }
}`;
const look = (as: Who, way?: string) =>
  ask(as, LOOKED, { query: 'does the user eat figs for breakfast?', id: ann.id, said: ann.messages[0] }, way);

test.each(Object.keys(WAYS_IN))('by %s, each finds what was said in sessions of his own', async (way) => {
  const mine = await look(ANN, way);
  expect(mine).toMatchObject({
    messages: { nodes: [{ content: 'I eat figs from Smyrna for breakfast.', session: { title: 'figs' } }] },
    similarMessages: { totalCount: 1, edges: [{ score: expect.any(Number) }] },
    near: { totalCount: 1 },
    of: { messages: { nodes: [{ id: ann.messages[0] }] } },
    led: { nodes: [{ id: ann.id }] },
    phrase: { totalCount: 1, nodes: [{ id: ann.messages[0] }] },
    messagesAggregate: { groups: [{ count: 1 }] },
  });
  expect(await look(BEN, way)).toMatchObject({
    messages: { nodes: [{ content: 'Figs are not for me.' }] },
    similarMessages: { totalCount: 0, edges: [] },
    of: null,
    led: { nodes: [{ id: ben.id }] },
    phrase: { totalCount: 0 },
  });
  const all = await look(SERVICE, way);
  expect([all.similarMessages.totalCount, all.phrase.totalCount, all.led.nodes.length]).toEqual([1, 1, 2]);
  expect(await look(who('nobody', ''), way)).toMatchObject({ messages: { nodes: [] }, led: { nodes: [] }, messagesAggregate: { groups: [{ count: 0 }] } }); // prettier-ignore
});

test('what says nothing is not followed, and what is long is found by its beginning', async () => {
  const counted = 'query ($query: String!, $ids: [ID!]!) { similarMessages(query: $query, where: { id: { in: $ids } }) { totalCount } }'; // prettier-ignore
  expect((await ask(ANN, counted, { query: 'weather', ids: ann.messages })).similarMessages.totalCount).toBe(2);
  expect((await ask(ANN, counted, { query: '"nothing of note"', ids: other.messages })).similarMessages.totalCount).toBe(1); // prettier-ignore
  expect((await ask(ANN, counted, { query: '"walrus"', ids: other.messages })).similarMessages.totalCount).toBe(0);
});

test('as a tool, of one conversation or of all', async () => {
  const tool = async (as: Who, given: object): Promise<any> => {
    const headers = { 'content-type': 'application/json', ...as };
    const response = await fetch(new URL('/agents/tools/search_messages', server.url), { method: 'POST', headers, body: JSON.stringify(given) }); // prettier-ignore
    return await response.json();
  };
  const { data } = await tool(ANN, { query: 'figs for breakfast', first: 2 });
  expect(data.messages.nodes[0]).toEqual({ sequence: 1, role: 'USER', content: 'I eat figs from Smyrna for breakfast.', createdAt: expect.any(String), session: { id: ann.id, title: 'figs' } }); // prettier-ignore
  const of = async (as: Who, sessionId: string) => (await tool(as, { query: 'figs', sessionId, first: 9 })).data.messages.nodes.length; // prettier-ignore
  expect([await of(ANN, other.id), await of(ANN, ann.id), await of(BEN, ann.id)]).toEqual([2, 2, 0]);
  for (const wrong of [
    {},
    { query: '' },
    { query: 'x', session_id: ann.id },
    { query: 'x', first: 0 },
    { query: 'x', after: 'y' },
  ])
    // prettier-ignore
    expect(await tool(ANN, wrong)).toMatchObject({ errors: [{ extensions: { code: 'BAD_USER_INPUT' } }] });
});

test.each([
  [
    'is deleted',
    async (id: string) => {
      await ask(BEN, 'mutation ($id: ID!) { deleteSession(input: { id: $id }) { deletedIds } }', { id });
    },
  ],
  [
    'has lasted long enough',
    async (id: string) => {
      await database.query(`UPDATE relational.sessions SET updated_at = now() - interval '8 days' WHERE id = $1`, [id]);
      const postgres = new Postgres({ url: server.databaseUrl });
      const retention = new SessionRetention(await createPostgresDriver(postgres), { days: 7 });
      await retention.sweep().finally(() => postgres.close());
    },
  ],
])('is gone from the vector store with a session that %s', async (_, end) => {
  const gone = await said(BEN, 'otters', 'An otter lives under the pier.');
  await delivered(server);
  const near = 'query ($id: ID!) { similarMessages(query: "otter", where: { id: { eq: $id } }) { totalCount } }';
  const count = async () => (await ask(SERVICE, near, { id: gone.messages[0] })).similarMessages.totalCount;
  expect(await count()).toBe(1);
  await end(gone.id);
  await delivered(server);
  expect(await count()).toBe(0);
  expect((await database.query('SELECT FROM relational.messages WHERE session_id = $1', [gone.id])).rows).toEqual([]);
});

test('what the vector store has lost is found, and comes back', async () => {
  const { messages } = await said(BEN, 'herons', 'A heron stands in the reeds.');
  await delivered(server);
  const near = 'query ($id: ID!) { similarMessages(query: "heron", where: { id: { eq: $id } }) { totalCount } }';
  const count = async () => (await ask(BEN, near, { id: messages[0] })).similarMessages.totalCount;
  const call = systemCalls(server.services.clients, new AbortController().signal);
  const REMOVE = parse('mutation ($ids: [ID!]!) { removeDocumentVectors(input: { kind: MESSAGE, documentIds: $ids }) { removed } }'); // prettier-ignore
  await call('vector', REMOVE, { ids: messages }, AS_USERS.FORWARD_AUTH_TENANT);
  expect(await count()).toBe(0);
  expect(await reconcile({ call, mend: true, tenantId: AS_USERS.FORWARD_AUTH_TENANT })).toMatchObject({ redelivered: 1 }); // prettier-ignore
  await delivered(server);
  expect(await count()).toBe(1);
});

test.each([
  ['nothing', { query: '' }],
  ['blanks alone', { query: ' \n\t' }],
  ['more than a query may be', { query: 'a'.repeat(8_001) }],
  ['no list of a score', { query: 'figs', minScore: 2 }],
  ['a cursor of nobody', { query: 'figs', after: 'bm9ib2R5' }],
  ['as many as none may have', { query: 'figs', first: 100_000 }],
])('refuses %s', async (_, given) => {
  const asked = `query ($query: String!, $minScore: Float, $first: Int, $after: String) {
    similarMessages(query: $query, minScore: $minScore, first: $first, after: $after) { nodes { id } } }`;
  const { data, errors } = await answerOf(server, ANN, asked, given);
  expect(data?.['similarMessages'] ?? null).toBeNull();
  expect(errors?.[0]?.extensions).toMatchObject({ code: 'BAD_USER_INPUT' });
});

test.each([
  "'; DELETE FROM relational.messages; --",
  '"figs" OR source != \'\'',
  '{"must":[]} $1 %s \\',
  '*:* & !( | <->',
  '"',
  '-figs',
])('takes %s for words, and finds nobody else by it', async (query) => {
  const asked = 'query ($query: String!) { similarMessages(query: $query, minScore: -1) { nodes { id } } }';
  const { nodes } = (await ask(BEN, asked, { query })).similarMessages;
  expect(nodes.map(({ id }: any) => id).filter((id: string) => [...ann.messages, ...other.messages].includes(id))).toEqual([]); // prettier-ignore
});

describe('where it is off', () => {
  test('no message is followed, and whoever asks is told what to set', async () => {
    await using off = await startTestServer({ ...AS_USERS, INDEX_MESSAGES: 'off' });
    const askOff = asking(() => off);
    const { id } = (await askOff(ANN, BEGIN, { title: 'figs' })).createSession.session;
    await askOff(ANN, SAY, { id, messages: [{ role: 'USER', content: 'figs' }] });
    for (const query of [
      '{ similarMessages(query: "figs") { totalCount } }',
      '{ messages(where: { similarTo: { query: "figs", minScore: 0 } }) { totalCount } }',
    ]) {
      // prettier-ignore
      const { errors } = await answerOf(off, ANN, query);
      expect(errors?.[0]?.extensions).toMatchObject({ code: 'STORE_DISABLED', hint: expect.stringContaining('INDEX_MESSAGES') }); // prettier-ignore
    }
    const database = new pg.Client(off.databaseUrl);
    await database.connect();
    const { rows } = await database.query(`SELECT FROM relational.outbox WHERE document_id LIKE 'msg%'`);
    await database.end();
    expect(rows).toEqual([]);
  });
});
