/** Directives of subgraphs in operations: subgraphs elsewhere, streams, and what clients are refused. */
import { createServer, type Server } from 'node:http';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { parse, validate, type ExecutionResult, type GraphQLResolveInfo } from 'graphql';
import { createYoga } from 'graphql-yoga';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { remoteClient } from '#gateway/execute/clients/remote-client.ts';
import type { SubgraphClient } from '#gateway/execute/clients/subgraph-client.ts';
import { compose } from '#gateway/supergraph/compose.ts';
import { writeJson } from '#subgraphs/shared/exact-number.ts';
import { federate, received, subgraphSchema, testContext, type Federation } from './federation.ts';
import folder from './conformance/executable-directives/case.ts';

describe('in subgraphs elsewhere, which validate what they are asked', () => {
  let federation: Federation;
  const servers: Server[] = [];
  const clients = new Map<string, SubgraphClient>();
  beforeAll(async () => {
    for (const [name, subgraph] of Object.entries(folder.subgraphs)) {
      const yoga = createYoga({ schema: subgraphSchema(subgraph), logging: false, maskedErrors: false });
      const server = createServer((request, response) => void yoga(request, response));
      servers.push(server.listen(0, '127.0.0.1'));
      await once(server, 'listening');
      const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/graphql`;
      clients.set(name, remoteClient(name, { url, deduplicate: true }));
    }
    federation = await federate(folder.subgraphs, { inThread: true, wrap: ({ name }) => clients.get(name)! });
  });
  afterAll(async () => {
    for (const client of clients.values()) await client.close?.();
    for (const server of servers) server.closeAllConnections();
    for (const server of servers) await new Promise((resolve) => server.close(resolve));
  });
  // A number that no double holds is refused by the scalar of a server that knows none.
  test.each(Object.entries(folder.operations).filter(([, { query }]) => !query.includes('9007199254740993')))(
    '%s',
    async (_, { query, variables, data }) => {
      const result = await federation.run(query, variables);
      expect(writeJson(received(result))).toBe(writeJson({ data }));
    },
  );
});

const D =
  'directive @mark(with: String) on FIELD | SUBSCRIPTION | FRAGMENT_SPREAD | INLINE_FRAGMENT | FRAGMENT_DEFINITION';

const marksOf = ({ fieldNodes, operation, variableValues }: GraphQLResolveInfo): string =>
  [...fieldNodes.flatMap(({ directives = [] }) => directives), ...(operation.directives ?? [])]
    .map(({ arguments: [argument] = [] }) =>
      argument?.value.kind === 'Variable' ? String(variableValues[argument.value.name.value]) : 'literal',
    )
    .join();

const SMALL = {
  a: {
    typeDefs: `${D} type Query { item: Item } type Subscription { items: Item } type Item @key(fields: "id") { id: ID! }`,
    resolvers: {
      Query: { item: () => ({ id: '1' }) },
      Subscription: {
        items: {
          async *subscribe(_: unknown, __: unknown, ___: unknown, info: GraphQLResolveInfo) {
            await Promise.resolve();
            yield { items: { id: marksOf(info) } };
          },
        },
      },
    },
  },
  b: {
    typeDefs: `${D} directive @mine on FIELD type Item @key(fields: "id") { id: ID! name: String }`,
    resolvers: {
      Item: {
        name: (_: unknown, __: unknown, ___: unknown, info: GraphQLResolveInfo) => marksOf(info),
      },
    },
  },
};

test('a subscription passes them to its stream and to what is fetched for each event', async () => {
  await using federation = await federate(SMALL, { inThread: true });
  const stream = (await federation.engine.subscribe({
    document: parse('subscription ($m: String) @mark(with: $m) { items @mark(with: $m) { id name @mark(with: "x") } }'),
    variables: { m: 'M' },
    context: testContext(),
  })) as AsyncIterable<ExecutionResult>;
  const events: ExecutionResult[] = [];
  for await (const event of stream) events.push(received(event));
  expect(events).toEqual([{ data: { items: { id: 'M,M', name: 'x' } } }]);
});

test('they are part of what plans are known by', async () => {
  await using federation = await federate(SMALL, { inThread: true });
  const name = async (query: string, variables?: Record<string, unknown>) =>
    ((await federation.run(query, variables)).data as { item: { name: string } }).item.name;
  expect(await name('{ item { name } }')).toBe('');
  expect(await name('{ item { name @mark(with: "a") } }')).toBe('a');
  expect(await name('{ item { name @mark(with: "b") } }')).toBe('b');
  expect(await name('query ($v: String) { item { name @mark(with: $v) } }', { v: 'c' })).toBe('c');
  expect(await name('{ item { name } }')).toBe('');
});

test('what cannot be passed is refused: directives that nobody, or only some, define, and those of fragments', async () => {
  await using federation = await federate(SMALL, { inThread: true });
  const faultsOf = (query: string) => validate(federation.engine.schema, parse(query)).map(({ message }) => message);
  expect(faultsOf('{ item { id @unknown } }')).toEqual(['Unknown directive "@unknown".']);
  expect(faultsOf('{ item { id @mine } }')).toEqual(['Unknown directive "@mine".']);
  for (const query of [
    '{ item { ... @mark { id } } }',
    '{ item { ...F @mark } } fragment F on Item { id }',
    '{ item { ...F } } fragment F on Item @mark { id }',
  ])
    expect(faultsOf(query)).toEqual([expect.stringMatching(/^Directive "@mark" may not be used on /)]);
  expect(faultsOf('{ item { id @mark(with: 1) } }')).toEqual(['String cannot represent a non string value: 1']);
});

test('composition hints at one that only some subgraphs define', () => {
  const { hints } = compose(
    Object.entries(SMALL).map(([name, { typeDefs }]) => ({
      name,
      url: '',
      origin: name,
      sdl: `extend schema @link(url: "https://specs.apollo.dev/federation/v2.9", import: ["@key"]) ${typeDefs}`,
    })),
  );
  expect(hints.map(({ code }) => code)).toContain('INCONSISTENT_EXECUTABLE_DIRECTIVE_PRESENCE');
});
