/** What still fails; one that passes belongs in a folder of its own. */
import { expect, test } from 'vitest';
import { federate, received } from '../federation.ts';

interface Media {
  __typename: string;
  id: string;
  title?: string;
}

/**
 * `@apollo/query-planner` fails ("Cannot add fragment of condition …") where one object type is at hand, its subgraph
 * has the interface's key, and a field of the interface object requires a field whose subgraph has no key on the
 * interface.
 */
test.fails('a field of an interface object that requires another, asked of one type', async () => {
  const media = (id: string): Media => ({ __typename: id.startsWith('b') ? 'Book' : 'Film', id });
  await using federation = await federate(
    {
      library: {
        typeDefs: `
          type Query { book: Book }
          interface Media @key(fields: "id") { id: ID! }
          type Book implements Media @key(fields: "id") { id: ID! }
          type Film implements Media @key(fields: "id") { id: ID! }`,
        resolvers: { Query: { book: () => media('b') }, Media: { __resolveReference: ({ id }: Media) => media(id) } },
      },
      titles: {
        typeDefs: `
          interface Media { id: ID! title: String }
          type Book implements Media @key(fields: "id") { id: ID! title: String }
          type Film implements Media @key(fields: "id") { id: ID! title: String }`,
        resolvers: { Book: { title: () => 'a book' }, Film: { title: () => 'a film' } },
      },
      reviews: {
        typeDefs: `type Media @interfaceObject @key(fields: "id") { id: ID! title: String @external shout: String @requires(fields: "title") }`,
        resolvers: { Media: { shout: ({ title }: Media) => title!.toUpperCase() } },
      },
    },
    { inThread: true },
  );
  expect(received(await federation.run('{ book { shout } }'))).toEqual({ data: { book: { shout: 'A BOOK' } } });
});
