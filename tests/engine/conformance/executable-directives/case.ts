/**
 * Directives that subgraphs define for operations: composition keeps those that all of them have, and they are passed to
 * whoever answers the field.
 */
import {
  getDirectiveValues,
  print,
  valueFromAST,
  type FieldNode,
  type GraphQLResolveInfo,
  type VariableDefinitionNode,
} from 'graphql';
import { conformance } from '../case.ts';

const DIRECTIVES = `
  directive @upper(times: Int) on FIELD
  directive @wrap(with: String!, also: Wrap) repeatable on FIELD
  directive @locale(name: String!) on QUERY | MUTATION | SUBSCRIPTION
  directive @writer(name: String!) on MUTATION
  directive @sensitive(level: Int = 1) on VARIABLE_DEFINITION | FRAGMENT_SPREAD | INLINE_FRAGMENT
  input Wrap { mark: String = "!" n: Long }
  scalar Long`;

/** The value as the field's directives, and those of the operation, would have it. */
function directed(value: string, { schema, fieldNodes, operation, variableValues }: GraphQLResolveInfo): string {
  const of = (name: string, node: Pick<FieldNode, 'directives'>) =>
    node.directives?.some((directive) => directive.name.value === name) === true
      ? getDirectiveValues(schema.getDirective(name)!, node, variableValues)!
      : undefined;
  let text = value;
  for (const node of fieldNodes) {
    const upper = of('upper', node);
    if (upper !== undefined) text = text.toUpperCase().repeat((upper['times'] as number | undefined) ?? 1);
    for (const directive of node.directives ?? []) {
      if (directive.name.value !== 'wrap') continue;
      const { with: around, also } = getDirectiveValues(
        schema.getDirective('wrap')!,
        { directives: [directive] },
        variableValues,
      ) as { with: string; also?: { mark: string; n?: unknown } };
      text = `${around}${text}${around}${also === undefined ? '' : `${also.mark}${String(also.n ?? '')}`}`;
    }
  }
  for (const name of ['locale', 'writer']) {
    const given = of(name, operation);
    if (given !== undefined) text += `@${String(given['name'])}`;
  }
  return text;
}

/** What the definitions of the operation's variables say. */
const definitions = (_: unknown, __: unknown, ___: unknown, { operation, schema }: GraphQLResolveInfo) =>
  (operation.variableDefinitions ?? [])
    .flatMap((definition: VariableDefinitionNode) =>
      (definition.directives ?? []).map(
        (directive) =>
          `${directive.name.value} ${(directive.arguments ?? [])
            .map(
              ({ value }) =>
                `${print(value)}=${String(valueFromAST(value, schema.getDirective('sensitive')!.args[0]!.type))}`,
            )
            .join()}`,
      ),
    )
    .sort();

type Item = { id: string; __typename?: string };
const items: Item[] = [{ id: 'a' }, { id: 'b' }];

