/** `node` and `nodes` through the gateway: what other subgraphs say of a node, and what introspection says of the schema. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startTestServer, type TestServer } from '#tests/setup/server.ts';
import { WAYS_IN } from './ways-in.ts';

let it: TestServer;
let document: string;
let run: string;
let entity: string;
let relation: string;
// eslint-disable-next-line @typescript-eslint/no-explicit-any -- answers are looked into, and a wrong shape fails the test
const ask = async (query: string, variables: Record<string, unknown> = {}): Promise<any> =>
  (await WAYS_IN['POST']!(it.url, { query, variables })).answer;

beforeAll(async () => {
  it = await startTestServer();
  const { data, errors } = await ask(`mutation {
    upsertDocument(input: { title: "One", source: "one", mediaType: "text/plain", text: "Ada met Bob." }) { document { id } }
    startRun(input: { input: { task: "x" } }) { run { id } }
    upsertRelations(input: { relations: [
      { from: { name: "Ada", kind: "person" }, to: { name: "Bob", kind: "person" }, type: "KNOWS" }
    ] }) { relations { id from { id } } }
  }`);
  expect(errors).toBeUndefined();
  document = data.upsertDocument.document.id;
  run = data.startRun.run.id;
  relation = data.upsertRelations.relations[0].id;
  entity = data.upsertRelations.relations[0].from.id;
});
afterAll(async () => {
  await it[Symbol.asyncDispose]();
});

const NODES = `query ($ids: [ID!]!) { nodes(ids: $ids) { __typename id
  ... on Document { title similar(first: 1) { edges { score } } }
  ... on Run { status }
  ... on Entity { name }
  ... on GraphRelation { type }
} }`;

test('nodes have the fields of the subgraphs that own them, and null is what is missing there', async () => {
  const missing = (id: string): string => `${id.slice(0, 4)}${'0'.repeat(20)}`;
  const ids = [document, run, entity, relation];
  const { data, errors } = await ask(NODES, { ids: [...ids, ...ids.map(missing)] });
  expect(errors).toBeUndefined();
  expect(data.nodes).toEqual([
    { __typename: 'Document', id: document, title: 'One', similar: { edges: expect.any(Array) as unknown } },
    { __typename: 'Run', id: run, status: expect.any(String) as unknown },
    { __typename: 'Entity', id: entity, name: 'Ada' },
    { __typename: 'GraphRelation', id: relation, type: 'KNOWS' },
    ...ids.map(() => null),
  ]);
});

test('an id that is none is refused at its place, and the others are answered', async () => {
  const { data, errors } = await ask(NODES, { ids: [run, 'nothing', entity] });
  expect(data.nodes.map((node: { id: string } | null) => node?.id)).toEqual([run, undefined, entity]);
  expect(errors.map((error: any) => [error.path, error.extensions.code])).toEqual([[['nodes', 1], 'BAD_USER_INPUT']]); // eslint-disable-line @typescript-eslint/no-explicit-any -- as above
});

test('introspection says what the schema is, and where scalars are specified', async () => {
  const { data } = await ask(
    '{ __schema { description types { name specifiedByURL } } node: __type(name: "Node") { kind } }',
  );
  expect(data.__schema.description).toContain('node(id)');
  const specified = new Map(
    data.__schema.types.map((type: { name: string; specifiedByURL: string | null }) => [
      type.name,
      type.specifiedByURL,
    ]),
  );
  expect([specified.get('DateTime'), specified.get('JSON')]).toEqual([
    'https://www.rfc-editor.org/rfc/rfc3339',
    'https://www.rfc-editor.org/rfc/rfc8259',
  ]);
  expect(data.node).toEqual({ kind: 'INTERFACE' });
});
