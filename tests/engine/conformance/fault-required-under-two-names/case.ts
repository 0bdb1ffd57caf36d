/**
 * A field that requires another, under two names, of an object whose subgraph knows another key than the one that the
 * required field's knows: the planner refuses to merge its own fetches ("adding it as parent would create a cycle").
 */
import { conformance } from '../case.ts';

interface Item {
  id?: string;
  ref?: { id: string };
}

const idOf = ({ id, ref }: Item): string => id ?? ref!.id;

export default conformance({
  subgraphs: {
    hub: {
      typeDefs: `
        type Query { order: Order }
        type Ref @shareable @inaccessible { id: ID! }
        type Order @key(fields: "id") @key(fields: "ref { id }") { id: ID! ref: Ref! @inaccessible }
        interface Thing { id: ID! }
        type Item implements Thing @key(fields: "id") @key(fields: "sku") @key(fields: "ref { id }") {
          id: ID! sku: String! ref: Ref! @inaccessible
        }`,
      resolvers: {
        Query: { order: () => ({ id: 'o' }) },
        Order: { ref: ({ id }: Item) => ({ id }) },
        Item: {
          __resolveReference: (item: Item) => ({ id: idOf(item) }),
          sku: ({ id }: Item) => `sku ${id}`,
          ref: ({ id }: Item) => ({ id }),
        },
      },
    },
    prices: {
      typeDefs: `
        type Ref @shareable @inaccessible { id: ID! }
        type Order @key(fields: "ref { id }") { id: ID! @shareable ref: Ref! @inaccessible item: Thing @shareable }
        interface Thing { id: ID! }
        type Item implements Thing @key(fields: "ref { id }") {
          id: ID! @shareable ref: Ref! @inaccessible
          weight: Int @external postage: String @requires(fields: "weight")
        }`,
      resolvers: {
        Order: { item: () => ({ __typename: 'Item', ref: { id: 'i' } }), id: idOf },
        Item: { id: idOf, postage: ({ weight }: { weight: number }) => `${weight} €` },
      },
    },
    shop: {
      typeDefs: `
        type Order @key(fields: "id") { id: ID! item: Thing @shareable }
        interface Thing { id: ID! }
        type Item implements Thing @key(fields: "id") @key(fields: "sku") { id: ID! sku: String! }`,
      resolvers: { Order: { item: () => ({ __typename: 'Item', id: 'i' }) } },
    },
    scales: {
      typeDefs: `interface Thing { id: ID! }
        type Item implements Thing @key(fields: "id") { id: ID! weight: Int }`,
      resolvers: { Item: { weight: () => 7 } },
    },
  },
  operations: {
    'under two names': {
      query: `{ order { item { ... on Item { postage sku again: postage } } } }`,
      data: { order: { item: { postage: '7 €', sku: 'sku i', again: '7 €' } } },
    },
    'under three, with what it requires': {
      query: `{ order { item { ... on Item { a: postage weight b: postage id c: postage sku } } } }`,
      data: { order: { item: { a: '7 €', weight: 7, b: '7 €', id: 'i', c: '7 €', sku: 'sku i' } } },
    },
  },
});
