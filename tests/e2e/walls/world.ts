/** What a tenant has, one of everything that the API shows, made as its clients make it. */
import { setTimeout as delay } from 'node:timers/promises';
import type { GraphqlAnswer } from '#tests/gateway/fixture.ts';

/** Ids of what a tenant has. */
export interface World {
  /** What its names begin with; no secret, since others may take the same. */
  readonly name: string;
  readonly tenantId: string;
  readonly documents: readonly string[];
  readonly chunk: string;
  readonly agent: string;
  readonly version: string;
  readonly fact: string;
  readonly session: string;
  readonly message: string;
  readonly artifact: string;
  readonly objectKey: string;
  /** Of the first document's bytes. */
  readonly fileKey: string;
  readonly entities: readonly string[];
  readonly relation: string;
  readonly usage: string;
  readonly audit: string;
  readonly apiKey: string;
  /** Of the first document, with the project `green`. */
  readonly share: string;
  /** That has ended well, with an event of every type. */
  readonly run: string;
  readonly failedRun: string;
  readonly archivedRun: string;
  /** One for each thing that can be done with a run, claimed by a worker. */
  readonly openRuns: readonly { readonly id: string; readonly token: string }[];
  readonly queuedRun: string;
  readonly idempotencyKey: string;
}

/** Asks as somebody, and fails on errors. */
export type Ask = (query: string, variables?: Record<string, unknown>) => Promise<NonNullable<GraphqlAnswer['data']>>;

const text = (word: string, about: string): string => `${about}: ${word} kept between us, in so many words.`;

/** An event of each type but those that begin and end a run, in an order that AG-UI takes. */
const eventsOf = (word: string, artifact: string): { type: string; payload: object }[] => {
  const event = (type: string, payload: object) => ({ type, payload });
  return [
    event('STEP_STARTED', { stepName: word }),
    event('STEP_FINISHED', { stepName: word }),
    event('TEXT_MESSAGE_START', { messageId: `${word}1`, role: 'assistant' }),
    event('TEXT_MESSAGE_CONTENT', { messageId: `${word}1`, delta: word }),
    event('TEXT_MESSAGE_END', { messageId: `${word}1` }),
    event('TEXT_MESSAGE_CHUNK', { messageId: `${word}2`, role: 'assistant', delta: word }),
    event('TOOL_CALL_START', { toolCallId: `${word}3`, toolCallName: word, parentMessageId: `${word}2` }),
    event('TOOL_CALL_ARGS', { toolCallId: `${word}3`, delta: word }),
    event('TOOL_CALL_END', { toolCallId: `${word}3` }),
    event('TOOL_CALL_RESULT', { messageId: `${word}4`, toolCallId: `${word}3`, content: word }),
    event('TOOL_CALL_CHUNK', { toolCallId: `${word}5`, toolCallName: word, parentMessageId: `${word}2`, delta: word }),
    event('STATE_SNAPSHOT', { snapshot: { word } }),
    event('STATE_DELTA', { delta: [{ op: 'add', path: '/more', value: word }] }),
    event('MESSAGES_SNAPSHOT', { messages: [{ id: `${word}6`, role: 'user', content: word }] }),
    event('ACTIVITY_SNAPSHOT', { messageId: `${word}7`, activityType: word, content: { word }, replace: true }),
    event('ACTIVITY_DELTA', {
      messageId: `${word}7`,
      activityType: word,
      patch: [{ op: 'add', path: '/more', value: word }],
    }),
    event('REASONING_START', { messageId: `${word}8` }),
    event('REASONING_MESSAGE_START', { messageId: `${word}9`, role: 'reasoning' }),
    event('REASONING_MESSAGE_CONTENT', { messageId: `${word}9`, delta: word }),
    event('REASONING_MESSAGE_END', { messageId: `${word}9` }),
    event('REASONING_END', { messageId: `${word}8` }),
    event('REASONING_MESSAGE_CHUNK', { messageId: `${word}10`, delta: word }),
    event('REASONING_ENCRYPTED_VALUE', { subtype: 'message', entityId: `${word}9`, encryptedValue: word }),
    event('SUBAGENT_STARTED', { subagentRunId: `${word}11`, name: word }),
    event('SUBAGENT_FINISHED', { subagentRunId: `${word}11`, result: { word } }),
    event('SUBAGENT_STARTED', { subagentRunId: `${word}12`, name: word }),
    event('SUBAGENT_ERROR', { subagentRunId: `${word}12`, message: word, code: word }),
    event('ARTIFACT_CREATED', { artifactId: artifact }),
    event('RAW', { event: { word }, source: word }),
    event('CUSTOM', { name: word, value: { word } }),
  ];
};

/**
 * Makes a world of its own.
 * @param word what all its texts have, and nobody else's
 */
