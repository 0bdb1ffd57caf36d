import { expect, test, describe, beforeAll, afterAll } from 'vitest';
import { CodedError } from '#subgraphs/shared/errors.ts';
import { federate, received, type Federation, type TestSubgraph } from './federation.ts';

const products = [
  { id: 'p1', name: 'Table', price: 899, weight: 100, ownerId: 'u1' },
  { id: 'p2', name: 'Chair', price: 54, weight: 10, ownerId: 'u2' },
  { id: 'p3', name: 'Couch', price: 1299, weight: null, ownerId: 'u1' },
];

const subgraphs: Record<string, TestSubgraph> = {
  products: {
    typeDefs: `
      type Query { products(first: Int = 10, named: String): [Product!] product(id: ID!): Product node(id: ID!): Node broken: Product }
      type Mutation { rename(id: ID!, name: String!): Product }
      type Subscription { renamed(count: Int!): Product }
      interface Node { id: ID! }
      type Product implements Node @key(fields: "id") { id: ID! name: String price: Int weight: Int owner: User constructor: String }
      type User @key(fields: "id") { id: ID! }`,
    resolvers: {
      Query: {
        products: (_: unknown, { first, named }: { first: number; named?: string }) =>
          products.filter(({ name }) => named === undefined || name === named).slice(0, first),
        product: (_: unknown, { id }: { id: string }) => products.find((product) => product.id === id),
        node: (_: unknown, { id }: { id: string }) => products.find((product) => product.id === id),
        broken: () => {
          throw new CodedError('STORE_UNAVAILABLE', 'Products cannot be reached.');
        },
      },
      Mutation: {
        rename: (_: unknown, { id, name }: { id: string; name: string }) =>
          Object.assign(
            products.find((product) => product.id === id)!,
            { name },
          ),
      },
      Subscription: {
        renamed: {
          async *subscribe(_: unknown, { count }: { count: number }) {
            for (let index = 0; index < count; index++) yield await Promise.resolve({ renamed: products[index % 3] });
          },
        },
      },
      Node: { __resolveType: () => 'Product' },
      Product: {
        owner: ({ ownerId }: { ownerId: string }) => ({ id: ownerId }),
        constructor: () => 'a field of this name',
      },
    },
  },
  users: {
    typeDefs: `
      type Query { me: User }
      type User @key(fields: "id") { id: ID! name: String secret: String! }`,
    resolvers: {
      Query: { me: () => ({ id: 'u1', name: 'Ada' }) },
      User: {
        __resolveReference: ({ id }: { id: string }) => (id === 'u2' ? null : { id, name: 'Ada' }),
        secret: () => {
          throw new Error('the password is hunter2');
        },
      },
    },
  },
  inventory: {
    typeDefs: `
      type Product @key(fields: "id") { id: ID! weight: Int @external price: Int @external shipping(express: Boolean): Int @requires(fields: "weight price") stock: Int! }`,
    resolvers: {
      Product: {
        shipping: ({ weight, price }: { weight: number | null; price: number }, { express }: { express?: boolean }) =>
          price > 1000 ? 0 : (weight ?? 0) * (express === true ? 2 : 1),
        stock: ({ id }: { id: string }) => {
          if (id === 'p3') throw new CodedError('STORE_TIMEOUT', 'Inventory did not answer in time.');
          return id.charCodeAt(1);
        },
      },
    },
  },
};

let federation: Federation;
beforeAll(async () => {
  federation = await federate(subgraphs);
});
afterAll(() => federation[Symbol.asyncDispose]());

