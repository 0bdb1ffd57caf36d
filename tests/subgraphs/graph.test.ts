/** The graph subgraph through its schema, on PostgreSQL. */
import { numberOf, parseExactJson, writeJson } from '#subgraphs/shared/exact-number.ts';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { inProcessClient } from '#gateway/execute/clients/in-process-client.ts';
import { createEngine } from '#gateway/execute/engine.ts';
import { compose } from '#gateway/supergraph/compose.ts';
import type { DocumentNode } from 'graphql';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { createRequestContext } from '#subgraphs/shared/context.ts';
import type { RequestContext } from '#subgraphs/shared/context.ts';
import { encodeCursor } from '#subgraphs/shared/cursors.ts';
import { documentId, entityId } from '#subgraphs/shared/ids.ts';
import { Postgres } from '#subgraphs/shared/postgres/postgres.ts';
import type { Subgraph } from '#subgraphs/shared/subgraph.ts';
import { createGraph } from '#subgraphs/graph/index.ts';
import { createTestDatabase } from '#tests/setup/postgres.ts';
import type { TestDatabase } from '#tests/setup/postgres.ts';

// The same copy as the schema's: Vitest would load graphql's other one.
const { execute, parse, validate } = createRequire(import.meta.url)('graphql') as typeof import('graphql');

let database: TestDatabase;
let postgres: Postgres;
let graph: Subgraph;
let tenant: string;
let tenants = 0;

beforeAll(async () => {
  database = await createTestDatabase();
  postgres = new Postgres({ url: database.url });
  graph = await createGraph({}, { postgres });
});
afterAll(async () => {
  await graph?.close();
  await postgres?.close();
  await database?.[Symbol.asyncDispose]();
});
beforeEach(() => {
  tenant = `tenant-${++tenants}`;
});

const as = (tenantId: string, system = false): RequestContext =>
  createRequestContext({ tenantId, subject: system ? 'system:test' : 'someone', roles: [], scopes: [], system });
const parsed = new Map<string, DocumentNode>();

interface Answer {
  data: any; // eslint-disable-line @typescript-eslint/no-explicit-any -- answers of many shapes
  errors?: readonly { message: string; extensions: Record<string, unknown>; path?: readonly (string | number)[] }[];
  statements: number;
}

async function ask(
  source: string,
  variableValues: Record<string, unknown> = {},
  context = as(tenant),
  subgraph = graph,
): Promise<Answer> {
  const document = parsed.get(source) ?? parse(source);
  parsed.set(source, document);
  expect(validate(subgraph.schema, document)).toEqual([]);
  const before = context.statements.total;
  const { data, errors } = await execute({ schema: subgraph.schema, document, variableValues, contextValue: context });
  return {
    data: data === undefined ? undefined : parseExactJson(writeJson(data)),
    errors,
    statements: context.statements.total - before,
  };
}
const must = async (...args: Parameters<typeof ask>): Promise<Answer> => {
  const answer = await ask(...args);
  expect(answer.errors).toBeUndefined();
  return answer;
};
const refused = async (source: string, variables: Record<string, unknown> = {}): Promise<string> => {
  const { errors } = await ask(source, variables);
  expect(errors?.map(({ extensions }) => extensions['code'])).toEqual(['BAD_USER_INPUT']);
  return errors?.[0]?.message ?? '';
};

const UPSERT_RELATIONS = `mutation ($relations: [GraphRelationInput!]!) {
  upsertRelations(input: { relations: $relations }) { relations { id type from { id name } to { id name } properties } }
}`;
const INDEX = `mutation ($documents: [DocumentGraphInput!]!) { indexDocumentGraph(input: { documents: $documents }) { documentIds } }`;
const pkg = (name: string) => ({ name, kind: 'package' });
const pkgId = (name: string, of = tenant) => entityId(of, 'package', name);
const link = (from: string, to: string, type = 'DEPENDS_ON') => ({ from: pkg(from), to: pkg(to), type });
const relate = (...relations: ReturnType<typeof link>[]) => must(UPSERT_RELATIONS, { relations });
const entityRef = (name: string, of = tenant) => ({ __typename: 'Entity', id: pkgId(name, of) });
const documentRef = (source: string, of = tenant) => ({ __typename: 'Document', id: documentId(of, source) });

