/** Questions as runs: who may take them, and that none waits for ever, whoever dies. */
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { graphql } from 'graphql';
import { createRequestContext } from '#subgraphs/shared/context.ts';
import { createRunsFixture, type RunsFixture } from './runs-fixture.ts';

let it: RunsFixture;
beforeAll(async () => {
  it = await createRunsFixture({ leaseSweepMs: 100 });
}, 60_000);
afterAll(async () => it?.[Symbol.asyncDispose]());

/* eslint-disable @typescript-eslint/no-explicit-any -- answers are compared, not used */
const run = async (
  source: string,
  variableValues: Record<string, unknown> = {},
  system = false,
  tenantId = 'a',
  subject = 'alice',
) => {
  const contextValue = createRequestContext({ tenantId, subject, roles: ['r'], scopes: ['s'], system });
  return (await graphql({ schema: it.runs.schema, source, variableValues, contextValue })) as any;
};
const TAKE =
  'mutation ($seconds: Int!) { takeQuestion(leaseSeconds: $seconds) { runId input token tenantId subject roles scopes } }';
const ask = async (question: string, tenantId = 'a'): Promise<string> =>
  (
    await run(
      'mutation ($q: String!) { ask(input: { question: $q }) { run { id } } }',
      { q: question },
      false,
      tenantId,
    )
  ).data.ask.run.id;
const stateOf = async (id: string) =>
  (await run('query ($id: ID!) { run(id: $id) { status attempts error { code } answer { text } } }', { id })).data.run;

test('each is taken once, the oldest of a tenant first, of any, with what its asker may do', async () => {
  const ids = [await ask('one'), await ask('two', 'b')];
  const taken = await Promise.all([1, 2, 3].map(() => run(TAKE, { seconds: 60 }, true)));
  const found = taken.map(({ data }) => data.takeQuestion).filter((each) => each !== null);
  expect(found.map(({ runId }: any) => runId).sort()).toEqual([...ids].sort());
  expect(found.find(({ runId }: any) => runId === ids[1])).toMatchObject({
    input: { question: 'two', first: 8 },
    tenantId: 'b',
    subject: 'alice',
    roles: ['r'],
    scopes: ['s'],
  });
  // What he may do is not kept any longer.
  const kept = await it.postgres.transaction(
    createRequestContext({ tenantId: 'b', subject: 'x', roles: [], scopes: [] }),
    (tx) => tx.query<{ asker: unknown }>({ sql: 'SELECT asker FROM runs.runs', parameters: [] }),
  );
  expect(kept).toEqual([{ asker: null }]);
  expect((await run(TAKE, { seconds: 60 })).errors[0].extensions.code).toBe('FORBIDDEN');
  // Only who has taken it writes to it.
  const finish = 'mutation ($input: FinishRunInput!) { finishRun(input: $input) { run { status answer { text } } } }';
  const [runId, token] = [ids[0], found.find((each: any) => each.runId === ids[0]).token];
  const output = { text: 'forged', citations: [] };
  for (const other of [undefined, '1-guessed', '2-guessed'])
    expect((await run(finish, { input: { runId, output, token: other } })).errors[0].extensions.code).toBe('CONFLICT');
  expect(
    (await run(finish, { input: { runId, output: { text: 'fine', citations: [] }, token } })).data.finishRun.run,
  ).toEqual({
    status: 'SUCCEEDED',
    answer: { text: 'fine' },
  });
  // What another run came to is no answer, whatever it looks like.
  const other = (await run('mutation { startRun(input: {}) { run { id } } }')).data.startRun.run.id;
  expect((await run(finish, { input: { runId: other, output } })).data.finishRun.run.answer).toBeNull();
});

test('one whose process is gone fails when its lease ends, and is given to nobody else', async () => {
  const id = await ask('left alone');
  expect((await run(TAKE, { seconds: 1 }, true)).data.takeQuestion.runId).toBe(id);
  expect((await run(TAKE, { seconds: 1 }, true)).data.takeQuestion).toBeNull();
  await vi.waitFor(async () => expect(await stateOf(id)).toMatchObject({ status: 'FAILED' }), { timeout: 15_000 });
  expect(await stateOf(id)).toEqual({
    status: 'FAILED',
    attempts: 1,
    error: { code: 'ATTEMPTS_EXHAUSTED' },
    answer: null,
  });
});

test('one that is cancelled before it is taken is not taken', async () => {
  const id = await ask('never mind');
  await run('mutation ($id: ID!) { cancelRun(input: { runId: $id }) { run { id } } }', { id });
  expect((await run(TAKE, { seconds: 60 }, true)).data.takeQuestion).toBeNull();
});

test('waiting for an answer ends in time, with the run as it stands', async () => {
  const { data } = await run(
    'mutation { ask(input: { question: "who?", waitSeconds: 1 }) { run { status answer { text } } } }',
  );
  expect(data.ask.run).toEqual({ status: 'QUEUED', answer: null });
});

test('who asks one question does not wait until another tenant has been answered all of his', async () => {
  while ((await run(TAKE, { seconds: 60 }, true)).data.takeQuestion !== null); // What tests before have left.
  const many = [];
  for (let n = 0; n < 30; n += 1) many.push(await ask(`many ${n}`, 'many'));
  const one = await ask('one', 'few');
  const taken: string[] = [];
  for (let n = 0; n < 31; n += 1) taken.push((await run(TAKE, { seconds: 60 }, true)).data.takeQuestion.runId);
  expect(taken.filter((id) => id !== one)).toEqual(many);
  // Each look gives either tenant the same chance: that he comes last is one in a thousand million.
  expect(taken.indexOf(one)).toBeLessThan(30);
});

test('a key is one of whoever asks with it', async () => {
  const KEYED = 'mutation ($q: String!) { ask(input: { question: $q, idempotencyKey: "k" }) { run { id } } }';
  const asked = async (subject: string, question: string): Promise<string> =>
    (await run(KEYED, { q: question }, false, 'keys', subject)).data.ask.run.id;
  const anns = await asked('ann', 'What?');
  expect(await asked('ann', 'What?')).toBe(anns);
  expect(await asked('ben', 'Where?')).not.toBe(anns);
});

test('of a tenant that has enough at work none is taken, and more than may wait are refused', async () => {
  while ((await run(TAKE, { seconds: 60 }, true)).data.takeQuestion !== null);
  await ask('one', 'busy');
  const EXCEPT = 'mutation { takeQuestion(leaseSeconds: 60, except: ["busy"]) { runId } }';
  expect((await run(EXCEPT, {}, true)).data.takeQuestion).toBeNull();
  const other = await ask('two', 'idle');
  expect((await run(EXCEPT, {}, true)).data.takeQuestion.runId).toBe(other);
  for (let n = 1; n < 200; n += 1) await ask(`${n}`, 'busy');
  const refused = await run('mutation { ask(input: { question: "one more" }) { run { id } } }', {}, false, 'busy');
  expect(refused.errors[0].extensions.code).toBe('RATE_LIMITED');
});

test('of whoever asked nothing is kept where the question is cancelled', async () => {
  const id = await ask('never mind', 'gone');
  await run('mutation ($id: ID!) { cancelRun(input: { runId: $id }) { run { id } } }', { id }, false, 'gone');
  const kept = await it.postgres.transaction(
    createRequestContext({ tenantId: 'gone', subject: 'x', roles: [], scopes: [] }),
    (tx) => tx.query({ sql: 'SELECT asker, ask_waits FROM runs.runs', parameters: [] }),
  );
  expect(kept).toEqual([{ asker: null, ask_waits: false }]);
});
