/** Sessions and their messages: in order, none lost, none twice, and nobody's but their user's. */
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createPostgresDriver } from '#subgraphs/relational/drivers/postgres/index.ts';
import { SessionRetention } from '#subgraphs/relational/sessions/retention.ts';
import {
  contextOf,
  createRelationalFixture,
  type Answer,
  type Asking,
  type RelationalFixture,
} from './relational-fixture.ts';

const EVERYBODY: Asking = { subject: 'support', scopes: ['sessions:all'] };
const ANN: Asking = { subject: 'ann' };
const BEN: Asking = { subject: 'ben' };

const CREATE = `mutation ($input: CreateSessionInput!) {
  createSession(input: $input) { session { id userId title metadata messageCount endedAt createdAt agent { id } } }
}`;
const APPEND = `mutation ($input: AppendMessagesInput!) {
  appendMessages(input: $input) {
    session { id messageCount }
    messages { id sequence role content name toolCalls toolCallId metadata tokens createdAt run { id } session { id } }
  }
}`;
const DELETE = 'mutation ($id: ID!) { deleteSession(input: { id: $id }) { deletedIds session { id messageCount } } }';
const UPDATE =
  'mutation ($input: UpdateSessionInput!) { updateSession(input: $input) { session { title metadata endedAt } } }';
const MESSAGES = `query ($id: ID!, $first: Int, $after: String, $last: Int, $before: String) {
  session(id: $id) { messageCount messages(first: $first, after: $after, last: $last, before: $before) {
    totalCount nodes { sequence content } pageInfo { hasNextPage hasPreviousPage endCursor startCursor }
  } }
}`;

let fixture: RelationalFixture;
let database: pg.Client;
beforeAll(async () => {
  fixture = await createRelationalFixture();
  database = new pg.Client(fixture.url);
  await database.connect();
});
afterAll(async () => {
  await database?.end();
  await fixture?.[Symbol.asyncDispose]();
});

let tenants = 0;
const newTenant = (): string => `t${++tenants}`;
const begin = async (tenant: string, input: object = {}, as?: Asking) =>
  (await fixture.get(tenant, CREATE, { input }, as)).createSession.session;
const said = (...contents: string[]) => contents.map((content) => ({ role: 'USER', content }));
const append = async (tenant: string, input: object, as?: Asking) =>
  (await fixture.get(tenant, APPEND, { input }, as)).appendMessages;
const everything = async (tenant: string, id: string, as?: Asking) => {
  const all: { sequence: number; content: string }[] = [];
  for (let after: string | null = null; ;) {
    const { session } = await fixture.get(tenant, MESSAGES, { id, first: 200, after }, as);
    all.push(...session.messages.nodes);
    if (!session.messages.pageInfo.hasNextPage) return all;
    after = session.messages.pageInfo.endCursor;
  }
};
const sequences = (messages: readonly { sequence: number }[]): number[] => messages.map(({ sequence }) => sequence);
const upTo = (count: number, from = 1): number[] => Array.from({ length: count }, (_, index) => from + index);

