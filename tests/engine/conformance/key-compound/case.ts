/** A key of several fields, and of fields of objects. */
import { conformance } from '../case.ts';

interface Item {
  kind: string;
  number: number;
  owner: { org: { id: string }; name?: string };
}

const item = (kind: string, number: number, id: string): Item => ({
  kind,
  number,
  owner: { org: { id }, name: `owner ${id}` },
});

export default conformance({
  subgraphs: {
    a: {
      typeDefs: `
        type Query { items: [Item] }
        type Item @key(fields: "kind number owner { org { id } }") { kind: String! number: Int! owner: Owner! }
        type Owner { org: Org! @shareable name: String }
        type Org @shareable { id: ID! }`,
      resolvers: {
        Query: { items: () => [item('k', 0, 'o1'), item('k', 0, 'o2'), item('', 1, 'o1'), item('k', 0, 'o1')] },
        Item: { __resolveReference: ({ kind, number, owner }: Item) => item(kind, number, owner.org.id) },
      },
    },
    b: {
      typeDefs: `
        type Item @key(fields: "kind number owner { org { id } }") { kind: String! number: Int! owner: Owner! label: String }
        type Owner @shareable { org: Org! }
        type Org @shareable { id: ID! }`,
      resolvers: { Item: { label: ({ kind, number, owner }: Item) => `${kind}/${number}/${owner.org.id}` } },
    },
  },
  operations: {
    'every part counts, empty and zero ones too': {
      query: `{ items { label } }`,
      data: { items: [{ label: 'k/0/o1' }, { label: 'k/0/o2' }, { label: '/1/o1' }, { label: 'k/0/o1' }] },
      requests: { a: 1, b: 1 },
    },
    "what the client asks of the key's objects is its own": {
      query: `{ items { owner { name } label kind: number } }`,
      data: {
        items: [
          { owner: { name: 'owner o1' }, label: 'k/0/o1', kind: 0 },
          { owner: { name: 'owner o2' }, label: 'k/0/o2', kind: 0 },
          { owner: { name: 'owner o1' }, label: '/1/o1', kind: 1 },
          { owner: { name: 'owner o1' }, label: 'k/0/o1', kind: 0 },
        ],
      },
    },
  },
});
