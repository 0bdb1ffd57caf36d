/**
 * `@context` and `@fromContext`: an argument whose value the router finds in the objects around. Clients do not see it.
 */
import { conformance } from '../case.ts';

interface Account {
  id: string;
  currency: string;
  locale?: { language: string } | null;
}

const accounts: Account[] = [
  { id: 'u1', currency: 'EUR', locale: { language: 'de' } },
  { id: 'u2', currency: 'USD', locale: null },
];

const shop = { id: 's1', till: 'GBP' };

const payments = ['p1', 'p2'].map((id) => ({ id }));

export default conformance({
  subgraphs: {
    bank: {
      typeDefs: `
        type Query { users: [User!]! me: User shop: Shop holders: [Holder] }
        interface Holder { id: ID! }
        type User implements Holder @key(fields: "id") @context(name: "money") {
          id: ID! currency: String! locale: Locale payments: [Payment!]! best: Payment wallet: Wallet
        }
        type Shop implements Holder @key(fields: "id") @context(name: "money") { id: ID! till: String! payments: [Payment!]! }
        type Wallet { cards: [[Card]] }
        type Card { last: Payment }
        type Locale { language: String }
        type Payment @key(fields: "id") {
          id: ID!
          amount(
            currency: String @fromContext(field: "$money ... on User { currency } ... on Shop { till }")
            digits: Int = 2
          ): String
          note(language: String @fromContext(field: "$money ... on User { locale { language } } ... on Shop { till }")): String
        }`,
      resolvers: {
        Holder: { __resolveType: ({ currency }: Account) => (currency === undefined ? 'Shop' : 'User') },
        Query: {
          users: () => accounts,
          me: () => accounts[0],
          shop: () => shop,
          holders: () => [...accounts, shop],
        },
        User: {
          __resolveReference: ({ id }: Account) => accounts.find((account) => account.id === id),
          payments: () => payments,
          best: () => payments[0],
          wallet: () => ({ cards: [[{ last: payments[1] }, null], [{ last: null }]] }),
        },
        Shop: { __resolveReference: () => shop, payments: () => payments },
        Payment: {
          amount: ({ id }: { id: string }, { currency, digits }: { currency?: string; digits: number }) =>
            `${id} in ${currency} with ${digits}`,
          note: ({ id }: { id: string }, { language }: { language?: string }) =>
            `${id} ${language ?? 'in no language'}`,
        },
      },
    },
    ranks: {
      typeDefs: `
        type Query { top: User }
        type User @key(fields: "id") { id: ID! rank: Int }
        type Payment @key(fields: "id") { id: ID! memo: String }`,
      resolvers: {
        Query: { top: () => ({ id: 'u2' }) },
        User: { rank: () => 1 },
        Payment: { memo: ({ id }: { id: string }) => `memo ${id}` },
      },
    },
  },
  operations: {
    'the value is that of the object around': {
      query: `{ me { best { amount } } }`,
      data: { me: { best: { amount: 'p1 in EUR with 2' } } },
    },
    'one entity below two objects has the value of each': {
      query: `query ($digits: Int) { users { id payments { amount(digits: $digits) memo } } }`,
      variables: { digits: 0 },
      data: {
        users: [
          {
            id: 'u1',
            payments: [
              { amount: 'p1 in EUR with 0', memo: 'memo p1' },
              { amount: 'p2 in EUR with 0', memo: 'memo p2' },
            ],
          },
          {
            id: 'u2',
            payments: [
              { amount: 'p1 in USD with 0', memo: 'memo p1' },
              { amount: 'p2 in USD with 0', memo: 'memo p2' },
            ],
          },
        ],
      },
    },
    'objects between do not count, nor do lists of lists': {
      query: `{ me { wallet { cards { last { amount } } } } }`,
      data: { me: { wallet: { cards: [[{ last: { amount: 'p2 in EUR with 2' } }, null], [{ last: null }]] } } },
    },
    'a value further inside, and one that is null': {
      query: `{ users { payments { note } } }`,
      data: {
        users: [
          { payments: [{ note: 'p1 de' }, { note: 'p2 de' }] },
          { payments: [{ note: 'p1 in no language' }, { note: 'p2 in no language' }] },
        ],
      },
    },
    'of several types that set the context, the one that is there': {
      query: `{ shop { payments { amount } } holders { ... on User { best { amount note } } ... on Shop { payments { note } } } }`,
      data: {
        shop: { payments: [{ amount: 'p1 in GBP with 2' }, { amount: 'p2 in GBP with 2' }] },
        holders: [
          { best: { amount: 'p1 in EUR with 2', note: 'p1 de' } },
          { best: { amount: 'p1 in USD with 2', note: 'p1 in no language' } },
          { payments: [{ note: 'p1 GBP' }, { note: 'p2 GBP' }] },
        ],
      },
    },
    'an object that comes from another subgraph': {
      query: `{ top { rank best { amount } } }`,
      data: { top: { rank: 1, best: { amount: 'p1 in USD with 2' } } },
    },
    'the same field at two places of one operation, under names that mean something else to the planner': {
      query: `query ($contextualArgument_1_0: Int!) { me { currency: id best { amount(digits: $contextualArgument_1_0) } locale: payments { amount } } }`,
      variables: { contextualArgument_1_0: 5 },
      data: {
        me: {
          currency: 'u1',
          best: { amount: 'p1 in EUR with 5' },
          locale: [{ amount: 'p1 in EUR with 2' }, { amount: 'p2 in EUR with 2' }],
        },
      },
    },
  },
});
