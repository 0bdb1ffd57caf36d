/** Names that every JavaScript object has are ordinary names (cf. CVE-2026-32621). */
import { conformance } from '../case.ts';

export default conformance({
  subgraphs: {
    a: {
      typeDefs: `type Query { constructor: Thing echo(toString: String, valueOf: Int): String } type Thing @key(fields: "id") { id: ID! hasOwnProperty: Int list: [Thing] }`,
      resolvers: {
        Query: { constructor: () => ({ id: 'c' }), echo: (_: unknown, given: object) => JSON.stringify(given) },
        Thing: { hasOwnProperty: () => 1, list: () => [{ id: 'd' }] },
      },
    },
    b: {
      typeDefs: `type Thing @key(fields: "id") { id: ID! toString: String hasOwnProperty: Int @external isPrototypeOf: Int @requires(fields: "hasOwnProperty") }`,
      resolvers: {
        Thing: {
          toString: ({ id }: { id: string }) => `string of ${id}`,
          isPrototypeOf: ({ hasOwnProperty }: { hasOwnProperty: number }) => hasOwnProperty + 1,
        },
      },
    },
  },
  operations: {
    fields: {
      query: `{ constructor { id hasOwnProperty toString isPrototypeOf list { toString } } }`,
      data: JSON.parse(
        '{"constructor":{"id":"c","hasOwnProperty":1,"toString":"string of c","isPrototypeOf":2,"list":[{"toString":"string of d"}]}}',
      ),
    },
    aliases: {
      query: `{ __proto__: constructor { __proto__: id constructor: toString prototype: hasOwnProperty toString: list { __proto__: toString } } }`,
      data: JSON.parse(
        '{"__proto__":{"__proto__":"c","constructor":"string of c","prototype":1,"toString":[{"__proto__":"string of d"}]}}',
      ),
    },
    'variables and arguments': {
      query: `query ($__proto__: String, $constructor: Int, $toString: Boolean!) { echo(toString: $__proto__, valueOf: $constructor) hidden: echo @skip(if: $toString) }`,
      variables: JSON.parse('{"__proto__":"x","constructor":5,"toString":true}') as Record<string, unknown>,
      data: { echo: '{"toString":"x","valueOf":5}' },
    },
  },
});
