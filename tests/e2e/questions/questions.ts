/**
 * Twenty questions over several stores, and what a careful agent that knows nothing of the API sends for each: what it looks for in the
 * schema, in the question's own words, and the query that it writes from what it is shown. What is right comes from tests/e2e/questions/data.ts.
 */
import { expect } from 'vitest';
import { SHIPS, USED, type Harbour } from './data.ts';

/** One call of a tool. */
export interface Step {
  readonly tool: string;
  readonly given: Readonly<Record<string, unknown>>;
}

export interface Question {
  readonly question: string;
  readonly stores: string;
  steps(harbour: Harbour): readonly Step[];
  /** @param answer what the last call answered @throws where that is not what the data say */
  holds(answer: never, harbour: Harbour): void | Promise<void>;
}

// eslint-disable-next-line @typescript-eslint/no-explicit-any -- whatever the API answers
type Answer = any;
/** Looks for the question's words in the schema, then asks. */
const asking = (
  stores: string,
  question: string,
  query: string,
  holds: (data: Answer, harbour: Harbour) => void,
  variables: (harbour: Harbour) => Record<string, unknown> = () => ({}),
): Question => ({
  question,
  stores,
  steps: (harbour) => [
    { tool: 'search_schema', given: { query: question } },
    { tool: 'execute', given: { query, variables: variables(harbour) } },
  ],
  holds: ({ data }: Answer, harbour) => holds(data, harbour),
});

const names = (nodes: readonly { name: string }[]): string[] => nodes.map(({ name }) => name).sort();
const sorted = (values: readonly unknown[]): unknown[] => [...values].sort();

