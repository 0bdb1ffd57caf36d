/**
 * `@stream` (https://github.com/graphql/graphql-spec/pull/1110): whether a list comes item by item, whole, or for a client that
 * takes no parts, all of it adds up to the same.
 */
import { conformance } from '../case.ts';

interface Item {
  id: string;
  name: string | null;
}

const ITEMS: readonly Item[] = ['a', 'b', 'c', 'd', 'e'].map((name, index) => ({ id: String(index + 1), name }));

/** As a cursor of a store would give them: each when it is there. */
async function* coming<Value>(values: readonly Value[]): AsyncGenerator<Value> {
  for (const value of values) {
    await new Promise((resolve) => setImmediate(resolve));
    yield value;
  }
}

const prices = (ids: readonly number[]) => ids.map((price) => ({ price }));

export default conformance({
  subgraphs: {
    items: {
      typeDefs: `type Query { items: [Item!] array: [Item!] gaps: [Item] tags: [String!] matrix: [[Int!]!] box: Box boxes: [Box!] node: Node }
        interface Node { id: ID! } type Box implements Node @key(fields: "id") { id: ID! items: [Item!]! }
        type Item implements Node @key(fields: "id") { id: ID! name: String parts: [Item!] }`,
      resolvers: {
        Node: { __resolveType: () => 'Box' },
        Query: {
          items: () => coming(ITEMS),
          array: () => ITEMS,
          gaps: () => coming([ITEMS[0], null, { id: '9', name: new Error('unread') }, ITEMS[1]]),
          tags: () => coming(['x', 'y', 'z']),
          matrix: () => coming([[1, 2], [], [3]]),
          box: () => ({ id: 'b1' }),
          boxes: () => coming([{ id: 'b1' }, { id: 'b2' }]),
          node: () => ({ id: 'b1' }),
        },
        Box: { items: () => coming(ITEMS.slice(0, 2)) },
        Item: {
          __resolveReference: ({ id }: Item) => ITEMS[Number(id) - 1],
          parts: ({ id }: Item) => coming(ITEMS.slice(0, Number(id) % 3)),
        },
      },
    },
    prices: {
      typeDefs: `type Item @key(fields: "id") { id: ID! price: Int } type Box @key(fields: "id") { id: ID! sold: [Item!] }`,
      resolvers: {
        Item: { price: ({ id }: Item) => Number(id) * 10 },
        Box: { sold: () => coming(ITEMS.slice(3)) },
      },
    },
  },
  operations: {
    'a list of entities': {
      query: '{ items @stream(initialCount: 2) { name price } }',
      data: { items: ITEMS.map(({ name }, index) => ({ name, price: (index + 1) * 10 })) },
      requests: { items: 1, prices: 1 },
    },
    'a list of entities, of which nothing comes first': {
      query: '{ all: items @stream { price } }',
      data: { all: prices([10, 20, 30, 40, 50]) },
    },
    'more first than there are': {
      query: '{ items @stream(initialCount: 2147483647) { id } }',
      data: { items: ITEMS.map(({ id }) => ({ id })) },
    },
    'leaves, and lists in a list': {
      query: '{ tags @stream(initialCount: 1) matrix @stream(initialCount: 1) }',
      data: { tags: ['x', 'y', 'z'], matrix: [[1, 2], [], [3]] },
    },
    'an array': {
      query: '{ array @stream(initialCount: 1) { name } }',
      data: { array: ITEMS.map(({ name }) => ({ name })) },
    },
    'a list in the items of a list': {
      query: '{ items @stream(initialCount: 1) { parts @stream { price } } }',
      data: { items: [prices([10]), prices([10, 20]), [], prices([10]), prices([10, 20])].map((parts) => ({ parts })) },
    },
    'a list of an object, of one behind an interface, and of another subgraph': {
      query:
        '{ box { items @stream { id price } sold @stream(initialCount: 1) { name } } node { id ... on Box { items @stream(initialCount: 1) { name } } } }',
      data: {
        box: {
          items: [
            { id: '1', price: 10 },
            { id: '2', price: 20 },
          ],
          sold: [{ name: 'd' }, { name: 'e' }],
        },
        node: { id: 'b1', items: [{ name: 'a' }, { name: 'b' }] },
      },
    },
    'lists in a list': {
      query: '{ boxes @stream { id items @stream { price } sold { price } } }',
      data: {
        boxes: ['b1', 'b2'].map((id) => ({ id, items: prices([10, 20]), sold: prices([40, 50]) })),
      },
    },
    'nulls and errors in the items': {
      query: '{ gaps @stream(initialCount: 1) { name } }',
      data: { gaps: [{ name: 'a' }, null, { name: null }, { name: 'b' }] },
      errors: [{ path: ['gaps', 2, 'name'], code: 'INTERNAL_SERVER_ERROR' }],
    },
    'if and initialCount by variables': {
      query:
        'query ($if: Boolean, $n: Int!) { items @stream(if: $if, initialCount: $n) { id } tags @stream(if: false) }',
      variables: { if: true, n: 3 },
      data: { items: ITEMS.map(({ id }) => ({ id })), tags: ['x', 'y', 'z'] },
    },
    'fragments that agree': {
      query:
        '{ ...A ...B } fragment A on Query { items @stream(initialCount: 1) { id } } fragment B on Query { items @stream(initialCount: 1) { price } }',
      data: { items: ITEMS.map(({ id }, index) => ({ id, price: (index + 1) * 10 })) },
    },
  },
});
