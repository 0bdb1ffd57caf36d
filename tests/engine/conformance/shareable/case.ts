/** `@shareable`: any of the subgraphs that have a field may answer, and no more than are needed are asked. */
import { conformance } from '../case.ts';

export default conformance({
  subgraphs: {
    a: {
      typeDefs: `
        type Query { shared: Thing @shareable onlyA: Thing version: Int @shareable }
        type Thing @key(fields: "id") { id: ID! common: String @shareable fromA: String inner: Inner @shareable }
        type Inner @shareable { both: Int a: Int }`,
      resolvers: {
        Query: { shared: () => ({ id: 1 }), onlyA: () => ({ id: 1 }), version: () => 1 },
        Thing: { common: () => 'common', fromA: () => 'A', inner: () => ({ both: 1, a: 2 }) },
      },
    },
    b: {
      typeDefs: `
        type Query { shared: Thing @shareable onlyB: Thing version: Int @shareable }
        type Thing @key(fields: "id") { id: ID! common: String @shareable fromB: String inner: Inner @shareable }
        type Inner @shareable { both: Int b: Int }`,
      resolvers: {
        Query: { shared: () => ({ id: 1 }), onlyB: () => ({ id: 1 }), version: () => 1 },
        Thing: { common: () => 'common', fromB: () => 'B', inner: () => ({ both: 1, b: 3 }) },
      },
    },
  },
  operations: {
    'whoever is asked anyway answers': {
      query: `{ onlyB { common fromB } }`,
      data: { onlyB: { common: 'common', fromB: 'B' } },
      requests: { a: 0, b: 1 },
    },
    'a shared root field in whichever subgraph has the rest': {
      query: `{ shared { fromB } version }`,
      data: { shared: { fromB: 'B' }, version: 1 },
      requests: { a: 0, b: 1 },
    },
    'both, where each has something': {
      query: `{ shared { fromA fromB common } }`,
      data: { shared: { fromA: 'A', fromB: 'B', common: 'common' } },
    },
    'objects without a key, of which each subgraph has a part': {
      query: `{ onlyA { inner { both a b } } }`,
      data: { onlyA: { inner: { both: 1, a: 2, b: 3 } } },
    },
  },
});
