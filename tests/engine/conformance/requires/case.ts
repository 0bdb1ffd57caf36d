/** `@requires`: a field whose subgraph needs fields of others, which the client need not select. */
import { conformance } from '../case.ts';

interface Line {
  price: number;
  amount: number;
}

const orders = [
  { id: 1, weight: 0, country: '', lines: [{ price: 2, amount: 3 }, null, { price: 5, amount: 1 }] },
  { id: 2, weight: null, country: 'DE', lines: null },
  { id: 3, weight: 9, country: 'FR', lines: [] },
];

export default conformance({
  subgraphs: {
    orders: {
      typeDefs: `
        type Query { orders: [Order] box: Box }
        type Order @key(fields: "id") { id: ID! lines: [Line] weight: Int country: String broken: Int }
        type Line { price: Int amount: Int @inaccessible }
        type Box { order: Order! }`,
      resolvers: {
        Query: {
          orders: () => orders.slice(0, 2),
          box: () => ({ order: orders[2] }),
        },
        Order: {
          __resolveReference: ({ id }: { id: string }) => orders.find((order) => String(order.id) === id),
          broken: () => {
            throw new Error('broken');
          },
        },
      },
    },
    totals: {
      typeDefs: `
        type Order @key(fields: "id") {
          id: ID!
          lines: [Line] @external
          weight: Int @external
          country: String @external
          broken: Int @external
          total: Int @requires(fields: "lines { price amount }")
          postage: String @requires(fields: "weight country")
          doomed: Int @requires(fields: "broken")
        }
        type Line { price: Int @external amount: Int @external }`,
      resolvers: {
        Order: {
          total: ({ lines }: { lines: (Line | null)[] | null }) =>
            lines === null
              ? null
              : lines.reduce((sum, line) => sum + (line === null ? 0 : line.price * line.amount), 0),
          postage: ({ weight, country }: { weight: number | null; country: string }) => `${weight} to ${country}`,
          doomed: ({ broken }: { broken: number | null }) => (broken === null ? null : 1),
        },
      },
    },
    insurance: {
      typeDefs: `type Order @key(fields: "id") { id: ID! postage: String @external total: Int @external fee(rate: Int!): String @requires(fields: "postage total") }`,
      resolvers: {
        Order: {
          fee: ({ postage, total }: { postage: string; total: number }, { rate }: { rate: number }) =>
            `${rate} % of ${total} and ${postage}`,
        },
      },
    },
  },
  operations: {
    'inside of lists, with nulls, zeros and what clients must not see': {
      query: `{ orders { total lines { price } postage } }`,
      data: {
        orders: [
          { total: 11, lines: [{ price: 2 }, null, { price: 5 }], postage: '0 to ' },
          { total: null, lines: null, postage: 'null to DE' },
        ],
      },
    },
    'what is required need not be selected': {
      query: `{ box { order { postage } } }`,
      data: { box: { order: { postage: '9 to FR' } } },
    },
    'a required field that requires others': {
      query: `query ($rate: Int!) { orders { fee(rate: $rate) } }`,
      variables: { rate: 5 },
      data: { orders: [{ fee: '5 % of 11 and 0 to ' }, { fee: '5 % of null and null to DE' }] },
    },
    'aliases do not hide what is required': {
      query: `{ box { order { weight: country country: weight postage: total total: postage } } }`,
      data: { box: { order: { weight: 'FR', country: 9, postage: 0, total: '9 to FR' } } },
    },
    'an error of what is required is told at the field that the client knows': {
      inParts: false, // The error is of what is required, where the client asks for nothing: no null is at its path.
      query: `{ box { order { doomed } } }`,
      data: { box: { order: { doomed: null } } },
      errors: [{ path: ['box', 'order'] }],
    },
  },
});
