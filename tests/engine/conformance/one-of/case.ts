/** `@oneOf`: exactly one field of the input is given, and clients can see that. Enforced here, whatever the subgraph does. */
import { conformance } from '../case.ts';

const echo = (_: unknown, { by, many, deep }: Record<string, unknown>) => JSON.stringify(by ?? many ?? deep);

const invalid = [{ path: [], code: 'BAD_USER_INPUT' }];

export default conformance({
  subgraphs: {
    a: {
      typeDefs: `
        type Query { find(by: By, many: [By!], deep: Deep): String item: Item }
        type Mutation { set(by: By!): String }
        type Item @key(fields: "id") { id: ID! }
        input By @oneOf { id: ID name: String place: Place }
        input Place { x: Int y: Int }
        input Deep { by: By! note: String }`,
      resolvers: {
        Query: { find: echo, item: () => ({ id: '1' }) },
        Mutation: { set: echo },
      },
    },
    b: {
      typeDefs: `
        type Item @key(fields: "id") { id: ID! related(by: By): String }
        input By @oneOf { id: ID name: String place: Place }
        input Place { x: Int y: Int }`,
      resolvers: { Item: { related: echo } },
    },
  },
  operations: {
    'one field, as a literal': {
      query: '{ find(by: { id: "1" }) }',
      data: { find: '{"id":"1"}' },
    },
    'an object, in a list, in another input': {
      query: '{ a: find(many: [{ id: "1" }, { place: { x: 1 } }]) b: find(deep: { by: { name: "n" } }) }',
      data: { a: '[{"id":"1"},{"place":{"x":1}}]', b: '{"by":{"name":"n"}}' },
    },
    'a variable': {
      query: 'query ($by: By) { find(by: $by) item { related(by: $by) } }',
      variables: { by: { name: 'n' } },
      data: { find: '{"name":"n"}', item: { related: '{"name":"n"}' } },
    },
    'a variable of its field': {
      query: 'query ($id: ID!) { find(by: { id: $id }) }',
      variables: { id: 'x' },
      data: { find: '{"id":"x"}' },
    },
    'a mutation': {
      query: 'mutation ($by: By!) { set(by: $by) }',
      variables: { by: { id: '7' } },
      data: { set: '{"id":"7"}' },
    },
    'two fields in a variable': {
      query: 'query ($by: By) { find(by: $by) }',
      variables: { by: { id: '1', name: 'n' } },
      data: undefined,
      errors: invalid,
    },
    'no field in a variable': {
      query: 'query ($by: By) { find(by: $by) }',
      variables: { by: {} },
      data: undefined,
      errors: invalid,
    },
    'a null in a variable': {
      query: 'query ($by: By) { find(by: $by) }',
      variables: { by: { id: null } },
      data: undefined,
      errors: invalid,
    },
    'two fields in a list in a variable': {
      query: 'query ($many: [By!]) { find(many: $many) }',
      variables: { many: [{ id: '1' }, { id: '2', name: 'n' }] },
      data: undefined,
      errors: invalid,
    },
    'two fields within another input in a mutation': {
      query: 'query ($deep: Deep) { find(deep: $deep) }',
      variables: { deep: { by: { id: '1', name: null } } },
      data: undefined,
      errors: invalid,
    },
    introspection: {
      query: '{ by: __type(name: "By") { isOneOf } place: __type(name: "Place") { isOneOf } }',
      data: { by: { isOneOf: true }, place: { isOneOf: false } },
    },
  },
});
