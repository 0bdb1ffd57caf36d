/** `@external`: a field that a subgraph names and does not resolve is asked of its owner. */
import { conformance } from '../case.ts';

export default conformance({
  subgraphs: {
    a: {
      typeDefs: `
        type Query { car: Car }
        type Car @key(fields: "id") { id: ID! wheels: Int @external spare: Boolean @requires(fields: "wheels") plate: String @external label: String @requires(fields: "plate") }`,
      resolvers: {
        Query: { car: () => ({ id: 1, wheels: 99, plate: 'wrong' }) },
        Car: {
          spare: ({ wheels }: { wheels: number }) => wheels > 4,
          label: ({ plate }: { plate: string }) => `[${plate}]`,
        },
      },
    },
    b: { typeDefs: `type Car @key(fields: "id") { id: ID! wheels: Int }`, resolvers: { Car: { wheels: () => 5 } } },
    c: {
      typeDefs: `type Car @key(fields: "id") { id: ID! plate: String }`,
      resolvers: { Car: { plate: () => 'B-1' } },
    },
  },
  operations: {
    "the owner's value, not what happens to lie in the other": {
      query: `{ car { wheels plate } }`,
      data: { car: { wheels: 5, plate: 'B-1' } },
    },
    'also where it is required': { query: `{ car { spare label } }`, data: { car: { spare: true, label: '[B-1]' } } },
  },
});
