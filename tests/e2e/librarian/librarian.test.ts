/** The example agent on a real server: what it writes into a run's log, and that it survives being stopped anywhere. */
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { runLibrarian } from '#root/examples/librarian/librarian.ts';
import { post } from '#tests/e2e/contract/clients.ts';
import { DIALECTS } from '#tests/contract/model-dialects.ts';
import { HttpAgent } from '@ag-ui/client';
import { startStandIn, type StandIn } from '#tests/contract/openai-server.ts';
import { readByAgUi } from '#tests/setup/ag-ui.ts';
import { untilFound, writeDocuments } from '#tests/setup/documents.ts';
import { startTestServer, type TestServer } from '#tests/setup/server.ts';

const DOCUMENTS = {
  Jitter:
    'Retries need jitter, or clients stampede. Wait longer after each failure, and never the same time as everybody else.',
  Breakers: 'A circuit breaker stops retries while a service is down. It closes again when a trial request succeeds.',
  Pigeons: 'Pigeons carry messages over long distances. They do not try twice.',
};
const QUESTION = 'How do retries fail?';
/** A server that gives the model's reasoning. */
const VLLM = DIALECTS.find(({ name }) => name === 'vLLM')!;
const LOG =
  'query($id: ID!) { run(id: $id) { status output attempts events(first: 200) { edges { node { sequence type payload ... on ArtifactCreatedEvent { artifact { path file { text } } } } } } } }';

interface Log {
  status: string;
  output: { answer: string; artifactId: string; sources: string[] } | null;
  attempts: number;
  events: {
    sequence: number;
    type: string;
    payload: Record<string, string>;
    artifact?: { path: string; file: { text: string } };
  }[];
}

let server: TestServer;
let agentId: string;

const ask = async (question: unknown): Promise<string> => {
  const { data, errors } = await post(
    server.url,
    'mutation($agentId: ID!, $input: JSON) { startRun(input: { agentId: $agentId, input: $input }) { run { id } } }',
    { agentId, input: question },
  );
  expect(errors).toBeUndefined();
  return data!['startRun'].run.id as string;
};
const logOf = async (id: string): Promise<Log> => {
  const { run } = (await post(server.url, LOG, { id })).data!;
  return { ...run, events: run.events.edges.map(({ node }: { node: unknown }) => node) } as Log;
};
const ended = (id: string): Promise<Log> =>
  vi.waitFor(
    async () => {
      const log = await logOf(id);
      expect(['SUCCEEDED', 'FAILED', 'CANCELLED']).toContain(log.status);
      return log;
    },
    { timeout: 25_000, interval: 100 },
  );
const textOf = ({ events }: Log): string =>
  events
    .filter(({ type }) => type === 'TEXT_MESSAGE_CONTENT')
    .map(({ payload }) => payload['delta'])
    .join('');

/** A librarian; stopping it is as abrupt as a crash to everybody else: it hands nothing back. */
function librarian(options: { paceMs?: number; firstQuestion?: string } = {}): {
  errors: unknown[];
  stop(): Promise<void>;
} {
  const stop = new AbortController();
  const errors: unknown[] = [];
  const done = runLibrarian({
    url: server.url,
    signal: stop.signal,
    pollMs: 50,
    leaseSeconds: 1,
    paceMs: 0,
    onError: (error) => errors.push(error),
    ...options,
  });
  return {
    errors,
    stop: async () => {
      stop.abort();
      await done;
    },
  };
}

/** A server that generates by a model, with an agent for the librarian to be; `start` asks it one thing. */
async function serverWith(models: StandIn) {
  const other = await startTestServer({
    OPENAI_BASE_URL: models.baseUrl,
    OPENAI_API_KEY: models.apiKey,
    CHAT_MODEL: models.chatModel,
  });
  const { data } = await post(
    other.url,
    'mutation { createAgent(input: { name: "librarian", config: { example: "librarian" } }) { agent { id } } }',
  );
  const { id } = data!['createAgent'].agent as { id: string };
  const start = async (): Promise<string> => {
    const started = await post(
      other.url,
      'mutation($id: ID!) { startRun(input: { agentId: $id, input: { question: "one two three" } }) { run { id } } }',
      { id },
    );
    return started.data!['startRun'].run.id as string;
  };
  return { url: other.url, start, [Symbol.asyncDispose]: () => other[Symbol.asyncDispose]() };
}

beforeAll(async () => {
  server = await startTestServer();
  await writeDocuments(
    server.url,
    Object.entries(DOCUMENTS).map(([title, text]) => ({
      title,
      text,
      source: `made/${title}.md`,
      mediaType: 'text/markdown',
      entities: [{ name: title, kind: 'package' }],
    })),
  );
  await untilFound(server.url, 'jitter', 1);
  // It makes its agent by itself.
  const first = librarian({ firstQuestion: QUESTION });
  const agent = await vi.waitFor(
    async () => {
      const { data } = await post(server.url, '{ runs(first: 1) { edges { node { id agent { id name } } } } }');
      expect(data!['runs'].edges).toHaveLength(1);
      return data!['runs'].edges[0].node.agent as { id: string; name: string };
    },
    { timeout: 20_000 },
  );
  expect(agent.name).toBe('librarian');
  agentId = agent.id;
  await first.stop();
});
afterAll(() => server?.[Symbol.asyncDispose]());

