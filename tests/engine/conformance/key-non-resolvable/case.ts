/** `@key(resolvable: false)`: a subgraph that refers to an entity and knows nothing of it is never asked for it. */
import { conformance } from '../case.ts';

export default conformance({
  subgraphs: {
    comments: {
      typeDefs: `
        type Query { comment: Comment }
        type Comment { text: String author: User }
        type User @key(fields: "id", resolvable: false) { id: ID! }`,
      resolvers: {
        Query: { comment: () => ({ text: 'Hi', author: { id: 'u1' } }) },
        User: {
          __resolveReference: () => {
            throw new Error('This subgraph knows no users.');
          },
        },
      },
    },
    users: {
      typeDefs: `type Query { me: User } type User @key(fields: "id") { id: ID! name: String }`,
      resolvers: { Query: { me: () => ({ id: 'u2' }) }, User: { name: ({ id }: { id: string }) => `User ${id}` } },
    },
  },
  operations: {
    'it gives the key, the other the rest': {
      query: `{ comment { author { name } text } me { name } }`,
      data: { comment: { author: { name: 'User u1' }, text: 'Hi' }, me: { name: 'User u2' } },
    },
    'its own key needs no other': {
      query: `{ comment { author { id } } }`,
      data: { comment: { author: { id: 'u1' } } },
      requests: { comments: 1, users: 0 },
    },
  },
});
