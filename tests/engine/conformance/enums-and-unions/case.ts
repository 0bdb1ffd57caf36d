/** Enums, unions and inputs that differ between subgraphs. */
import { conformance } from '../case.ts';

export default conformance({
  subgraphs: {
    a: {
      typeDefs: `
        type Query { a: Colour u: U both: Both same(size: Size): String shelf: Shelf }
        enum Colour { RED }
        enum Size { S M }
        union U = X
        union Both = X | Y
        type X @shareable { x: Int }
        type Y @shareable { y: Int }
        type Shelf @key(fields: "id") { id: ID! top: U @shareable }`,
      resolvers: {
        Query: {
          a: () => 'RED',
          u: () => ({ __typename: 'X', x: 1 }),
          both: () => ({ __typename: 'Y', y: 5 }),
          same: (_: unknown, { size }: { size: string }) => `a ${size}`,
          shelf: () => ({ id: 1 }),
        },
        Shelf: { top: () => ({ __typename: 'X', x: 3 }) },
      },
    },
    b: {
      typeDefs: `
        type Query { b: Colour v: U list: [U!]! other(size: Size): String }
        enum Colour { RED BLUE }
        enum Size { M L }
        union U = X | Y
        type X @shareable { x: Int }
        type Y @shareable { y: Int }`,
      resolvers: {
        Query: {
          b: () => 'BLUE',
          v: () => ({ __typename: 'Y', y: 2 }),
          list: () => [
            { __typename: 'X', x: 1 },
            { __typename: 'Y', y: 2 },
          ],
          other: (_: unknown, { size }: { size: string }) => `b ${size}`,
        },
      },
    },
  },
  operations: {
    'values of each': { query: `{ a b }`, data: { a: 'RED', b: 'BLUE' } },
    'members of each, though one subgraph has fewer': {
      query: `{ u { ... on X { x } ... on Y { y } } v { __typename ... on Y { y } } list { ... on X { x } ... on Y { y } } }`,
      data: { u: { x: 1 }, v: { __typename: 'Y', y: 2 }, list: [{ x: 1 }, { y: 2 }] },
    },
    'below entities': {
      query: `{ shelf { top { __typename ... on X { x } ... on Y { y } } } }`,
      data: { shelf: { top: { __typename: 'X', x: 3 } } },
    },
    'what all know may be given': {
      query: `query ($size: Size) { same(size: $size) other(size: M) }`,
      variables: { size: 'M' },
      data: { same: 'a M', other: 'b M' },
    },
  },
});