test('a conversation is begun, held, read, ended and erased', async () => {
  const tenant = newTenant();
  const { createAgent } = await fixture.get(
    tenant,
    'mutation { createAgent(input: { name: "clerk" }) { agent { id } } }',
  );
  const agentId = createAgent.agent.id;
  const session = await begin(tenant, { agentId, title: 'Berths', metadata: { channel: 'web' } });
  expect(session).toMatchObject({ userId: `${tenant}-user`, title: 'Berths', metadata: { channel: 'web' } });
  expect(session).toMatchObject({ messageCount: 0, endedAt: null, agent: { id: agentId } });
  const toolCalls = [{ id: 'call_1', type: 'function', function: { name: 'berths', arguments: '{"day": 1}' } }];
  const { session: after, messages } = await append(tenant, {
    sessionId: session.id,
    runId: 'run_1',
    messages: [
      { role: 'SYSTEM', content: 'Be brief.' },
      { role: 'USER', content: 'Which berth is free?', name: 'ann', metadata: { lang: 'en' } },
      { role: 'ASSISTANT', toolCalls },
      { role: 'TOOL', content: '', toolCallId: 'call_1', name: 'berths' },
    ],
  });
  expect(after.messageCount).toBe(4);
  expect(sequences(messages)).toEqual([1, 2, 3, 4]);
  expect(messages.map(({ id }: { id: string }) => id.slice(0, 4))).toEqual(['msg_', 'msg_', 'msg_', 'msg_']);
  expect(messages[1]).toMatchObject({ role: 'USER', name: 'ann', metadata: { lang: 'en' }, toolCalls: null });
  expect(messages[2]).toMatchObject({ content: '', toolCalls, run: { id: 'run_1' }, session: { id: session.id } });
  expect(messages[3]).toMatchObject({ content: '', toolCallId: 'call_1', name: 'berths', metadata: {} });
  expect(messages.every(({ tokens }: { tokens: number }) => tokens > 0)).toBe(true);
  const read = await fixture.get(
    tenant,
    `query ($id: ID!, $agent: ID!) {
      session(id: $id) { newest: messages(last: 1) { nodes { sequence } } by: messages(where: { role: { in: [USER, SYSTEM] } }, orderBy: [{ field: SEQUENCE, direction: DESC }]) { nodes { sequence } } }
      messages(where: { runId: { eq: "run_1" }, content: { contains: "BERTH" } }) { nodes { sequence session { title } } }
      agent(id: $agent) { sessions { totalCount nodes { title } } }
      messagesAggregate(groupBy: [{ field: ROLE }]) { groups { keys { role } count } }
      node(id: $id) { __typename id }
    }`,
    { id: session.id, agent: agentId },
  );
  expect(read).toEqual({
    session: { newest: { nodes: [{ sequence: 4 }] }, by: { nodes: [{ sequence: 2 }, { sequence: 1 }] } },
    messages: { nodes: [{ sequence: 2, session: { title: 'Berths' } }] },
    agent: { sessions: { totalCount: 1, nodes: [{ title: 'Berths' }] } },
    messagesAggregate: {
      groups: expect.arrayContaining(
        ['SYSTEM', 'USER', 'ASSISTANT', 'TOOL'].map((role) => ({ keys: { role }, count: 1 })),
      ),
    },
    node: { __typename: 'Session', id: session.id },
  });
  const update = async (input: object) => (await fixture.get(tenant, UPDATE, { input: { id: session.id, ...input } })).updateSession.session; // prettier-ignore
  expect(await update({ title: null })).toMatchObject({ title: null, metadata: { channel: 'web' }, endedAt: null });
  const { endedAt } = await update({ ended: true, metadata: { done: true } });
  expect(endedAt).toEqual(expect.any(String));
  expect(await update({ ended: true })).toEqual({ title: null, metadata: { done: true }, endedAt });
  const late = await fixture.ask(tenant, APPEND, { input: { sessionId: session.id, messages: said('more') } });
  expect(late.codes).toEqual(['CONFLICT']);
  expect(await update({ ended: false })).toMatchObject({ endedAt: null });
  await append(tenant, { sessionId: session.id, messages: said('more') });
  // Conversations outlive the agent.
  await fixture.get(tenant, 'mutation ($id: ID!) { deleteAgent(input: { id: $id }) { agent { id } } }', {
    id: agentId,
  });
  expect((await fixture.get(tenant, 'query ($id: ID!) { session(id: $id) { agent { id } messageCount } }', { id: session.id })).session).toEqual({ agent: null, messageCount: 5 }); // prettier-ignore
  expect((await fixture.get(tenant, DELETE, { id: session.id })).deleteSession).toEqual({
    deletedIds: [session.id],
    session: { id: session.id, messageCount: 5 },
  });
  const { rows } = await database.query(
    `SELECT (SELECT count(*) FROM relational.messages WHERE session_id = $1)::int AS messages,
            (SELECT count(*) FROM relational.message_appends WHERE session_id = $1)::int AS appends,
            (SELECT array_agg(action ORDER BY created_at, id) FROM relational.audit_entries WHERE subject_id = $1) AS audited,
            (SELECT string_agg(details::text, '') FROM relational.audit_entries WHERE tenant_id = $2) AS details`,
    [session.id, tenant],
  );
  expect(rows[0]).toMatchObject({ messages: 0, appends: 0 });
  expect(rows[0].audited).toEqual(['create', 'append', ...Array<string>(4).fill('update'), 'append', 'delete'].map((name) => `session.${name}`)); // prettier-ignore
  expect(rows[0].details).not.toMatch(/berth|brief/i);
});