describe('reading', () => {
  test("the contract's operations", async () => {
    await relate(link('yoga', 'graphql'), link('yoga', 'tslib'), link('whatwg', 'tslib'), link('graphql', 'iterall'));
    await must(
      INDEX,
      {
        documents: [
          {
            documentId: documentId(tenant, 'readme'),
            entities: [pkg('yoga'), { name: 'MIT', kind: 'licence' }],
            relations: [],
          },
        ],
      },
      as(tenant, true),
    );

    const fromGraph = await must(
      `query FromGraph($name: String!) {
        entities(where: { name: { eq: $name }, kind: { eq: "package" } }, first: 1) {
          edges { node {
            id name kind properties
            relations(direction: OUT, types: ["DEPENDS_ON"], first: 10) { edges { type node { id name } } pageInfo { hasNextPage endCursor } }
          } }
        }
      }`,
      { name: 'yoga' },
    );
    expect(fromGraph.data.entities.edges[0].node).toMatchObject({
      id: pkgId('yoga'),
      name: 'yoga',
      kind: 'package',
      properties: {},
      relations: {
        edges: [
          { type: 'DEPENDS_ON', node: { id: pkgId('graphql'), name: 'graphql' } },
          { type: 'DEPENDS_ON', node: { name: 'tslib' } },
        ],
        pageInfo: { hasNextPage: false },
      },
    });

    const path = await must(
      `query Path($from: ID!, $to: ID!) {
        shortestPath(from: $from, to: $to, types: ["DEPENDS_ON"], maxDepth: 6) { length nodes { id name } relations { type from { name } to { name } } truncated }
      }`,
      { from: pkgId('iterall'), to: pkgId('whatwg') },
    );
    expect(path.data.shortestPath).toEqual({
      length: 4,
      nodes: ['iterall', 'graphql', 'yoga', 'tslib', 'whatwg'].map((name) => ({ id: pkgId(name), name })),
      relations: [
        ['graphql', 'iterall'],
        ['yoga', 'graphql'],
        ['yoga', 'tslib'],
        ['whatwg', 'tslib'],
      ].map(([from, to]) => ({ type: 'DEPENDS_ON', from: { name: from }, to: { name: to } })),
      truncated: false,
    });

    const research = await must(
      `query ($document: [_Any!]!) { _entities(representations: $document) { ... on Document {
        entities(first: 5) { edges { node { id name kind neighbors(types: ["DEPENDS_ON"], depth: 2, first: 5) { edges { depth node { name } } truncated } } } }
      } } }`,
      { document: [documentRef('readme')] },
    );
    expect(research.data._entities[0].entities.edges.map((edge: { node: { name: string } }) => edge.node.name)).toEqual(
      ['yoga', 'MIT'],
    );
    expect(research.data._entities[0].entities.edges[0].node.neighbors).toEqual({
      edges: [
        { depth: 1, node: { name: 'graphql' } },
        { depth: 1, node: { name: 'tslib' } },
        { depth: 2, node: { name: 'iterall' } },
      ],
      truncated: false,
    });
  });

  test('shortestPath respects direction, length and missing ends; a path to itself is empty', async () => {
    await relate(link('a', 'b'), link('b', 'c'), link('c', 'a', 'OTHER'), link('a', 'a'));
    const path = async (from: string, to: string, rest = ''): Promise<unknown> =>
      (
        await must(`query ($from: ID!, $to: ID!) { shortestPath(from: $from, to: $to ${rest}) { length } }`, {
          from,
          to,
        })
      ).data.shortestPath;
    const [a, c] = [pkgId('a'), pkgId('c')];
    expect(await path(a, c)).toEqual({ length: 1 });
    expect(await path(a, c, ', direction: OUT')).toEqual({ length: 2 });
    expect(await path(a, c, ', direction: IN')).toEqual({ length: 1 });
    expect(await path(a, c, ', direction: OUT, maxDepth: 1')).toBeNull();
    expect(await path(a, c, ', types: []')).toBeNull();
    expect(await path(a, a)).toEqual({ length: 0 });
    expect(await path(pkgId('missing'), pkgId('missing'))).toBeNull();
    expect(await path(a, pkgId('missing'))).toBeNull();
    expect(await refused(`{ shortestPath(from: "${a}", to: "doc_not_an_entity") { length } }`)).toContain('`to`');
  });

  test('pages of neighbours and relations continue without gap or repetition', async () => {
    await relate(
      ...['f', 'b', 'd', 'a', 'e', 'c'].map((to) => link('hub', to)),
      link('a', 'z'),
      link('b', 'y'),
      link('hub', 'hub'),
      link('a', 'hub'),
    );
    for (const first of [1, 3, 4, 200]) {
      const walk = async (field: string): Promise<string[]> => {
        const seen: string[] = [];
        for (let after: string | null = null, more = true; more;) {
          const { data }: Answer = await must(
            `query ($id: ID!, $first: Int, $after: String) { entity(id: $id) { page: ${field} { edges { cursor node { name } } pageInfo { hasNextPage endCursor } } } }`,
            { id: pkgId('hub'), first, after },
          );
          const { edges, pageInfo } = data.entity.page;
          expect(edges.length).toBeLessThanOrEqual(first);
          seen.push(...edges.map((edge: { node: { name: string } }) => edge.node.name));
          after = pageInfo.endCursor;
          more = pageInfo.hasNextPage;
        }
        return seen;
      };
      expect(await walk('neighbors(depth: 3, first: $first, after: $after)')).toEqual([
        'a',
        'b',
        'c',
        'd',
        'e',
        'f',
        'y',
        'z',
      ]);
      expect(await walk('relations(first: $first, after: $after)')).toEqual(['a', 'a', 'b', 'c', 'd', 'e', 'f', 'hub']);
    }
  });

  test('a hub past the row cap says truncated, for those who walked through it only', async () => {
    const sql = `INSERT INTO graph.entities (tenant_id, id, name, kind) SELECT $1, 'ent_hub' || n, 'leaf' || n, 'leaf' FROM generate_series(0, 10001) n`;
    await must(
      `mutation { upsertEntities(input: { entities: [{ name: "hub", kind: "package" }, { name: "away", kind: "package" }] }) { entities { id } } }`,
    );
    await postgres.transaction(as(tenant), async (tx) => {
      await tx.query({ sql, parameters: [tenant] });
      await tx.query({
        sql: `INSERT INTO graph.relations (tenant_id, id, type, from_id, from_name, to_id, to_name)
              SELECT $1, 'rel_' || id, 'HAS', $2, 'hub', id, name FROM graph.entities WHERE kind = 'leaf'`,
        parameters: [tenant, pkgId('hub')],
      });
    });
    await relate(link('away', 'hub'));
    const { data, statements } = await must(
      `query ($hub: ID!, $away: ID!, $leaf: ID!) {
        hub: entity(id: $hub) { neighbors(first: 2) { edges { node { name } } truncated } }
        near: entity(id: $away) { neighbors(depth: 1) { edges { node { name } } truncated } }
        far: entity(id: $away) { neighbors(depth: 2) { truncated pageInfo { hasNextPage } } }
        way: shortestPath(from: $hub, to: $leaf, direction: OUT) { length truncated }
      }`,
      { hub: pkgId('hub'), away: pkgId('away'), leaf: 'ent_hub9' },
    );
    expect(data.hub.neighbors).toEqual({
      edges: [{ node: { name: 'leaf0' } }, { node: { name: 'leaf1' } }],
      truncated: true,
    });
    expect(data.near.neighbors).toEqual({ edges: [{ node: { name: 'hub' } }], truncated: false });
    expect(data.far.neighbors).toEqual({ truncated: true, pageInfo: { hasNextPage: true } });
    expect(data.way.length === 1 || data.way.truncated).toBe(true);
    expect(statements).toBeLessThan(20);
  });

  test("the row cap is the operator's", async () => {
    const narrow = await createGraph({ levelRelations: 2 }, { postgres });
    await relate(link('root', 'a'), link('root', 'b'), link('root', 'c'));
    const query = `query ($id: ID!) { entity(id: $id) { neighbors { edges { node { name } } truncated totalCount } } }`;
    const [whole, cut] = await Promise.all(
      [graph, narrow].map((subgraph) => ask(query, { id: pkgId('root') }, as(tenant), subgraph)),
    );
    expect(whole!.data.entity.neighbors).toMatchObject({ truncated: false, totalCount: 3 });
    expect(cut!.data.entity.neighbors).toEqual({
      edges: [{ node: { name: 'a' } }, { node: { name: 'b' } }],
      truncated: true,
      // How many the cap hid nobody counted.
      totalCount: null,
    });
  });

  test('entities: filter, order, pages, totalCount only where asked for', async () => {
    await relate(...Array.from({ length: 5 }, (_, index) => link('root', `p${index}`)));
    const query = (fields: string) =>
      `query ($after: String) { entities(where: { name: { startsWith: "p" } }, first: 2, after: $after) { ${fields} edges { node { name } } pageInfo { hasNextPage endCursor } } }`;
    const first = await must(query('totalCount'));
    expect(first.data.entities).toMatchObject({
      totalCount: 5,
      edges: [{ node: { name: 'p0' } }, { node: { name: 'p1' } }],
      pageInfo: { hasNextPage: true },
    });
    expect(first.statements).toBe(2);
    const second = await must(query(''), { after: first.data.entities.pageInfo.endCursor });
    expect(second.data.entities.edges).toEqual([{ node: { name: 'p2' } }, { node: { name: 'p3' } }]);
    expect(second.statements).toBe(1);
  });
});

