/** Unions and interfaces whose types are spread over subgraphs; one name for fields of several types. */
import { conformance } from '../case.ts';

const things = [
  { __typename: 'A', id: 'a', value: 0, deep: { n: 0 }, list: [1, null] },
  null,
  { __typename: 'B', id: 'b', value: '', deep: { n: 'x' }, list: ['x'] },
];

const byId = ({ id }: { id: string }) => things.find((thing) => thing?.id === id);

export default conformance({
  subgraphs: {
    a: {
      typeDefs: `
        type Query { things: [Thing] nodes: [Node] node: Node }
        union Thing = A | B
        interface Node { id: ID! }
        type A implements Node @key(fields: "id") { id: ID! value: Int deep: DeepA list: [Int] }
        type B implements Node @key(fields: "id") { id: ID! value: String! deep: DeepB list: [String!]! }
        type DeepA { n: Int }
        type DeepB { n: String! }`,
      resolvers: {
        Query: {
          things: () => things,
          nodes: () => [
            { __typename: 'B', id: 'b' },
            { __typename: 'A', id: 'a' },
          ],
          node: () => ({ __typename: 'A', id: 'a' }),
        },
        A: { __resolveReference: byId },
        B: { __resolveReference: byId },
      },
    },
    b: {
      typeDefs: `
        type Query { anything: Any }
        union Any = A | C
        interface Node { id: ID! }
        type A @key(fields: "id") { id: ID! size: Int }
        type B @key(fields: "id") { id: ID! size: String }
        type C implements Node @key(fields: "id") { id: ID! }`,
      resolvers: {
        Query: { anything: () => ({ __typename: 'A', id: 'a' }) },
        A: { size: () => 5 },
        B: { size: () => 'big' },
      },
    },
  },
  operations: {
    'fields of one name and several types': {
      query: `{ things { ... on A { value deep { n } } ... on B { text: value deepB: deep { n } } } }`,
      data: { things: [{ value: 0, deep: { n: 0 } }, null, { text: '', deepB: { n: 'x' } }] },
    },
    'which another subgraph has': {
      query: `{ things { ... on A { size list } ... on B { length: size names: list } } }`,
      data: { things: [{ size: 5, list: [1, null] }, null, { length: 'big', names: ['x'] }] },
    },
    'type names, where every type has one': {
      query: `{ nodes { __typename id kind: __typename ... on A { size } } node { ... on B { id } ... on A { __typename } } }`,
      data: {
        nodes: [
          { __typename: 'B', id: 'b', kind: 'B' },
          { __typename: 'A', id: 'a', kind: 'A', size: 5 },
        ],
        node: { __typename: 'A' },
      },
    },
    'a union of one subgraph, fields of another': {
      query: `{ anything { ... on Node { id } ... on A { value size } } }`,
      data: { anything: { id: 'a', value: 0, size: 5 } },
    },
  },
});
