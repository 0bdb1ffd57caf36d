/** Introspection below the root: fields that give the query type again, as clients of Relay and its mutations know them. */
import { conformance } from '../case.ts';

const X = { name: 'Thing' };

export default conformance({
  subgraphs: {
    a: {
      typeDefs: `
        type Query { self: Query selves: [Query!] none: Query thing: Thing }
        type Mutation { change: Payload }
        type Subscription { changes: Payload }
        type Payload { ok: Boolean! query: Query thing: Thing }
        type Thing @key(fields: "id") { id: ID! root: Query }`,
      resolvers: {
        Query: { self: () => ({}), selves: () => [{}, {}], none: () => null, thing: () => ({ id: '1' }) },
        Mutation: { change: () => ({ ok: true, query: {}, thing: { id: '2' } }) },
        Thing: { root: () => ({}) },
      },
    },
    b: {
      typeDefs: `type Query { other: String } type Thing @key(fields: "id") { id: ID! name: String }`,
      resolvers: { Query: { other: () => 'o' }, Thing: { name: () => 'n' } },
    },
  },
  operations: {
    'a type, and the name of the type': {
      query: '{ self { __type(name: "Thing") { name } __typename } }',
      data: { self: { __type: X, __typename: 'Query' } },
      requests: { a: 1, b: 0 },
    },
    'beside fields of two subgraphs': {
      query: '{ self { other t: __type(name: "Thing") { name kind } thing { name } __schema { queryType { name } } } }',
      data: {
        self: {
          other: 'o',
          t: { name: 'Thing', kind: 'OBJECT' },
          thing: { name: 'n' },
          __schema: { queryType: { name: 'Query' } },
        },
      },
    },
    'in each of a list, and in what is null': {
      query: '{ selves { __type(name: "Thing") { name } } none { __schema { queryType { name } } } }',
      data: { selves: [{ __type: X }, { __type: X }], none: null },
    },
    'at several depths, each its own under one name': {
      query: `query ($n: String!) { t: __type(name: "Thing") { name } self { t: __type(name: $n) { name }
        self { t: __type(name: "Thing") { kind } } } }`,
      variables: { n: 'Payload' },
      data: { t: X, self: { t: { name: 'Payload' }, self: { t: { kind: 'OBJECT' } } } },
    },
    'through fragments, of which one selects nothing else': {
      query: `{ self { ...Only ...Both thing { root { ...Only } } } }
        fragment Only on Query { __type(name: "Thing") { ...N } }
        fragment Both on Query { other __type(name: "Thing") { kind } }
        fragment N on __Type { name }`,
      data: {
        self: {
          __type: { name: 'Thing', kind: 'OBJECT' },
          other: 'o',
          thing: { root: { __type: X } },
        },
      },
    },
    'under conditions': {
      query: `query ($no: Boolean!) { self { __type(name: "Thing") @include(if: $no) { name } other
        __schema @skip(if: $no) { queryType { name kind @include(if: $no) } } } }`,
      variables: { no: false },
      data: { self: { other: 'o', __schema: { queryType: { name: 'Query' } } } },
    },
    'a type that is not there': {
      query: '{ self { __type(name: "Nobody") { name } } }',
      data: { self: { __type: null } },
    },
    'in the payload of a mutation': {
      query:
        'mutation { change { ok query { __typename __type(name: "Thing") { name } thing { name } } thing { name } } }',
      data: {
        change: { ok: true, query: { __typename: 'Query', __type: X, thing: { name: 'n' } }, thing: { name: 'n' } },
      },
    },
  },
});
