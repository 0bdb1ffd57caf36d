/**
 * Two parts of an answer have one object, and a null that must not be takes it out of one of them: what is deferred within
 * the other is for an object that the client has no more, and is not told.
 */
import { conformance } from '../case.ts';

interface Item {
  id: string;
}

const sized = ({ id }: Item): number => {
  if (id === '2') throw new Error('It has no size.');
  return Number(id);
};

export default conformance({
  subgraphs: {
    shop: {
      typeDefs: `
        type Query { items: [Item] item: Item }
        type Item @key(fields: "id") { id: ID! name: String size: Int! box: Box }
        type Box { size: Int! label: String item: Item }`,
      resolvers: {
        Query: { items: () => ['1', '2'].map((id) => ({ id })), item: () => ({ id: '2' }) },
        Item: {
          __resolveReference: (item: Item) => item,
          name: ({ id }: Item) => `item ${id}`,
          size: sized,
          box: ({ id }: Item) => ({ id }),
        },
        Box: { label: ({ id }: Item) => `box ${id}`, size: sized, item: ({ id }: Item) => ({ id }) },
      },
    },
    prices: {
      typeDefs: `type Item @key(fields: "id") { id: ID! cost: Int! }`,
      resolvers: { Item: { cost: sized } },
    },
    scales: {
      typeDefs: `type Item @key(fields: "id") { id: ID! weight: Int }`,
      resolvers: { Item: { weight: ({ id }: Item) => Number(id) * 10 } },
    },
    post: {
      typeDefs: `
        type Item @key(fields: "id") { id: ID! weight: Int @external postage: Int @requires(fields: "weight") }`,
      resolvers: { Item: { postage: ({ weight }: { weight: number }) => weight + 1 } },
    },
  },
  operations: {
    'lost in the first part': {
      query: '{ items { size } ... @defer { items { ... @defer { name } } } }',
      data: { items: [{ size: 1, name: 'item 1' }, null] },
      errors: [{ path: ['items', 1, 'size'] }],
    },
    'lost in the first part, of another subgraph': {
      query: '{ items { cost } ... @defer { items { ... @defer { postage } } } }',
      data: { items: [{ cost: 1, postage: 11 }, null] },
      errors: [{ path: ['items', 1, 'cost'] }],
    },
    'what it was in is lost': {
      query: '{ item { box { size } } ... @defer { item { box { item { ... @defer { name } } } } } }',
      data: { item: { box: null } },
      errors: [{ path: ['item', 'box', 'size'] }],
    },
    'lost in a part, before another part of it': {
      query: '{ items { id ... @defer { postage } } ... @defer { items { cost } } }',
      data: { items: [{ id: '1', postage: 11, cost: 1 }, null] },
      errors: [{ path: ['items', 1, 'cost'] }],
    },
    'lost in a part, with what is in it': {
      query: '{ ... @defer { item { box { size } } } item { box { label item { ... @defer { postage } } } } }',
      data: { item: { box: null } },
      errors: [{ path: ['item', 'box', 'size'] }],
    },
  },
});
