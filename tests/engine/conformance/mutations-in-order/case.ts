/**
 * The root fields of a mutation run one after the other (GraphQL's specification, section 6.2.2), whatever subgraphs
 * they are of.
 */
import { conformance } from '../case.ts';

const log: string[] = [];
/** @returns all that has been noted since `a` */
const note = (entry: string): string => {
  if (entry === 'a') log.length = 0;
  log.push(entry);
  return log.join(' ');
};

let balance = 0;

export default conformance({
  subgraphs: {
    a: {
      typeDefs: `
        type Query { n: Int }
        type Mutation { add(by: Int!): Account reset: Account fail: Account }
        type Account @key(fields: "id") { id: ID! balance: Int }`,
      resolvers: {
        Mutation: {
          add: (_: unknown, { by }: { by: number }) => ({ id: 'acc', balance: (balance += by) }),
          reset: () => ({ id: 'acc', balance: (balance = 0) }),
          fail: () => {
            throw new Error('failed');
          },
        },
      },
    },
    b: {
      typeDefs: `
        type Query { m: Int }
        type Mutation { double: Account note(text: String!): String }
        type Account @key(fields: "id") { id: ID! seen: Int }`,
      resolvers: {
        Mutation: {
          double: () => ({ id: `was ${(balance *= 2)}` }),
          note: (_: unknown, { text }: { text: string }) => note(text),
        },
        Account: { seen: () => balance },
      },
    },
  },
  operations: {
    'in the order of the document, each with what follows from it': {
      inParts: false, // A part is asked when the fields behind it have run, and tells the balance of then.
      query: `mutation { reset { balance } one: add(by: 1) { balance seen } double { id } two: add(by: 3) { balance } again: double { id seen } }`,
      data: {
        reset: { balance: 0 },
        one: { balance: 1, seen: 1 },
        double: { id: 'was 2' },
        two: { balance: 5 },
        again: { id: 'was 10', seen: 10 },
      },
    },
    'fragments do not change the order, nor does a failure': {
      inParts: false, // As above.
      query: `mutation ($by: Int!) { ...R fail { id } ... { double { id } } add(by: $by) { balance } } fragment R on Mutation { reset { id } }`,
      variables: { by: 2 },
      data: { reset: { id: 'acc' }, fail: null, double: { id: 'was 0' }, add: { balance: 2 } },
      errors: [{ path: ['fail'] }],
    },
    'fields of one subgraph, too': {
      query: `mutation { a: note(text: "a") b: note(text: "b") c: note(text: "c") }`,
      data: { a: 'a', b: 'a b', c: 'a b c' },
    },
  },
});
