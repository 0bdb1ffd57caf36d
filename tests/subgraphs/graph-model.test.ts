/** What needs no server: which files are taken, what is made of them, and that no statement is without its tenant. */
import { readFileSync } from 'node:fs';
import { execute, isInputObjectType, isObjectType, parse, type GraphQLSchema } from 'graphql';
import { describe, expect, test } from 'vitest';

import { compose } from '#gateway/supergraph/compose.ts';
import { describe as told } from '#gateway/supergraph/findings.ts';
import { RENAME_LABELS } from '#gateway/mount/mount.ts';
import { refuseNameClashes } from '#gateway/supergraph/name-clashes.ts';
import { loadSchema } from '#gateway/supergraph/schema-source.ts';
import { readSupergraphFile } from '#gateway/supergraph/supergraph-file.ts';
import type { GraphModelDriver } from '#subgraphs/graph-model/driver.ts';
import { buildSchema, createGraphModel } from '#subgraphs/graph-model/index.ts';
import { parseModel } from '#subgraphs/graph-model/model/file.ts';
import { createRequestContext } from '#subgraphs/shared/context.ts';

const FILMS = readFileSync(new URL('../stores/graph-model/films.graphql', import.meta.url), 'utf8');

interface Statement {
  readonly cypher: string;
  readonly parameters: Record<string, unknown>;
}

/** Keeps statements, and answers nothing. */
function recorder(statements: Statement[]): GraphModelDriver {
  return {
    read: async (_, cypher, parameters) => {
      statements.push({ cypher, parameters });
      return Promise.resolve({ records: [], summary: { counters: { updates: () => ({}) } } });
    },
    health: () => Promise.resolve({ store: 'neo4j', state: 'ok' }),
    close: () => Promise.resolve(),
  };
}

const build = async (text: string, statements: Statement[] = [], tenantProperty = 'tenantId') =>
  await buildSchema(parseModel(text, 'films.graphql'), recorder(statements), tenantProperty);

const run = (schema: GraphQLSchema, query: string, variableValues: Record<string, unknown> = {}) =>
  execute({
    schema,
    document: parse(query),
    variableValues,
    contextValue: createRequestContext({ tenantId: 'acme', subject: 'u', roles: ['reader'], scopes: [] }),
  });

