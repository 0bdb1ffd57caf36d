/**
 * What random operations do not show of the compiled executor: what resolvers are told, entities, cancellation, and
 * what it leaves to graphql-js.
 */
import { buildSubgraphSchema } from '@apollo/subgraph';
import SchemaBuilder from '@pothos/core';
import FederationPlugin from '@pothos/plugin-federation';
import DataLoader from 'dataloader';
import { execute, parse, type GraphQLResolveInfo, type GraphQLSchema } from 'graphql';
import { describe, expect, test } from 'vitest';
import { executorOf } from '#gateway/execute/in-process/executor.ts';
import { inProcessClient } from '#gateway/execute/clients/in-process-client.ts';
import { received, subgraphSchema, testContext } from './federation.ts';

interface Asked {
  variables?: Record<string, unknown>;
  operationName?: string;
  signal?: AbortSignal;
}

const ask = (schema: GraphQLSchema, source: string, { variables = {}, operationName, signal }: Asked = {}) =>
  executorOf(schema)({
    document: parse(source),
    operationType: 'query',
    operationName,
    variables,
    context: testContext({ signal }),
  });

/** The answers of the executor and of graphql-js, as clients receive them. */
async function both(schema: GraphQLSchema, source: string, { variables = {}, operationName }: Asked = {}) {
  const ours = received(await ask(schema, source, { variables, operationName }));
  const theirs = received(
    await execute({
      schema,
      document: parse(source),
      variableValues: variables,
      operationName,
      contextValue: testContext(),
    }),
  );
  return { ours, theirs };
}

const BOOKS = `type Query { book(id: ID! = "b1", tags: [String] = ["x"]): Book books: [Book!] }
  interface Titled { title: String }
  type Book implements Titled @key(fields: "id") { id: ID! title: String next(steps: Int): Titled }`;