export async function makeWorld(ask: Ask, name: string, word: string): Promise<World> {
  /* eslint-disable @typescript-eslint/no-explicit-any -- answers are looked into, and a wrong path fails the test */
  const one = async (query: string, variables?: Record<string, unknown>): Promise<any> =>
    Object.values(await ask(query, variables))[0];
  const idOf = async (query: string, path: string, variables?: Record<string, unknown>): Promise<string> =>
    path.split('.').reduce((at: any, key) => at[key], await one(query, variables)) as string;
  const first = (connection: any): any => connection.edges[0];
  /* eslint-enable @typescript-eslint/no-explicit-any */
  const documents: string[] = [];
  for (const number of [1, 2])
    documents.push(
      await idOf(
        `mutation ($input: UpsertDocumentInput!) { upsertDocument(input: $input) { document { id } } }`,
        'document.id',
        {
          input: {
            title: `${word} ${number}`,
            source: `${name}/${number}.md`,
            mediaType: 'text/markdown',
            // Of several passages: what is led to from one of them is the tenant's too.
            text: `${text(word, `Note ${number}`)}\n\n${`${word} goes on. `.repeat(80)}`,
            metadata: { word },
            entities: [
              { name: `${name} one`, kind: 'thing', properties: { word } },
              { name: `${name} two`, kind: 'thing', properties: { word } },
              { name: `${name} three`, kind: word },
            ],
            relations: [
              {
                from: { name: `${name} one`, kind: 'thing' },
                to: { name: `${name} two`, kind: 'thing' },
                type: 'KNOWS',
                properties: { word },
              },
            ],
          },
        },
      ),
    );
  await untilIndexed(ask, documents);
  const { agent } = await one(
    `mutation ($input: CreateAgentInput!) { createAgent(input: $input) { agent { id currentVersion { id } } } }`,
    { input: { name: `${name} agent`, description: word, instructions: word, model: word, config: { word } } },
  );
  const fact = await idOf(
    `mutation ($input: RememberFactInput!) { rememberFact(input: $input) { fact { id } } }`,
    'fact.id',
    // `similarMemoryFacts` finds it from now on.
    { input: { key: `${name} key`, value: word, source: word, agentId: agent.id, waitFor: ['VECTOR'] } },
  );
  const { documents: files } = await ask(
    `query ($ids: [ID!]!) { documents(where: { id: { in: $ids } }) { nodes { file { key } } } }`,
    { ids: documents.slice(0, 1) },
  );
  const fileKey = files.nodes[0].file.key as string;
  const objectKey = `${name}/object.txt`;
  await ask(`mutation ($input: PutObjectInput!) { putObject(input: $input) { object { key } } }`, {
    input: { key: objectKey, contentType: 'text/plain', content: text(word, 'Object'), encoding: 'UTF8' },
  });
  const start = (more: object = {}): Promise<string> =>
    idOf(`mutation ($input: StartRunInput!) { startRun(input: $input) { run { id } } }`, 'run.id', {
      input: { agentId: agent.id, input: { word }, threadId: `${word} thread`, ...more },
    });
  // Claimed first come, first served: none may wait yet but these.
  const openRuns: { id: string; token: string }[] = [];
  for (let number = 0; number < 4; number += 1) {
    await start();
    const { run, lease } = await one(
      `mutation ($input: ClaimRunInput!) { claimRun(input: $input) { run { id } lease { token } } }`,
      { input: { agentId: agent.id, leaseSeconds: 3_000 } },
    );
    openRuns.push({ id: run.id, token: lease.token });
  }
  const run = await start({ scheduledAt: '2026-01-01T00:00:00Z' });
  const [failedRun, archivedRun] = [await start(), await start()];
  const artifact = await idOf(
    `mutation ($input: CreateArtifactInput!) { createArtifact(input: $input) { artifact { id } } }`,
    'artifact.id',
    { input: { runId: run, path: `${word}.txt`, contentType: 'text/plain', fileKey: objectKey } },
  );
  const append = (events: object[]) =>
    ask(`mutation ($input: AppendRunEventsInput!) { appendRunEvents(input: $input) { run { id } } }`, {
      input: { runId: run, events },
    });
  await append([{ type: 'RUN_STARTED', payload: { parentRunId: failedRun } }, ...eventsOf(word, artifact)]);
  const finish = `mutation ($input: FinishRunInput!) { finishRun(input: $input) { run { id } } }`;
  await ask(finish, { input: { runId: run, output: { word } } });
  await ask(finish, { input: { runId: failedRun, error: { message: word, code: word } } });
  await ask(finish, { input: { runId: archivedRun } });
  const remember = `mutation ($input: RememberFactInput!) { rememberFact(input: $input) { fact { id } } }`;
  const formerly = { key: `${name} key of before`, value: word, source: word, agentId: agent.id };
  const supersedes = await idOf(remember, 'fact.id', { input: formerly });
  await ask(remember, { input: { key: `${name} own key`, value: word, own: true } });
  // What it was, with all that may be said of a fact.
  await ask(remember, {
    input: {
      ...{ ...formerly, key: `${name} key`, runId: run, supersedes, waitFor: ['VECTOR'] },
      ...{ validFrom: '2026-01-01T00:00:00Z', validUntil: '2100-01-01T00:00:00Z' },
    },
  });
  const session = await idOf(
    `mutation ($input: CreateSessionInput!) { createSession(input: $input) { session { id } } }`,
    'session.id',
    { input: { agentId: agent.id, title: word, metadata: { word }, idempotencyKey: `${name} chat` } },
  );
  const { messages } = await one(
    `mutation ($input: AppendMessagesInput!) { appendMessages(input: $input) { messages { id } } }`,
    {
      input: {
        sessionId: session,
        runId: run,
        idempotencyKey: `${name} once`,
        messages: [
          { role: 'USER', content: text(word, 'Said'), name: word, metadata: { word } },
          { role: 'ASSISTANT', toolCalls: [{ id: word }] },
          { role: 'TOOL', name: word, content: word, toolCallId: word },
        ],
      },
    },
  );
  await ask(`mutation ($input: SummarizeSessionInput!) { summarizeSession(input: $input) { summary { text } } }`, {
    input: { sessionId: session, runId: run, maxTokens: 4_000, throughSequence: 1 },
  });
  await ask(`mutation ($input: UpdateSessionInput!) { updateSession(input: $input) { session { id } } }`, {
    input: { id: session, ended: true },
  });
  const usage = await idOf(
    `mutation ($input: RecordUsageInput!) { recordUsage(input: $input) { record { id } } }`,
    'record.id',
    { input: { operation: 'EMBED', provider: word, model: word, inputTokens: 1, outputTokens: 1 } },
  );
  const apiKey = await idOf(
    `mutation ($input: CreateApiKeyInput!) { createApiKey(input: $input) { key { id } } }`,
    'key.id',
    { input: { name: word, scopes: ['runs:work'] } },
  );
  await idOf(`mutation ($id: ID!) { rotateApiKey(input: { id: $id }) { key { id } } }`, 'key.id', { id: apiKey });
  const share = await idOf(
    `mutation ($id: ID!) { shareDocument(input: { id: $id, project: "green", expiresAt: "2100-01-01T00:00:00Z" }) { share { id } } }`,
    'share.id',
    { id: documents[0] },
  );
  await ask(`mutation ($id: ID!) { shareAgent(input: { id: $id, project: "green" }) { share { id } } }`, {
    id: agent.id,
  });
  const idempotencyKey = `${name} once`;
  const queuedRun = await start({ idempotencyKey, threadId: null });
  const more = await ask(
    `query ($document: ID!, $from: String!, $to: String!) {
      tenant { id }
      document(id: $document) { chunks { edges { node { id } } } }
      from: entities(where: { name: { eq: $from } }) { edges { node { id relations { edges { relationId } } } } }
      to: entities(where: { name: { eq: $to } }) { edges { node { id } } }
      auditEntries(first: 1) { edges { node { id } } }
    }`,
    { document: documents[0], from: `${name} one`, to: `${name} two` },
  );
  return {
    name,
    tenantId: more.tenant.id,
    documents,
    chunk: first(more.document.chunks).node.id,
    agent: agent.id,
    version: agent.currentVersion.id,
    fact,
    session,
    message: messages[0].id,
    artifact,
    objectKey,
    fileKey,
    entities: [first(more.from).node.id, first(more.to).node.id],
    relation: first(first(more.from).node.relations).relationId,
    usage,
    audit: first(more.auditEntries).node.id,
    apiKey,
    share,
    run,
    failedRun,
    archivedRun,
    openRuns,
    queuedRun,
    idempotencyKey,
  };
}

/** Until every store has what the documents are. */
async function untilIndexed(ask: Ask, ids: readonly string[]): Promise<void> {
  const deadline = Date.now() + 60_000;
  for (;;) {
    const { documents } = await ask(
      `query ($ids: [ID!]!) { documents(where: { id: { in: $ids } }) { edges { node { indexing { state error } } } } }`,
      { ids },
    );
    const states = documents.edges.flatMap(({ node }: { node: { indexing: { state: string }[] } }) => node.indexing);
    if (states.length > 0 && states.every(({ state }: { state: string }) => state === 'DONE')) return;
    if (Date.now() > deadline) throw new Error(`Not indexed in time: ${JSON.stringify(states)}`);
    await delay(100);
  }
}
