/** What a client leaves out of an input object is the subgraph's to fill in; a number that no `Float` can be is refused. */
import { conformance } from '../case.ts';

const echo = (_: unknown, given: Record<string, unknown>) => JSON.stringify(given);

export default conformance({
  subgraphs: {
    one: {
      typeDefs: `
        input Page { first: Int = 10 after: String deep: Page sizes: [Float!] kind: Kind = SMALL }
        enum Kind { SMALL LARGE }
        type Query { one(page: Page, at: Float): String }`,
      resolvers: { Query: { one: echo } },
    },
    two: {
      typeDefs: `
        scalar Any
        type Query { two(any: Any): String }`,
      resolvers: { Query: { two: echo } },
    },
  },
  operations: {
    'the subgraph fills in its own defaults': {
      query: `{ one(page: { after: "x", deep: { first: null }, sizes: 1.5, kind: LARGE }) }`,
      data: {
        one: '{"page":{"first":10,"after":"x","deep":{"first":null,"kind":"SMALL"},"sizes":[1.5],"kind":"LARGE"}}',
      },
    },
    'an object of a custom scalar is as it was written': {
      query: `{ two(any: { list: [1, { a: "b" }], yes: true, none: null }) }`,
      data: { two: '{"any":{"list":[1,{"a":"b"}],"yes":true,"none":null}}' },
    },
    'a number too large to be one': {
      query: `{ one(at: 1e400) }`,
      data: undefined,
      errors: [{ path: [], code: 'BAD_USER_INPUT' }],
    },
  },
});
