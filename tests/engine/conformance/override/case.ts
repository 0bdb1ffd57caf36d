/** `@override`: a field moves to another subgraph while the first still has it. */
import { conformance } from '../case.ts';

const bill = { id: 1, amount: 1, note: 'old', payer: { id: 'p', name: 'old name' } };

export default conformance({
  subgraphs: {
    old: {
      typeDefs: `
        type Query { bill: Bill moved: String }
        type Bill @key(fields: "id") { id: ID! amount: Int note: String payer: Payer }
        type Payer @key(fields: "id") { id: ID! name: String }`,
      resolvers: {
        Query: {
          bill: () => bill,
          moved: () => 'old',
        },
        Bill: { __resolveReference: ({ id }: { id: string }) => (id === '1' ? bill : { id }) },
      },
    },
    next: {
      typeDefs: `
        type Query { moved: String @override(from: "old") newest: Bill }
        type Bill @key(fields: "id") { id: ID! amount: Int @override(from: "old") tax: Int @requires(fields: "note") note: String @external }
        type Payer @key(fields: "id") { id: ID! name: String @override(from: "old") }`,
      resolvers: {
        Query: { moved: () => 'next', newest: () => ({ id: 2 }) },
        Bill: {
          amount: ({ id }: { id: string }) => Number(id) * 100,
          tax: ({ note }: { note: string }) => note.length,
        },
        Payer: { name: () => 'new name' },
      },
    },
    elsewhere: {
      typeDefs: `type Bill @key(fields: "id") { id: ID! total: Int @requires(fields: "amount") amount: Int @external gone: Int @override(from: "nobody") }`,
      resolvers: { Bill: { total: ({ amount }: { amount: number }) => amount + 1, gone: () => 0 } },
    },
  },
  operations: {
    'the new owner answers, of objects and of the root': {
      query: `{ bill { amount note } moved }`,
      data: { bill: { amount: 100, note: 'old' }, moved: 'next' },
    },
    'also what others require of it': { query: `{ bill { total tax } }`, data: { bill: { total: 101, tax: 3 } } },
    'and below other objects': {
      query: `{ bill { payer { name } } newest { amount note } }`,
      data: { bill: { payer: { name: 'new name' } }, newest: { amount: 200, note: null } },
    },
    'an override of a subgraph that is not there changes nothing': {
      query: `{ newest { gone } }`,
      data: { newest: { gone: 0 } },
    },
  },
});
