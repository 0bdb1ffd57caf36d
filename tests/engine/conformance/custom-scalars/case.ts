/** Custom scalars pass as they are, whatever JSON is in them, as literals, variables, keys and required fields. */
import { conformance, exact } from '../case.ts';

const polluting = JSON.parse('{"__proto__": {"x": 1}, "constructor": null, "list": [1, "2", null, {}]}') as unknown;
const echo = (_: unknown, { value }: { value: unknown }) => value;

const event = { at: { seconds: 5 }, data: { n: 0, __typename: 'Strange' } };

export default conformance({
  subgraphs: {
    a: {
      typeDefs: `
        scalar JSON scalar When
        type Query { count: Int echo(value: JSON): JSON again(value: JSON): JSON many(values: [JSON!]): [JSON] event: Event }
        type Event @key(fields: "at") { at: When! data: JSON }`,
      resolvers: {
        Query: {
          echo,
          again: echo,
          many: (_: unknown, { values }: { values: unknown[] }) => values,
          event: () => event,
        },
        Event: { __resolveReference: () => event },
      },
    },
    b: {
      typeDefs: `scalar JSON scalar When type Event @key(fields: "at") { at: When! data: JSON @external label: String @requires(fields: "data") }`,
      resolvers: { Event: { label: ({ at, data }: { at: unknown; data: unknown }) => JSON.stringify([at, data]) } },
    },
  },
  operations: {
    'as a variable': {
      query: `query ($v: JSON) { echo(value: $v) }`,
      variables: { v: polluting },
      data: { echo: polluting },
    },
    'as a literal, with a variable inside': {
      query: `query ($n: Int) { again(value: { a: [1, $n], constructor: "c", big: 12345678901234567890 }) same: echo(value: { a: 1 }) }`,
      variables: { n: 5 },
      data: { again: { a: [1, 5], constructor: 'c', big: exact('12345678901234567890') }, same: { a: 1 } },
    },
    'scalars of every kind': {
      query: `{ a: echo(value: 0) b: echo(value: "") c: echo(value: false) d: echo(value: []) e: echo(value: null) f: echo(value: ENUM) g: echo(value: 1.5) many(values: [1, "x", {}]) }`,
      data: { a: 0, b: '', c: false, d: [], e: null, f: 'ENUM', g: 1.5, many: [1, 'x', {}] },
    },
    'as a key, and as what is required': {
      query: `{ event { label data } }`,
      data: {
        event: { label: '[{"seconds":5},{"n":0,"__typename":"Strange"}]', data: { n: 0, __typename: 'Strange' } },
      },
    },
  },
});