test('answers with steps, a tool call, text and an artifact, and asks its first question once ever', async () => {
  const worker = librarian({ firstQuestion: QUESTION });
  const { data } = await post(
    server.url,
    '{ runs(first: 10) { totalCount edges { node { id } } } agents(first: 10) { totalCount } }',
  );
  expect(data).toMatchObject({ runs: { totalCount: 1 }, agents: { totalCount: 1 } });
  const id = data!['runs'].edges[0].node.id as string;
  const log = await ended(id);
  await worker.stop();

  expect(worker.errors).toEqual([]);
  expect(log.status).toBe('SUCCEEDED');
  const types = log.events.map(({ type }) => type);
  expect(types.filter((type, index) => type !== types[index - 1])).toEqual([
    'RUN_STARTED',
    'STEP_STARTED',
    'TOOL_CALL_START',
    'TOOL_CALL_ARGS',
    'TOOL_CALL_END',
    'TOOL_CALL_RESULT',
    'STEP_FINISHED',
    'STEP_STARTED',
    'TEXT_MESSAGE_START',
    'TEXT_MESSAGE_CONTENT',
    'TEXT_MESSAGE_END',
    'STEP_FINISHED',
    'ARTIFACT_CREATED',
    'RUN_FINISHED',
  ]);
  expect(textOf(log)).toContain('Jitter: “Retries need jitter, or clients stampede.”');
  expect(textOf(log)).not.toContain('Pigeons');
  expect(log.output!.answer).toBe(textOf(log));
  expect(log.output!.sources).toContain('made/Jitter.md');
  const artifact = log.events.find(({ type }) => type === 'ARTIFACT_CREATED')!;
  expect(artifact.payload['artifactId']).toBe(log.output!.artifactId);
  expect(artifact.artifact).toMatchObject({ path: 'answer.md', file: { text: expect.stringContaining(textOf(log)) } });
});

describe('stopped after any event', () => {
  test.each([1, 6, 9, 11])('%i events into the log, the next one goes on and says nothing twice', async (events) => {
    const reference = await vi.waitFor(
      async () =>
        (
          await post(
            server.url,
            '{ runs(where: { status: { eq: SUCCEEDED } }, orderBy: [{ field: CREATED_AT, direction: ASC }], first: 1) { edges { node { id } } } }',
          )
        ).data!['runs'].edges[0].node.id as string,
    );
    const whole = await logOf(reference);
    const id = await ask({ question: QUESTION });
    const first = librarian({ paceMs: 150 });
    await vi.waitFor(async () => expect((await logOf(id)).events.length).toBeGreaterThanOrEqual(events), {
      interval: 10,
      timeout: 10_000,
    });
    await first.stop();
    const second = librarian();
    const log = await ended(id);
    await second.stop();

    expect([...first.errors, ...second.errors]).toEqual([]);
    expect(log.attempts).toBe(2);
    expect(log.events.map(({ sequence, type }) => [sequence, type])).toEqual(
      whole.events.map(({ sequence, type }) => [sequence, type]),
    );
    expect(textOf(log)).toBe(textOf(whole));
  });
});

test('three at once share the queue, each run worked on by one', async () => {
  const ids = await Promise.all([1, 2, 3, 4, 5, 6].map((number) => ask({ question: `${QUESTION} ${number}` })));
  const workers = [librarian(), librarian(), librarian()];
  const logs = await Promise.all(ids.map(ended));
  await Promise.all(workers.map((worker) => worker.stop()));
  expect(workers.flatMap(({ errors }) => errors)).toEqual([]);
  for (const log of logs) {
    expect(log).toMatchObject({ status: 'SUCCEEDED', attempts: 1 });
    expect(log.events.map(({ sequence }) => sequence)).toEqual(log.events.map((_, index) => index + 1));
  }
});

test('a client of AG-UI asks it by what a person says', async () => {
  const worker = librarian();
  const agent = new HttpAgent({
    url: `${server.url}/agents/${agentId}/run`,
    initialMessages: [
      { id: 'a', role: 'user', content: 'Hello' },
      { id: 'b', role: 'assistant', content: 'Good day.' },
      { id: 'c', role: 'user', content: [{ type: 'text', text: 'How does a store retry?' }] },
    ],
  });
  const { result, newMessages } = await agent.runAgent();
  await worker.stop();
  expect(worker.errors).toEqual([]);
  expect(result).toMatchObject({ answer: expect.stringMatching(/./) });
  const { answer } = result as { answer: string };
  expect(newMessages.filter(({ role }) => role === 'assistant').at(-1)!.content).toBe(answer);
});

