/** Conditions and orders that ask for nothing: null, left out, or overridden, as generated clients send them. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { DEVELOPER } from '#gateway/auth/authenticator.ts';
import type { Engine } from '#gateway/execute/engine.ts';
import type { Principal } from '#subgraphs/shared/context.ts';
import { delivered } from '#tests/setup/delivered.ts';
import { startTestServer, type TestServer } from '#tests/setup/server.ts';
import { asking, engineOf } from './asking.ts';

/* eslint-disable @typescript-eslint/no-explicit-any -- answers are whatever was asked for */

const CALLER: Principal = { ...DEVELOPER, tenantId: 'left-out' };
let server: TestServer;
let engine: Engine;
const { asked, dataOf, writeDocument } = asking(() => ({ on: engine, as: CALLER }));

beforeAll(async () => {
  server = await startTestServer();
  engine = await engineOf(server);
  for (const title of ['Tea', 'Coffee', 'Water'])
    await writeDocument({
      title,
      source: title,
      mediaType: 'text/plain',
      text: `${title} is a drink.`,
      entities: [
        { kind: 'drink', name: title },
        { kind: 'group', name: 'drinks' },
      ],
      relations: [{ from: { kind: 'drink', name: title }, type: 'PART_OF', to: { kind: 'group', name: 'drinks' } }],
    });
  const { createAgent } = await dataOf('mutation { createAgent(input: { name: "a" }) { agent { id } } }');
  await dataOf('mutation ($id: ID!) { startRun(input: { agentId: $id }) { run { id } } }', {
    id: createAgent.agent.id,
  });
  await delivered(server);
}, 120_000);
afterAll(() => server?.[Symbol.asyncDispose]());

test.each([
  ['StoredObjectFilter', 'documents', '{ file: $w }', 3],
  ['EntityListFilter', 'documents', '{ entities: $w }', 3],
  ['EntityListFilter', 'documents', '{ title: { eq: "Tea" }, entities: $w }', 1],
  ['StoredObjectFilter', 'documents', '{ and: [{ file: $w }, { title: { eq: "Tea" } }] }', 1],
  ['StoredObjectFilter', 'documents', '{ not: { and: [{ file: $w }, { title: { eq: "Tea" } }] } }', 2],
  ['SimilarToInput', 'documents', '{ similarTo: $w }', 3],
  ['DocumentListFilter', 'entities', '{ documents: $w }', 4],
  ['AgentFilter', 'runs', '{ agent: $w }', 1],
  ['RunListFilter', 'agents', '{ runs: $w }', 1],
  ['DocumentListFilter', 'objects', '{ documents: $w }', 3],
  ['RunFilter', 'memoryFacts', '{ run: $w, key: { contains: "x" } }', 0],
])('a variable of %s in %s(where: %s), null or left out', async (of, list, where, count) => {
  const type = of === 'SimilarToInput' ? similarTo() : of;
  const query = `query ($w: ${type}) { ${list}(where: ${where}, first: 1) { totalCount nodes { __typename } } }`;
  for (const variables of [{}, { w: null }, { w: undefined }])
    expect((await dataOf(query, variables))[list].totalCount).toBe(count);
});

/** What the input of nearness is called. */
function similarTo(): string {
  const filter = engine.schema.getType('DocumentFilter') as any;
  return String(filter.getFields().similarTo.type);
}

test('within an object, and in a mutation, which runs', async () => {
  const { agents } = await dataOf(
    'query ($w: ArtifactListFilter) { agents { nodes { runs(where: { artifacts: $w }) { totalCount } } } }',
  );
  expect(agents.nodes).toEqual([{ runs: { totalCount: 1 } }]);
  for (const [head, where, variables] of [
    ['', '{ artifacts: null }', {}],
    ['($w: ArtifactListFilter)', '{ artifacts: $w }', {}],
    ['($w: RunFilter)', '$w', { w: { artifacts: null, agent: null } }],
    ['($w: RunFilter = { agent: {} })', '$w', { w: { not: { artifacts: null } } }],
  ] as const) {
    const { createAgent } = await dataOf(
      `mutation ${head} { createAgent(input: { name: "made" }) { agent { name runs(where: ${where}) { totalCount } } } }`,
      variables,
    );
    expect(createAgent.agent).toEqual({ name: 'made', runs: { totalCount: 0 } });
  }
});

test('a default that asks for something holds where nothing is given, and not where something is', async () => {
  const filtered = `query ($w: DocumentFilter = { entities: { some: { name: { eq: "Tea" } } } }) {
    documents(where: $w) { totalCount }
    documentsAggregate(where: $w) { groups { count } }
    documentFacets(where: $w) { documents }
  }`;
  for (const [variables, count] of [
    [{}, 1],
    [{ w: null }, 3],
    [{ w: {} }, 3],
    [{ w: { title: { in: ['Tea', 'Water'] } } }, 2],
    [{ w: { file: {}, title: { ne: 'Tea' } } }, 2],
  ] as const)
    expect(await dataOf(filtered, variables)).toEqual({
      documents: { totalCount: count },
      documentsAggregate: { groups: [{ count }] },
      documentFacets: { documents: count },
    });
});

const titles = async (query: string, variables: object): Promise<string[]> =>
  (await dataOf(query, variables as Record<string, unknown>)).documents.nodes.map(({ title }: any) => title);