describe('a model', () => {
  const faultOf = (text: string): string => {
    try {
      parseModel(text, 'm.graphql');
    } catch (error) {
      expect(error).toMatchObject({
        code: 'BAD_USER_INPUT',
        extensions: { hint: expect.stringContaining('docs/graph-model.md') },
      });
      return (error as Error).message;
    }
    return 'accepted';
  };
  const NODE = 'type A @node { id: ID! }\n';

  test.each([
    ['no GraphQL', 'type A {', /m\.graphql:1: Syntax Error/],
    ['no node', 'enum A { B }', /m\.graphql:1: there is no type with @node/],
    [
      'Cypher',
      'type A @node { id: ID!\n x: Int @cypher(statement: "RETURN 1 AS x", columnName: "x") }',
      /m\.graphql:2: @cypher is not accepted: .*tenant/,
    ],
    ['rules of its own', `type A @node @authorization(filter: []) { id: ID! }`, /@authorization is not accepted/],
    ['code', 'type A @node { id: ID! x: Int @customResolver }', /@customResolver is not accepted/],
    ['full-text indexes', 'type A @node @fulltext(indexes: []) { id: ID! }', /@fulltext is not accepted/],
    ['what nobody knows', 'type A @node @brandNew { id: ID! }', /@brandNew is not accepted\./],
    ['a mutation', `${NODE}type Mutation { drop: Int }`, /m\.graphql:2: Mutation cannot be defined/],
    ['an input', `${NODE}input I { a: Int }`, /The input object I is not accepted/],
    ['a directive', `${NODE}directive @node on OBJECT`, /The directive node is not accepted/],
    ['labels of the request', 'type A @node(labels: ["$jwt.label"]) { id: ID! }', /must name labels/],
    ['a type that is none', 'type A @node { b: B }', /there is no type B.*@reference/],
    ['a plain type', `${NODE}type B { x: Int }`, /B needs @node, or @relationshipProperties/],
    ['our names', 'type A @node { tributaryTenant: String! }', /begin with `tributary`/],
    ['a key of what is not there', 'type A @node @key(fields: "b") { id: ID! }', /must name fields of A/],
    [
      'a reference by nothing',
      'type A @node { id: ID! d: Document @reference(field: "docId") }',
      /must name a field of A that holds one id/,
    ],
    ['a list by one', 'type A @node { id: ID! d: [Document!] @reference(field: "id") }', /a list of ids/],
    ['a reference to itself', 'type A @node { id: ID! a: A @reference(field: "id") }', /leads to an entity of the API/],
  ])('with %s is refused, with file and line', (_, text, expected) => {
    expect(faultOf(text)).toMatch(expected);
  });

  test('shows all its faults at once', () => {
    expect(faultOf('type A @node @jwt {\n id: ID! @relayId\n}\nscalar S').match(/m\.graphql:\d+/g)).toEqual([
      'm.graphql:2',
      'm.graphql:1',
      'm.graphql:4',
    ]);
  });

  test('that cannot be read, or that the library refuses, ends the start with what to do', async () => {
    const neo4j = { uri: 'bolt://127.0.0.1:1', username: 'neo4j', password: '' };
    await expect(
      createGraphModel({ file: '/nowhere/model.graphql', tenantProperty: 'tenantId', neo4j }),
    ).rejects.toMatchObject({
      code: 'BAD_USER_INPUT',
      message: expect.stringMatching(/nowhere\/model\.graphql cannot be read \(ENOENT\)/),
      extensions: { hint: expect.stringContaining('graph:introspect') },
    });
    await expect(
      build('type A @node { id: ID! bs: [A!]! @relationship(type: "R", direction: SIDEWAYS) }'),
    ).rejects.toMatchObject({ code: 'BAD_USER_INPUT', message: expect.stringContaining('SIDEWAYS') });
  });
});