describe('queries', () => {
  test('one answer from three subgraphs, each asked once', async () => {
    federation.calls.length = 0;
    const result = await federation.run(
      `query Shop { products { name owner { id name } express: shipping(express: true) shipping } }`,
    );
    expect(received(result)).toEqual({
      data: {
        products: [
          { name: 'Table', owner: { id: 'u1', name: 'Ada' }, express: 200, shipping: 100 },
          { name: 'Chair', owner: { id: 'u2', name: null }, express: 20, shipping: 10 },
          { name: 'Couch', owner: { id: 'u1', name: 'Ada' }, express: 0, shipping: 0 },
        ],
      },
    });
    expect(federation.calls.map(({ service, operationName }) => `${service} ${operationName}`).sort()).toEqual([
      'inventory Shop__inventory',
      'products Shop__products',
      'users Shop__users',
    ]);
    const users = federation.calls.find(({ service }) => service === 'users')!;
    expect(users.variables.representations).toHaveLength(2); // u1 owns two products and is asked for once
  });

  test('fields in the order asked, through fragments and aliases', async () => {
    const result = await federation.run(`
      { product(id: "p1") { ...F b: name ... on Node { id } } __typename }
      fragment F on Product { owner { name } a: price }`);
    expect(JSON.stringify(result)).toBe(
      '{"data":{"product":{"owner":{"name":"Ada"},"a":899,"b":"Table","id":"p1"},"__typename":"Query"}}',
    );
  });

  test('skip and include by variable, default and literal', async () => {
    const source = `query ($yes: Boolean!, $no: Boolean = false) {
      product(id: "p1") { name @skip(if: $yes) price @include(if: $no) owner @include(if: $yes) { name } weight @skip(if: true) id @include(if: true) } }`;
    expect(received(await federation.run(source, { yes: true })).data).toEqual({
      product: { owner: { name: 'Ada' }, id: 'p1' },
    });
    expect(received(await federation.run(source, { yes: false, no: true })).data).toEqual({
      product: { name: 'Table', price: 899, id: 'p1' },
    });
  });

  test('abstract types', async () => {
    const result = await federation.run(
      `{ node(id: "p2") { __typename id ... on Product { stock } } none: node(id: "x") { id } }`,
    );
    expect(received(result).data).toEqual({ node: { __typename: 'Product', id: 'p2', stock: 50 }, none: null });
  });

  test('introspection, alone and mixed', async () => {
    const result = await federation.run(
      `{ __type(name: "User") { name fields { name } } me { name } s: __schema { queryType { name } } }`,
    );
    expect(JSON.stringify(result.data)).toBe(
      '{"__type":{"name":"User","fields":[{"name":"id"},{"name":"name"},{"name":"secret"}]},"me":{"name":"Ada"},"s":{"queryType":{"name":"Query"}}}',
    );
    federation.calls.length = 0;
    await federation.run(`{ __schema { types { name } } ...F } fragment F on Query { __typename }`);
    expect(federation.calls).toEqual([]);
  });

  test('names that every object has are ordinary names', async () => {
    const result = await federation.run(
      `query ($__proto__: ID!, $constructor: Int, $representations: ID = "p2") {
        __proto__: product(id: $__proto__) { toString: name constructor hasOwnProperty: owner { __proto__: name } }
        constructor: products(first: $constructor) { valueOf: shipping }
        other: product(id: $representations) { stock }
      }`,
      JSON.parse('{"__proto__": "p1", "constructor": 1}') as Record<string, unknown>,
    );
    expect(JSON.stringify(result)).toBe(
      '{"data":{"__proto__":{"toString":"Table","constructor":"a field of this name","hasOwnProperty":{"__proto__":"Ada"}},' +
        '"constructor":[{"valueOf":100}],"other":{"stock":50}}}',
    );
  });

  test('an alias with the name of a field that another needs', async () => {
    const result = await federation.run(`{ product(id: "p1") { weight: name price: id shipping id: price } }`);
    expect(received(result)).toEqual({ data: { product: { weight: 'Table', price: 'p1', shipping: 100, id: 899 } } });
  });

  test('operations that differ in literals share a plan', async () => {
    const one = await federate(subgraphs, { planning: { cacheEntries: 1 } });
    await using _ = one;
    expect(received(await one.run(`{ product(id: "p1") { name } }`)).data).toEqual({ product: { name: 'Table' } });
    expect(received(await one.run(`{ product(id: "p2") { name } }`)).data).toEqual({ product: { name: 'Chair' } });
    expect(one.calls.map(({ query }) => query)).toEqual([one.calls[0]!.query, one.calls[0]!.query]);
    expect(one.calls.map(({ variables }) => Object.values(variables))).toEqual([['p1'], ['p2']]);
  });
});