describe('appending', () => {
  test('by twenty writers at once, numbers have no gaps, batches stay together, and nothing is lost', async () => {
    const tenant = newTenant();
    const { id: sessionId } = await begin(tenant);
    const acknowledged = await Promise.all(
      upTo(20).map(async (writer) => {
        const mine: { sequence: number; content: string }[] = [];
        for (const round of upTo(6)) {
          const contents = upTo((round % 3) + 1).map((part) => `${writer}/${round}/${part}`);
          const { messages, session } = await append(tenant, { sessionId, messages: said(...contents) });
          expect(messages.map(({ content }: { content: string }) => content)).toEqual(contents);
          expect(sequences(messages)).toEqual(upTo(contents.length, messages[0].sequence));
          expect(session.messageCount).toBe(messages.at(-1).sequence);
          mine.push(...messages);
        }
        return mine;
      }),
    );
    const all = await everything(tenant, sessionId);
    expect(sequences(all)).toEqual(upTo(20 * 12));
    const kept = new Map(all.map(({ sequence, content }) => [sequence, content]));
    for (const { sequence, content } of acknowledged.flat()) expect(kept.get(sequence)).toBe(content);
  });

  test('again under one key is once, also at the same time; other messages under it are refused', async () => {
    const tenant = newTenant();
    const { id: sessionId } = await begin(tenant);
    const input = { sessionId, messages: [{ role: 'USER', content: 'once', metadata: { b: 1, a: 2 } }], idempotencyKey: 'k' }; // prettier-ignore
    const answers = await Promise.all(upTo(5).map(() => append(tenant, input)));
    expect(new Set(answers.map((answer) => JSON.stringify(answer.messages))).size).toBe(1);
    await append(tenant, { sessionId, messages: said('later') });
    const again = await append(tenant, {
      ...input,
      messages: [{ role: 'USER', content: 'once', metadata: { a: 2, b: 1 } }],
      expectedSequence: 0,
    });
    expect(again.messages).toEqual(answers[0].messages);
    expect(again.session.messageCount).toBe(2);
    for (const other of [{ messages: said('other') }, { runId: 'run_2' }]) {
      const { errors, codes } = await fixture.ask(tenant, APPEND, { input: { ...input, ...other } });
      expect([codes, errors?.[0]?.extensions]).toEqual([['CONFLICT'], expect.objectContaining({ firstSequence: 1, lastSequence: 1 })]); // prettier-ignore
    }
    // Each session has its own keys.
    const { id: another } = await begin(tenant);
    await append(tenant, { sessionId: another, messages: said('other'), idempotencyKey: 'k' });
    expect(sequences(await everything(tenant, sessionId))).toEqual([1, 2]);
  });

  test('behind another message than expected is refused, and of two at once one is let', async () => {
    const tenant = newTenant();
    const { id: sessionId } = await begin(tenant);
    const race = await Promise.all(
      upTo(6).map((writer) => fixture.ask(tenant, APPEND, { input: { sessionId, messages: said(`${writer}`), expectedSequence: 0 } })), // prettier-ignore
    );
    expect(race.filter(({ codes }) => codes.length === 0)).toHaveLength(1);
    for (const { codes, errors } of race.filter(({ codes }) => codes.length > 0)) {
      expect(codes).toEqual(['CONFLICT']);
      expect(errors![0]!.extensions).toMatchObject({
        lastSequence: 1,
        hint: expect.stringContaining('expectedSequence'),
      });
    }
    await append(tenant, { sessionId, messages: said('next'), expectedSequence: 1 });
    const { codes } = await fixture.ask(tenant, APPEND, { input: { sessionId, messages: said('x'), expectedSequence: -1 } }); // prettier-ignore
    expect(codes).toEqual(['BAD_USER_INPUT']);
  });

  test('to a full session is refused', async () => {
    const tenant = newTenant();
    const { id: sessionId } = await begin(tenant);
    await database.query('UPDATE relational.sessions SET message_count = 99999 WHERE id = $1', [sessionId]);
    const { codes, errors } = await fixture.ask(tenant, APPEND, { input: { sessionId, messages: said('a', 'b') } });
    expect([codes, errors![0]!.message]).toEqual([['CONFLICT'], 'A session holds at most 100000 messages; this one has 99999.']); // prettier-ignore
    expect(sequences((await append(tenant, { sessionId, messages: said('a') })).messages)).toEqual([100_000]);
  });

  test('what cannot be kept is refused as a whole, and says what', async () => {
    const tenant = newTenant();
    const { id: sessionId } = await begin(tenant);
    const big = 'x'.repeat(262_144);
    const wrong: [input: object, told: RegExp][] = [
      [{ messages: [] }, /must not be empty/],
      [{ messages: said(...upTo(10_000).map(String)) }, /10000 items; at most 100/],
      [{ messages: said('ok', `${big}x`) }, /messages\[1\]\.content.* 262145 characters/],
      [{ messages: upTo(17).flatMap(() => said(big)) }, /bytes; at most 4194304/],
      [{ messages: said('a\0b') }, /NUL/],
      [{ messages: said('a\ud800b') }, /well-formed Unicode/],
      [{ messages: [{ role: 'USER', name: '\udc00' }] }, /well-formed Unicode/],
      [{ messages: [{ role: 'USER', toolCalls: [] }] }, /of the role ASSISTANT/],
      [{ messages: [{ role: 'ASSISTANT', toolCallId: 'a' }] }, /of the role TOOL/],
      [{ messages: [{ role: 'ASSISTANT', toolCalls: { a: 1 } }] }, /JSON list/],
      [{ messages: [{ role: 'USER', metadata: [1] }] }, /messages\[0\]\.metadata.* JSON object/],
      [{ messages: said('a'), idempotencyKey: '' }, /idempotencyKey/],
      [{ messages: said('a'), idempotencyKey: 'k'.repeat(201) }, /idempotencyKey/],
      [{ messages: said('a'), runId: 'agt_1' }, /run/i],
      [{ messages: said('a'), sessionId: 'x' }, /not an id/],
    ];
    for (const [input, told] of wrong) {
      const { codes, errors } = await fixture.ask(tenant, APPEND, { input: { sessionId, ...input } });
      expect([codes, errors![0]!.message]).toEqual([['BAD_USER_INPUT'], expect.stringMatching(told)]);
    }
    // Roles are an enumeration, whatever a variable says, and JSON has bounds.
    for (const message of [
      { role: 'ADMIN', content: 'a' },
      { role: 'system', content: 'a' },
      { role: ['SYSTEM'], content: 'a' },
      { role: 'USER', content: 'a', sequence: 1 },
      { role: 'USER', content: 'a', userId: 'ben' },
      { role: 'USER', metadata: { deep: JSON.parse('['.repeat(20) + ']'.repeat(20)) } },
      { role: 'USER', metadata: { long: 'x'.repeat(70_000) } },
      { role: 'USER', metadata: { text: '\ud800' } },
    ])
      expect((await fixture.ask(tenant, APPEND, { input: { sessionId, messages: [message] } })).errors).toHaveLength(1);
    expect((await fixture.ask(tenant, APPEND, { input: { sessionId: 'ses_nowhere', messages: said('a') } })).codes).toEqual(['NOT_FOUND']); // prettier-ignore
    // What merely looks odd is kept as it is.
    const odd = ['', ' ', '\u202e', '👩‍👩‍👧', `'; DROP TABLE messages; --`, '<|im_start|>system', '{{system}}', '\r\n\t\u0001', '\uffff', big]; // prettier-ignore
    const { messages } = await append(tenant, { sessionId, messages: said(...odd) });
    expect(messages.map(({ content, role }: { content: string; role: string }) => [role, content])).toEqual(odd.map((content) => ['USER', content])); // prettier-ignore
    expect((await everything(tenant, sessionId)).map(({ content }) => content)).toEqual(odd);
  });
});

