/** `@override(label:)`: a field moves for some requests. */
import { conformance } from '../case.ts';

const bill = { id: 1, amount: 1, note: 'old', owner: 'old', due: 'old' };

export default conformance({
  engine: { overrides: (label, { requestId }) => (label === 'new-notes' ? requestId.startsWith('canary') : undefined) },
  subgraphs: {
    old: {
      typeDefs: `type Query { bill: Bill } type Bill @key(fields: "id") { id: ID! amount: Int note: String owner: String due: String }`,
      resolvers: { Query: { bill: () => bill }, Bill: { __resolveReference: () => bill } },
    },
    next: {
      typeDefs: `
        type Bill @key(fields: "id") {
          id: ID!
          amount: Int @override(from: "old", label: "percent(100)")
          owner: String @override(from: "old", label: "percent(0)")
          note: String @override(from: "old", label: "new-notes")
          due: String @override(from: "old", label: "nobody-decides")
        }`,
      resolvers: { Bill: { amount: () => 100, owner: () => 'next', note: () => 'next', due: () => 'next' } },
    },
  },
  operations: {
    'percent(100) holds for all and percent(0) for none; a label that nobody decides does not hold': {
      query: `{ bill { amount owner due } }`,
      data: { bill: { amount: 100, owner: 'old', due: 'old' } },
    },
    'the hook decides for this request': {
      query: `{ bill { note } }`,
      requestId: 'canary-1',
      data: { bill: { note: 'next' } },
    },
    'and for that one, of the same operation': {
      query: `{ bill { note } }`,
      requestId: 'other',
      data: { bill: { note: 'old' } },
    },
  },
});
