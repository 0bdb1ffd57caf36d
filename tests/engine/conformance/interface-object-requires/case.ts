/**
 * Fields of interface objects that require fields of the interface: the planner makes a cycle of its own fetches where
 * they are asked of one type, or refuses its own fragments.
 */
import { conformance } from '../case.ts';

interface I {
  __typename?: string;
  id: string;
  required?: string;
  other?: number;
}

const types: Record<string, string> = { p: 'P', q: 'Q' };
const known = ({ id }: I) => ({ __typename: types[id[0]!]!, id });

export default conformance({
  subgraphs: {
    a: {
      typeDefs: `
        type I @interfaceObject @key(fields: "id") { id: ID! }
        type Holder { inner: I! }
        type Query { start: I! all: [I!]! holder: Holder }`,
      resolvers: {
        Query: {
          start: () => ({ id: 'p1' }),
          all: () => [{ id: 'p1' }, { id: 'q1' }, { id: 'p2' }],
          holder: () => ({ inner: { id: 'q2' } }),
        },
      },
    },
    b: {
      typeDefs: `
        interface I @key(fields: "id") { id: ID! required: String other: Int }
        type P implements I @key(fields: "id") { id: ID! required: String other: Int own: String }
        type Q implements I @key(fields: "id") { id: ID! required: String other: Int }`,
      resolvers: {
        I: { __resolveReference: known },
        P: {
          __resolveReference: known,
          required: ({ id }: I) => `r-${id}`,
          other: ({ id }: I) => id.length,
          own: () => 'own',
        },
        Q: { __resolveReference: known, required: ({ id }: I) => `r-${id}`, other: () => null },
      },
    },
    c: {
      typeDefs: `
        type I @interfaceObject @key(fields: "id") {
          id: ID! required: String @external other: Int @external
          data: String! @requires(fields: "required")
          both: String! @requires(fields: "required other")
        }`,
      resolvers: {
        I: {
          data: ({ id, required }: I) => `data of ${id} and ${required}`,
          both: ({ required, other }: I) => `${required} ${other}`,
        },
      },
    },
  },
  operations: {
    'asked of one type': {
      query: `{ start { ... on P { data } } }`,
      data: { start: { data: 'data of p1 and r-p1' } },
    },
    'asked of the type that it is not': { query: `{ start { ... on Q { data } } }`, data: { start: {} } },
    "with the type's name beside": {
      query: `{ start { __typename ... on P { data } } }`,
      data: { start: { __typename: 'P', data: 'data of p1 and r-p1' } },
    },
    'in a list': {
      query: `{ all { ... on P { data } } }`,
      data: { all: [{ data: 'data of p1 and r-p1' }, {}, { data: 'data of p2 and r-p2' }] },
    },
    'below another object': {
      query: `{ holder { inner { ... on Q { data } } } }`,
      data: { holder: { inner: { data: 'data of q2 and r-q2' } } },
    },
    'of two types': {
      query: `{ all { ... on P { data own } ... on Q { data } } }`,
      data: {
        all: [
          { data: 'data of p1 and r-p1', own: 'own' },
          { data: 'data of q1 and r-q1' },
          { data: 'data of p2 and r-p2', own: 'own' },
        ],
      },
    },
    'two requirements': {
      query: `{ start { ... on P { both } } }`,
      data: { start: { both: 'r-p1 2' } },
    },
    'two fields of one type': {
      query: `{ all { ... on P { data both } } }`,
      data: {
        all: [{ data: 'data of p1 and r-p1', both: 'r-p1 2' }, {}, { data: 'data of p2 and r-p2', both: 'r-p2 2' }],
      },
    },
    'one field of each type, under aliases': {
      query: `{ all { ... on P { x: data } ... on Q { x: both } } }`,
      data: { all: [{ x: 'data of p1 and r-p1' }, { x: 'r-q1 null' }, { x: 'data of p2 and r-p2' }] },
    },
    'of the interface': {
      query: `{ start { data } all { __typename data } }`,
      data: {
        start: { data: 'data of p1 and r-p1' },
        all: [
          { __typename: 'P', data: 'data of p1 and r-p1' },
          { __typename: 'Q', data: 'data of q1 and r-q1' },
          { __typename: 'P', data: 'data of p2 and r-p2' },
        ],
      },
    },
  },
});