describe('resolvers', () => {
  test('are told of their field what graphql-js tells', async () => {
    const told: GraphQLResolveInfo[] = [];
    const keep = (info: GraphQLResolveInfo) => void told.push({ ...info });
    const schema = subgraphSchema({
      typeDefs: BOOKS,
      resolvers: {
        Query: {
          books: (_: unknown, _args: object, _context: unknown, info: GraphQLResolveInfo) => (
            keep(info),
            [{ id: 'b1', next: (_a: object, _c: unknown, next: GraphQLResolveInfo) => (keep(next), { id: 'b2' }) }]
          ),
        },
        Titled: { __resolveType: (_: unknown, _context: unknown, info: GraphQLResolveInfo) => (keep(info), 'Book') },
      },
    });
    const document = parse(
      'query Q($steps: Int) { list: books { ...B } } fragment B on Book { next(steps: $steps) { title } }',
    );
    const rootValue = { root: true };
    await executorOf(schema)(
      { document, operationType: 'query', variables: { steps: 2 }, context: testContext() },
      rootValue,
    );
    const ours = told.splice(0);
    await execute({ schema, document, variableValues: { steps: 2 }, contextValue: testContext(), rootValue });
    expect(ours).toHaveLength(3);
    expect(ours).toEqual(told);
  });

  test('have arguments of their own to change', async () => {
    const seen: unknown[] = [];
    const schema = subgraphSchema({
      typeDefs: BOOKS,
      resolvers: {
        Query: {
          book: (_: unknown, args: { id: string; tags: string[] }) => {
            seen.push(structuredClone(args));
            args.id = 'changed';
            args.tags.push('changed');
            return { id: 'b' };
          },
        },
      },
    });
    const run = executorOf(schema);
    const document = parse('{ a: book { id } b: book(id: "c", tags: ["y"]) { id } }');
    for (let time = 0; time < 2; time++)
      await run({ document, operationType: 'query', variables: {}, context: testContext() });
    expect(seen.slice(2).map((args) => (args as { id: string }).id)).toEqual(['b1', 'c']);
    // Literals are coerced anew for each request; the schema's own default is the schema's, as in graphql-js.
    expect(seen[3]).toEqual({ id: 'c', tags: ['y'] });
  });

  test('that answer at once are answered at once', () => {
    const schema = subgraphSchema({ typeDefs: BOOKS, resolvers: { Query: { books: () => [{ id: 'b1' }] } } });
    expect(ask(schema, '{ books { id title } }')).toEqual({ data: { books: [{ id: 'b1', title: null }] } });
  });

  test('may give thenables that call back at once, twice, or throw', async () => {
    const thenable = (then: (resolve: (value: unknown) => void) => void) => ({ then });
    const schema = subgraphSchema({
      typeDefs: BOOKS,
      resolvers: {
        Query: {
          book: () =>
            thenable(
              (resolve) => (resolve({ id: 'b1', title: thenable((again) => (again('one'), again('two'))) }), undefined),
            ),
          books: () =>
            thenable(() => {
              throw new Error('Thrown by then.');
            }),
        },
      },
    });
    const { data, errors } = await ask(schema, '{ book { id title } books { id } }');
    expect(received({ data })).toEqual({ data: { book: { id: 'b1', title: 'one' }, books: null } });
    expect(errors).toMatchObject([{ message: 'Thrown by then.', path: ['books'] }]);
  });

  test('leave no rejection unhandled in a list that ends early', async () => {
    const unhandled: unknown[] = [];
    const listeners = process.listeners('unhandledRejection');
    process.removeAllListeners('unhandledRejection').on('unhandledRejection', (error) => unhandled.push(error));
    const schema = subgraphSchema({
      typeDefs: BOOKS,
      resolvers: { Query: { books: () => [null, Promise.reject(new Error('Too late.'))] } },
    });
    const { data, errors } = await ask(schema, '{ books { id } }');
    await new Promise(setImmediate);
    process.removeAllListeners('unhandledRejection');
    for (const listener of listeners) process.on('unhandledRejection', listener);
    expect(received({ data })).toEqual({ data: { books: null } });
    expect(errors).toHaveLength(1);
    expect(unhandled).toEqual([]);
  });

  test('are asked no more once the caller has left', async () => {
    const leave = new AbortController();
    const asked: string[] = [];
    const schema = subgraphSchema({
      typeDefs: BOOKS,
      resolvers: {
        Query: {
          book: () =>
            new Promise((resolve) => {
              setImmediate(() => (leave.abort(), resolve({ id: 'b1' })));
            }),
        },
        Book: { title: () => void asked.push('title') },
      },
    });
    const { data, errors } = await ask(schema, '{ book { id title } }', { signal: leave.signal });
    expect(received({ data })).toEqual({ data: { book: null } });
    expect(errors).toMatchObject([{ path: ['book'], originalError: { extensions: { code: 'REQUEST_TIMEOUT' } } }]);
    expect(asked).toEqual([]);
  });

  test('of mutations are asked one after the other', async () => {
    const log: string[] = [];
    const step = (name: string) => async () => {
      log.push(`${name} begins`);
      await new Promise(setImmediate);
      log.push(`${name} ends`);
      return {
        id: name,
        get title() {
          log.push(`${name} is read`);
          return Promise.resolve(name);
        },
      };
    };
    const schema = subgraphSchema({
      typeDefs: `${BOOKS} type Mutation { one: Book two: Book! three: Book }`,
      resolvers: { Mutation: { one: step('one'), two: () => null, three: step('three') } },
    });
    const { ours, theirs } = await both(schema, 'mutation { one { title } three { title } }');
    expect(ours).toEqual(theirs);
    const order = ['one begins', 'one ends', 'one is read', 'three begins', 'three ends', 'three is read'];
    expect(log).toEqual([...order, ...order]);
    log.length = 0;
    expect(await ask(schema, 'mutation { one { id } two { id } three { id } }')).toMatchObject({
      data: null,
      errors: [{ path: ['two'] }],
    });
    expect(log).toEqual(['one begins', 'one ends']);
  });
});

