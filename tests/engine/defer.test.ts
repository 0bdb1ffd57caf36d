import { setImmediate } from 'node:timers/promises';
import { parse } from 'graphql';
import { expect, test } from 'vitest';
import type { IncrementalResult } from '#gateway/execute/answers/incremental-result.ts';
import { CodedError } from '#subgraphs/shared/errors.ts';
import droppedInterfaceField from './conformance/fault-dropped-interface-field/case.ts';
import { federate, received, testContext, type Federation } from './federation.ts';
import { applyPatches, sorted } from './patches.ts';

/** A gate that a resolver waits at until the test opens it. */
function gate(): { opened: Promise<void>; open: () => void } {
  let open!: () => void;
  return { opened: new Promise<void>((resolve) => (open = resolve)), open };
}

const people = (slow: Promise<unknown> = Promise.resolve()) => ({
  people: {
    typeDefs: `type Query { me: Person people: [Person!]! } type Mutation { rename(name: String!): Person }
      type Person @key(fields: "id") { id: ID! name: String }`,
    resolvers: {
      Query: {
        me: () => ({ id: '1', name: 'Ada' }),
        people: () => [
          { id: '1', name: 'Ada' },
          { id: '2', name: 'Bob' },
        ],
      },
      Mutation: { rename: (_: unknown, { name }: { name: string }) => ({ id: '1', name }) },
    },
  },
  posts: {
    typeDefs: `type Person @key(fields: "id") { id: ID! posts: [Post!] secret: String! } type Post @key(fields: "id") { id: ID! title: String }`,
    resolvers: {
      Person: {
        posts: async ({ id }: { id: string }) => {
          await slow;
          return [{ id: `p${id}`, title: `Post of ${id}` }];
        },
        secret: ({ id }: { id: string }) => {
          if (id === '2') throw new CodedError('FORBIDDEN', 'Not yours.');
          return 'xyz';
        },
      },
    },
  },
  likes: {
    typeDefs: 'type Post @key(fields: "id") { id: ID! likes: Int }',
    resolvers: { Post: { likes: () => 7 } },
  },
});

async function stream(
  federation: Federation,
  source: string,
  variables: Record<string, unknown> = {},
  context = testContext(),
): Promise<AsyncIterator<IncrementalResult>> {
  const result = await federation.engine.executeIncrementally!({ document: parse(source), variables, context });
  if (!(Symbol.asyncIterator in result)) throw new Error(`No stream: ${JSON.stringify(result)}`);
  return (result as AsyncIterable<IncrementalResult>)[Symbol.asyncIterator]();
}

async function all(messages: AsyncIterator<IncrementalResult>): Promise<IncrementalResult[]> {
  const seen: IncrementalResult[] = [];
  for (let next = await messages.next(); next.done !== true; next = await messages.next())
    seen.push(JSON.parse(JSON.stringify(next.value)) as IncrementalResult);
  return seen;
}

test('the first part does not wait for the slow subgraph', async () => {
  const slow = gate();
  await using federation = await federate(people(slow.opened));
  const messages = await stream(federation, '{ me { name ... @defer(label: "later") { posts { title } } } }');
  expect((await messages.next()).value).toEqual({ data: { me: { name: 'Ada' } }, hasNext: true });
  slow.open();
  expect(await all(messages)).toEqual([
    { incremental: [{ data: { posts: [{ title: 'Post of 1' }] }, path: ['me'], label: 'later' }], hasNext: false },
  ]);
});

test('every object of a list has its part, and parts have parts of their own', async () => {
  await using federation = await federate(people());
  const [first, ...rest] = await all(
    await stream(
      federation,
      '{ people { id ...P @defer(label: "p") } } fragment P on Person { posts { id ... @defer(label: "l") { likes } } }',
    ),
  );
  expect(first).toEqual({ data: { people: [{ id: '1' }, { id: '2' }] }, hasNext: true });
  const patches = rest.flatMap(({ incremental }) => incremental ?? []);
  expect(patches.filter(({ label }) => label === 'p')).toEqual([
    { label: 'p', path: ['people', 0], data: { posts: [{ id: 'p1' }] } },
    { label: 'p', path: ['people', 1], data: { posts: [{ id: 'p2' }] } },
  ]);
  expect(patches.filter(({ label }) => label === 'l')).toEqual([
    { label: 'l', path: ['people', 0, 'posts', 0], data: { likes: 7 } },
    { label: 'l', path: ['people', 1, 'posts', 0], data: { likes: 7 } },
  ]);
  expect(rest.map(({ hasNext }) => hasNext)).toEqual([...rest.slice(1).map(() => true), false]);
});