describe('statements', () => {
  test('do not depend on how many entities an answer holds', async () => {
    const names = Array.from({ length: 300 }, (_, index) => `n${String(index).padStart(3, '0')}`);
    await relate(
      ...names.flatMap((name, index) =>
        [1, 2, 3].map((step) => link(name, names[(index * 3 + step) % names.length] ?? '')),
      ),
    );
    await must(
      INDEX,
      {
        documents: names
          .slice(0, 200)
          .map((name) => ({ documentId: documentId(tenant, name), entities: [pkg(name)], relations: [] })),
      },
      as(tenant, true),
    );
    const query = (first: number) => `{ entities(first: ${first}) { edges { node {
      relations(direction: OUT) { edges { node { name relations { edges { node { name } } } } } }
      neighbors(depth: 3, first: 200) { edges { node { name relations { totalCount } } } }
    } } } }`;
    const few = await must(query(2));
    const many = await must(query(20));
    // entities, relations, relations of those, three levels, neighbours by id, their relations and the counts of these
    expect(many.statements).toBe(few.statements);
    expect(many.statements).toBe(9);
  });

  test('of counts, conditions, names and facets do not depend on how many entities they are of', async () => {
    const names = Array.from({ length: 40 }, (_, index) => `n${String(index).padStart(2, '0')}`);
    await relate(...names.flatMap((name, index) => [1, 2].map((step) => link(name, names[(index + step) % 40]!))));
    const where = '(where: { name: { startsWith: "n" } })';
    const count = async (fields: string, first: number) =>
      (await must(`{ entities(first: ${first}) { nodes { ${fields} } } }`)).statements;
    for (const [fields, most] of [
      [`relations${where} { nodes { name } }`, 2],
      [`relations${where} { totalCount }`, 3],
      [`neighbors${where} { nodes { name } }`, 4],
      [`neighbors(depth: 2) { totalCount complete }`, 5],
    ] as const) {
      const few = await count(fields, 2);
      expect(await count(fields, 20), fields).toBe(few);
      expect(few, fields).toBeLessThanOrEqual(most);
    }
    await must(
      INDEX,
      {
        documents: names.map((name, index) => ({
          documentId: documentId(tenant, name),
          entities: [{ name: 'MIT', kind: 'licence' }, ...names.slice(0, index).map(pkg)],
          relations: [],
        })),
      },
      as(tenant, true),
    );
    const named = async (fields: string, first: number) => {
      const refs = names.slice(0, first).map((name) => documentRef(name));
      const query = `query ($refs: [_Any!]!) { _entities(representations: $refs) { ... on Document { entities${fields} } } }`;
      return await must(query, { refs });
    };
    const pages = await named('(first: 2) { totalCount nodes { name } }', 40);
    expect(pages.data._entities[39].entities).toEqual({ totalCount: 40, nodes: [{ name: 'MIT' }, { name: 'n00' }] });
    expect(pages.statements).toBe(2);
    const counts = await named('(first: 0, kinds: ["package"]) { totalCount }', 40);
    expect(counts.data._entities.map((each: { entities: { totalCount: number } }) => each.entities.totalCount)).toEqual(
      names.map((_, index) => index),
    );
    expect((await named('(first: 2) { nodes { name } }', 40)).statements).toBe(1);
    expect((await must('{ entity(name: "n00", kind: "package") { id } }')).statements).toBe(1);
    expect((await must('{ facets { kinds { name count } relationTypes { name count } } }')).statements).toBe(2);
  });

  test('of references are one for all, in their order, with null for what is not there', async () => {
    await relate(link('a', 'b'), link('c', 'd'));
    const { data, statements } = await must(
      'query ($refs: [_Any!]!) { _entities(representations: $refs) { ... on Entity { id name } } }',
      {
        refs: [entityRef('d'), entityRef('missing'), entityRef('a'), { __typename: 'Entity', id: 'run_x' }],
      },
    );
    expect(data._entities).toEqual([{ id: pkgId('d'), name: 'd' }, null, { id: pkgId('a'), name: 'a' }, null]);
    expect(statements).toBe(1);
  });

  test("of a document's reference alone are none", async () => {
    const { data, statements } = await must(
      'query ($refs: [_Any!]!) { _entities(representations: $refs) { ... on Document { id } } }',
      {
        refs: [documentRef('any')],
      },
    );
    expect(data._entities).toEqual([{ id: documentId(tenant, 'any') }]);
    expect(statements).toBe(0);
  });
});