test('a run without a question fails, and holds nobody up', async () => {
  const [bad, cancelled, good] = [
    await ask({ questions: [] }),
    await ask({ question: QUESTION }),
    await ask({ question: QUESTION }),
  ];
  await post(server.url, 'mutation($id: ID!) { cancelRun(input: { runId: $id }) { run { id } } }', { id: cancelled });
  const worker = librarian();
  expect(await ended(bad)).toMatchObject({ status: 'FAILED' });
  expect(await ended(good)).toMatchObject({ status: 'SUCCEEDED' });
  await worker.stop();
  expect((await logOf(cancelled)).status).toBe('CANCELLED');
});

test(
  'passes the reasoning of a model on before its answer, and begins both anew when the model fails half-way',
  { timeout: 120_000 },
  async () => {
    await using models = await startStandIn({ dialect: VLLM, thought: 'they ask for three words' });
    await using other = await serverWith(models);
    // While it still thinks aloud, and in the middle of the answer.
    for (const after of [0, 2]) {
      const runId = await other.start();
      models.next({ kind: 'cut', after });
      const stop = new AbortController();
      const errors: unknown[] = [];
      const onError = (error: unknown) => void errors.push(error);
      const done = runLibrarian({ url: other.url, signal: stop.signal, pollMs: 50, leaseSeconds: 1, onError });
      await vi.waitFor(
        async () => expect((await post(other.url, LOG, { id: runId })).data!['run'].status).toBe('SUCCEEDED'),
        { timeout: 25_000, interval: 100 },
      );
      stop.abort();
      await done;
      expect(errors).toHaveLength(1);
      const { run } = (await post(other.url, LOG, { id: runId })).data!;
      const events = run.events.edges.map(({ node }: { node: unknown }) => node) as Log['events'];
      const answer = events.slice(events.findIndex(({ payload }) => payload['stepName'] === 'answer'));
      const types = answer.map(({ type }) => type).filter((type, index, all) => type !== all[index - 1]);
      const thinking = ['REASONING_START', 'REASONING_MESSAGE_START', 'REASONING_MESSAGE_CONTENT', 'REASONING_MESSAGE_END', 'REASONING_END']; // prettier-ignore
      const saying = ['TEXT_MESSAGE_START', 'TEXT_MESSAGE_CONTENT', 'TEXT_MESSAGE_END'];
      expect(types).toEqual([
        'STEP_STARTED',
        ...thinking,
        ...(after > 0 ? saying : []),
        ...thinking,
        ...saying,
        'STEP_FINISHED',
        'ARTIFACT_CREATED',
        'RUN_FINISHED',
      ]);
      const last = answer.findLast(({ type }) => type === 'REASONING_START')!.payload['messageId'];
      const thought = answer.filter(
        (event) => event.type === 'REASONING_MESSAGE_CONTENT' && event.payload['messageId'] === last,
      );
      expect(
        thought
          .map(({ payload }) => payload['delta'])
          .join('')
          .trim(),
      ).toBe('they ask for three words');
      expect(run.output.answer).toContain('three two one');
      expect(run.output.answer).not.toContain('they ask');
      // A frontend on AG-UI's client reads it to its end.
      const response = await fetch(`${other.url}/runs/${runId}/events`, { headers: { accept: 'text/event-stream' } });
      expect(await readByAgUi(response)).toContain('REASONING_MESSAGE_CONTENT');
    }
  },
);

test("with a chat model it passes the model's words on, and says it anew in a second message when the model fails half-way", async () => {
  await using models = await startStandIn();
  await using other = await serverWith(models);
  const runId = await other.start();
  models.next({ kind: 'cut', after: 2 });
  const stop = new AbortController();
  const errors: unknown[] = [];
  const done = runLibrarian({
    url: other.url,
    signal: stop.signal,
    pollMs: 50,
    leaseSeconds: 1,
    onError: (error) => errors.push(error),
  });
  const run = await vi.waitFor(
    async () => {
      const answer = await post(other.url, LOG, { id: runId });
      expect(answer.data!['run'].status).toBe('SUCCEEDED');
      return answer.data!['run'];
    },
    { timeout: 25_000, interval: 100 },
  );
  stop.abort();
  await done;
  expect(errors).toHaveLength(1);
  const events = run.events.edges.map(({ node }: { node: unknown }) => node) as Log['events'];
  const messages = events
    .filter(({ type }) => type === 'TEXT_MESSAGE_START')
    .map(({ payload }) => payload['messageId']);
  expect(new Set(messages).size).toBe(2);
  // The stand-in answers with the question's words, reversed.
  expect(run.output.answer).toContain('three two one');
  const last = events.filter(
    ({ type, payload }) => type === 'TEXT_MESSAGE_CONTENT' && payload['messageId'] === messages[1],
  );
  expect(
    last
      .map(({ payload }) => payload['delta'])
      .join('')
      .trim(),
  ).toBe(run.output.answer);
});