test('beginning again under one key is the same session, of one user and agent', async () => {
  const tenant = newTenant();
  const [first, ...others] = await Promise.all(upTo(5).map(() => begin(tenant, { idempotencyKey: 'chat', title: 'T' }, ANN))); // prettier-ignore
  for (const other of others) expect(other).toEqual(first);
  expect((await begin(tenant, { idempotencyKey: 'chat', title: 'T' }, BEN)).id).not.toBe(first.id);
  expect((await begin(tenant, { userId: 'ann', idempotencyKey: 'chat', title: 'T' }, EVERYBODY)).id).toBe(first.id);
  const { codes, errors } = await fixture.ask(tenant, CREATE, { input: { idempotencyKey: 'chat', title: 'U' } }, ANN);
  expect([codes, errors![0]!.extensions!['sessionId']]).toEqual([['CONFLICT'], first.id]);
  // Who finds it need not know what it was begun with; what he says must be that, or what it is now.
  const find = (input: object) => fixture.ask(tenant, CREATE, { input: { idempotencyKey: 'chat', ...input } }, ANN);
  const finds = async (input: object) => [input, (await find(input)).codes];
  for (const input of [{}, { title: null, metadata: null }, { metadata: {} }, { title: 'T', metadata: {} }])
    expect(await finds(input)).toEqual([input, []]);
  expect((await find({ metadata: { a: 1 } })).codes).toEqual(['CONFLICT']);
  await fixture.get(tenant, UPDATE, { input: { id: first.id, title: 'U', metadata: { b: 1.5, a: [{}] } } }, ANN);
  for (const input of [{}, { title: 'T' }, { title: 'U' }, { metadata: { a: [{}], b: 1.5 } }])
    expect(await finds(input)).toEqual([input, []]);
  for (const input of [{ title: 'V' }, { title: 'U', metadata: { a: 1 } }])
    expect(await finds(input)).toEqual([input, ['CONFLICT']]);
  // Its agent may be there no more.
  const { createAgent } = await fixture.get(tenant, 'mutation { createAgent(input: { name: "a" }) { agent { id } } }');
  const input = { agentId: createAgent.agent.id, idempotencyKey: 'chat' };
  const withAgent = await begin(tenant, input, ANN);
  await fixture.get(tenant, 'mutation ($id: ID!) { deleteAgent(input: { id: $id }) { agent { id } } }', { id: input.agentId }); // prettier-ignore
  expect(await begin(tenant, input, ANN)).toEqual({ ...withAgent, agent: null });
  expect((await fixture.ask(tenant, CREATE, { input: { ...input, idempotencyKey: 'another' } }, ANN)).codes).toEqual(['NOT_FOUND']); // prettier-ignore
  for (const [input, code] of [
    [{ agentId: 'agt_nowhere' }, 'NOT_FOUND'],
    [{ agentId: 'x' }, 'BAD_USER_INPUT'],
    [{ title: 'x'.repeat(513) }, 'BAD_USER_INPUT'],
    [{ metadata: 'x' }, 'BAD_USER_INPUT'],
    [{ userId: 'system:anonymous' }, 'BAD_USER_INPUT'],
    [{ userId: '' }, 'BAD_USER_INPUT'],
  ] as const)
    expect([input, (await fixture.ask(tenant, CREATE, { input }, EVERYBODY)).codes]).toEqual([input, [code]]);
});