describe('writing', () => {
  test('entities are created and merged; the rest of the operation sees it', async () => {
    const { data } = await must(
      `mutation ($id: ID!) {
      one: upsertEntities(input: { entities: [{ name: "a", kind: "package", properties: { x: 1, y: { z: [1] } } }] }) { entities { id name kind properties } }
      two: upsertEntities(input: { entities: [{ name: "a", kind: "package", properties: { x: null, w: "new" } }] }) { entities { properties relations { edges { type } } } }
      three: upsertRelations(input: { relations: [{ from: { id: $id }, to: { name: "b", kind: "package" }, type: "USES" }] }) {
        relations { from { name properties relations { edges { type direction properties node { name } } } } }
      }
    }`,
      { id: pkgId('a') },
    );
    expect(data.one.entities).toEqual([
      { id: pkgId('a'), name: 'a', kind: 'package', properties: { x: 1, y: { z: [1] } } },
    ]);
    expect(data.two.entities).toEqual([{ properties: { y: { z: [1] }, w: 'new' }, relations: { edges: [] } }]);
    expect(data.three.relations[0].from).toMatchObject({
      name: 'a',
      relations: { edges: [{ type: 'USES', direction: 'OUT', properties: {}, node: { name: 'b' } }] },
    });
  });

  test('deletions tell which ids existed', async () => {
    const { data: written } = await relate(link('a', 'b'), link('a', 'c'));
    const [first] = written.upsertRelations.relations;
    const { data } = await must(
      `mutation ($relations: [ID!]!, $entities: [ID!]!) {
        deleteRelations(input: { ids: $relations }) { ids }
        deleteEntities(input: { ids: $entities }) { ids }
      }`,
      { relations: [first.id, 'rel_unknown'], entities: [pkgId('c'), pkgId('missing')] },
    );
    expect(data).toEqual({ deleteRelations: { ids: [first.id] }, deleteEntities: { ids: [pkgId('c')] } });
    expect(
      (await must('{ entities { edges { node { name relations { edges { type } } } } } }')).data.entities.edges,
    ).toEqual(['a', 'b'].map((name) => ({ node: { name, relations: { edges: [] } } })));
  });

  test("the gateway's indexing is closed to everybody else", async () => {
    for (const source of [
      'mutation { indexDocumentGraph(input: { documents: [] }) { documentIds } }',
      'mutation { removeDocumentGraph(input: { documentIds: [] }) { documentIds } }',
    ]) {
      const { errors } = await ask(source);
      expect(errors?.[0]?.extensions['code']).toBe('FORBIDDEN');
    }
  });

  test('a document is indexed, indexed again, and removed', async () => {
    const id = documentId(tenant, 'd');
    const system = () => as(tenant, true);
    const names = async () =>
      (await must('{ entities { edges { node { name } } } }')).data.entities.edges.map(
        (edge: { node: { name: string } }) => edge.node.name,
      );
    await must(INDEX, { documents: [{ documentId: id, entities: [pkg('a')], relations: [link('a', 'b')] }] }, system());
    expect(await names()).toEqual(['a', 'b']);
    await must(INDEX, { documents: [{ documentId: id, entities: [pkg('c')], relations: [] }] }, system());
    expect(await names()).toEqual(['c']);
    const { data } = await must(
      'mutation ($ids: [ID!]!) { removeDocumentGraph(input: { documentIds: $ids }) { documentIds } }',
      { ids: [id] },
      system(),
    );
    expect(data.removeDocumentGraph.documentIds).toEqual([id]);
    expect(await names()).toEqual([]);
    const { errors } = await ask(
      INDEX,
      {
        documents: [
          { documentId: id, entities: [], relations: [{ from: { id: pkgId('a') }, to: pkg('b'), type: 'X' }] },
        ],
      },
      system(),
    );
    expect(errors?.[0]?.extensions['code']).toBe('BAD_USER_INPUT');
  });
});

