/** `@key`: an object of one subgraph is the same in another, by its key. */
import { conformance } from '../case.ts';

const names: Record<string, string> = { '1': 'one', '2': 'two' };

export default conformance({
  subgraphs: {
    lists: {
      typeDefs: `
        type Query { things: [Thing] thing: Thing missing: Thing strange: Thing }
        type Thing @key(fields: "id") { id: ID! twin: Thing others: [[Thing!]] }`,
      resolvers: {
        Query: {
          things: () => [{ id: '1' }, null, { id: '2' }, { id: '1' }],
          thing: () => ({ id: '2' }),
          missing: () => null,
          strange: () => ({ id: 'nobody' }),
        },
        Thing: {
          twin: ({ id }: { id: string }) => ({ id }),
          others: () => [[{ id: '1' }], [], [{ id: '2' }, { id: '1' }]],
        },
      },
    },
    names: {
      typeDefs: `
        type Query { named(name: String!): Thing }
        type Thing @key(fields: "id") { id: ID! name: String strict: String! }`,
      resolvers: {
        Query: {
          named: (_: unknown, { name }: { name: string }) => ({
            id: Object.keys(names).find((id) => names[id] === name),
          }),
        },
        Thing: {
          __resolveReference: ({ id }: { id: string }) => (id in names ? { id } : null),
          name: ({ id }: { id: string }) => names[id],
          strict: ({ id }: { id: string }) => (id === '1' ? null : names[id]),
        },
      },
    },
  },
  operations: {
    'one entity, found in the other subgraph': {
      query: `{ thing { name id } }`,
      data: { thing: { name: 'two', id: '2' } },
      requests: { lists: 1, names: 1 },
    },
    'lists keep their order, their nulls and what repeats; each entity is asked for once': {
      query: `{ things { id name } }`,
      data: { things: [{ id: '1', name: 'one' }, null, { id: '2', name: 'two' }, { id: '1', name: 'one' }] },
      requests: { lists: 1, names: 1 },
    },
    'lists of lists': {
      query: `{ thing { others { name } } }`,
      data: { thing: { others: [[{ name: 'one' }], [], [{ name: 'two' }, { name: 'one' }]] } },
    },
    'from either side': {
      query: `query ($name: String!) { named(name: $name) { twin { name twin { id } } } }`,
      variables: { name: 'two' },
      data: { named: { twin: { name: 'two', twin: { id: '2' } } } },
    },
    'nothing is asked for what is null': {
      query: `{ missing { name } }`,
      data: { missing: null },
      requests: { lists: 1, names: 0 },
    },
    'an entity that the other subgraph does not know has nulls there': {
      query: `{ strange { id name } }`,
      data: { strange: { id: 'nobody', name: null } },
    },
    'and loses what may not be null, with an error': {
      query: `{ strange { id strict } }`,
      data: { strange: null },
      errors: [{ path: ['strange', 'strict'] }],
    },
    'a null that may not be reaches the next that may': {
      query: `{ things { strict } }`,
      data: { things: [null, null, { strict: 'two' }, null] },
      errors: [{ path: ['things', 0, 'strict'] }, { path: ['things', 3, 'strict'] }],
    },
  },
});