describe('errors', () => {
  test("a field's error keeps its code, names its service and has the client's path", async () => {
    const result = await federation.run(`{ all: products { stock } }`);
    expect(received(result)).toEqual({
      errors: [
        {
          message: 'Inventory did not answer in time.',
          path: ['all', 2, 'stock'],
          extensions: { code: 'STORE_TIMEOUT', service: 'inventory' },
        },
      ],
      data: { all: null },
    });
    const nullable = await federation.run(`{ list: products { owner { mine: secret } n: name } }`);
    expect(received(nullable).data).toEqual({
      list: [
        { owner: null, n: 'Table' },
        { owner: null, n: 'Chair' },
        { owner: null, n: 'Couch' },
      ],
    });
    expect(received(nullable).errors!.map(({ path }) => path)).toEqual([
      ['list', 0, 'owner', 'mine'],
      ['list', 2, 'owner', 'mine'],
      ['list', 1, 'owner', 'mine'], // No error explained this null: the entity does not exist.
    ]);
    expect(nullable.errors![0]!.originalError?.message).toBe('the password is hunter2'); // For the log; the edge masks it.
    // Nobody reads the stack of an error that only the answer has; the log reads that of the one that was thrown.
    expect(nullable.errors!.map(({ stack }) => stack)).not.toContainEqual(expect.stringContaining('\n    at '));
    expect(nullable.errors![0]!.originalError?.stack).toContain('\n    at ');
  });

  test('a subgraph that is down costs its own fields only', async () => {
    const partial = await federate(subgraphs, {
      wrap: (client) =>
        client.name === 'users'
          ? { ...client, execute: () => Promise.reject(new CodedError('SUBGRAPH_UNAVAILABLE', 'Gone.')) }
          : client,
    });
    await using _ = partial;
    expect(received(await partial.run(`{ products(first: 2) { name o: owner { n: name } } me { id } }`))).toEqual({
      errors: [
        { message: 'Gone.', path: ['me'], extensions: { code: 'SUBGRAPH_UNAVAILABLE', service: 'users' } },
        {
          message: 'Gone.',
          path: ['products'],
          extensions: { code: 'SUBGRAPH_UNAVAILABLE', service: 'users', affected: 2 },
        },
      ],
      data: {
        products: [
          { name: 'Table', o: { n: null } },
          { name: 'Chair', o: { n: null } },
        ],
        me: null,
      },
    });
  });

  test("variables that do not fit are the caller's fault", async () => {
    const result = await federation.run(`query ($n: Int!) { products(first: $n) { id } }`, { n: 'many' });
    expect(result.data).toBeUndefined();
    expect(result.errors![0]!.extensions.code).toBe('BAD_USER_INPUT');
  });
});

test('mutations run in order, and read what they wrote', async () => {
  const result = await federation.run(
    `mutation { a: rename(id: "p2", name: "Stool") { name } b: rename(id: "p2", name: "Chair") { name shipping } }`,
  );
  expect(JSON.stringify(result)).toBe('{"data":{"a":{"name":"Stool"},"b":{"name":"Chair","shipping":10}}}');
});

test('the trace tells what each fetch did', async () => {
  const { parse } = await import('graphql');
  const { testContext } = await import('./federation.ts');
  const result = await federation.engine.execute({
    document: parse(`{ products { owner { name } } }`),
    context: testContext(),
    trace: true,
  });
  expect(result.extensions).toMatchObject({
    trace: {
      plan: {
        kind: 'Sequence',
        nodes: [
          { kind: 'Fetch', service: 'products', ran: true, calls: 1 },
          { kind: 'Fetch', service: 'users', path: 'products.@.owner', objects: 3, representations: 2, calls: 1 },
        ],
      },
      statements: {},
    },
  });
});