describe('tenants', () => {
  test("another tenant's ids read as nothing on every field, and cannot be written", async () => {
    const { data: written } = await relate(link('a', 'b'));
    await must(
      INDEX,
      { documents: [{ documentId: documentId(tenant, 'd'), entities: [pkg('a')], relations: [] }] },
      as(tenant, true),
    );
    const [a, b, relation] = [pkgId('a'), pkgId('b'), written.upsertRelations.relations[0].id];
    const thief = as(`${tenant}-thief`);
    const { data } = await must(
      `query ($a: ID!, $b: ID!, $refs: [_Any!]!) {
        entity(id: $a) { name }
        entities(where: { id: { in: [$a, $b] } }) { totalCount edges { node { name } } }
        all: entities { totalCount edges { node { name } } }
        shortestPath(from: $a, to: $b) { length }
        itself: shortestPath(from: $a, to: $a) { length }
        _entities(representations: $refs) { ... on Entity { name } ... on Document { entities { totalCount edges { node { name } } } } }
      }`,
      { a, b, refs: [entityRef('a'), documentRef('d')] },
      thief,
    );
    const nothing = { totalCount: 0, edges: [] };
    expect(data).toEqual({
      entity: null,
      entities: nothing,
      all: nothing,
      shortestPath: null,
      itself: null,
      _entities: [null, { entities: nothing }],
    });

    const stolen = await must(
      'mutation ($a: ID!, $r: ID!) { deleteEntities(input: { ids: [$a] }) { ids } deleteRelations(input: { ids: [$r] }) { ids } }',
      { a, r: relation },
      thief,
    );
    expect(stolen.data).toEqual({ deleteEntities: { ids: [] }, deleteRelations: { ids: [] } });
    for (const [from, to] of [
      [a, b],
      [a, a],
    ]) {
      const { errors } = await ask(
        UPSERT_RELATIONS,
        { relations: [{ from: { id: from }, to: { id: to }, type: 'STEALS' }] },
        thief,
      );
      expect(errors?.[0]?.extensions['code']).toBe('NOT_FOUND');
    }
    const removing = as(`${tenant}-thief`, true);
    await must(
      'mutation ($ids: [ID!]!) { removeDocumentGraph(input: { documentIds: $ids }) { documentIds } }',
      { ids: [documentId(tenant, 'd')] },
      removing,
    );
    const kept = await must(
      'query ($a: ID!) { entity(id: $a) { relations { edges { type node { name } } } documentIds(limit: 9, backward: false) documentCount } }',
      { a },
      as(tenant, true),
    );
    expect(kept.data.entity).toEqual({
      relations: { edges: [{ type: 'DEPENDS_ON', node: { name: 'b' } }] },
      documentIds: [documentId(tenant, 'd')],
      documentCount: 1,
    });
  });

  test('the same name in two tenants is two entities', async () => {
    await relate(link('a', 'b'));
    const other = as(`${tenant}-other`);
    await must(UPSERT_RELATIONS, { relations: [link('a', 'z')] }, other);
    const names = async (context: RequestContext) =>
      (await must('{ entities { edges { node { name } } } }', {}, context)).data.entities.edges.map(
        (edge: { node: { name: string } }) => edge.node.name,
      );
    expect(await names(as(tenant))).toEqual(['a', 'b']);
    expect(await names(as(`${tenant}-other`))).toEqual(['a', 'z']);
  });

  test('row-level security itself refuses a relation between tenants', async () => {
    await relate(link('a', 'b'));
    const thief = as(`${tenant}-thief`);
    const insert = (tenantId: string) =>
      postgres.transaction(thief, (tx) =>
        tx.query({
          sql: `INSERT INTO graph.relations (tenant_id, id, type, from_id, from_name, to_id, to_name) VALUES ($1, 'rel_x', 'X', $2, 'a', $3, 'b')`,
          parameters: [tenantId, pkgId('a'), pkgId('b')],
        }),
      );
    await expect(insert(tenant)).rejects.toThrow(/row-level security/);
    await expect(insert(`${tenant}-thief`)).rejects.toThrow(/foreign key/);
  });
});

