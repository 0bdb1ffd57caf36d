/** Introspection beside fields of subgraphs: the gateway answers the one, the subgraphs the other. */
import { conformance } from '../case.ts';

export default conformance({
  subgraphs: {
    a: {
      typeDefs: `type Query { n: Int thing: Thing } type Thing @key(fields: "id") { id: ID! hidden: Int @inaccessible }`,
      resolvers: { Query: { n: () => 1, thing: () => ({ id: 1 }) } },
    },
    b: {
      typeDefs: `"Said in b." type Thing @key(fields: "id") { id: ID! name: String! }`,
      resolvers: { Thing: { name: () => 'N' } },
    },
  },
  operations: {
    'both, in the order asked': {
      query: `query ($name: String!) { n type: __type(name: $name) { ...T } thing { __typename name } __schema { queryType { name } } t: __typename } fragment T on __Type { name description fields { name type { kind ofType { name } } } }`,
      variables: { name: 'Thing' },
      data: {
        n: 1,
        type: {
          name: 'Thing',
          description: 'Said in b.',
          fields: [
            { name: 'id', type: { kind: 'NON_NULL', ofType: { name: 'ID' } } },
            { name: 'name', type: { kind: 'NON_NULL', ofType: { name: 'String' } } },
          ],
        },
        thing: { __typename: 'Thing', name: 'N' },
        __schema: { queryType: { name: 'Query' } },
        t: 'Query',
      },
    },
    'introspection alone asks nobody': {
      query: `{ __schema { queryType { name } } }`,
      data: { __schema: { queryType: { name: 'Query' } } },
      requests: { a: 0, b: 0 },
    },
    'nor does a type name': {
      query: `{ __typename again: __typename }`,
      data: { __typename: 'Query', again: 'Query' },
      requests: { a: 0, b: 0 },
    },
    'under conditions': {
      query: `query ($no: Boolean!) { n @skip(if: $no) __schema @include(if: $no) { description } }`,
      variables: { no: false },
      data: { n: 1 },
    },
  },
});
