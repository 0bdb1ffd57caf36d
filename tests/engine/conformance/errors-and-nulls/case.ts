/** Errors at the client’s paths, and nulls that propagate as GraphQL's specification says (section 6.4.4). */
import { conformance } from '../case.ts';

const fail = (message: string) => (): never => {
  throw new Error(message);
};

export default conformance({
  subgraphs: {
    a: {
      typeDefs: `
        type Query { users: [User] strict: [User!] team: Team! safe: Int }
        type User @key(fields: "id") { id: ID! best: User name: String }
        type Team { lead: User! members: [User!]! }`,
      resolvers: {
        Query: {
          users: () => [{ id: 1 }, { id: 2 }],
          strict: () => [{ id: 1 }, { id: 2 }],
          team: () => ({ lead: { id: 2 }, members: [{ id: 1 }] }),
          safe: () => 1,
        },
        User: { best: ({ id }: { id: string }) => ({ id: Number(id) + 1 }), name: fail('no names today') },
      },
    },
    b: {
      typeDefs: `type User @key(fields: "id") { id: ID! nick: String age: Int! roles: [String!]! friends: [User] }`,
      resolvers: {
        User: {
          __resolveReference: ({ id }: { id: string }) => (id === '3' ? fail('no user 3')() : { id }),
          nick: ({ id }: { id: string }) => (id === '2' ? fail('no nick')() : `nick ${id}`),
          age: ({ id }: { id: string }) => (id === '2' ? null : 30),
          roles: ({ id }: { id: string }) => (id === '2' ? ['a', null] : ['a']),
          friends: () => [{ id: '1' }, null],
        },
      },
    },
  },
  operations: {
    'an error of one of many, under an alias': {
      query: `{ people: users { id called: nick } }`,
      data: {
        people: [
          { id: '1', called: 'nick 1' },
          { id: '2', called: null },
        ],
      },
      errors: [{ path: ['people', 1, 'called'], code: 'INTERNAL_SERVER_ERROR' }],
    },
    'each object that has it is told': {
      query: `{ users { name } }`,
      data: { users: [{ name: null }, { name: null }] },
      errors: [{ path: ['users', 0, 'name'] }, { path: ['users', 1, 'name'] }],
    },
    'a null in a field that may not be null, to the next that may': {
      query: `{ users { age } strict { id age } }`,
      data: { users: [{ age: 30 }, null], strict: null },
      errors: [{ path: ['users', 1, 'age'] }, { path: ['strict', 1, 'age'] }],
    },
    'a null item that may not be null': {
      query: `{ users { roles } }`,
      data: { users: [{ roles: ['a'] }, null] },
      errors: [{ path: ['users', 1, 'roles', 1] }],
    },
    'up to the root': {
      query: `{ safe team { lead { age } } }`,
      data: null,
      errors: [{ path: ['team', 'lead', 'age'] }],
    },
    'an entity that cannot be found costs its fields, wherever it is': {
      query: `{ users { best { nick friends { nick } } } }`,
      data: {
        users: [{ best: { nick: null, friends: [{ nick: 'nick 1' }, null] } }, { best: { nick: null, friends: null } }],
      },
      errors: [
        { path: ['users', 0, 'best', 'nick'] },
        { path: ['users', 1, 'best', 'nick'] },
        { path: ['users', 1, 'best', 'friends'] },
      ],
    },
  },
});
