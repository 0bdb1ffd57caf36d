/** `@tag` says something to whoever makes contracts, and nothing to execution. */
import { conformance } from '../case.ts';

export default conformance({
  subgraphs: {
    a: {
      typeDefs: `
        type Query { kind: Kind @tag(name: "public") of(x: Int @tag(name: "argument")): Thing }
        enum Kind { A @tag(name: "a") B }
        type Thing @key(fields: "id") @tag(name: "internal") { id: ID! @tag(name: "key") }`,
      resolvers: { Query: { kind: () => 'A', of: (_: unknown, { x }: { x: number }) => ({ id: x }) } },
    },
    b: {
      typeDefs: `type Thing @key(fields: "id") @tag(name: "b") { id: ID! name: String @tag(name: "b") }`,
      resolvers: { Thing: { name: ({ id }: { id: string }) => `Thing ${id}` } },
    },
  },
  operations: {
    'changes no answer': {
      query: `{ kind of(x: 3) { id name } }`,
      data: { kind: 'A', of: { id: '3', name: 'Thing 3' } },
    },
  },
});