describe('bad input', () => {
  const entity = (field: string) =>
    `query ($id: ID = "ent_x") { entity(id: $id) { ${field} { edges { node { id } } } } }`;

  test('to fields of an entity', async () => {
    await relate(link('a', 'b'));
    const id = pkgId('a');
    for (const types of ['depends_on', 'A B', 'A`]-() DELETE', '', 'A\u0000', 'A'.repeat(65)]) {
      expect(
        await refused(
          'query ($id: ID!, $types: [String!]) { entity(id: $id) { relations(types: $types) { edges { type } } } }',
          {
            id,
            types: [types],
          },
        ),
      ).toContain('is not a relation type');
    }
    expect(await refused(entity('relations(first: -1)'), { id })).toContain('must not be negative');
    expect(await refused(entity('relations(first: 201)'), { id })).toContain('at most 200');
    expect(await refused(entity('neighbors(first: 1000000)'), { id })).toContain('at most 200');
    for (const depth of [-1, 0, 7])
      expect(await refused(entity(`neighbors(depth: ${depth})`), { id })).toContain('`depth` must be 1 to 6');
    expect(await refused(entity('relations(after: "nonsense")'), { id })).toContain('not a cursor');
    expect(await refused(entity('neighbors(after: "")'), { id })).toContain('not a cursor');
    const cursor = (list: string, ...values: (string | number | boolean | null)[]) => encodeCursor(list, values);
    expect(
      await refused(entity(`neighbors(after: "${cursor('relations:BOTH', 'A', 'b', 'c', 'OUT')}")`), { id }),
    ).toContain('cursor');
    expect(
      await refused(entity(`relations(direction: OUT, after: "${cursor('relations:BOTH', 'A', 'b', 'c', 'OUT')}")`), {
        id,
      }),
    ).toContain('another list');
    for (const values of [
      [1, 'b', 'c', 'OUT'],
      ['A', 'b', 'c', 'SIDEWAYS'],
      ['A', null, 'c', 'OUT'],
    ] as const) {
      expect(await refused(entity(`relations(after: "${cursor('relations:BOTH', ...values)}")`), { id })).toContain(
        'not a cursor',
      );
    }
    for (const depth of [1.5, 1e300, 'x', null])
      expect(
        await refused(entity(`neighbors(after: "${cursor('neighbors:OUT', depth, 'b', 'c')}")`), { id }),
      ).toContain('not a cursor');
  });

  test('to root fields', async () => {
    expect(await refused('{ entities(first: -1) { edges { cursor } } }')).toContain('negative');
    expect(
      await refused('query ($name: String) { entities(where: { name: { eq: $name } }) { edges { cursor } } }', {
        name: 'a\0b',
      }),
    ).toContain('NUL');
    expect(
      await refused('query ($ids: [ID!]) { entities(where: { id: { in: $ids } }) { edges { cursor } } }', {
        ids: Array(501).fill('x'),
      }),
    ).toContain('at most 500');
    const deep = (levels: number): object => (levels === 0 ? { name: { eq: 'x' } } : { not: deep(levels - 1) });
    expect(
      await refused('query ($where: EntityFilter) { entities(where: $where) { edges { cursor } } }', {
        where: deep(20),
      }),
    ).toContain('levels deep');
    expect(
      await refused('query ($where: EntityFilter) { entities(where: $where) { edges { cursor } } }', {
        where: { or: Array(200).fill({}) },
      }),
    ).toContain('conditions');
    expect(
      await refused('query ($after: String) { entities(after: $after) { edges { cursor } } }', {
        after: encodeCursor('entities', ['a']),
      }),
    ).toContain('cursor');
    expect(await refused('{ shortestPath(from: "ent_a", to: "ent_b", maxDepth: 11) { length } }')).toContain('1 to 10');
    expect(await refused('{ shortestPath(from: "ent_a", to: "ent_b", maxDepth: -3) { length } }')).toContain('1 to 10');
    expect(await refused('{ shortestPath(from: "ent_a", to: "ent_b", types: ["x"]) { length } }')).toContain(
      'relation type',
    );
    expect(
      await refused('query ($id: ID!) { entity(id: $id) { id } }', { id: "ent_'; DROP TABLE graph.entities; --\0" }),
    ).toContain('not an id');
  });

  test('to mutations writes nothing', async () => {
    const upsert =
      'mutation ($entities: [GraphEntityInput!]!) { upsertEntities(input: { entities: $entities }) { entities { id } } }';
    const good = { name: 'good', kind: 'k' };
    for (const [bad, message] of [
      [{ name: '', kind: 'k' }, 'must not be empty'],
      [{ name: '  ', kind: 'k' }, 'must not be empty'],
      [{ name: 'a\0', kind: 'k' }, 'NUL'],
      [{ name: '\ud800', kind: 'k' }, 'surrogate'],
      [{ name: 'x'.repeat(501), kind: 'k' }, 'at most 500'],
      [{ name: 'a', kind: 'x'.repeat(101) }, 'at most 100'],
      [{ name: 'a', kind: 'k', properties: [1] }, 'JSON object'],
      [{ name: 'a', kind: 'k', properties: 'text' }, 'JSON object'],
    ] as const) {
      expect(await refused(upsert, { entities: [good, bad] })).toContain(message);
    }
    expect(await refused(upsert, { entities: Array(1_001).fill(good) })).toContain('At most 1000');
    for (const end of [
      {},
      { id: 'ent_x', name: 'a' },
      { name: 'a' },
      { kind: 'k' },
      { id: 'ent_x', name: 'a', kind: 'k' },
    ]) {
      expect(
        await refused(UPSERT_RELATIONS, { relations: [link('a', 'b'), { from: end, to: pkg('b'), type: 'A' }] }),
      ).toContain('either `id`, or `name` and `kind`');
    }
    expect(await refused(UPSERT_RELATIONS, { relations: [link('a', 'b'), link('a', 'b', 'lower')] })).toContain(
      'relation type',
    );
    expect(
      await refused('mutation ($ids: [ID!]!) { deleteEntities(input: { ids: $ids }) { ids } }', { ids: ['a\0'] }),
    ).toContain('NUL');
    expect(
      await refused('mutation ($ids: [ID!]!) { deleteRelations(input: { ids: $ids }) { ids } }', {
        ids: Array(1_001).fill('x'),
      }),
    ).toContain('At most 1000');
    expect((await must('{ entities { edges { node { name } } } }')).data.entities.edges).toEqual([]);
  });

  test('the longest names fit', async () => {
    const names = ['\u{1F600}'.repeat(250), 'ü'.repeat(500), '中'.repeat(500)];
    await relate(...names.flatMap((name) => names.map((other) => link(name, other, 'A'.repeat(64)))));
    const { data } = await must(
      '{ entities { edges { node { name relations(direction: OUT) { edges { node { name } } } } } } }',
    );
    expect(data.entities.edges.map((edge: { node: { name: string } }) => edge.node.name)).toEqual([
      'ü'.repeat(500),
      '中'.repeat(500),
      '\u{1F600}'.repeat(250),
    ]);
    for (const edge of data.entities.edges) expect(edge.node.relations.edges).toHaveLength(3);
  });
});