test('`if` decides, by literal and by variable; without a stream the answer is whole', async () => {
  await using federation = await federate(people());
  const source = 'query ($later: Boolean! = false) { me { name ... @defer(if: $later) { posts { id } } } }';
  const whole = { data: { me: { name: 'Ada', posts: [{ id: 'p1' }] } } };
  for (const [text, variables] of [
    [source, {}],
    [source, { later: false }],
    ['{ me { name ... @defer(if: false) { posts { id } } } }', {}],
  ] as const) {
    expect(
      await federation.engine.executeIncrementally!({ document: parse(text), variables, context: testContext() }),
    ).toEqual(whole);
  }
  expect(await all(await stream(federation, source, { later: true }))).toHaveLength(2);
  expect(
    await federation.engine.execute({ document: parse(source), variables: { later: true }, context: testContext() }),
  ).toEqual(whole);
});

test('an error belongs to its part, and a null that must not be ends there', async () => {
  await using federation = await federate(people());
  const [first, ...rest] = await all(await stream(federation, '{ people { name ... @defer { secret } } }'));
  expect(first).toEqual({ data: { people: [{ name: 'Ada' }, { name: 'Bob' }] }, hasNext: true });
  expect(rest.flatMap(({ incremental }) => incremental)).toEqual([
    { path: ['people', 0], data: { secret: 'xyz' } },
    {
      path: ['people', 1],
      data: null,
      errors: [
        { message: 'Not yours.', path: ['people', 1, 'secret'], extensions: { code: 'FORBIDDEN', service: 'posts' } },
      ],
    },
  ]);
});

test('a mutation defers what follows from it, not itself', async () => {
  await using federation = await federate(people());
  const messages = await all(
    await stream(federation, 'mutation { ... @defer { a: rename(name: "Eve") { name ... @defer { posts { id } } } } }'),
  );
  expect(messages).toEqual([
    { data: { a: { name: 'Eve' } }, hasNext: true },
    { incremental: [{ data: { posts: [{ id: 'p1' }] }, path: ['a'] }], hasNext: false },
  ]);
});

test('a client that leaves ends what is under way', async () => {
  const leaving = new AbortController();
  const left = gate();
  const signals: AbortSignal[] = [];
  await using federation = await federate(people(left.opened), {
    wrap: (client) => ({ ...client, execute: (request) => (signals.push(request.signal!), client.execute(request)) }),
  });
  const messages = await stream(
    federation,
    '{ me { name ... @defer { posts { id } } } }',
    {},
    testContext({ signal: leaving.signal }),
  );
  await messages.next();
  await messages.return!();
  expect(signals.map(({ aborted }) => aborted)).toEqual(signals.map(() => true));
  expect(await messages.next()).toEqual({ done: true, value: undefined });

  const again = await stream(
    federation,
    '{ me { name ... @defer { posts { id } } } }',
    {},
    testContext({ signal: leaving.signal }),
  );
  await again.next();
  leaving.abort(new CodedError('REQUEST_TIMEOUT', 'Too slow.'));
  expect(await all(again)).toEqual([
    {
      incremental: [
        {
          path: ['me'],
          data: { posts: null },
          errors: [
            { message: 'Too slow.', path: ['me', 'posts'], extensions: { code: 'REQUEST_TIMEOUT', service: 'posts' } },
          ],
        },
      ],
      hasNext: false,
    },
  ]);
  left.open();
});

test('the trace comes with the last part', async () => {
  await using federation = await federate(people());
  const result = await federation.engine.executeIncrementally!({
    document: parse('{ me { name ... @defer { posts { id } } } }'),
    context: testContext(),
    trace: true,
  });
  const messages = await all((result as AsyncIterable<IncrementalResult>)[Symbol.asyncIterator]());
  expect(messages[0]).not.toHaveProperty('extensions');
  expect(messages.at(-1)!.extensions!.trace).toMatchObject({
    plan: { kind: 'Defer', primary: { service: 'people', ran: true }, deferred: [{ service: 'posts', ran: true }] },
  });
});

