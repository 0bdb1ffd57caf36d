/* eslint-disable @typescript-eslint/no-explicit-any -- answers are looked into, and a wrong shape fails the test */
/** The documents that name an entity: the graph tells which, relational which of them match, in which order, and how many. */
import { graphql } from 'graphql';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createGraph } from '#subgraphs/graph/index.ts';
import { createRelational } from '#subgraphs/relational/index.ts';
import { createRequestContext, type RequestContext } from '#subgraphs/shared/context.ts';
import { CodedError } from '#subgraphs/shared/errors.ts';
import { documentId, entityId } from '#subgraphs/shared/ids.ts';
import { Postgres } from '#subgraphs/shared/postgres/postgres.ts';
import type { GraphLookup } from '#subgraphs/shared/ports.ts';
import type { Subgraph } from '#subgraphs/shared/subgraph.ts';
import { remotePorts } from '#gateway/mount/remote-ports.ts';
import { inProcessClient } from '#gateway/execute/clients/in-process-client.ts';
import { createTestDatabase, type TestDatabase } from '#tests/setup/postgres.ts';
import { UPSERT } from './relational-fixture.ts';

let database: TestDatabase;
let postgres: Postgres;
let graph: Subgraph;
const relational = new Map<string, Subgraph>();

/** Twelve documents name `hub`, every third of them `MIT`; `deleted` was a document, and the graph has not been told. */
const TITLES = ['Zoë', 'alpha', 'Alpha', 'Ähre', '日本語', '50%', 'b_c', 'b', 'zebra', "O'Brien", '"q"', '\u{1F600}'];
const hub = entityId('a', 'package', 'hub');
const mit = entityId('a', 'licence', 'MIT');

beforeAll(async () => {
  database = await createTestDatabase();
  postgres = new Postgres({ url: database.url });
  graph = await createGraph({}, { postgres });
  const lookup = () => graph.provides!.graphLookup;
  const remote = (await remotePorts('graph', inProcessClient('graph', graph.schema))).graphLookup;
  const made = async (name: string, config: object, given?: () => GraphLookup | undefined) =>
    relational.set(name, await createRelational(config, { postgres, ...(given && { graph: given }) }));
  await made('here', {}, lookup);
  await made('apart', {}, () => remote);
  await made('few', { naming: 10 }, lookup);
  await made('alone', {});
  for (const tenant of ['a', 'b']) {
    for (const [at, title] of TITLES.entries())
      await get(tenant, UPSERT, {
        input: {
          title,
          source: `s${at}`,
          mediaType: at % 2 === 0 ? 'text/plain' : 'text/markdown',
          text: `Text ${at}.`,
          metadata: { at },
        },
      });
    const index =
      'mutation ($documents: [DocumentGraphInput!]!) { indexDocumentGraph(input: { documents: $documents }) { documentIds } }';
    const documents = [...TITLES.keys(), 'deleted'].map((at) => ({
      documentId: documentId(tenant, `s${at}`),
      entities: [{ name: 'hub', kind: 'package' }, ...(Number(at) % 3 === 0 ? [{ name: 'MIT', kind: 'licence' }] : [])],
      relations: [],
    }));
    const { errors } = await graphql({
      schema: graph.schema,
      source: index,
      variableValues: { documents },
      contextValue: as(tenant, true),
    });
    expect(errors).toBeUndefined();
  }
}, 60_000);
afterAll(async () => {
  for (const each of relational.values()) await each.close();
  await graph?.close();
  await postgres?.close();
  await database?.[Symbol.asyncDispose]();
});

const as = (tenantId: string, system = false): RequestContext =>
  createRequestContext({ tenantId, subject: 'someone', roles: [], scopes: [], system });

async function ask(tenant: string, source: string, variableValues: Record<string, unknown>, by = 'here') {
  const contextValue = as(tenant);
  const { schema } = relational.get(by)!;
  const { data, errors } = await graphql({ schema, source, variableValues, contextValue });
  return {
    data: data as any,
    errors: errors ?? [],
    codes: (errors ?? []).map(({ extensions }) => extensions['code']),
    statements: contextValue.statements.counts()['postgres'] ?? 0,
  };
}
async function get(...given: Parameters<typeof ask>): Promise<any> {
  const { data, errors } = await ask(...given);
  expect(errors).toEqual([]);
  return data;
}