test('whole numbers beyond 2^53 are kept, as literals and in variables', async () => {
  const entities = [{ ...pkg('exact'), properties: { sizes: [1, 2 ** 53, numberOf('9007199254740993')] } }];
  const { data } = await must(
    `mutation ($entities: [GraphEntityInput!]!) { upsertEntities(input: { entities: $entities }) { entities { properties } } }`,
    { entities },
  );
  expect(writeJson(data.upsertEntities.entities[0].properties)).toBe('{"sizes":[1,9007199254740992,9007199254740993]}');
});

describe('without a store', () => {
  test('the schema is the same, and every field says what to set', async () => {
    const off = await createGraph({}, {});
    expect(await off.health()).toMatchObject([{ state: 'disabled' }]);
    const { data, errors } = await ask(
      'query ($refs: [_Any!]!) { entity(id: "ent_x") { id } entities { edges { cursor } } _entities(representations: $refs) { ... on Document { id entities { edges { cursor } } } } }',
      { refs: [documentRef('d')] },
      as(tenant),
      off,
    );
    expect(data).toEqual({
      entity: null,
      entities: null,
      _entities: [{ id: documentId(tenant, 'd'), entities: null }],
    });
    expect(
      errors?.map(({ extensions }) => [extensions['code'], String(extensions['hint']).includes('DATABASE_URL')]),
    ).toEqual(Array(3).fill(['STORE_DISABLED', true]));
    await off.close();
  });
});

