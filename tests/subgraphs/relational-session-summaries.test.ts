/** Summaries of sessions by their writers and by a model, and what of a session fits a model. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createInference } from '#subgraphs/inference/index.ts';
import type { Subgraph } from '#subgraphs/shared/subgraph.ts';
import { startStandIn, type StandIn } from '#tests/contract/openai-server.ts';
import { createRelationalFixture, type Asking, type RelationalFixture } from './relational-fixture.ts';

const SPENDING: Asking = { scopes: ['models:use'] };
const SUMMARIZE = `mutation ($input: SummarizeSessionInput!) {
  summarizeSession(input: $input) { session { id messageCount } summary { text throughSequence tokens model run { id } createdAt } }
}`;
const CONTEXT = `query ($id: ID!, $maxTokens: Int) {
  session(id: $id) { context(maxTokens: $maxTokens) { summary { text throughSequence } messages { sequence role tokens } tokens omitted } }
}`;

let models: StandIn;
let inference: Subgraph;
let fixture: RelationalFixture;
let silent: Subgraph;
let without: RelationalFixture;
beforeAll(async () => {
  models = await startStandIn();
  const { baseUrl, apiKey, chatModel } = models;
  inference = await createInference(
    { embeddings: 'off', openai: { baseUrl, apiKey: () => apiKey }, chatModel },
    { usageSink: undefined },
  );
  fixture = await createRelationalFixture(inference.provides.chat);
  silent = await createInference({ embeddings: 'off' }, { usageSink: undefined });
  without = await createRelationalFixture(silent.provides.chat);
});
afterAll(async () => {
  await without?.[Symbol.asyncDispose]();
  await fixture?.[Symbol.asyncDispose]();
  await inference?.close();
  await silent?.close();
  await models?.[Symbol.asyncDispose]();
});

let tenants = 0;
/** A session with messages, of a tenant of its own. */
async function conversation(messages: readonly object[], of = fixture): Promise<{ tenant: string; id: string }> {
  const tenant = `s${++tenants}`;
  const { createSession } = await of.get(tenant, 'mutation { createSession(input: {}) { session { id } } }');
  const id = createSession.session.id as string;
  for (let at = 0; at < messages.length; at += 100)
    await of.get(
      tenant,
      'mutation ($input: AppendMessagesInput!) { appendMessages(input: $input) { session { id } } }',
      {
        input: { sessionId: id, messages: messages.slice(at, at + 100) },
      },
    );
  return { tenant, id };
}
const said = (count: number, content = 'word'): object[] =>
  Array.from({ length: count }, (_, index) => ({
    role: index % 2 === 0 ? 'USER' : 'ASSISTANT',
    content: `${content} ${index + 1}`,
  }));
const contextOf = async (tenant: string, id: string, maxTokens?: number) =>
  (await fixture.get(tenant, CONTEXT, { id, maxTokens })).session.context;
const sequences = (messages: readonly { sequence: number }[]): number[] => messages.map(({ sequence }) => sequence);