const LIST = `query ($of: [_Any!]!, $where: DocumentFilter, $orderBy: [DocumentOrder!], $first: Int, $after: String, $last: Int, $before: String) {
  _entities(representations: $of) { ... on Entity { id documents(where: $where, orderBy: $orderBy, first: $first, after: $after, last: $last, before: $before) {
    totalCount truncated nodes { id title } pageInfo { hasNextPage hasPreviousPage startCursor endCursor }
  } } }
}`;
const entity = (id: string) => ({ __typename: 'Entity', id });
const listOf = async (given: object, { id = hub, by = 'here', tenant = 'a' } = {}) =>
  (await get(tenant, LIST, { of: [entity(id)], ...given }, by))._entities[0].documents;

describe.each(['here', 'apart'])('with the graph %s', (by) => {
  test('without conditions the list is that of the graph, in the order of ids, from both ends', async () => {
    const all = await listOf({}, { by });
    const ids = [...TITLES.keys(), 'deleted'].map((at) => documentId('a', `s${at}`)).sort();
    expect(all).toMatchObject({ totalCount: 13, truncated: false });
    expect(all.nodes.map(({ id }: { id: string }) => id)).toEqual(ids);
    expect(all.nodes.filter(({ title }: { title: string | null }) => title === null)).toEqual([
      { id: documentId('a', 'sdeleted'), title: null },
    ]);
    const first = await listOf({ first: 5 }, { by });
    const rest = await listOf({ first: 50, after: first.pageInfo.endCursor }, { by });
    expect([...first.nodes, ...rest.nodes]).toEqual(all.nodes);
    expect([first.pageInfo.hasNextPage, rest.pageInfo.hasNextPage]).toEqual([true, false]);
    const last = await listOf({ last: 4 }, { by });
    const before = await listOf({ last: 50, before: last.pageInfo.startCursor }, { by });
    expect([...before.nodes, ...last.nodes]).toEqual(all.nodes);
    expect(await listOf({ first: 0 }, { by })).toMatchObject({ totalCount: 13, nodes: [] });
    // Conditions that ask for nothing are none.
    expect(await listOf({ where: {}, orderBy: [] }, { by })).toEqual(all);
  });

  test.each([
    [{ mediaType: { eq: 'text/plain' } }, undefined],
    [undefined, [{ field: 'TITLE', direction: 'ASC' }]],
    [{ title: { contains: 'a' } }, [{ field: 'TITLE', direction: 'DESC' }]],
    [
      { metadata: [{ path: ['at'], gte: 4 }] },
      [
        { field: 'MEDIA_TYPE', direction: 'DESC' },
        { field: 'TITLE', direction: 'ASC' },
      ],
    ],
    [{ or: [] }, undefined],
    [{ not: { source: { in: ['s0', 's3'] } } }, [{ field: 'CREATED_AT', direction: 'DESC' }]],
  ])('conditions %j and order %j are those of the list of all documents', async (where, orderBy) => {
    const whole = await get(
      'a',
      'query ($where: DocumentFilter, $orderBy: [DocumentOrder!]) { documents(where: $where, orderBy: $orderBy, first: 200) { nodes { id title } } }',
      { where, orderBy },
      by,
    );
    const expected: { id: string }[] = whole.documents.nodes;
    if (orderBy === undefined) expected.sort((a, b) => (a.id < b.id ? -1 : 1));
    const found: unknown[] = [];
    for (let after: string | null = null; ;) {
      const page: any = await listOf({ where, orderBy, first: 2, after }, { by });
      expect(page).toMatchObject({ totalCount: expected.length, truncated: false });
      found.push(...page.nodes);
      if (!page.pageInfo.hasNextPage) break;
      after = page.pageInfo.endCursor;
    }
    expect(found).toEqual(expected);
    const back: unknown[] = [];
    for (let before: string | null = null; ;) {
      const page: any = await listOf({ where, orderBy, last: 5, before }, { by });
      back.unshift(...page.nodes);
      if (!page.pageInfo.hasPreviousPage) break;
      before = page.pageInfo.startCursor;
    }
    expect(back).toEqual(expected);
  });

  test('each entity has its own, and none what another tenant has', async () => {
    const theirs = [entityId('b', 'package', 'hub'), entityId('a', 'package', 'none'), 'ent_\0', "ent_' OR true --"];
    const of = [mit, hub, ...theirs].map(entity);
    for (const given of [{}, { orderBy: [{ field: 'TITLE' }] }, { where: { title: { gte: '' } } }]) {
      const data = await get('a', LIST, { of, first: 2, ...given }, by);
      const counts = data._entities.map((each: any) => [each.documents.totalCount, each.documents.nodes.length]);
      const known = Object.keys(given).length === 0 ? 13 : 12;
      expect(counts).toEqual([[4, 2], [known, 2], ...theirs.map(() => [0, 0])]);
    }
    for (const tenant of ['b', 'a.project'])
      for (const given of [{}, { where: { title: { gte: '' } } }])
        expect(await listOf(given, { tenant, by })).toMatchObject({ totalCount: 0, nodes: [] });
  });

  test('a level costs the same statements for many entities as for one', async () => {
    const others = Array.from({ length: 200 }, (_, at) => entityId('a', 'package', `p${at}`));
    const query = (list: string) =>
      `query ($of: [_Any!]!) { _entities(representations: $of) { ... on Entity { ${list} } } }`;
    for (const [list, most] of [
      ['documents { nodes { title } }', 2],
      ['documents { totalCount nodes { title } }', 3],
      ['documents(orderBy: [{ field: TITLE }]) { totalCount truncated nodes { title } }', 3],
      [
        'a: documents(where: { title: { eq: "b" } }) { totalCount } b: documents(where: { title: { eq: "b" } }, first: 1) { nodes { id } }',
        4,
      ],
    ] as const) {
      const cost = async (of: string[]) => {
        const { codes, statements } = await ask('a', query(list), { of: of.map(entity) }, by);
        expect(codes).toEqual([]);
        return statements;
      };
      // Apart, the graph also loads the entities themselves, and its statements are its own.
      if (by === 'here') expect(await cost([hub]), list).toBe(most);
      expect(await cost([hub, mit, ...others]), list).toBe(await cost([hub]));
    }
  });
});