describe('names', () => {
  const seed = async (): Promise<void> => {
    const of = (name: string, kind = 'package') => ({ name, kind });
    const links = Array.from({ length: 8 }, (_, at) => ({
      from: of(`p${at}`),
      to: of(`p${at + 1}`),
      type: 'DEPENDS_ON',
    }));
    await must(UPSERT_RELATIONS, {
      relations: [
        ...links,
        { from: of('p0'), to: of('MIT', 'licence'), type: 'LICENSED_UNDER' },
        { from: of('p0'), to: of('MIT', 'university'), type: 'MADE_AT' },
      ],
    });
  };
  const hintsOf = async (query: string): Promise<unknown> => {
    const sdl = readFileSync(new URL('../../subgraphs/graph/schema.graphql', import.meta.url), 'utf8');
    const { supergraphSdl } = compose([{ name: 'graph', url: 'http://graph.invalid', sdl, origin: 'graph' }]);
    const clients = new Map([['graph', inProcessClient('graph', graph.schema)]]);
    const engine = await createEngine({ supergraphSdl: supergraphSdl!, clients });
    try {
      const result = await engine.execute({ document: parse(query), context: as(tenant) });
      expect(result.errors).toBeUndefined();
      return result.extensions?.['hints'];
    } finally {
      await engine.close();
    }
  };

  test("are told where nothing bears them, at the client's paths, with those of the tenant alone", async () => {
    await seed();
    const asked = `{ mine: entities(where: { kind: { eq: "Package" } }) { nodes { id } }
      p: entity(name: "p0", kind: "package") { far: neighbors(types: ["DEPENDS"]) { nodes { id } } relations(types: ["MADE_IN"]) { nodes { id } } } }`;
    const hints = (await hintsOf(asked)) as unknown[];
    expect(hints).toHaveLength(3);
    for (const hint of [
      expect.objectContaining({ path: ['mine'], suggestions: ['package'] }),
      expect.objectContaining({ path: ['p', 'far'], suggestions: ['DEPENDS_ON'] }),
      expect.objectContaining({ path: ['p', 'relations'], suggestions: ['MADE_AT'] }),
    ])
      expect(hints).toContainEqual(hint);
    expect(await hintsOf('{ entities(where: { kind: { eq: "package" } }) { nodes { id } } }')).toBeUndefined();
    tenant = `${tenant}-other`;
    const [{ suggestions }] = (await hintsOf('{ entities(where: { kind: { eq: "Package" } }) { nodes { id } } }')) as [
      { suggestions: string[] },
    ];
    expect(suggestions).toEqual([]);
  });

  test('find an entity, or say why not', async () => {
    await seed();
    expect((await must('{ entity(name: "p0") { kind } }')).data.entity).toEqual({ kind: 'package' });
    expect((await must('{ entity(name: "MIT", kind: "licence") { kind } }')).data.entity).toEqual({ kind: 'licence' });
    expect((await must('{ entity(name: "P0") { kind } }')).data.entity).toBeNull();
    expect(await refused('{ entity(name: "MIT") { kind } }')).toContain('Several');
    expect(await refused('{ entity(id: "express") { kind } }')).toContain('not an id');
    expect(await refused('{ entity { kind } }')).toContain('either');
  });

  test('are ends of paths', async () => {
    await seed();
    expect((await must('{ shortestPath(from: "p0", to: "p3") { length } }')).data.shortestPath).toEqual({ length: 3 });
    expect(
      (await must('{ shortestPath(from: "p2", to: "MIT", toKind: "university") { length } }')).data.shortestPath,
    ).toEqual({ length: 3 });
    expect(await refused('{ shortestPath(from: "nothing", to: "p3") { length } }')).toContain('`from`');
    expect(await refused('{ shortestPath(from: "p0", to: "MIT") { length } }')).toContain('Several');
  });

  test('a walk says whether it is complete, and is filtered and counted', async () => {
    await seed();
    const { data } = await must(`{ entity(name: "p0") {
      near: neighbors(types: ["DEPENDS_ON"], depth: 6) { totalCount complete truncated }
      end: neighbors(types: ["DEPENDS_ON"], depth: 6, first: 1) { complete nodes { name } }
      all: deepNeighbors(types: ["DEPENDS_ON"]) { totalCount complete }
      some: deepNeighbors(where: { kind: { eq: "licence" } }) { totalCount nodes { name } }
      relations(where: { kind: { in: ["licence", "university"] } }, first: 1) { totalCount nodes { kind } }
    } }`);
    expect(data.entity).toEqual({
      near: { totalCount: 6, complete: false, truncated: false },
      end: { complete: false, nodes: [{ name: 'p1' }] },
      all: { totalCount: 8, complete: true },
      some: { totalCount: 1, nodes: [{ name: 'MIT' }] },
      relations: { totalCount: 2, nodes: [{ kind: 'licence' }] },
    });
    const { facets } = (await must('{ facets { kinds { name count } relationTypes { name count } } }')).data;
    expect(facets.kinds).toEqual([
      { name: 'package', count: 9 },
      { name: 'licence', count: 1 },
      { name: 'university', count: 1 },
    ]);
    expect(facets.relationTypes[0]).toEqual({ name: 'DEPENDS_ON', count: 8 });
  });
});