test('orders: links that are null, left out, or overridden', async () => {
  const sorted = ['Coffee', 'Tea', 'Water'];
  const given = 'query ($o: [DocumentOrder!]) { documents(orderBy: $o) { nodes { title } } }';
  expect(await titles(given, { o: [{ field: 'TITLE', file: null, entities: null }] })).toEqual(sorted);
  expect(await titles(given, { o: { field: 'TITLE', direction: 'DESC', file: null } })).toEqual(sorted.toReversed());
  expect(await titles('{ documents(orderBy: [{ field: TITLE, file: null }]) { nodes { title } } }', {})).toEqual(
    sorted,
  );
  const parts = `query ($o: LinkOrder, $f: DocumentOrderField) {
    documents(orderBy: { entities: $o, field: $f }) { nodes { title } }
  }`;
  expect(await titles(parts, { f: 'TITLE' })).toEqual(sorted);
  expect(await titles(parts, { f: 'TITLE', o: null })).toEqual(sorted);
  const byDefault =
    'query ($o: [DocumentOrder!] = [{ entities: COUNT }, { field: TITLE, direction: DESC }]) { documents(orderBy: $o) { nodes { title } } }';
  expect(await titles(byDefault, {})).toEqual(sorted.toReversed());
  expect(await titles(byDefault, { o: [{ field: 'TITLE' }] })).toEqual(sorted);
  expect(await titles(byDefault, { o: null })).toHaveLength(3);
  const nested = `query ($o: [DocumentOrder!]) {
    entities(where: { name: { eq: "drinks" } }) { nodes { documents(orderBy: $o) { nodes { title } } } }
  }`;
  const { entities } = await dataOf(nested, { o: [{ field: 'TITLE', direction: 'DESC', entities: null }] });
  expect(entities.nodes[0].documents.nodes.map(({ title }: any) => title)).toEqual(sorted.toReversed());
});

test.each([
  '{ field: TITLE, direction: $d }',
  '{ entities: COUNT, direction: $d }',
  '{ file: { field: SIZE, direction: $d } }',
])('a direction that is null is refused: %s', async (order) => {
  const { data, errors } = await asked(
    `query ($d: OrderDirection = DESC) { documents(orderBy: ${order}) { nodes { title } } }`,
    { d: null },
  );
  expect(data).toEqual({ documents: null });
  expect(errors).toMatchObject([{ path: ['documents'], extensions: { code: 'BAD_USER_INPUT' } }]);
});

test('neighbors: arguments that are null are those that are left out', async () => {
  // Drinks lead to their group, and not back.
  const ask = async (more: string) =>
    (await dataOf(`{ entities(where: { neighbors: { some: { name: { eq: "Tea" } } ${more} } }) { nodes { name } } }`))
      .entities.nodes;
  const [absent, incoming] = [await ask(''), await ask(', direction: IN')];
  expect(absent).toEqual([]);
  expect(incoming).toEqual([{ name: 'drinks' }]);
  for (const more of [
    ', direction: null',
    ', depth: null',
    ', types: null',
    ', types: null, depth: null, direction: null',
  ])
    expect(await ask(more)).toEqual(absent);
});

test('an empty page says whether something is behind it, of every list', async () => {
  const page = 'pageInfo { hasNextPage hasPreviousPage }';
  const behind = { pageInfo: { hasNextPage: true, hasPreviousPage: false } };
  const { documents, sorted, near, entities, objects, agents } = await dataOf(`{
    documents(first: 0) { ${page} }
    sorted: documents(first: 0, orderBy: [{ entities: COUNT }]) { ${page} }
    near: documents(first: 0, where: { similarTo: { query: "tea" } }, orderBy: [{ field: SIMILARITY }]) { ${page} }
    entities(where: { name: { eq: "drinks" } }, first: 0) { ${page} }
    objects(first: 0) { ${page} }
    agents(first: 1) { nodes { runs(first: 0) { ${page} } versions(first: 0) { ${page} } } }
  }`);
  for (const list of [documents, sorted, near, entities, objects]) expect(list).toEqual(behind);
  expect(agents.nodes[0].versions).toEqual(behind);
  const backward = await dataOf(`{ documents(last: 0) { ${page} } agents(last: 0) { ${page} } }`);
  for (const list of Object.values(backward))
    expect(list).toEqual({ pageInfo: { hasNextPage: false, hasPreviousPage: true } });
  const { none } = await dataOf(`{ none: documents(where: { title: { eq: "Beer" } }, first: 0) { ${page} } }`);
  expect(none).toEqual({ pageInfo: { hasNextPage: false, hasPreviousPage: false } });
});

test('a cursor of another list is told as one', async () => {
  const { documents } = await dataOf('{ documents(first: 1) { pageInfo { endCursor } } }');
  const { errors } = await asked(`{ objects(first: 1, after: "${documents.pageInfo.endCursor}") { nodes { key } } }`);
  expect(errors![0]!.message).toContain('is a cursor of another list');
});

test('an order that the gateway alone has, null or empty, is none, also where the list is walked', async () => {
  const walking = await engineOf(server, (sdl) => sdl, { only: 'walk' });
  const query = `query ($o: [StoredObjectOrder!], $w: DocumentListFilter) {
    objects(first: 2, orderBy: $o, where: { documents: $w }) { nodes { key } }
  }`;
  const expected = await dataOf('{ objects(first: 2) { nodes { key } } }');
  for (const o of [undefined, null, []])
    for (const on of [engine, walking])
      expect(await dataOf(query, { o, w: { some: { title: { ne: 'none' } } } }, { on })).toEqual(expected);
  await walking.close();
});