describe('the subgraph of a model', () => {
  test('reads, and writes and streams nothing', async () => {
    const { schema } = await build(FILMS);
    expect([schema.getMutationType(), schema.getSubscriptionType()]).toEqual([undefined, undefined]);
    expect(
      Object.keys(schema.getTypeMap()).filter((name) => /Create|Update|Delete|Connect(?!ion)|Disconnect/.test(name)),
    ).toEqual([]);
  });

  test('composes with the six without errors or hints, and takes none of their names', async () => {
    const { schema, typeDefs } = await build(FILMS);
    const { subgraphs } = await readSupergraphFile('supergraph.yaml');
    const sources = [
      ...(await Promise.all(subgraphs.map((entry) => loadSchema(entry)))),
      { name: 'graph-model', url: 'local://graph-model', sdl: typeDefs, origin: 'films.graphql' },
    ];
    refuseNameClashes(sources, new Map([['graph-model', RENAME_LABELS]]));
    const { errors, hints, supergraphSdl } = compose(sources);
    expect([...errors, ...hints].map(told)).toEqual([]);
    expect(supergraphSdl).toContain('type Film');
    const generated = Object.values(schema.getTypeMap()).filter(
      (type) =>
        (isObjectType(type) || isInputObjectType(type)) && !type.name.startsWith('_') && !type.name.startsWith('Model'),
    );
    expect(generated.map(({ name }) => name).sort()).toEqual([
      'ActedIn',
      'Document',
      'Entity',
      'Film',
      'Person',
      'Query',
      'Series',
    ]);
  });

  test("hides the tenant's field, and nullifies what a store that is down would take along", async () => {
    const { schema, typeDefs } = await build(FILMS);
    expect(typeDefs).not.toMatch(/tributary/i);
    const fields = (type: string) =>
      Object.fromEntries(
        Object.values(
          (schema.getType(type) as { getFields(): Record<string, { name: string; type: unknown }> }).getFields(),
        ).map((field) => [field.name, String(field.type)]),
      );
    expect(fields('Film')).toMatchObject({
      id: 'ID!',
      title: 'String',
      actors: '[Person!]',
      script: 'Document',
      subjects: '[Entity!]',
    });
    expect(fields('Series')).toMatchObject({ title: 'String' });
    expect(fields('ModelFilmsConnection')).toMatchObject({ totalCount: 'Int!' });
    expect(Object.values(fields('Query')).filter((type) => type.endsWith('!') && !/^\[?_/.test(type))).toEqual([]);
  });

  test('does not start when a name is taken, or when a reference leads nowhere', async () => {
    const own = await Promise.all(
      (await readSupergraphFile('supergraph.yaml')).subgraphs.map((entry) => loadSchema(entry)),
    );
    const clash = async (text: string): Promise<string> => {
      const { typeDefs } = await build(text);
      try {
        refuseNameClashes(
          [...own, { name: 'graph-model', url: 'local://graph-model', sdl: typeDefs, origin: 'm.graphql' }],
          new Map([['graph-model', RENAME_LABELS]]),
        );
      } catch (error) {
        return (error as Error).message;
      }
      return 'accepted';
    };
    expect(await clash('type Tenant @node @plural(value: "lodgers") { name: String! }')).toBe(
      'm.graphql: the type Tenant is also one of the subgraph relational. Rename it; its label stays with @node(labels: ["Tenant"]).',
    );
    expect(await clash('type Paper @node @plural(value: "documents") { name: String! }')).toMatch(
      /root field documents is also one of the subgraph relational.*@plural/,
    );
    expect(
      await clash('type Paper @node { documentId: ID document: Dokument @reference(field: "documentId") }'),
    ).toMatch(/no other subgraph has an entity Dokument/);
    expect(await clash('type Paper @node { documentId: ID document: Document @reference(field: "documentId") }')).toBe(
      'accepted',
    );
  });

  test('asks one statement for five hundred references, and one for each root field', async () => {
    const statements: Statement[] = [];
    const { schema } = await build(FILMS, statements);
    const representations = Array.from({ length: 500 }, (_, i) => ({ __typename: 'Film', id: `film_${i % 400}` }));
    const { data, errors } = await run(
      schema,
      'query ($r: [_Any!]!) { _entities(representations: $r) { __typename ... on Film { title actors { name } } ... on Person { born } } }',
      { r: representations },
    );
    expect(errors).toBeUndefined();
    expect(data!['_entities']).toEqual(Array.from({ length: 500 }, () => null));
    expect(statements).toHaveLength(1);
    expect(statements[0]!.parameters['param0']).toHaveLength(400);
    await run(schema, '{ films { title } people { name } again: films { title } }');
    expect(statements).toHaveLength(4);
  });

  test('names the tenant in every node pattern, by the property that is configured', async () => {
    const statements: Statement[] = [];
    const { schema } = await build(FILMS, statements, 'owner');
    const { errors } = await run(
      schema,
      `{ films(where: { actors: { some: { knows: { all: { name: { contains: "x" } } } } }, actorsConnection: { aggregate: { count: { nodes: { gt: 1 } } }, none: { edge: { role: { eq: "x" } } } } }) {
         title premiere actors { name knows { films { title } } } related { ... on Series { title actors { name } } } actorsConnection { totalCount aggregate { node { born { max } } } } } }`,
    );
    expect(errors).toBeUndefined();
    const [{ cypher, parameters }] = statements as [Statement];
    const patterns = cypher.match(/(?<=MATCH |[>\-<]|\[)\((this\d*)?(:\w+)?[^()]*\)/g)!;
    expect(patterns.length).toBeGreaterThan(15);
    expect(patterns.filter((pattern) => !pattern.includes('{ `owner`: $tributaryTenant }'))).toEqual([]);
    expect(parameters['tributaryTenant']).toBe('acme');
    expect(cypher).not.toContain('apoc.');
  });
});