test('an update of nothing changes nothing, so that nothing is kept for longer by it', async () => {
  const tenant = newTenant();
  const { id } = await begin(tenant, { title: 'T' });
  const before = (await fixture.get(tenant, 'query ($id: ID!) { session(id: $id) { updatedAt } }', { id })).session;
  const update = (input: object) =>
    fixture.get(tenant, 'mutation ($input: UpdateSessionInput!) { updateSession(input: $input) { session { title updatedAt } } }', { input }); // prettier-ignore
  for (const input of [{ id }, { id, ended: null }])
    expect((await update(input)).updateSession.session).toEqual({ title: 'T', ...before });
  const { rows } = await database.query('SELECT action FROM relational.audit_entries WHERE subject_id = $1', [id]);
  expect(rows).toEqual([{ action: 'session.create' }]);
  expect((await update({ id, title: 'T' })).updateSession.session.updatedAt).not.toBe(before.updatedAt);
  expect((await fixture.ask(tenant, UPDATE, { input: { id: 'ses_nowhere' } })).codes).toEqual(['NOT_FOUND']);
});

test('pages go on where they were while others append, both ways', async () => {
  const tenant = newTenant();
  const { id } = await begin(tenant);
  await append(tenant, { sessionId: id, messages: said(...upTo(9).map(String)) });
  const page = async (given: object) => (await fixture.get(tenant, MESSAGES, { id, ...given })).session.messages;
  const first = await page({ first: 4 });
  await append(tenant, { sessionId: id, messages: said('10', '11') });
  const second = await page({ first: 4, after: first.pageInfo.endCursor });
  await append(tenant, { sessionId: id, messages: said('12') });
  const third = await page({ first: 4, after: second.pageInfo.endCursor });
  expect([first, second, third].map(({ nodes }) => sequences(nodes))).toEqual([upTo(4), upTo(4, 5), upTo(4, 9)]);
  expect(third).toMatchObject({ totalCount: 12, pageInfo: { hasNextPage: false } });
  const newest = await page({ last: 5 });
  await append(tenant, { sessionId: id, messages: said('13') });
  const older = await page({ last: 5, before: newest.pageInfo.startCursor });
  expect([newest, older].map(({ nodes }) => sequences(nodes))).toEqual([upTo(5, 8), upTo(5, 3)]);
  expect(sequences((await page({ first: 4, after: third.pageInfo.endCursor })).nodes)).toEqual([13]);
  expect(sequences((await page({ first: 0 })).nodes)).toEqual([]);
});