describe('answers', () => {
  test('hold any key as an ordinary one', async () => {
    const schema = subgraphSchema({
      typeDefs: BOOKS,
      resolvers: { Query: { books: () => [{ id: 'b1', title: 'One' }] } },
    });
    const { data } = await ask(
      schema,
      '{ __proto__: books { constructor: id __proto__: title toString: __typename } }',
    );
    expect(Object.getPrototypeOf(Object.getPrototypeOf(data) ?? {})).toBeNull();
    expect(JSON.stringify(data)).toBe('{"__proto__":[{"constructor":"b1","__proto__":"One","toString":"Book"}]}');
    expect({}).not.toHaveProperty('0');
  });

  test.each([
    ['of introspection', '{ __schema { queryType { name } } books { id } }', {}],
    ['of an operation that is not there', 'query A { books { id } }', { operationName: 'B' }],
    ['of one operation among several', 'query A { books { id } } query B { books { title } }', { operationName: 'B' }],
    ['of no operation among several', 'query A { books { id } } query B { books { title } }', {}],
    [
      'to a condition that is null',
      'query ($x: Boolean = true) { books { id title @skip(if: $x) } }',
      { variables: { x: null } },
    ],
    ['to a condition by default', 'query ($x: Boolean = true) { books { id title @include(if: $x) } }', {}],
    ['to a variable that is missing', 'query ($id: ID!) { book(id: $id) { id } }', {}],
    [
      'to a variable of another type',
      'query ($id: ID!, $steps: Int) { book(id: $id) { id next(steps: $steps) { title } } }',
      { variables: { id: 5, steps: '2' } },
    ],
    [
      'to a null for an argument that takes none',
      'query ($id: ID = "z") { book(id: $id) { id } }',
      { variables: { id: null } },
    ],
    [
      'to a variable left out',
      'query ($id: ID = "z", $tags: [String]) { book(id: $id, tags: $tags) { id title } }',
      {},
    ],
    ['to a number for an ID', 'query ($id: ID!) { book(id: $id) { id } }', { variables: { id: 5 } }],
  ])('%s are those of graphql-js', async (_, source, asked: Asked) => {
    const schema = subgraphSchema({
      typeDefs: BOOKS,
      resolvers: {
        Query: {
          books: () => [{ id: 'b1', title: 'One' }],
          book: (_source: unknown, { id, tags }: { id: unknown; tags: unknown }) => ({
            id: typeof id,
            title: JSON.stringify([id, tags]),
          }),
        },
      },
    });
    const { ours, theirs } = await both(schema, source, asked);
    expect(ours).toEqual(theirs);
  });

  test("that a subgraph's own scalar refuses are the caller's fault", async () => {
    const schema = subgraphSchema({
      typeDefs: 'scalar Even type Query { half(of: Even!): Int }',
      resolvers: { Query: { half: (_: unknown, { of }: { of: number }) => of / 2 } },
    });
    const text = schema.getType('String') as { serialize: unknown };
    Object.assign(schema.getType('Even')!, {
      serialize: text.serialize,
      parseValue: (value: number) => {
        if (value % 2 === 1) throw new Error('That is odd.');
        return value;
      },
    });
    const client = inProcessClient('numbers', schema);
    const half = (of: unknown) =>
      client.execute({
        document: parse('query ($of: Even!) { half(of: $of) }'),
        operationType: 'query',
        variables: { of },
        context: testContext(),
      });
    expect(received(await half(4))).toEqual({ data: { half: 2 } });
    expect(await half(3)).toMatchObject({ errors: [{ extensions: { code: 'BAD_USER_INPUT' } }] });
    expect((await half(3)).data).toBeUndefined();
  });
});

describe('nulls', () => {
  const after = (turns: number, answer: () => unknown) => async () => {
    for (let turn = 0; turn < turns; turn++) await new Promise(setImmediate);
    return answer();
  };
  const fail = (message: string) => () => {
    throw new Error(message);
  };
  const asked: string[] = [];
  const schema = subgraphSchema({
    typeDefs: `type Query { list: [Item!] item: Item must: Item! } type Item { id: ID! soon: String! later: String latest: Item }`,
    resolvers: {
      Query: { list: () => [{ id: 'i1' }, { id: 'i2' }], item: () => ({ id: 'i1' }), must: () => ({ id: 'i1' }) },
      Item: {
        soon: after(1, fail('Soon.')),
        later: after(3, fail('Later.')),
        latest: after(3, () => ({
          id: 'i3',
          get soon() {
            asked.push('soon');
            return 'x';
          },
        })),
      },
    },
  });

  test.each([
    ['an object', '{ item { soon later } }', ['item', 'soon'], { item: null }],
    ['a list', '{ list { later soon } }', ['list', 0, 'soon'], { list: null }],
    ['everything', '{ must { soon later } item { later } }', ['must', 'soon'], null],
  ])('of %s hide what fails below them later', async (_, source, path, expected) => {
    const { data, errors } = await ask(schema, source);
    expect(received({ data })).toEqual({ data: expected });
    const { theirs } = await both(schema, source);
    await after(4, () => undefined)();
    expect(errors).toMatchObject([{ message: 'Soon.', path }]);
    expect(theirs.errors).toMatchObject([{ message: 'Soon.', path }]);
  });

  test('end what would be asked below them', async () => {
    const { data } = await ask(schema, '{ item { soon latest { soon } } }');
    expect(received({ data })).toEqual({ data: { item: null } });
    expect(asked).toEqual([]);
  });

  test('that are there at once hide what comes later', async () => {
    const mixed = subgraphSchema({
      typeDefs: 'type Query { item: Item list: [Item!] } type Item { later: String at: String! }',
      resolvers: {
        Query: { item: () => ({}), list: () => [{ at: 'x' }, null] },
        Item: { later: after(1, fail('Later.')) },
      },
    });
    const { data, errors } = await ask(mixed, '{ item { later at } list { later at } }');
    expect(received({ data })).toEqual({ data: { item: null, list: null } });
    expect(errors?.map(({ path }) => path)).toEqual([
      ['item', 'at'],
      ['list', 1],
    ]);
  });
});

const ENTITIES =
  'query ($representations: [_Any!]!) { _entities(representations: $representations) { ... on Book { id title } } }';
const books = (...ids: string[]) => ({ variables: { representations: ids.map((id) => ({ __typename: 'Book', id })) } });