const accounts = {
  a: {
    typeDefs: `type Account @interfaceObject @key(fields: "id") { id: ID! } type Query { accounts: [Account] one: Account }`,
    resolvers: {
      Query: { accounts: () => [{ id: 'u1' }, { id: 'b1' }, null], one: () => ({ id: 'u2' }) },
      Account: { __resolveReference: (account: object) => account },
    },
  },
  b: {
    typeDefs: `interface Account @key(fields: "id") { id: ID! name: String }
      type User implements Account @key(fields: "id") { id: ID! name: String email: String best: Account }
      type Bot implements Account @key(fields: "id") { id: ID! name: String version: Int! }`,
    resolvers: {
      Account: {
        __resolveReference: ({ id }: { id: string }) => ({ __typename: id.startsWith('u') ? 'User' : 'Bot', id }),
      },
      User: {
        name: ({ id }: { id: string }) => `name of ${id}`,
        email: () => 'a@b',
        best: () => ({ __typename: 'Bot', id: 'b2' }),
      },
      Bot: { name: ({ id }: { id: string }) => `name of ${id}`, version: () => 3 },
    },
  },
};

test.each([
  ['its type', '{ accounts { ... @defer { name __typename } } }'],
  ['below another part', '{ ... @defer { accounts { ... @defer { name __typename } } } }'],
  ['of one type', '{ accounts { ... on User @defer { email } } }'],
  ['of each type', '{ accounts { id ... on User @defer { email __typename } ... on Bot @defer { version name } } }'],
  ['of one type, inside', '{ accounts { ... on User { ... @defer { email name } } } }'],
  [
    'inside of one of the interface',
    '{ accounts { ... @defer { ... on Bot { version } ... on User { best { ... @defer { name __typename } } } } } }',
  ],
  ['of no type that is there', '{ one { ... on Bot @defer { version } } }'],
  [
    'through a fragment, with aliases',
    '{ one { ...F @defer } } fragment F on Account { n: name t: __typename ... on User { e: email } }',
  ],
])('a part of an interface object has the type that it learns: %s', async (_, source) => {
  await using federation = await federate(accounts, { inThread: true });
  const plain = received(await federation.run(source));
  expect(plain.errors).toBeUndefined();
  const result = await federation.engine.executeIncrementally!({ document: parse(source), context: testContext() });
  const whole = Symbol.asyncIterator in result ? await applyPatches(result, plain.data) : received(result);
  expect({ ...whole, data: sorted(whole.data) }).toEqual({ data: sorted(plain.data) });
});

test('parts of several fields of a mutation wait for their own fetches, which the planner numbers alike', async () => {
  await using federation = await federate(
    {
      a: {
        typeDefs: `type Query { a: Int } type Mutation { first: Item third: Item }
          type Item @key(fields: "id") { id: ID! }`,
        resolvers: { Mutation: { first: () => ({ id: '1' }), third: () => ({ id: '3' }) } },
      },
      b: {
        typeDefs: `type Mutation { second: Int } type Item @key(fields: "id") { id: ID! name: String }`,
        resolvers: {
          Mutation: { second: () => setImmediate(2) },
          Item: { name: ({ id }: { id: string }) => `item ${id}` },
        },
      },
    },
    { inThread: true },
  );
  const source = 'mutation { first { id ... @defer { name } } second third { id ... @defer { name } } }';
  const document = parse(source);
  const result = await federation.engine.executeIncrementally!({ document, context: testContext() });
  expect((await applyPatches(result as AsyncIterable<IncrementalResult>)).data).toEqual({
    first: { id: '1', name: 'item 1' },
    second: 2,
    third: { id: '3', name: 'item 3' },
  });
});

test('what the planner leaves out is told at once, and everything else is answered', async () => {
  const { subgraphs } = droppedInterfaceField;
  await using federation = await federate(subgraphs);
  const result = await federation.engine.executeIncrementally!({
    document: parse(
      '{ count ... @defer { item { title } } box { size ... @defer { inner { size it: item { title } } } } }',
    ),
    context: testContext(),
  });
  const whole = Symbol.asyncIterator in result ? await applyPatches(result) : received(result);
  expect(sorted(whole.data)).toEqual({ box: { inner: { it: null, size: 2 }, size: 1 }, count: 7, item: null });
  expect(whole.errors!.map(({ path }) => path)).toEqual(expect.arrayContaining([['item'], ['box', 'inner', 'it']]));
});
