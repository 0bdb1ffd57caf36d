/** `@include` and `@skip`, anywhere: what is left out is neither answered nor asked for. */
import { conformance } from '../case.ts';

const users = [
  { id: 1, name: 'A', weight: 3 },
  { id: 2, name: 'B', weight: 4 },
];

export default conformance({
  subgraphs: {
    a: {
      typeDefs: `type Query { user: User count: Int } type User @key(fields: "id") { id: ID! name: String weight: Int friend: User }`,
      resolvers: {
        Query: { user: () => users[0], count: () => 1 },
        User: {
          __resolveReference: ({ id }: { id: string }) => users.find((user) => String(user.id) === id),
          friend: () => users[1],
        },
      },
    },
    b: {
      typeDefs: `type Query { other: Int } type User @key(fields: "id") { id: ID! age: Int weight: Int @external heavy: Boolean @requires(fields: "weight") }`,
      resolvers: {
        Query: { other: () => 2 },
        User: { age: () => 30, heavy: ({ weight }: { weight: number }) => weight > 3 },
      },
    },
  },
  operations: {
    'a skipped field costs no fetch': {
      query: `query ($yes: Boolean!) { user { name age @skip(if: $yes) } }`,
      variables: { yes: true },
      data: { user: { name: 'A' } },
      requests: { a: 1, b: 0 },
    },
    'an included one is there': {
      query: `query ($yes: Boolean!) { user { name age @include(if: $yes) } }`,
      variables: { yes: true },
      data: { user: { name: 'A', age: 30 } },
    },
    'both on one field: both must agree': {
      query: `query ($yes: Boolean!, $no: Boolean!) { a: user @include(if: $yes) @skip(if: $yes) { id } b: user @include(if: $yes) @skip(if: $no) { id } }`,
      variables: { yes: true, no: false },
      data: { b: { id: '1' } },
    },
    'on fragments and spreads, at the root too': {
      query: `query ($no: Boolean = false) { ...Counts @include(if: $no) ... @skip(if: $no) { other user { ... on User @include(if: $no) { age } ...F @skip(if: $no) } } } fragment Counts on Query { count } fragment F on User { friend { heavy } }`,
      data: { other: 2, user: { friend: { heavy: true } } },
      requests: { a: 1, b: 2 },
    },
    'the same field twice, once left out': {
      query: `{ user { friend @skip(if: true) { age } friend { name } age @include(if: false) age } }`,
      data: { user: { friend: { name: 'B' }, age: 30 } },
    },
    'what is required is asked for, whether the client skips it or not': {
      query: `query ($yes: Boolean!) { user { weight @skip(if: $yes) heavy } }`,
      variables: { yes: true },
      data: { user: { heavy: false } },
    },
    'nothing left': {
      query: `query ($no: Boolean!) { user @include(if: $no) { id } }`,
      variables: { no: false },
      data: {},
      requests: { a: 0, b: 0 },
    },
    'nothing left of an object': {
      query: `query ($no: Boolean!) { user { age @include(if: $no) } }`,
      variables: { no: false },
      data: { user: {} },
    },
  },
});