export default conformance({
  subgraphs: {
    a: {
      typeDefs: `${DIRECTIVES}
        type Query { items: [Item!]! item(id: ID!): Item media: [Media!]! defined(x: Int): [String!] }
        type Mutation { touch(id: ID!): Item }
        type Item @key(fields: "id") { id: ID! name: String self: Item }
        interface Media @key(fields: "id") { id: ID! }
        type Film implements Media @key(fields: "id") { id: ID! }
        type Song implements Media @key(fields: "id") { id: ID! }`,
      resolvers: {
        Query: {
          items: () => items,
          item: (_: unknown, { id }: Item) => ({ id }),
          media: () => [
            { __typename: 'Film', id: 'f' },
            { __typename: 'Song', id: 's' },
          ],
          defined: definitions,
        },
        Mutation: { touch: (_: unknown, { id }: Item) => ({ id }) },
        Item: {
          __resolveReference: ({ id }: Item) => ({ id }),
          id: ({ id }: Item, _: unknown, __: unknown, info: GraphQLResolveInfo) =>
            directed(id, { ...info, operation: { ...info.operation, directives: [] } }),
          name: ({ id }: Item, _: unknown, __: unknown, info: GraphQLResolveInfo) => directed(`n${id}`, info),
          self: (item: Item) => item,
        },
        Media: { __resolveReference: (media: Item) => media },
      },
    },
    b: {
      typeDefs: `${DIRECTIVES}
        type Item @key(fields: "id") { id: ID! price(currency: String): String defined(x: Int): [String!] }
        type Media @interfaceObject @key(fields: "id") { id: ID! title: String }`,
      resolvers: {
        Item: {
          __resolveReference: ({ id }: Item) => ({ id }),
          price: ({ id }: Item, { currency = '' }: { currency?: string }, _: unknown, info: GraphQLResolveInfo) =>
            directed(`p${id}${currency}`, info),
          defined: definitions,
        },
        Media: {
          __resolveReference: ({ id }: Item) => ({ id }),
          title: ({ id }: Item, _: unknown, __: unknown, info: GraphQLResolveInfo) => directed(`t${id}`, info),
        },
      },
    },
  },
  operations: {
    'on a field': {
      query: '{ items { name @upper(times: 2) } }',
      data: { items: [{ name: 'NANA' }, { name: 'NBNB' }] },
    },
    'on a field of another subgraph, with variables': {
      query:
        'query ($n: Int, $mark: String) { items { price @upper(times: $n) @wrap(with: "-", also: { mark: $mark }) } }',
      variables: { n: 2, mark: '?' },
      data: { items: [{ price: '-PAPA-?' }, { price: '-PBPB-?' }] },
    },
    "repeated, in their order, with defaults that are the subgraph's and numbers that no double holds": {
      query: '{ item(id: "a") { name @wrap(with: "<") @wrap(with: "|", also: { n: 9007199254740993 }) } }',
      data: { item: { name: '|<na<|!9007199254740993' } },
    },
    'two aliases of one field with different directives': {
      query: '{ item(id: "a") { one: name @upper two: name @wrap(with: "*") name price other: price @upper } }',
      data: { item: { one: 'NA', two: '*na*', name: 'na', price: 'pa', other: 'PA' } },
    },
    'on the field that is the key: other subgraphs are told the key as it is': {
      query: '{ item(id: "a") { id @upper price again: id } }',
      data: { item: { id: 'A', price: 'pa', again: 'a' } },
    },
    'on a field whose alias is a key': {
      query: '{ item(id: "a") { id: name @upper price } }',
      data: { item: { id: 'NA', price: 'pa' } },
    },
    'fields that are one in the answer keep the directives of each': {
      query: `{ item(id: "a") { ...A ...B self { id } self @wrap(with: "") { name } } }
        fragment A on Item { name @upper price } fragment B on Item { name @wrap(with: "*") price @upper }`,
      data: { item: { name: '*NA*', price: 'PA', self: { id: 'a', name: 'na' } } },
      // A part has only its own field's.
      inParts: false,
    },
    'on fields of one type of several, of an interface object': {
      query: '{ media { ... on Film { title @upper } ... on Song { title } } }',
      data: { media: [{ title: 'TF' }, { title: 'ts' }] },
    },
    'on fields of both types, each its own': {
      query: '{ media { ... on Film { title @upper } ... on Song { title @wrap(with: "~") } } }',
      data: { media: [{ title: 'TF' }, { title: '~ts~' }] },
    },
    'at the same name in two places': {
      query: '{ item(id: "a") { name @upper self { name @wrap(with: "_") } } items { name } }',
      data: { item: { name: 'NA', self: { name: '_na_' } }, items: [{ name: 'na' }, { name: 'nb' }] },
    },
    'beside @skip and @include': {
      query: 'query ($no: Boolean!) { item(id: "a") { name @upper @skip(if: $no) price @include(if: $no) @upper } }',
      variables: { no: false },
      data: { item: { name: 'NA' } },
    },
    'on the operation: told to each subgraph that is asked': {
      query: 'query ($l: String!) @locale(name: $l) { item(id: "a") { name price } }',
      variables: { l: 'de' },
      data: { item: { name: 'na@de', price: 'pa@de' } },
    },
    'on a mutation: queries that follow have what may stand on a query': {
      query: 'mutation ($w: String!) @locale(name: "de") @writer(name: $w) { touch(id: "a") { name price @upper } }',
      inParts: false, // A part is asked by a query.
      variables: { w: 'me' },
      data: { touch: { name: 'na@de@me', price: 'PA@de' } },
    },
    'on variables': {
      query: `query ($x: Int @sensitive(level: 3), $n: Int @sensitive, $c: String @sensitive(level: 2)) {
        defined(x: $x) item(id: "a") { defined(x: $x) price(currency: $c) @upper(times: $n) } }`,
      inParts: false, // A part is asked by a fetch that has other variables.
      variables: { x: 1, n: 1, c: 'E' },
      data: {
        defined: ['sensitive 3=3'],
        item: { defined: ['sensitive ', 'sensitive 2=2', 'sensitive 3=3'], price: 'PAE' },
      },
    },
  },
});
