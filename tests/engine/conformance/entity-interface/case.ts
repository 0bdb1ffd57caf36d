/** Interfaces with keys, without interface objects: their fields come from the subgraphs of the types. */
import { conformance } from '../case.ts';

const accounts = [
  { __typename: 'User', id: '1', email: 'u@x' },
  { __typename: 'Bot', id: '2' },
  { __typename: 'User', id: '3', email: null },
];

const byId = ({ id }: { id: string }) => accounts.find((account) => account.id === id);

export default conformance({
  subgraphs: {
    accounts: {
      typeDefs: `
        type Query { accounts: [Account] account(id: ID!): Account }
        interface Account @key(fields: "id") { id: ID! owner: Account }
        type User implements Account @key(fields: "id") { id: ID! owner: Account email: String }
        type Bot implements Account @key(fields: "id") { id: ID! owner: Account }`,
      resolvers: {
        Query: {
          accounts: () => accounts,
          account: (_: unknown, { id }: { id: string }) => accounts.find((account) => account.id === id),
        },
        Account: { __resolveReference: byId },
        User: { __resolveReference: byId },
        Bot: { __resolveReference: byId, owner: () => accounts[0] },
      },
    },
    usage: {
      typeDefs: `
        type User @key(fields: "id") { id: ID! runs: Int }
        type Bot @key(fields: "id") { id: ID! runs: Int uptime: Int }`,
      resolvers: {
        User: { runs: ({ id }: { id: string }) => Number(id) * 10 },
        Bot: { runs: () => 7, uptime: () => 99 },
      },
    },
  },
  operations: {
    'each type by its own fetch': {
      query: `{ accounts { id ... on User { email runs } ... on Bot { uptime } } }`,
      data: {
        accounts: [
          { id: '1', email: 'u@x', runs: 10 },
          { id: '2', uptime: 99 },
          { id: '3', email: null, runs: 30 },
        ],
      },
    },
    'through the interface and back': {
      query: `{ account(id: "2") { owner { __typename ... on User { runs owner { id } } } ... on Bot { runs } } }`,
      data: { account: { owner: { __typename: 'User', runs: 10, owner: null }, runs: 7 } },
    },
    'fragments on the interface inside of types': {
      query: `{ accounts { ... on Account { ... on User { ... on Account { id ... on Bot { uptime } } } } } }`,
      data: { accounts: [{ id: '1' }, {}, { id: '3' }] },
    },
  },
});