test('a session is its user’s, and of whoever may see everybody’s', async () => {
  const [tenant, other] = [newTenant(), newTenant()];
  const { createAgent } = await fixture.get(tenant, 'mutation { createAgent(input: { name: "a" }) { agent { id } } }');
  const agent = createAgent.agent.id;
  const session = await begin(tenant, { agentId: agent, title: 'of ann' }, ANN);
  const { messages } = await append(tenant, { sessionId: session.id, messages: said('secret'), runId: 'run_1' }, ANN);
  const [message] = messages;
  const looked = `query ($id: ID!, $message: ID!, $agent: ID!) {
    session(id: $id) { id } message(id: $message) { id } nodes(ids: [$id, $message]) { id }
    sessions(where: { id: { eq: $id } }) { totalCount nodes { id } } all: sessions { totalCount nodes { id } }
    messages(where: { or: [{ content: { contains: "secret" } }, { userId: { eq: "ann" } }] }) { totalCount nodes { content } }
    sessionsAggregate { groups { count } } messagesAggregate(groupBy: [{ field: CONTENT }]) { groups { keys { content } } }
    agent(id: $agent) { sessions { totalCount nodes { id } } }
    _entities(representations: [{ __typename: "Session", id: $id }, { __typename: "Message", id: $message }]) { __typename }
  }`;
  const see = async (of: string, as: Asking) =>
    await fixture.get(of, looked, { id: session.id, message: message.id, agent }, as);
  const seen = {
    session: { id: session.id },
    message: { id: message.id },
    nodes: [{ id: session.id }, { id: message.id }],
    sessions: { totalCount: 1, nodes: [{ id: session.id }] },
    all: { totalCount: 1, nodes: [{ id: session.id }] },
    messages: { totalCount: 1, nodes: [{ content: 'secret' }] },
    sessionsAggregate: { groups: [{ count: 1 }] },
    messagesAggregate: { groups: [{ keys: { content: 'secret' } }] },
    agent: { sessions: { totalCount: 1, nodes: [{ id: session.id }] } },
    _entities: [{ __typename: 'Session' }, { __typename: 'Message' }],
  };
  const none = {
    session: null,
    message: null,
    nodes: [null, null],
    sessions: { totalCount: 0, nodes: [] },
    all: { totalCount: 0, nodes: [] },
    messages: { totalCount: 0, nodes: [] },
    sessionsAggregate: { groups: [{ count: 0 }] },
    messagesAggregate: { groups: [] },
    agent: { sessions: { totalCount: 0, nodes: [] } },
    _entities: [null, null],
  };
  expect(await see(tenant, ANN)).toEqual(seen);
  expect(await see(tenant, EVERYBODY)).toEqual(seen);
  expect(await see(tenant, BEN)).toEqual(none);
  // All other scopes are no matter, nor what one is called like.
  expect(await see(tenant, { subject: 'ANN', scopes: ['audit:read', 'memory:write'] })).toEqual(none);
  for (const as of [ANN, EVERYBODY]) expect(await see(other, as)).toEqual({ ...none, agent: null });
  const attempts: [string, Record<string, unknown>][] = [
    [APPEND, { input: { sessionId: session.id, messages: said('mine') } }],
    [UPDATE, { input: { id: session.id, title: 'mine' } }],
    [DELETE, { id: session.id }],
  ];
  const refused = async (of: string, as: Asking): Promise<Answer['codes'][]> =>
    await Promise.all(attempts.map(async ([source, variables]) => (await fixture.ask(of, source, variables, as)).codes)); // prettier-ignore
  const notFound = attempts.map(() => ['NOT_FOUND']);
  expect(await refused(tenant, BEN)).toEqual(notFound);
  expect(await refused(other, ANN)).toEqual(notFound);
  expect(await refused(other, EVERYBODY)).toEqual(notFound);
  const named = await fixture.ask(tenant, CREATE, { input: { userId: 'ann' } }, BEN);
  expect([named.codes, named.errors![0]!.extensions!["hint"]]).toEqual([['FORBIDDEN'], expect.stringContaining('sessions:all')]); // prettier-ignore
  expect((await begin(tenant, { userId: 'ben' }, BEN)).userId).toBe('ben');
  // An agent that serves users begins and holds their conversations for them.
  const served = await begin(tenant, { userId: 'ben', title: 'served' }, EVERYBODY);
  await append(tenant, { sessionId: served.id, messages: said('for ben') }, EVERYBODY);
  expect((await everything(tenant, served.id, BEN)).map(({ content }) => content)).toEqual(['for ben']);
  await fixture.get(tenant, DELETE, { id: served.id }, BEN);
  // The wall is the store's: a transaction of the tenant that names no user sees nothing, and writes for nobody else.
  const as = async (settings: Record<string, string>, sql: string): Promise<unknown[]> => {
    await database.query('BEGIN; SET LOCAL ROLE tributary_tenant');
    try {
      for (const [name, value] of Object.entries(settings))
        await database.query('SELECT set_config($1, $2, true)', [name, value]);
      return (await database.query(sql)).rows;
    } finally {
      await database.query('ROLLBACK');
    }
  };
  const count = 'SELECT (SELECT count(*) FROM relational.sessions WHERE user_id = \'ann\')::int AS sessions, (SELECT count(*) FROM relational.messages)::int AS messages'; // prettier-ignore
  const mine = { 'app.tenant_id': tenant };
  expect(await as(mine, count)).toEqual([{ sessions: 0, messages: 0 }]);
  expect(await as({ ...mine, 'app.subject': 'ben' }, count)).toEqual([{ sessions: 0, messages: 0 }]);
  expect(await as({ ...mine, 'app.subject': 'ann' }, count)).toEqual([{ sessions: 1, messages: 1 }]);
  await expect(
    as(
      { ...mine, 'app.subject': 'ben' },
      `INSERT INTO relational.sessions (id, user_id, metadata) VALUES ('ses_1', 'ann', '{}')`,
    ),
  ).rejects.toThrow(/row-level security/);
});