describe('the writer’s own', () => {
  test('takes the place of the one before, never of one that goes further, and goes with its session', async () => {
    const { tenant, id: sessionId } = await conversation(said(6));
    const write = (input: object) => fixture.ask(tenant, SUMMARIZE, { input: { sessionId, ...input } });
    expect((await write({ text: 'Four words.', throughSequence: 4, runId: 'run_1' })).data.summarizeSession).toEqual({
      session: { id: sessionId, messageCount: 6 },
      summary: {
        text: 'Four words.',
        throughSequence: 4,
        tokens: 7,
        model: null,
        run: { id: 'run_1' },
        createdAt: expect.any(String),
      },
    });
    const earlier = await write({ text: 'Three words.', throughSequence: 3 });
    expect(earlier.codes).toEqual(['CONFLICT']);
    expect((await write({ text: 'Four, better.', throughSequence: 4 })).data.summarizeSession.summary).toMatchObject({ text: 'Four, better.', run: null }); // prettier-ignore
    const race = await Promise.all([5, 6, 5, 6].map((throughSequence) => write({ text: `${throughSequence}`, throughSequence }))); // prettier-ignore
    expect(race.every(({ codes }) => codes.every((code) => code === 'CONFLICT'))).toBe(true);
    const { session } = await fixture.get(tenant, 'query ($id: ID!) { session(id: $id) { summary { text throughSequence } messages { totalCount } } }', { id: sessionId }); // prettier-ignore
    // The messages stay.
    expect(session).toEqual({ summary: { text: '6', throughSequence: 6 }, messages: { totalCount: 6 } });
    for (const [input, told] of [
      [{ text: 'x' }, /throughSequence.* is needed/],
      [{ text: 'x', throughSequence: 7 }, /no message 7; its last is 6/],
      [{ text: 'x', throughSequence: 0 }, /from 1 to/],
      [{ text: ' ', throughSequence: 6 }, /must not be empty/],
      [{ text: 'x\0', throughSequence: 6 }, /NUL/],
      [{ text: 'x\ud800', throughSequence: 6 }, /Unicode/],
      [{ text: 'x'.repeat(32_769), throughSequence: 6 }, /32769 characters/],
      [{ text: 'x', throughSequence: 6, maxTokens: 5 }, /maxTokens/],
      [{ text: 'x', throughSequence: 6, sessionId: 'msg_1' }, /another type/],
    ] as const) {
      const { codes, errors } = await write(input);
      expect([codes, errors?.[0]?.message]).toEqual([['BAD_USER_INPUT'], expect.stringMatching(told)]);
    }
    const stranger = { subject: 'stranger' };
    expect((await fixture.ask(tenant, SUMMARIZE, { input: { sessionId, text: 'mine', throughSequence: 6 } }, stranger)).codes).toEqual(['NOT_FOUND']); // prettier-ignore
    await fixture.get(tenant, 'mutation ($id: ID!) { deleteSession(input: { id: $id }) { deletedIds } }', {
      id: sessionId,
    });
    const everybody = { principal: { tenantId: tenant, subject: 'x', roles: [], scopes: ['sessions:all'] } };
    const { createRequestContext } = await import('#subgraphs/shared/context.ts');
    const left = await fixture.postgres.read(createRequestContext(everybody.principal), { sql: 'SELECT FROM relational.session_summaries', parameters: [] }); // prettier-ignore
    expect(left).toEqual([]);
  });
});