test('where more documents name it than are looked through, the list says so and tells no count', async () => {
  const order = { orderBy: [{ field: 'TITLE' }] };
  const cut = await listOf({ ...order, first: 50 }, { by: 'few' });
  expect(cut).toMatchObject({ truncated: true, totalCount: null });
  // One of the first ten may be the one that is no document any more.
  expect([9, 10]).toContain(cut.nodes.length);
  expect(await listOf(order, { by: 'few', id: mit })).toMatchObject({ truncated: false, totalCount: 4 });
  expect(await listOf({}, { by: 'few' })).toMatchObject({ truncated: false, totalCount: 13 });
});

test('cursors go from a list without conditions to one with, and not to another order', async () => {
  const { pageInfo } = await listOf({ first: 3 });
  const rest = await listOf({ where: { title: { gte: '' } }, after: pageInfo.endCursor });
  expect(rest.nodes.length).toBeGreaterThanOrEqual(9);
  for (const after of [
    pageInfo.endCursor,
    'nonsense',
    Buffer.from('["documents:id ASC",[null]]').toString('base64url'),
  ]) {
    const { codes } = await ask('a', LIST, { of: [entity(hub)], orderBy: [{ field: 'TITLE' }], after });
    expect(codes).toEqual(['BAD_USER_INPUT']);
  }
  for (const given of [{ first: 201 }, { first: 1, last: 1 }, { where: { title: { matches: '(a+)+$' } } }])
    expect((await ask('a', LIST, { of: [entity(hub)], ...given })).codes).toEqual(['BAD_USER_INPUT']);
});

test('the error of the store that is away stands at the list, and says what to do', async () => {
  const off = await createGraph({}, {});
  const withoutGraph = await createRelational({}, { postgres, graph: () => off.provides!.graphLookup });
  const withoutRows = await createRelational({}, { graph: () => graph.provides!.graphLookup });
  relational.set('without graph', withoutGraph).set('without rows', withoutRows);
  for (const [by, hint] of [
    ['without graph', 'NEO4J_URI'],
    ['without rows', 'DATABASE_URL'],
    ['alone', 'SUBGRAPH_GRAPH_URL'],
  ] as const)
    for (const given of [{}, { orderBy: [{ field: 'TITLE' }] }]) {
      const { data, errors } = await ask('a', LIST, { of: [entity(hub)], ...given }, by);
      expect(data._entities[0]).toEqual({ id: hub, documents: null });
      expect(errors.map(({ path }) => path)).toEqual([['_entities', 0, 'documents']]);
      const said = errors[0]!.originalError as CodedError;
      expect(said).toBeInstanceOf(CodedError);
      expect(said.extensions['code']).toBe('STORE_DISABLED');
      expect(JSON.stringify([said.message, said.extensions])).toContain(hint);
    }
});

test('what the graph tells its siblings nobody else is told', async () => {
  const source =
    'query ($of: [_Any!]!) { _entities(representations: $of) { ... on Entity { documentCount documentIds(limit: 5, backward: false) } } }';
  const { errors } = await graphql({
    schema: graph.schema,
    source,
    variableValues: { of: [entity(hub)] },
    contextValue: as('a'),
  });
  expect(errors?.map(({ extensions }) => extensions['code'])).toEqual(['FORBIDDEN', 'FORBIDDEN']);
});