/** Gives or throws at once; loads what comes later. */
function book(id: string, load: (id: string) => Promise<unknown> = () => Promise.resolve(null)): unknown {
  if (id === 'bad') throw new Error('A bad id.');
  return id.startsWith('later') ? load(id) : { id, title: `Title of ${id}` };
}

function pothosSchema(): GraphQLSchema {
  const builder = new SchemaBuilder<{ Objects: { Book: { id: string; title: string } } }>({
    plugins: [FederationPlugin],
  });
  const type = builder.objectType('Book', {
    fields: (t) => ({ id: t.exposeID('id'), title: t.exposeString('title', { nullable: true }) }),
  });
  builder.asEntity(type, {
    key: builder.selection<{ id: string }>('id'),
    resolveReference: ({ id }) => book(id) as never,
  });
  builder.queryType({ fields: (t) => ({ one: t.field({ type, nullable: true, resolve: () => null }) }) });
  return builder.toSubGraphSchema({});
}

describe('entities', () => {
  const apollo = (resolvers: object = { Book: { __resolveReference: ({ id }: { id: string }) => book(id) } }) =>
    subgraphSchema({ typeDefs: BOOKS, resolvers });

  // Through the `_entities` field, the one that throws at once would cost all.
  test.each([
    ['of @apollo/subgraph', () => apollo()],
    ['of Pothos', pothosSchema],
  ])('%s are asked of their types, each for itself', async (_, schema) => {
    const { data, errors } = await ask(schema(), ENTITIES, books('b1', 'bad', 'b2'));
    expect(received({ data })).toEqual({
      data: { _entities: [{ id: 'b1', title: 'Title of b1' }, null, { id: 'b2', title: 'Title of b2' }] },
    });
    expect(errors).toMatchObject([{ message: 'A bad id.', path: ['_entities', 1] }]);
  });

  test('are all asked before one is completed, so that loaders see them together', async () => {
    const batches: (readonly string[])[] = [];
    const loader = new DataLoader<string, unknown>((ids) => {
      batches.push(ids);
      return Promise.resolve(ids.map((id) => ({ id, title: id })));
    });
    const schema = apollo({
      Book: { __resolveReference: ({ id }: { id: string }) => book(id, (later) => loader.load(later)) },
    });
    const { data } = await ask(schema, ENTITIES, books('later1', 'b2', 'later3'));
    expect(received({ data })).toMatchObject({
      data: { _entities: [{ id: 'later1' }, { id: 'b2' }, { id: 'later3' }] },
    });
    expect(batches).toEqual([['later1', 'later3']]);
  });

  test("know their type's name, as resolvers below them may need it", async () => {
    const schema = apollo({
      Book: { __resolveReference: ({ id }: { id: string }) => ({ id }), next: (self: object) => self },
    });
    const source =
      'query ($representations: [_Any!]!) { _entities(representations: $representations) { ... on Book { next { __typename title } } } }';
    const { ours, theirs } = await both(schema, source, books('b1'));
    expect(ours).toEqual(theirs);
    expect(ours).toEqual({ data: { _entities: [{ next: { __typename: 'Book', title: null } }] } });
  });

  test.each([
    ['a type that is not there', [{ __typename: 'Nobody', id: 'b1' }]],
    ['a type that is no entity', [{ __typename: 'Query' }]],
    ['no type', [{ id: 'b1' }]],
    ['no object', ['b1']],
    ['no representation', [null]],
    ['no list', 'b1'],
  ])('of %s fail as in graphql-js', async (_, representations) => {
    const { ours, theirs } = await both(apollo(), ENTITIES, { variables: { representations } });
    expect(ours.errors).toHaveLength(1);
    expect(ours).toEqual(theirs);
  });

  test('are left to a schema that resolves them in a way of its own', async () => {
    const schema = apollo({ Query: { _entities: () => [{ __typename: 'Book', id: 'own' }] } });
    const { ours, theirs } = await both(schema, ENTITIES, books('b1'));
    expect(ours).toEqual(theirs);
    expect(ours).toMatchObject({ data: { _entities: [{ id: 'own' }] } });
  });

  test('known by their interface are asked through the field', async () => {
    const schema = buildSubgraphSchema({
      typeDefs: parse(`extend schema @link(url: "https://specs.apollo.dev/federation/v2.9", import: ["@key"])
        type Query { one: Media } interface Media @key(fields: "id") { id: ID! title: String }
        type Book implements Media @key(fields: "id") { id: ID! title: String }`),
      resolvers: {
        Media: {
          __resolveReference: ({ id }: { id: string }) => ({ __typename: 'Book', id, title: 'By its interface' }),
        },
      } as never,
    });
    const { ours, theirs } = await both(schema, ENTITIES, {
      variables: { representations: [{ __typename: 'Media', id: 'b1' }] },
    });
    expect(ours).toEqual(theirs);
    expect(ours).toMatchObject({ data: { _entities: [{ title: 'By its interface' }] } });
  });
});