test('what nobody has changed for as long as sessions are kept is erased, in each tenant, and nothing else', async () => {
  const [tenant, other] = [newTenant(), newTenant()];
  const old: string[] = [];
  for (const [of, as] of [
    [tenant, ANN],
    [tenant, BEN],
    [other, ANN],
  ] as const) {
    const { id } = await begin(of, {}, as);
    await append(of, { sessionId: id, messages: said('long ago') }, as);
    old.push(id);
  }
  const { id: ended } = await begin(tenant, { title: 'still there' }, ANN);
  await database.query(`UPDATE relational.sessions SET updated_at = now() - interval '8 days' WHERE id = ANY($1)`, [
    old,
  ]);
  await database.query(`UPDATE relational.sessions SET updated_at = now() - interval '6 days' WHERE id = $1`, [ended]);
  const driver = await createPostgresDriver(fixture.postgres);
  const retention = new SessionRetention(driver, { days: 7 });
  // Somebody goes on with one of them.
  await append(other, { sessionId: old[2], messages: said('again') }, ANN);
  const swept = await Promise.all([retention.sweep(), retention.sweep()]);
  expect(swept.reduce((sum, count) => sum + count)).toBe(2);
  const left = async (sql: string) => (await database.query(sql, [[...old, ended]])).rows;
  expect(await left('SELECT id FROM relational.sessions WHERE id = ANY($1) ORDER BY id')).toEqual([{ id: old[2] }, { id: ended }].sort((a, b) => (a.id! < b.id! ? -1 : 1))); // prettier-ignore
  expect(await left('SELECT DISTINCT session_id AS id FROM relational.messages WHERE session_id = ANY($1)')).toEqual([{ id: old[2] }]); // prettier-ignore
  expect(await left(`SELECT tenant_id, actor, count(*)::int FROM relational.audit_entries WHERE action = 'session.expire' AND subject_id = ANY($1) GROUP BY 1, 2`)).toEqual([{ tenant_id: tenant, actor: 'system:retention', count: 2 }]); // prettier-ignore
  expect(await driver.expiredSessions(contextOf('system', { system: true }), 7, 10)).toEqual([]);
  await expect(driver.expiredSessions(contextOf(tenant), 7, 10)).rejects.toMatchObject({ code: 'FORBIDDEN' });
});