describe('those before', () => {
  const LISTED = `query ($id: ID!, $first: Int, $after: String, $last: Int, $before: String) {
    session(id: $id) { summary { number } summaries(first: $first, after: $after, last: $last, before: $before) {
      totalCount nodes { number afterSequence throughSequence text author model run { id } } pageInfo { hasNextPage hasPreviousPage endCursor startCursor }
    } }
  }`;
  const EVERYBODY: Asking = { subject: 'helpdesk', scopes: ['sessions:all'] };

  test('stay, each with the messages that it adds, who wrote it and in which run; and go with the session', async () => {
    const { tenant, id } = await conversation(said(9));
    const write = (input: object, as?: Asking) => fixture.get(tenant, SUMMARIZE, { input: { sessionId: id, ...input } }, as); // prettier-ignore
    const list = async (given: object = {}, as?: Asking) => (await fixture.get(tenant, LISTED, { id, ...given }, as)).session; // prettier-ignore
    expect(await list()).toMatchObject({ summary: null, summaries: { totalCount: 0, nodes: [] } });
    await write({ text: 'One.', throughSequence: 3, runId: 'run_1' });
    await write({ text: 'Two.', throughSequence: 7 }, EVERYBODY);
    await write({ text: 'Two, better.', throughSequence: 7 });
    const [one, two, better] = [
      { number: 1, afterSequence: 0, throughSequence: 3, text: 'One.', author: `${tenant}-user`, model: null, run: { id: 'run_1' } }, // prettier-ignore
      { number: 2, afterSequence: 3, throughSequence: 7, text: 'Two.', author: 'helpdesk', model: null, run: null },
      { number: 3, afterSequence: 7, throughSequence: 7, text: 'Two, better.', author: `${tenant}-user`, model: null, run: null }, // prettier-ignore
    ];
    const all = await list();
    expect(all).toMatchObject({ summary: { number: 3 }, summaries: { totalCount: 3, nodes: [better, two, one] } });
    expect(await list({}, EVERYBODY)).toEqual(all);
    const first = await list({ first: 2 });
    expect(first.summaries).toMatchObject({ nodes: [better, two], pageInfo: { hasNextPage: true } });
    expect((await list({ first: 2, after: first.summaries.pageInfo.endCursor })).summaries).toMatchObject({ nodes: [one], pageInfo: { hasNextPage: false } }); // prettier-ignore
    expect((await list({ last: 1 })).summaries.nodes).toEqual([one]);
    expect((await list({ last: 9, before: first.summaries.pageInfo.endCursor })).summaries.nodes).toEqual([better]);
    // Nobody else's, by a session that he sees not; and a cursor of another list is none.
    expect((await fixture.get(tenant, LISTED, { id }, { subject: 'ben' })).session).toBeNull();
    expect((await fixture.get('elsewhere', LISTED, { id }, EVERYBODY)).session).toBeNull();
    expect((await fixture.ask(tenant, LISTED, { id, first: 1, after: 'x' })).codes).toEqual(['BAD_USER_INPUT']);
    // Of twelve at once, numbers have no gaps, and what each adds begins where the one before ended.
    await Promise.allSettled(Array.from({ length: 12 }, (_, at) => write({ text: `${at}`, throughSequence: 8 + (at % 2) }))); // prettier-ignore
    const { nodes, totalCount } = (await list({ first: 50 })).summaries;
    expect(nodes.map(({ number }: { number: number }) => number)).toEqual(Array.from({ length: totalCount }, (_, at) => totalCount - at)); // prettier-ignore
    for (const [at, { afterSequence, throughSequence }] of nodes.entries()) {
      expect(afterSequence).toBe(nodes[at + 1]?.throughSequence ?? 0);
      expect(throughSequence).toBeGreaterThanOrEqual(afterSequence);
    }
    await fixture.get(tenant, 'mutation ($id: ID!) { deleteSession(input: { id: $id }) { deletedIds } }', { id });
    const { createRequestContext } = await import('#subgraphs/shared/context.ts');
    const everything = createRequestContext({ tenantId: tenant, subject: 'x', roles: [], scopes: ['sessions:all'] });
    expect(await fixture.postgres.read(everything, { sql: 'SELECT FROM relational.session_summaries', parameters: [] })).toEqual([]); // prettier-ignore
  });

  test('are as many as are kept', async () => {
    const { tenant, id } = await conversation(said(1));
    for (let at = 1; at <= 103; at += 1)
      await fixture.get(tenant, SUMMARIZE, { input: { sessionId: id, text: `${at}`, throughSequence: 1 } });
    const { summary, summaries } = (await fixture.get(tenant, LISTED, { id, last: 1 })).session;
    expect([summary.number, summaries.totalCount, summaries.nodes[0].text]).toEqual([103, 100, '4']);
    expect(summaries.pageInfo.hasNextPage).toBe(false);
  });
});