export const QUESTIONS: readonly Question[] = [
  asking(
    'relational, graph',
    'Which entities does the document "Crane brakes" mention?',
    'query ($title: String!) { documents(where: { title: { eq: $title } }) { nodes { title entities { nodes { name kind } } } } }',
    (data) => expect(names(data.documents.nodes[0].entities.nodes)).toEqual(['Crane 3', 'Kestrel']),
    () => ({ title: 'Crane brakes' }),
  ),
  {
    question: 'When does the tide turn at the north quay?',
    stores: 'vector, relational',
    steps: () => [{ tool: 'search', given: { query: 'When does the tide turn at the north quay?', first: 3 } }],
    holds: ({ data }: Answer) => {
      const { text, document } = data.search.edges[0].node;
      expect([text, document.title]).toEqual([expect.stringContaining('at six'), 'Tide tables']);
    },
  },
  asking(
    'graph',
    'How is the ship Aurora connected with the ship Kestrel?',
    'query ($name: String!, $kind: String!) { entity(name: $name, kind: $kind) { neighbors(direction: BOTH) { nodes { name neighbors(direction: BOTH) { nodes { name } } } } } }',
    (data) => {
      const [{ name, neighbors }] = data.entity.neighbors.nodes;
      expect([name, names(neighbors.nodes)]).toEqual(['Berth 9', expect.arrayContaining(['Kestrel'])]);
    },
    () => ({ name: 'Aurora', kind: 'ship' }),
  ),
  asking(
    'graph, relational',
    'Which ships are neighbors of the berth Berth 9, and which documents mention them?',
    'query ($name: String!) { entity(name: $name, kind: "berth") { neighbors(direction: BOTH) { nodes { name documents { nodes { title } } } } } }',
    (data) => {
      const { nodes } = data.entity.neighbors;
      expect(names(nodes)).toEqual(sorted(SHIPS));
      const titles = nodes.flatMap(({ documents }: Answer) => documents.nodes.map(({ title }: Answer) => title));
      expect(sorted([...new Set(titles)])).toEqual(['Crane brakes', 'Mooring log']);
    },
    () => ({ name: 'Berth 9' }),
  ),
  asking(
    'relational',
    'How many documents are there in each collection?',
    '{ documentsAggregate(groupBy: [{ field: COLLECTION }]) { groups { keys { collection } count } } }',
    (data) =>
      expect(
        Object.fromEntries(data.documentsAggregate.groups.map(({ keys, count }: Answer) => [keys.collection, count])),
      ).toEqual({ manuals: 2, logs: 2 }),
  ),
  asking(
    'runs, relational',
    'Which runs failed, of which agent, and why?',
    '{ runs(where: { status: { eq: FAILED } }) { nodes { agent { name } error { code message } } } }',
    (data) =>
      expect(data.runs.nodes).toEqual([
        { agent: { name: 'surveyor' }, error: { code: 'NO_SIGHT', message: 'The fog is too thick.' } },
      ]),
  ),
  asking(
    'runs, relational, object',
    'Which artifacts did runs produce, and what does their file say?',
    '{ artifacts { nodes { path run { status agent { name } } file { text } } } }',
    (data) =>
      expect(data.artifacts.nodes).toEqual([
        { path: 'report.txt', run: { status: 'SUCCEEDED', agent: { name: 'surveyor' } }, file: { text: 'Crane 3 is sound.' } }, // prettier-ignore
      ]),
  ),
  asking(
    'inference',
    'How many tokens did each model use?',
    '{ usageRecordsAggregate(groupBy: [{ field: MODEL }]) { groups { keys { model } sum { inputTokens outputTokens } } } }',
    (data) => {
      for (const { model, inputTokens, outputTokens } of USED)
        expect(data.usageRecordsAggregate.groups).toContainEqual({
          keys: { model },
          sum: { inputTokens: String(inputTokens), outputTokens: String(outputTokens) },
        });
    },
  ),
  {
    question: 'Which berths does the user like?',
    stores: 'vector, relational',
    steps: () => [{ tool: 'recall', given: { query: 'Which berths does the user like?', first: 3 } }],
    holds: ({ data }: Answer) => expect(data.memoryFacts.nodes[0].value).toMatch(/by the lighthouse/),
  },
  asking(
    'relational, runs',
    'Which remembered facts were written by a run, and what did that run put out?',
    '{ memoryFacts(where: { runId: { isNull: false } }) { nodes { key value run { status output } } } }',
    (data) =>
      expect(data.memoryFacts.nodes).toEqual([
        { key: 'crane 3', value: 'Its brakes were renewed in May.', run: { status: 'SUCCEEDED', output: { sound: true } } }, // prettier-ignore
      ]),
  ),
  asking(
    'relational, runs',
    'Which messages of conversations have the words "is free", and which run wrote them?',
    'query ($word: String!) { messages(where: { content: { contains: $word } }) { nodes { role content session { title } run { status } } } }',
    (data) => {
      expect(data.messages.nodes).toContainEqual({
        role: 'ASSISTANT',
        content: 'Berth 7 is free.',
        session: { title: 'Berths' },
        run: { status: 'SUCCEEDED' },
      });
      expect(data.messages.nodes).toHaveLength(2);
    },
    () => ({ word: 'is free' }),
  ),
  asking(
    'relational, vector',
    'Which documents are similar to the document "Tide tables"?',
    'query ($title: String!) { documents(where: { title: { eq: $title } }) { nodes { similar(first: 2) { edges { score node { title } } } } } }',
    (data) => {
      const { edges } = data.documents.nodes[0].similar;
      expect(edges).toHaveLength(2);
      expect(edges[0].score).toBeGreaterThanOrEqual(edges[1].score);
      expect(edges.map(({ node }: Answer) => node.title)).not.toContain('Tide tables');
    },
    () => ({ title: 'Tide tables' }),
  ),
  asking(
    'relational, object, graph, vector',
    'Is the document "Crane brakes" indexed in every store?',
    'query ($title: String!) { documents(where: { title: { eq: $title } }) { nodes { indexing { store state } } } }',
    (data) =>
      expect(data.documents.nodes[0].indexing).toEqual(
        expect.arrayContaining(['GRAPH', 'OBJECT', 'VECTOR'].map((store) => ({ store, state: 'DONE' }))),
      ),
    () => ({ title: 'Crane brakes' }),
  ),
  asking(
    'relational, inference',
    'Give me a short summary of the document "Mooring log".',
    'query ($title: String!) { documents(where: { title: { eq: $title } }) { nodes { summary(maxSentences: 1) { text } } } }',
    (data) => expect(data.documents.nodes[0].summary.text).toMatch(/Aurora|Kestrel/),
    () => ({ title: 'Mooring log' }),
  ),
  asking(
    'relational, object',
    'How large are the files behind documents of the collection logs?',
    'query ($name: String!) { documents(where: { collection: { eq: $name } }) { nodes { title file { size } } } }',
    (data, { texts }) => {
      for (const { title, file } of data.documents.nodes)
        expect(file.size, title).toBe(Buffer.byteLength(texts.get(title)!));
      expect(data.documents.nodes).toHaveLength(2);
    },
    () => ({ name: 'logs' }),
  ),
  asking(
    'object, runs',
    'Which stored files lie under the prefix surveys/, and of which run are they?',
    'query ($prefix: String!) { objects(prefix: $prefix) { nodes { key artifacts { nodes { run { id } } } } } }',
    (data, { runs }) =>
      expect(data.objects.nodes).toEqual([
        { key: 'surveys/report.txt', artifacts: { nodes: [{ run: { id: runs.succeeded } }] } },
      ]),
    () => ({ prefix: 'surveys/' }),
  ),
  asking(
    'runs',
    'How many events of each type do runs have?',
    '{ runEventsAggregate(groupBy: [{ field: TYPE }]) { groups { keys { type } count } } }',
    (data) =>
      expect(data.runEventsAggregate.groups.find(({ keys }: Answer) => keys.type === 'STEP_STARTED')).toEqual({
        keys: { type: 'STEP_STARTED' },
        count: 2,
      }),
  ),
  asking(
    'relational',
    'Who created agents, by the audit log?',
    'query ($action: String!) { auditEntries(where: { action: { contains: $action } }) { nodes { actor action subjectId createdAt } } }',
    (data, { agentId }) => expect(data.auditEntries.nodes.map(({ subjectId }: Answer) => subjectId)).toContain(agentId),
    () => ({ action: 'agent' }),
  ),
  {
    question: 'Have the surveyor look at crane 3 again.',
    stores: 'runs, relational',
    steps: () => [
      { tool: 'start_run', given: { agentName: 'surveyor', input: { question: 'Look at crane 3 again.' } } },
    ],
    holds: async ({ data }: Answer, { read, agentId }) =>
      expect(await read('query ($id: ID!) { run(id: $id) { agent { id } input } }', data.startRun.run)).toEqual({
        run: { agent: { id: agentId }, input: { question: 'Look at crane 3 again.' } },
      }),
  },
  {
    question: 'Remember that the user sails on Sundays.',
    stores: 'relational, vector',
    steps: () => [{ tool: 'remember', given: { key: 'sailing', value: 'The user sails on Sundays.' } }],
    holds: async ({ data }: Answer, { read }) =>
      expect(await read('query ($id: ID!) { memoryFact(id: $id) { value } }', data.rememberFact.fact)).toEqual({
        memoryFact: { value: 'The user sails on Sundays.' },
      }),
  },
];