test('what messages say is read where it is asked for, once for a request, and no more of it than a request may have', async () => {
  const tenant = newTenant();
  const { id } = await begin(tenant);
  // A message of half a megabyte, which is few tokens: 70 of them are more than a request may read.
  const long = '😀'.repeat(131_072);
  for (let at = 0; at < 70; at += 7)
    await append(tenant, { sessionId: id, messages: said(...Array.from({ length: 7 }, () => long)) });
  // As many times as the gateway's limits let a client say it.
  const often = (text: (at: number) => string) =>
    Array.from({ length: 20 }, (_, at) => `c${at}: ${text(at)}`).join(' ');
  const { data, codes, context } = await fixture.ask(
    tenant,
    `query ($id: ID!) { session(id: $id) { ${often((at) => `context(maxTokens: ${1_000_000 - at}) { omitted }`)} } }`,
    { id },
  );
  expect(codes).toEqual([]);
  expect(data.session.c0.omitted).toBeGreaterThan(0);
  // One for the session, one for its summary, one for each length of a context: none for what is said.
  expect(context.statements.counts()).toEqual({ postgres: 22 });
  const listed = await fixture.ask(
    tenant,
    `query ($id: ID!) { session(id: $id) { ${often((at) => `messages(first: ${100 - at}) { nodes { sequence } }`)} } }`,
    { id },
  );
  expect(listed.codes).toEqual([]);
  const read = await fixture.ask(
    tenant,
    `query ($id: ID!) { session(id: $id) { ${often((at) => `messages(last: ${20 + at}) { nodes { content } }`)} } }`,
    { id },
  );
  expect(read.codes).toEqual([]);
  expect(read.data.session.c19.nodes[38].content).toBe(long);
  const all = await fixture.ask(
    tenant,
    'query ($id: ID!) { session(id: $id) { messages(first: 100) { nodes { content } } } }',
    { id },
  );
  expect(new Set(all.codes)).toEqual(new Set(['QUERY_TOO_COSTLY']));
});
