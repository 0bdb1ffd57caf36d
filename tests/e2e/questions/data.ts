/** A small harbour in every store: what the twenty questions are about, and what is true of it. */
import type { TestServer } from '#tests/setup/server.ts';

export const SHIPS = ['Aurora', 'Kestrel'] as const;
export const USED = [
  { model: 'pilot-1', inputTokens: 1_200, outputTokens: 300 },
  { model: 'pilot-2', inputTokens: 40, outputTokens: 7 },
] as const;

export interface Harbour {
  readonly agentId: string;
  readonly runs: { readonly succeeded: string; readonly failed: string };
  /** Texts of documents by their titles. */
  readonly texts: ReadonlyMap<string, string>;
  /** What is there, by GraphQL. */
  read(query: string, variables: Readonly<Record<string, unknown>>): Promise<unknown>;
}

const named = (kind: string, name: string) => ({ kind, name });
const DOCUMENTS = [
  {
    title: 'Crane brakes',
    collection: 'manuals',
    text: 'The brakes of crane 3 are tested each week. They stopped the load of the Kestrel in a storm.',
    entities: [named('crane', 'Crane 3'), named('ship', 'Kestrel')],
  },
  {
    title: 'Tide tables',
    collection: 'manuals',
    text: 'At the north quay the tide turns at six, at the south quay an hour later.',
    entities: [],
  },
  {
    title: 'Mooring log',
    collection: 'logs',
    text: 'The Aurora and the Kestrel are moored at berth 9. The Aurora came first, laden with timber. The Kestrel came at noon.',
    entities: [...SHIPS.map((ship) => named('ship', ship)), named('berth', 'Berth 9')],
    relations: SHIPS.map((ship) => ({ from: named('ship', ship), to: named('berth', 'Berth 9'), type: 'MOORED_AT' })),
  },
  { title: 'Weather log', collection: 'logs', text: 'Fog until ten, then wind from the west.', entities: [] },
] as const;

/** Writes it by GraphQL. @throws where anything failed */
export async function makeHarbour({ url }: Pick<TestServer, 'url'>): Promise<Harbour> {
  const read = async (
    query: string,
    variables: Readonly<Record<string, unknown>>,
  ): Promise<Record<string, unknown>> => {
    const response = await fetch(`${url}/graphql`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ query, variables }),
    });
    const { data, errors } = (await response.json()) as { data: Record<string, unknown>; errors?: unknown };
    if (errors !== undefined) throw new Error(JSON.stringify(errors));
    return data;
  };
  // eslint-disable-next-line @typescript-eslint/no-explicit-any -- whatever the API answers
  const write = async (name: string, selection: string, input: object): Promise<any> => {
    const type = `${name[0]!.toUpperCase()}${name.slice(1)}Input!`;
    return (await read(`mutation ($input: ${type}) { ${name}(input: $input) { ${selection} } }`, { input }))[name];
  };

  for (const document of DOCUMENTS)
    await write('upsertDocument', 'document { id } notIndexed { store error }', {
      ...document,
      source: `${document.collection}/${document.title}.md`,
      mediaType: 'text/markdown',
      waitFor: ['OBJECT', 'VECTOR', 'GRAPH'],
    });
  const agentId = (await write('createAgent', 'agent { id }', { name: 'surveyor', instructions: 'Survey.', model: 'none' })).agent.id as string; // prettier-ignore
  const start = async (question: string): Promise<string> => {
    const { run } = await write('startRun', 'run { id }', { agentId, input: { question } });
    const events = [{ type: 'STEP_STARTED', payload: { stepName: 'look' } }];
    await write('appendRunEvents', 'run { id }', { runId: run.id, events });
    return run.id as string;
  };
  const runs = { succeeded: await start('Is crane 3 sound?'), failed: await start('Where is the Aurora?') };
  await write('putObject', 'object { key }', { key: 'surveys/report.txt', content: 'Crane 3 is sound.', encoding: 'UTF8', mediaType: 'text/plain' }); // prettier-ignore
  await write('createArtifact', 'artifact { id }', { runId: runs.succeeded, path: 'report.txt', fileKey: 'surveys/report.txt', mediaType: 'text/plain' }); // prettier-ignore
  await write('finishRun', 'run { id }', { runId: runs.succeeded, output: { sound: true } });
  await write('finishRun', 'run { id }', { runId: runs.failed, error: { code: 'NO_SIGHT', message: 'The fog is too thick.' } }); // prettier-ignore

  for (const fact of [
    { key: 'berths', value: 'The user likes berths by the lighthouse.' },
    { key: 'crane 3', value: 'Its brakes were renewed in May.', runId: runs.succeeded },
  ])
    await write('rememberFact', 'fact { id }', { ...fact, waitFor: 'VECTOR' });
  const { session } = await write('createSession', 'session { id }', { title: 'Berths', agentId });
  await write('appendMessages', 'session { id }', { sessionId: session.id, messages: [{ role: 'USER', content: 'Which berth is free?' }] }); // prettier-ignore
  await write('appendMessages', 'session { id }', { sessionId: session.id, runId: runs.succeeded, messages: [{ role: 'ASSISTANT', content: 'Berth 7 is free.' }] }); // prettier-ignore
  for (const used of USED) await write('recordUsage', '__typename', { ...used, provider: 'elsewhere', operation: 'GENERATE' }); // prettier-ignore
  return { agentId, runs, read, texts: new Map(DOCUMENTS.map(({ title, text }) => [title, text])) };
}
