/** `@inaccessible`: used between subgraphs, hidden from clients, values included. */
import { conformance } from '../case.ts';

const item = { secret: 's1', price: 5 };

export default conformance({
  subgraphs: {
    a: {
      typeDefs: `
        type Query { things: [Thing] colour: Colour colours: [Colour!] item: Item sure: Sure nodes: [Node] }
        union Thing = Open | Hidden
        type Open { a: Int }
        type Hidden @inaccessible { b: Int }
        enum Colour { RED BLACK @inaccessible }
        type Item @key(fields: "secret") { secret: ID! @inaccessible price: Int @inaccessible }
        type Sure { colour: Colour! }
        interface Node { id: ID }
        type Shown implements Node { id: ID }
        type Kept implements Node @inaccessible { id: ID }`,
      resolvers: {
        Query: {
          things: () => [
            { __typename: 'Open', a: 1 },
            { __typename: 'Hidden', b: 2 },
          ],
          colour: () => 'BLACK',
          colours: () => ['RED', 'BLACK'],
          item: () => item,
          sure: () => ({ colour: 'BLACK' }),
          nodes: () => [
            { __typename: 'Shown', id: 1 },
            { __typename: 'Kept', id: 2 },
          ],
        },
        Item: { __resolveReference: () => item },
      },
    },
    b: {
      typeDefs: `type Item @key(fields: "secret") { secret: ID! @inaccessible price: Int @external double: Int @requires(fields: "price") }`,
      resolvers: { Item: { double: ({ price }: { price: number }) => price * 2 } },
    },
  },
  operations: {
    'types of a union stay hidden': {
      query: `{ things { __typename ... on Open { a } } }`,
      data: { things: [{ __typename: 'Open', a: 1 }, null] },
      errors: [{ path: ['things', 1], code: 'INTERNAL_SERVER_ERROR' }],
    },
    'and of an interface': {
      query: `{ nodes { id } }`,
      data: { nodes: [{ id: '1' }, null] },
      errors: [{ path: ['nodes', 1] }],
    },
    'enum values stay hidden': {
      query: `{ colour colours }`,
      data: { colour: null, colours: null },
      errors: [{ path: ['colour'] }, { path: ['colours', 1] }],
    },
    'where null may not be, the object goes': {
      query: `{ sure { colour } }`,
      data: { sure: null },
      errors: [{ path: ['sure', 'colour'] }],
    },
    'keys and required fields serve unseen': { query: `{ item { double } }`, data: { item: { double: 10 } } },
  },
});