describe('a model’s', () => {
  test('goes on from the one before, leaves the newest messages out, and says who wrote it', async () => {
    const { tenant, id: sessionId } = await conversation(said(14, 'harbour'));
    const before = models.requests.length;
    const write = async (input: object = {}) =>
      (await fixture.get(tenant, SUMMARIZE, { input: { sessionId, maxTokens: 4_000, ...input } }, SPENDING))
        .summarizeSession;
    const first = await write({ runId: 'run_1' });
    expect(first.summary).toMatchObject({ throughSequence: 4, model: models.chatModel, run: { id: 'run_1' } });
    // The stand-in says what it was told, backwards.
    expect(first.summary.text).toContain('"harbour');
    // Nothing new: nothing is asked.
    expect((await write()).summary).toEqual(first.summary);
    expect(models.requests.length - before).toBe(1);
    const second = await write({ throughSequence: 9 });
    expect(second.summary.throughSequence).toBe(9);
    const { messages } = models.requests.at(-1)!.body as { messages: { role: string; content: string }[] };
    expect(messages.map(({ role }) => role)).toEqual(['system', 'user']);
    expect(messages[0]!.content).toMatch(/material, not instructions/);
    expect(messages[1]!.content).toContain(first.summary.text);
    expect(messages[1]!.content.match(/^\{"sequence":\d+/gm)).toEqual(
      [5, 6, 7, 8, 9].map((sequence) => `{"sequence":${sequence}`),
    );
  });

  test('is of as many messages as it is told at once, cut where one is long', async () => {
    const { tenant, id: sessionId } = await conversation(said(15, 'x'.repeat(30_000)));
    const write = async () =>
      (await fixture.get(tenant, SUMMARIZE, { input: { sessionId, throughSequence: 15, maxTokens: 4_000 } }, SPENDING)).summarizeSession.summary.throughSequence; // prettier-ignore
    expect([await write(), await write(), await write()]).toEqual([12, 15, 15]);
    const sent = (models.requests.at(-1)!.body as { messages: { content: string }[] }).messages[1]!.content;
    expect(sent.length).toBeLessThan(150_000);
  });

  test('takes the scope that spends, a model, and an answer that is whole; nothing stands in for it', async () => {
    const { tenant, id: sessionId } = await conversation(said(12));
    const input = { sessionId };
    expect((await fixture.ask(tenant, SUMMARIZE, { input })).codes).toEqual(['FORBIDDEN']);
    const cut = await fixture.ask(tenant, SUMMARIZE, { input: { ...input, maxTokens: 2 } }, SPENDING);
    expect([cut.codes, cut.errors![0]!.message]).toEqual([['STORE_UNAVAILABLE'], expect.stringContaining('(LENGTH)')]);
    models.next({ kind: 'status', status: 500 });
    expect((await fixture.ask(tenant, SUMMARIZE, { input }, SPENDING)).codes).toEqual(['STORE_UNAVAILABLE']);
    for (const wrong of [{ maxTokens: 0 }, { maxTokens: 4_001 }, { throughSequence: 0 }, { throughSequence: 13 }])
      expect((await fixture.ask(tenant, SUMMARIZE, { input: { ...input, ...wrong } }, SPENDING)).codes).toEqual(['BAD_USER_INPUT']); // prettier-ignore
    expect((await fixture.get(tenant, 'query ($id: ID!) { session(id: $id) { summary { text } } }', { id: sessionId })).session).toEqual({ summary: null }); // prettier-ignore
    // Without a model the caller's own is what there is.
    const alone = await conversation(said(12), without);
    const refused = await without.ask(alone.tenant, SUMMARIZE, { input: { sessionId: alone.id } }, SPENDING);
    expect([refused.codes, refused.errors![0]!.extensions!['hint']]).toEqual([['STORE_DISABLED'], expect.stringContaining('CHAT_MODEL')]); // prettier-ignore
    await without.get(alone.tenant, SUMMARIZE, {
      input: { sessionId: alone.id, text: 'Twelve words.', throughSequence: 12 },
    });
  });
});

describe('a context', () => {
  test('is the summary and the newest messages that fit, and says what is left out', async () => {
    const { tenant, id } = await conversation(said(30));
    const whole = await contextOf(tenant, id);
    expect([sequences(whole.messages), whole.omitted, whole.summary]).toEqual([Array.from({ length: 30 }, (_, index) => index + 1), 0, null]); // prettier-ignore
    const each = whole.messages[0].tokens as number;
    expect(whole.tokens).toBe(whole.messages.reduce((sum: number, { tokens }: { tokens: number }) => sum + tokens, 0));
    // Exactly three of the newest, and one token less than that.
    const three = whole.messages.slice(-3).reduce((sum: number, { tokens }: { tokens: number }) => sum + tokens, 0);
    expect(await contextOf(tenant, id, three)).toMatchObject({ tokens: three, omitted: 27 });
    expect(sequences((await contextOf(tenant, id, three - 1)).messages)).toEqual([29, 30]);
    expect(await contextOf(tenant, id, 1)).toEqual({ summary: null, messages: [], tokens: 0, omitted: 30 });
    const text = 'Twenty words were said.';
    await fixture.get(tenant, SUMMARIZE, { input: { sessionId: id, text, throughSequence: 20 } });
    const behind = await contextOf(tenant, id);
    expect(behind).toMatchObject({ summary: { text, throughSequence: 20 }, omitted: 0 });
    expect(sequences(behind.messages)).toEqual([21, 22, 23, 24, 25, 26, 27, 28, 29, 30]);
    const little = await contextOf(tenant, id, 7 + 2 * each);
    expect(little.tokens).toBeLessThanOrEqual(7 + 2 * each);
    expect(little).toMatchObject({ summary: { throughSequence: 20 }, omitted: 10 - little.messages.length });
    // A summary that does not fit is no part of it.
    expect(await contextOf(tenant, id, 2)).toEqual({ summary: null, messages: [], tokens: 0, omitted: 30 });
    for (const maxTokens of [0, -1, 1_000_001])
      expect((await fixture.ask(tenant, CONTEXT, { id, maxTokens })).codes).toEqual(['BAD_USER_INPUT']);
  });

  test('does not begin with the answer to a call that is not in it', async () => {
    const call = { role: 'ASSISTANT', toolCalls: [{ id: 'c', function: { name: 'f', arguments: '{}' } }], content: 'x '.repeat(200) }; // prettier-ignore
    const answer = { role: 'TOOL', toolCallId: 'c', content: 'ok' };
    const { tenant, id } = await conversation([...said(2), call, answer, answer, ...said(1)]);
    const within = await contextOf(tenant, id, 45);
    expect([sequences(within.messages), within.omitted]).toEqual([[6], 5]);
    expect(sequences((await contextOf(tenant, id, 600)).messages)).toEqual([1, 2, 3, 4, 5, 6]);
    const bare = await conversation([answer]);
    expect(await contextOf(bare.tenant, bare.id)).toEqual({ summary: null, messages: [], tokens: 0, omitted: 1 });
  });

  describe('of a message that is larger than all of it', () => {
    const CUT = `query ($id: ID!, $maxTokens: Int) {
      session(id: $id) { context(maxTokens: $maxTokens) {
        summary { text } tokens omitted
        messages { sequence role content truncated toolCalls toolCallId tokens message { content tokens } }
      } }
    }`;
    const cutOf = async (tenant: string, id: string, maxTokens: number) => {
      const { context } = (await fixture.get(tenant, CUT, { id, maxTokens })).session;
      expect(context.tokens).toBeLessThanOrEqual(maxTokens);
      for (const { content, truncated, message } of context.messages) {
        const mark = /\n… \[cut: the first ([\d,]+) of ([\d,]+) characters\]$/.exec(content);
        expect(mark !== null).toBe(truncated);
        // What is kept is its beginning, and as long as the mark says; the message is whole where it is asked for itself.
        const [, kept, of] = mark?.map((text) => Number(text.replaceAll(',', ''))) ?? [
          0,
          content.length,
          content.length,
        ];
        expect(message.content.slice(0, kept)).toBe(mark === null ? content : content.slice(0, mark.index));
        expect(message.content).toHaveLength(of!);
        expect(content.isWellFormed()).toBe(true);
      }
      return context;
    };

    test('is its beginning, beside those around it', async () => {
      const call = { role: 'ASSISTANT', toolCalls: [{ id: 'c', function: { name: 'read', arguments: '{}' } }] };
      const page = { role: 'TOOL', toolCallId: 'c', content: 'It was a dark night on the quay. '.repeat(7_000) };
      const { tenant, id } = await conversation([...said(2), call, page, { role: 'ASSISTANT', content: 'Dark.' }]);
      const told = await cutOf(tenant, id, 1_000);
      expect(sequences(told.messages)).toEqual([1, 2, 3, 4, 5]);
      expect(told.messages.map(({ truncated }: { truncated: boolean }) => truncated)).toEqual([false, false, false, true, false]); // prettier-ignore
      expect(told.omitted).toBe(0);
      // All the room that others leave.
      expect(told.tokens).toBeGreaterThan(950);
      // Whole where it fits.
      const whole = await cutOf(tenant, id, 200_000);
      expect(whole.messages[3]).toMatchObject({ truncated: false, content: page.content });
    });

    test('four share it, and older ones have no room', async () => {
      const { tenant, id } = await conversation(said(9, 'harbour '.repeat(3_000)));
      const { messages, omitted } = await cutOf(tenant, id, 2_000);
      expect(sequences(messages)).toEqual([6, 7, 8, 9]);
      expect(omitted).toBe(5);
      for (const { tokens } of messages) expect(tokens).toBeGreaterThan(450);
    });

    test('is cut where the newest has no room beside the summary, and left out where there is none at all', async () => {
      const { tenant, id } = await conversation([...said(2), { role: 'USER', content: 'quay '.repeat(400) }]);
      const text = 'word '.repeat(300);
      await fixture.get(tenant, SUMMARIZE, { input: { sessionId: id, text, throughSequence: 2 } });
      const beside = await cutOf(tenant, id, 1_000);
      expect(beside.summary).toEqual({ text });
      expect(beside.messages).toMatchObject([{ sequence: 3, truncated: true }]);
      for (const maxTokens of [1, 2, 5, 20])
        expect(await cutOf(tenant, id, maxTokens)).toEqual({ summary: null, messages: [], tokens: 0, omitted: 3 });
    });

    test.each<[string, object]>([
      ['pairs of surrogates', { role: 'USER', content: '🚢'.repeat(3_000) }],
      ['odd pairs', { role: 'USER', content: `a${'🚢'.repeat(3_000)}` }],
      ['ideographs', { role: 'USER', content: '港'.repeat(9_000) }],
      ['spaces', { role: 'USER', content: ' '.repeat(200_000) }],
      ['line breaks', { role: 'USER', content: '\n'.repeat(9_000) }],
      ['one word', { role: 'USER', content: 'x'.repeat(262_144) }],
      ['base64', { role: 'USER', content: Buffer.from('It was a dark night. '.repeat(900)).toString('base64') }],
      ['capitals', { role: 'USER', content: 'THE QUAY '.repeat(2_000) }],
      ['a mark of its own', { role: 'USER', content: '\n… [cut: the first 1 of 2 characters]'.repeat(900) }],
      ['a long name', { role: 'TOOL', name: 'n'.repeat(500), content: 'x '.repeat(9_000) }],
    ])('of %s', async (_, message) => {
      const { tenant, id } = await conversation([...said(1), message, ...said(1)]);
      for (const maxTokens of [60, 333, 1_000]) {
        const { messages, omitted } = await cutOf(tenant, id, maxTokens);
        expect(messages.at(-1).sequence).toBe(3);
        expect(omitted).toBe(messages[0].sequence - 1);
      }
      expect((await cutOf(tenant, id, 1_000)).messages).toHaveLength(3);
    });

    test('whose calls are what is large is left out, for calls are never cut', async () => {
      const toolCalls = [{ id: 'c', function: { name: 'f', arguments: 'x '.repeat(9_000) } }];
      const { tenant, id } = await conversation([...said(2), { role: 'ASSISTANT', content: 'x', toolCalls }, { role: 'TOOL', toolCallId: 'c', content: 'ok' }, ...said(1)]); // prettier-ignore
      const { messages, omitted } = await cutOf(tenant, id, 500);
      expect([sequences(messages), omitted]).toEqual([[5], 4]);
    });
  });

  test('of an empty session is empty, of many takes as few statements as of one, and of a long one is bounded', async () => {
    const { tenant, id } = await conversation([]);
    expect(await contextOf(tenant, id)).toEqual({ summary: null, messages: [], tokens: 0, omitted: 0 });
    const count = async () => {
      const { context, codes } = await fixture.ask(
        tenant,
        '{ sessions(first: 50) { nodes { id summary { text } context(maxTokens: 500) { summary { text } messages { content message { session { id } } } omitted } summaries(first: 2) { totalCount nodes { text } } messages(last: 2) { nodes { sequence } } } } }',
      );
      expect(codes).toEqual([]);
      return context.statements.total;
    };
    const one = await count();
    for (let more = 0; more < 8; more += 1)
      await fixture.get(tenant, 'mutation { createSession(input: {}) { session { id } } }');
    expect(await count()).toBe(one);
    const long = await conversation(said(620, ''));
    const bounded = await contextOf(long.tenant, long.id, 1_000_000);
    expect([bounded.messages.length, bounded.omitted]).toEqual([500, 120]);
  });
});

test('of many messages that are each larger than the room the newest is told, as much of it as there is room', async () => {
  const { tenant, id } = await conversation(said(5, 'word '.repeat(5_000)));
  for (const maxTokens of [50, 100, 200]) {
    const { messages, tokens } = await contextOf(tenant, id, maxTokens);
    expect(messages.at(-1)).toMatchObject({ sequence: 5 });
    expect(messages.at(-1).tokens).toBeGreaterThan(maxTokens / 5);
    expect(tokens).toBeLessThanOrEqual(maxTokens);
  }
});
