/** One small supergraph for each directive, and for each known fault of the planner. */
import { describe, expect, test } from 'vitest';
import { federate, received, type TestSubgraph } from '../federation.ts';

interface Case {
  subgraphs: Record<string, TestSubgraph>;
  query: string;
  data: unknown;
  variables?: Record<string, unknown>;
  /** Paths of the errors expected. */
  errors?: unknown[];
}

const cases: Record<string, Case> = {
  '@key: compound and nested': {
    subgraphs: {
      a: {
        typeDefs: `type Query { item: Item } type Item @key(fields: "kind owner { org { id } }") { kind: String! owner: Owner! } type Owner @shareable { org: Org! } type Org @shareable { id: ID! }`,
        resolvers: { Query: { item: () => ({ kind: 'k', owner: { org: { id: 'o1' } } }) } },
      },
      b: {
        typeDefs: `type Item @key(fields: "kind owner { org { id } }") { kind: String! owner: Owner! label: String } type Owner @shareable { org: Org! } type Org @shareable { id: ID! }`,
        resolvers: { Item: { label: ({ kind, owner }: { kind: string; owner: { org: { id: string } } }) => `${kind}/${owner.org.id}` } },
      },
    },
    query: `{ item { label } }`,
    data: { item: { label: 'k/o1' } },
  },
  '@key: from one to another through a third subgraph': {
    subgraphs: {
      a: { typeDefs: `type Query { p: P } type P @key(fields: "id") { id: ID! }`, resolvers: { Query: { p: () => ({ id: 1 }) } } },
      b: { typeDefs: `type P @key(fields: "id") @key(fields: "sku") { id: ID! sku: String! }`, resolvers: { P: { sku: ({ id }: { id: string }) => `s${id}` } } },
      c: { typeDefs: `type P @key(fields: "sku") { sku: String! stock: Int }`, resolvers: { P: { stock: ({ sku }: { sku: string }) => sku.length } } },
    },
    query: `{ p { stock } }`,
    data: { p: { stock: 2 } },
  },
  '@requires: nested, through lists, with nulls': {
    subgraphs: {
      a: {
        typeDefs: `type Query { orders: [Order] } type Order @key(fields: "id") { id: ID! lines: [Line] } type Line { price: Int amount: Int @inaccessible }`,
        resolvers: {
          Query: {
            orders: () => [
              { id: 1, lines: [{ price: 2, amount: 3 }, null, { price: 5, amount: 1 }] },
              { id: 2, lines: null },
            ],
          },
        },
      },
      b: {
        typeDefs: `type Order @key(fields: "id") { id: ID! lines: [Line] @external total: Int @requires(fields: "lines { price amount }") } type Line { price: Int @external amount: Int @external }`,
        resolvers: {
          Order: {
            total: ({ lines }: { lines: ({ price: number; amount: number } | null)[] | null }) =>
              lines === null ? null : lines.reduce((sum, line) => sum + (line === null ? 0 : line.price * line.amount), 0),
          },
        },
      },
    },
    query: `{ orders { total lines { price } } }`,
    data: { orders: [{ total: 11, lines: [{ price: 2 }, null, { price: 5 }] }, { total: null, lines: null }] },
  },
  '@provides: told at once': {
    subgraphs: {
      a: {
        typeDefs: `type Query { post: Post } type Post { author: User @provides(fields: "name") } type User @key(fields: "id") { id: ID! name: String @external }`,
        resolvers: { Query: { post: () => ({ author: { id: 1, name: 'told by a' } }) } },
      },
      b: { typeDefs: `type User @key(fields: "id") { id: ID! name: String @shareable }`, resolvers: { User: { name: () => 'told by b' } } },
    },
    query: `{ post { author { name } } }`,
    data: { post: { author: { name: 'told by a' } } },
  },
  '@override': {
    subgraphs: {
      a: { typeDefs: `type Query { bill: Bill } type Bill @key(fields: "id") { id: ID! amount: Int }`, resolvers: { Query: { bill: () => ({ id: 1, amount: 1 }) } } },
      b: { typeDefs: `type Bill @key(fields: "id") { id: ID! amount: Int @override(from: "a") }`, resolvers: { Bill: { amount: () => 2 } } },
    },
    query: `{ bill { amount } }`,
    data: { bill: { amount: 2 } },
  },
  '@interfaceObject': {
    subgraphs: {
      a: {
        typeDefs: `type Query { media: [Media!] } interface Media @key(fields: "id") { id: ID! } type Book implements Media @key(fields: "id") { id: ID! pages: Int } type Film implements Media @key(fields: "id") { id: ID! }`,
        resolvers: {
          Query: { media: () => [{ __typename: 'Book', id: 'b', pages: 9 }, { __typename: 'Film', id: 'f' }] },
          Media: { __resolveReference: ({ id }: { id: string }) => ({ __typename: id === 'b' ? 'Book' : 'Film', id, pages: 9 }) },
        },
      },
      b: {
        typeDefs: `type Query { best: Media } type Media @interfaceObject @key(fields: "id") { id: ID! stars: Int }`,
        resolvers: { Query: { best: () => ({ id: 'b' }) }, Media: { stars: ({ id }: { id: string }) => id.charCodeAt(0) } },
      },
    },
    query: `{ media { id stars ... on Book { pages } } best { __typename id stars ... on Book { pages } } plain: best { stars } }`,
    data: {
      media: [{ id: 'b', stars: 98, pages: 9 }, { id: 'f', stars: 102 }],
      best: { __typename: 'Book', id: 'b', stars: 98, pages: 9 },
      plain: { stars: 98 },
    },
  },
  '@inaccessible: types and enum values stay hidden': {
    subgraphs: {
      a: {
        typeDefs: `type Query { things: [Thing] colour: Colour colours: [Colour!] } union Thing = Open | Hidden type Open { a: Int } type Hidden @inaccessible { b: Int } enum Colour { RED BLACK @inaccessible }`,
        resolvers: { Query: { things: () => [{ __typename: 'Open', a: 1 }, { __typename: 'Hidden', b: 2 }], colour: () => 'BLACK', colours: () => ['RED', 'BLACK'] } },
      },
    },
    query: `{ things { __typename ... on Open { a } } colour colours }`,
    data: { things: [{ __typename: 'Open', a: 1 }, null], colour: null, colours: null },
    errors: [['things', 1], ['colour'], ['colours', 1]],
  },
  'enums and unions that differ between subgraphs': {
    subgraphs: {
      a: { typeDefs: `type Query { a: Colour @shareable u: U } enum Colour { RED } union U = X type X @shareable { x: Int }`, resolvers: { Query: { a: () => 'RED', u: () => ({ __typename: 'X', x: 1 }) } } },
      b: { typeDefs: `type Query { b: Colour v: U } enum Colour { RED BLUE } union U = X | Y type X @shareable { x: Int } type Y { y: Int }`, resolvers: { Query: { b: () => 'BLUE', v: () => ({ __typename: 'Y', y: 2 }) } } },
    },
    query: `{ a b u { ... on X { x } ... on Y { y } } v { __typename ... on Y { y } } }`,
    data: { a: 'RED', b: 'BLUE', u: { x: 1 }, v: { __typename: 'Y', y: 2 } },
  },
  'fields of one name and several types': {
    subgraphs: {
      a: {
        typeDefs: `type Query { things: [Thing] } union Thing = A | B type A { value: Int deep: DeepA } type B { value: String! deep: DeepB } type DeepA { n: Int } type DeepB { n: String! }`,
        resolvers: { Query: { things: () => [{ __typename: 'A', value: 0, deep: { n: 0 } }, { __typename: 'B', value: '', deep: { n: 'x' } }] } },
      },
    },
    query: `{ things { ... on A { value deep { n } } ... on B { text: value deepB: deep { n } } } }`,
    data: { things: [{ value: 0, deep: { n: 0 } }, { text: '', deepB: { n: 'x' } }] },
  },
  'custom scalars pass, whatever is in them': {
    subgraphs: {
      a: {
        typeDefs: `scalar JSON type Query { n: Int echo(value: JSON): JSON again(value: JSON): JSON }`,
        resolvers: { Query: { echo: (_: unknown, { value }: { value: unknown }) => value, again: (_: unknown, { value }: { value: unknown }) => value } },
      },
    },
    query: `query ($v: JSON, $n: Int) { echo(value: $v) again(value: { a: [1, $n], constructor: "c", big: 12345678901234567890 }) same: echo(value: { a: 1 }) }`,
    variables: { v: JSON.parse('{"__proto__": {"x": 1}, "list": [1, "2", null]}') as unknown, n: 5 },
    data: {
      echo: JSON.parse('{"__proto__": {"x": 1}, "list": [1, "2", null]}') as unknown,
      again: { a: [1, 5], constructor: 'c', big: 12345678901234567000 },
      same: { a: 1 },
    },
  },
  'fault (a): a first key that cannot be resolved': {
    subgraphs: {
      a: { typeDefs: `type Query { p: P } type P @key(fields: "id") { id: ID! }`, resolvers: { Query: { p: () => ({ id: 1 }) } } },
      b: {
        typeDefs: `type P @key(fields: "upc", resolvable: false) @key(fields: "id") { id: ID! upc: String needed: Int @external doubled: Int @requires(fields: "needed") }`,
        resolvers: { P: { doubled: ({ needed }: { needed: number }) => needed * 2, upc: () => 'u' } },
      },
      c: { typeDefs: `type P @key(fields: "id") { id: ID! needed: Int }`, resolvers: { P: { needed: () => 21 } } },
    },
    query: `{ p { doubled upc } }`,
    data: { p: { doubled: 42, upc: 'u' } },
  },
  'fault (b): a field required with other arguments than the client’s': {
    subgraphs: {
      a: {
        typeDefs: `type Query { d: D } type D @key(fields: "id") { id: ID! parts(first: Int): [Int] }`,
        resolvers: { Query: { d: () => ({ id: 1 }) }, D: { parts: (_: unknown, { first }: { first: number }) => Array.from({ length: first }, (__, index) => index) } },
      },
      b: {
        typeDefs: `type D @key(fields: "id") { id: ID! parts(first: Int): [Int] @external count: Int @requires(fields: "parts(first: 5)") }`,
        resolvers: { D: { count: ({ parts }: { parts: number[] }) => parts.length } },
      },
    },
    query: `{ d { parts(first: 2) count } }`,
    data: { d: { parts: [0, 1], count: 5 } },
  },
};

describe.each(Object.entries(cases))('%s', (_, { subgraphs, query, variables, data, errors }) => {
  test('is answered', async () => {
    await using federation = await federate(subgraphs);
    const result = received(await federation.run(query, variables));
    expect({ data: result.data, errors: result.errors?.map(({ path }) => path) }, JSON.stringify(result.errors)).toEqual({ data, errors });
  });
});
