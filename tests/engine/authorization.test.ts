/**
 * `@authenticated`, `@requiresScopes` and `@policy` on subgraphs in this process and on remote ones: what a caller may not
 * see is null with an error, or his operation is refused, and no subgraph is asked for it.
 */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createYoga } from 'graphql-yoga';
import { parse, type ExecutionResult, type GraphQLSchema } from 'graphql';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { remoteClient } from '#gateway/execute/clients/remote-client.ts';
import { inProcessClient } from '#gateway/execute/clients/in-process-client.ts';
import type { SubgraphClient } from '#gateway/execute/clients/subgraph-client.ts';
import { createEngineOn, type Engine, type EngineOptions } from '#gateway/execute/engine.ts';
import { createRequestContext, type Principal } from '#subgraphs/shared/context.ts';
import { composeTest, received, recording, subgraphSchema, type Call, type TestSubgraph } from './federation.ts';
import { applyPatches } from './patches.ts';
import { plannerInThread } from './random/planner.ts';

const people = [
  { __typename: 'Person', id: '1', name: 'Ada', email: 'ada@x', salary: 10, pin: '1111', mood: 'CALM' },
  { __typename: 'Robot', id: '2', name: 'R2', email: 'r2@x' },
  { __typename: 'Spy', id: '3', name: 'Mata', email: 'mata@x' },
];

const SUBGRAPHS: Record<string, TestSubgraph> = {
  people: {
    typeDefs: `
      type Query { me: Person team: [Being!] anyone: Anyone boss: Person @authenticated strict: Strict open: String }
      type Mutation { rename: String @requiresScopes(scopes: [["write"]]) poke: String }
      type Subscription { joined: Person hired: Person @authenticated }
      interface Being @key(fields: "id") { id: ID! name: String email: String }
      type Person implements Being @key(fields: "id") {
        id: ID! name: String
        email: String @requiresScopes(scopes: [["read", "email"], ["admin"]])
        salary: Int @policy(policies: [["hr", "finance"], ["boss"]])
        pin: Pin mood: Mood friend: Being
      }
      type Robot implements Being @key(fields: "id") { id: ID! name: String email: String }
      type Spy implements Being @key(fields: "id") @requiresScopes(scopes: [["secret"]]) { id: ID! name: String email: String }
      type Strict { must: String! @authenticated may: String }
      union Anyone = Person | Robot | Spy
      scalar Pin @authenticated
      enum Mood @authenticated { CALM WILD }`,
    resolvers: {
      Query: {
        me: () => people[0],
        boss: () => people[0],
        team: () => people,
        anyone: () => people[2],
        strict: () => ({ must: 'm', may: 'n' }),
        open: () => 'open',
      },
      Mutation: { rename: () => 'renamed', poke: () => 'poked' },
      Subscription: {
        joined: { subscribe: events, resolve: () => people[0] },
        hired: { subscribe: events, resolve: () => people[0] },
      },
      Being: { __resolveType: ({ __typename }: { __typename: string }) => __typename, __resolveReference: find },
      Anyone: { __resolveType: ({ __typename }: { __typename: string }) => __typename },
      Person: { __resolveReference: find, friend: () => people[2] },
      Robot: { __resolveReference: find },
      Spy: { __resolveReference: find },
    },
  },
  pay: {
    typeDefs: `
      type Person @key(fields: "id") {
        id: ID!
        salary: Int @external
        bonus: Int @requires(fields: "salary") @policy(policies: [["hr", "finance"], ["boss"]])
      }`,
    resolvers: { Person: { bonus: ({ salary }: { salary: number }) => salary * 2 } },
  },
  marks: {
    typeDefs: `
      type Being @key(fields: "id") @interfaceObject { id: ID! mark: Int grade: Int @requiresScopes(scopes: [["grades"]]) }`,
    resolvers: { Being: { mark: ({ id }: { id: string }) => Number(id), grade: () => 7 } },
  },
};

function find({ id }: { id: string }) {
  return people.find((each) => each.id === id);
}

async function* events(): AsyncGenerator<number> {
  for (const event of [1, 2]) yield await Promise.resolve(event);
}

const GUEST: Principal = { tenantId: 't', subject: 'system:anonymous', roles: [], scopes: [], anonymous: true };
const user = (...scopes: string[]): Principal => ({ tenantId: 't', subject: 'ada', roles: [], scopes });

interface Case {
  readonly engine: Engine;
  readonly calls: Call[];
  run(query: string, principal?: Principal): Promise<ExecutionResult>;
}

const closing: (() => Promise<unknown>)[] = [];
afterAll(async () => {
  for (const close of closing.reverse()) await close();
});

async function serve(name: string, schema: GraphQLSchema): Promise<SubgraphClient> {
  const yoga = createYoga({ schema, logging: false });
  const server = createServer((request, response) => void yoga(request, response));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const client = remoteClient(name, { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/graphql` });
  closing.push(
    () => new Promise((resolve) => server.close(resolve).closeAllConnections()),
    () => client.close(),
  );
  return client;
}

type Authorization = EngineOptions['authorization'];

async function open(
  sdl: string,
  subgraphs: Readonly<Record<string, TestSubgraph>>,
  isRemote: boolean,
  authorization?: Authorization,
): Promise<Case> {
  const calls: Call[] = [];
  const clients = new Map<string, SubgraphClient>();
  for (const [name, subgraph] of Object.entries(subgraphs)) {
    const schema = subgraphSchema(subgraph);
    clients.set(name, recording(isRemote ? await serve(name, schema) : inProcessClient(name, schema), calls));
  }
  const engine = createEngineOn(plannerInThread(sdl), { supergraphSdl: sdl, clients, authorization });
  closing.push(() => engine.close());
  return {
    engine,
    calls,
    async run(query, principal = GUEST) {
      calls.length = 0;
      return received(await engine.execute({ document: parse(query), context: createRequestContext(principal) }));
    },
  };
}

const SDL = composeTest(SUBGRAPHS);

const told = ({ errors = [] }: ExecutionResult) =>
  errors.map(({ path, extensions }) => `${extensions?.['code'] as string} ${path?.join('.')}`);

const asked = ({ calls }: Case) => calls.map(({ query }) => query).join('\n');

describe.each([
  ['in process', false],
  ['remote', true],
])('subgraphs %s', (_, isRemote) => {
  let it: Case;
  beforeAll(async () => {
    it = await open(SDL, SUBGRAPHS, isRemote);
  });

  test('a field is null with an error and never fetched, and what is beside it is answered', async () => {
    const result = await it.run('{ open boss { name } me { name email } }');
    expect(result.data).toEqual({ open: 'open', boss: null, me: { name: 'Ada', email: null } });
    expect(told(result)).toEqual(['UNAUTHENTICATED boss', 'UNAUTHENTICATED me.email']);
    expect(asked(it)).not.toMatch(/boss|email/);
    expect(told(await it.run('{ me { email } }', user()))).toEqual(['FORBIDDEN me.email']);
    expect((await it.run('{ boss { name } }', user())).data).toEqual({ boss: { name: 'Ada' } });
  });

  test.each([
    [['read'], null],
    [['email'], null],
    [['read', 'email'], 'ada@x'],
    [['admin'], 'ada@x'],
    [['read email'], null],
  ])('scopes are alternatives of sets: %j', async (scopes, email) => {
    const result = await it.run('{ me { email } }', user(...scopes));
    expect(result.data).toEqual({ me: { email } });
    if (email === null)
      expect(result.errors?.[0]?.extensions?.['hint']).toBe(
        'A token is needed that has the scopes read and email, or the scope admin, or a role to which ROLE_SCOPES gives it; or an API key that was made with it, for keys have no roles.',
      );
  });

  test('scalars and enums protect the fields that have them', async () => {
    const result = await it.run('{ me { pin mood } }');
    expect(result.data).toEqual({ me: { pin: null, mood: null } });
    expect(told(result)).toEqual(['UNAUTHENTICATED me.pin', 'UNAUTHENTICATED me.mood']);
    expect(asked(it)).not.toMatch(/pin|mood/);
    expect((await it.run('{ me { pin mood } }', user())).data).toEqual({ me: { pin: '1111', mood: 'CALM' } });
  });

  test('GHSA-x33c-7c2v-mrj9: through an interface, each type keeps its own protection', async () => {
    const result = await it.run('{ team { __typename name email } }', user());
    expect(result.data).toEqual({ team: null });
    const nullable = await it.run('{ me { friend { name } } anyone { ... on Being { email } } }', user());
    expect(nullable.data).toEqual({ me: { friend: null }, anyone: null });
    expect(told(nullable)).toEqual(['FORBIDDEN me.friend', 'FORBIDDEN anyone']);
    const spied = await it.run('{ team { __typename name email } }', user('secret'));
    expect(spied.data).toEqual({
      team: [
        { __typename: 'Person', name: 'Ada', email: null },
        { __typename: 'Robot', name: 'R2', email: 'r2@x' },
        { __typename: 'Spy', name: 'Mata', email: 'mata@x' },
      ],
    });
    expect(told(spied)).toEqual(['FORBIDDEN team.0.email']);
    expect(asked(it)).not.toMatch(/on (Being|Person) ?\{[^}]*email/);
  });

  test.each([
    '{ anyone { ... on Spy { name } } }',
    '{ anyone { ...S } } fragment S on Spy { name }',
    '{ anyone { ... on Being { ... on Spy { name } } } }',
    '{ anyone { ...B } } fragment B on Being { ...S } fragment S on Spy { n: name }',
    '{ anyone { ... on Being { name } ... @include(if: true) { ... on Spy { email } } } }',
  ])('through unions and fragments: %s', async (query) => {
    const result = await it.run(query, user());
    expect(result.data).toEqual({ anyone: null });
    expect(told(result)).toEqual(['FORBIDDEN anyone']);
    expect(asked(it)).not.toMatch(/Spy ?\{/);
  });

  test('fields of interface objects: fetched and shown where they may be, of objects that may be', async () => {
    const result = await it.run('{ team { mark grade } }', user('secret'));
    expect(result.data).toEqual({ team: [1, 2, 3].map((mark) => ({ mark, grade: null })) });
    expect(told(result)).toEqual([0, 1, 2].map((index) => `FORBIDDEN team.${index}.grade`));
    expect(asked(it)).not.toContain('grade');
    expect((await it.run('{ anyone { ... on Being { mark } } }', user())).data).toEqual({ anyone: null });
    expect(it.calls.filter(({ service }) => service === 'marks')).toEqual([]);
    expect((await it.run('{ me { grade } }', user('grades'))).data).toEqual({ me: { grade: 7 } });
  });

  test('a null that may not be moves up, with one error', async () => {
    const result = await it.run('{ strict { must may } open }');
    expect(result.data).toEqual({ strict: null, open: 'open' });
    expect(told(result)).toEqual(['UNAUTHENTICATED strict.must']);
  });

  test("without an evaluator, what has a policy is nobody's; so is what requires it", async () => {
    const result = await it.run('{ me { salary bonus } }', user('hr', 'finance', 'boss'));
    expect(result.data).toEqual({ me: { salary: null, bonus: null } });
    expect(told(result)).toEqual(['FORBIDDEN me.salary', 'FORBIDDEN me.bonus']);
    expect(result.errors?.[0]?.extensions?.['hint']).toContain('POLICY_URL');
    expect(asked(it)).not.toMatch(/salary|bonus/);
  });

  test('policies are asked once for an operation, and decide', async () => {
    const questions: (readonly string[])[] = [];
    const held = new Set(['hr']);
    const policed = await open(SDL, SUBGRAPHS, isRemote, {
      policies: (names, { principal }) => {
        questions.push(names);
        if (principal.subject === 'broken') throw new Error('no');
        return names.filter((name) => held.has(name));
      },
    });
    const query = '{ me { salary bonus } open }';
    expect((await policed.run(query, user())).data).toEqual({ me: { salary: null, bonus: null }, open: 'open' });
    expect(asked(policed)).not.toMatch(/salary|bonus/);
    expect(questions).toEqual([['boss', 'finance', 'hr']]);
    held.add('finance');
    expect((await policed.run(query, user())).data).toEqual({ me: { salary: 10, bonus: 20 }, open: 'open' });
    expect((await policed.run('{ open }', user())).data).toEqual({ open: 'open' });
    expect(questions).toHaveLength(2);
    const broken = await policed.run(query, { ...user(), subject: 'broken' });
    expect(broken.data).toEqual({ me: { salary: null, bonus: null }, open: 'open' });
    expect(told(broken)).toEqual(['FORBIDDEN me.salary', 'FORBIDDEN me.bonus']);
  });

  test('a mutation that may not be is not run, and others are', async () => {
    const result = await it.run('mutation { rename poke }', user('read'));
    expect(result.errors?.[0]?.message).toBe('The caller may not call Mutation.rename.');
    expect(result.data).toEqual({ rename: null, poke: 'poked' });
    expect(asked(it)).not.toContain('rename');
    expect((await it.run('mutation { rename }', user('write'))).data).toEqual({ rename: 'renamed' });
  });

  test('plans are of what callers may see: who asks first does not decide for the next', async () => {
    const query = '{ me { email pin } boss { id } }';
    const all = { me: { email: 'ada@x', pin: '1111' }, boss: { id: '1' } };
    for (let round = 0; round < 2; round++) {
      expect((await it.run(query, user('admin'))).data).toEqual(all);
      expect((await it.run(query)).data).toEqual({ me: { email: null, pin: null }, boss: null });
      expect((await it.run(query, user())).data).toEqual({ me: { email: null, pin: '1111' }, boss: { id: '1' } });
    }
    const own = { tenantId: 't', subject: 'system:outbox', roles: [], scopes: [], system: true };
    expect((await it.run(query, own)).data).toEqual(all);
  });

  test('introspection is answered beside what is not', async () => {
    const result = await it.run('{ __type(name: "Spy") { name } __typename anyone { __typename } }', user());
    expect(result.data).toEqual({ __type: { name: 'Spy' }, __typename: 'Query', anyone: null });
    const { data } = await it.run('{ __schema { directives { name } } }');
    expect(JSON.stringify(data)).not.toMatch(/authenticated|requiresScopes|policy/);
  });

  test('deferred parts', async () => {
    const document = parse('{ open ... @defer { me { name email ... @defer { pin } } } ... @defer { boss { id } } }');
    it.calls.length = 0;
    const result = await it.engine.executeIncrementally!({ document, context: createRequestContext(GUEST) });
    const whole = Symbol.asyncIterator in result ? await applyPatches(result, undefined) : received(result);
    expect(whole.data).toEqual({ open: 'open', me: { name: 'Ada', email: null, pin: null }, boss: null });
    expect(told(whole).sort()).toEqual(['UNAUTHENTICATED boss', 'UNAUTHENTICATED me.email', 'UNAUTHENTICATED me.pin']);
    expect(asked(it)).not.toMatch(/boss|email|pin/);
  });

  test.runIf(!isRemote)(
    'subscriptions: fields of events are null, a root field that may not be is not opened',
    async () => {
      const subscribe = (query: string, principal: Principal) => {
        it.calls.length = 0;
        return it.engine.subscribe({ document: parse(query), context: createRequestContext(principal) });
      };
      const stream = await subscribe('subscription { joined { name email } }', GUEST);
      if (!(Symbol.asyncIterator in stream)) throw new Error('no stream');
      let count = 0;
      for await (const event of stream) {
        count += 1;
        expect(received(event).data).toEqual({ joined: { name: 'Ada', email: null } });
        expect(told(received(event))).toEqual(['UNAUTHENTICATED joined.email']);
      }
      expect(count).toBe(2);
      expect(asked(it)).not.toContain('email');
      const refused = await subscribe('subscription { hired { name } }', GUEST);
      expect(told(received(refused as ExecutionResult))).toEqual(['UNAUTHENTICATED hired']);
      expect(it.calls).toEqual([]);
    },
  );

  test('by configuration the whole operation is refused, and nothing fetched', async () => {
    const strict = await open(SDL, SUBGRAPHS, isRemote, { unauthorized: 'refuse' });
    const result = await strict.run('{ open m: me { e: email } team { name email } }', user('secret'));
    expect(result.data).toBeUndefined();
    expect(told(result)).toEqual(['FORBIDDEN m.e', 'FORBIDDEN team.email']);
    expect(strict.calls).toEqual([]);
    expect((await strict.run('{ open me { name } }')).data).toEqual({ open: 'open', me: { name: 'Ada' } });
  });
});

/** A supergraph that was composed elsewhere: directives as written, whatever composition thinks of them. */
function written(subgraph: string, edit: (sdl: string) => string): string {
  const features = ['authenticated', 'requiresScopes', 'policy']
    .map((name) => `  @link(url: "https://specs.apollo.dev/${name}/v0.1", for: SECURITY)`)
    .join('\n');
  const locations = 'FIELD_DEFINITION | OBJECT | INTERFACE | SCALAR | ENUM';
  return edit(
    `${composeTest({ a: { typeDefs: subgraph } }).replace('{\n  query: Query', `${features}\n{\n  query: Query`)}
    directive @authenticated on ${locations}
    directive @requiresScopes(scopes: [[requiresScopes__Scope!]!]!) on ${locations}
    directive @policy(policies: [[policy__Policy!]!]!) on ${locations}
    scalar requiresScopes__Scope scalar policy__Policy`,
  );
}

describe('advisories', () => {
  test('GHSA-mx7m-j9xf-62hw: what an interface demands holds for its types, however they are asked', async () => {
    const typeDefs = `
      type Query { node: Node a: A }
      interface Node { id: ID! name: String }
      type A implements Node { id: ID! name: String }`;
    const resolvers = {
      Query: { node: () => ({ id: '1', name: 'n' }), a: () => ({ id: '1', name: 'n' }) },
      Node: { __resolveType: () => 'A' },
    };
    const onField = written(typeDefs, (sdl) =>
      sdl.replace(/(interface Node[^{]*\{\s*id: ID!\s*name: String)/, '$1 @authenticated'),
    );
    const field = await open(onField, { a: { typeDefs, resolvers } }, false);
    for (const query of ['{ node { name } }', '{ node { ... on A { name } } }']) {
      expect((await field.run(query)).data).toEqual({ node: { name: null } });
      expect(asked(field)).not.toMatch(/\bname\b/);
    }
    expect((await field.run('{ a { name id } }')).data).toEqual({ a: { name: null, id: '1' } });
    expect((await field.run('{ a { name } }', user())).data).toEqual({ a: { name: 'n' } });
    const onType = written(typeDefs, (sdl) => sdl.replace(/(interface Node[^{]*)\{/, '$1 @authenticated {'));
    const type = await open(onType, { a: { typeDefs, resolvers } }, false);
    expect((await type.run('{ a { id } node { ... on A { id } } }')).data).toEqual({ a: null, node: null });
    expect(type.calls).toEqual([]);
  });

  test('GHSA-m8jr-fxqx-8xx6: what a field requires or has from its context protects the field', async () => {
    const subgraphs: Record<string, TestSubgraph> = {
      a: {
        typeDefs: `
          type Query { me: User }
          type User @key(fields: "id") @context(name: "user") { id: ID! ssn: String inner: Inner card: Card }
          type Inner { code: String }
          type Card @key(fields: "id") { id: ID! owner(ssn: String @fromContext(field: "$user { ssn }")): String }`,
        resolvers: {
          Query: { me: () => ({ id: '1', ssn: 's', inner: { code: 'c' }, card: { id: '2' } }) },
          User: { __resolveReference: () => ({ id: '1', ssn: 's', inner: { code: 'c' } }) },
          Card: { owner: (_: unknown, { ssn }: { ssn: string }) => ssn },
        },
      },
      b: {
        typeDefs: `
          type Inner { code: String @external }
          type User @key(fields: "id") {
            id: ID! inner: Inner @external
            masked: String @requires(fields: "inner { code }")
          }`,
        resolvers: { User: { masked: ({ inner }: { inner: { code: string } }) => inner.code } },
      },
    };
    // As a composition before the mending of the advisory gave it: only what is protected says so.
    const sdl = composeTest(subgraphs)
      .replace(
        '{\n  query: Query',
        '  @link(url: "https://specs.apollo.dev/authenticated/v0.1", for: SECURITY)\n{\n  query: Query',
      )
      .replace(/(\n {2}ssn: String[^\n]*)/, '$1 @authenticated')
      .replace(/(\n {2}code: String[^\n]*)/, '$1 @authenticated');
    const it = await open(`${sdl}\ndirective @authenticated on FIELD_DEFINITION | OBJECT`, subgraphs, false);
    const result = await it.run('{ me { id masked card { id owner } } }');
    expect(result.data).toEqual({ me: { id: '1', masked: null, card: { id: '2', owner: null } } });
    expect(told(result)).toEqual(['UNAUTHENTICATED me.masked', 'UNAUTHENTICATED me.card.owner']);
    expect(asked(it)).not.toMatch(/code|ssn/);
    expect((await it.run('{ me { masked card { owner } } }', user())).data).toEqual({
      me: { masked: 'c', card: { owner: 's' } },
    });
  });

  test('GHSA-g8jh-vg5j-4h3f: directives hold under the names that they are imported by', async () => {
    const renamed = SDL.replaceAll(
      '@link(url: "https://specs.apollo.dev/authenticated/v0.1", for: SECURITY)',
      '@link(url: "https://specs.apollo.dev/authenticated/v0.1", import: [{ name: "@authenticated", as: "@signedIn" }], for: SECURITY)',
    )
      .replaceAll(/@authenticated(?!")/g, '@signedIn')
      .replace(
        '@link(url: "https://specs.apollo.dev/requiresScopes/v0.1", for: SECURITY)',
        '@link(url: "https://specs.apollo.dev/requiresScopes/v0.1", as: "needs", for: SECURITY)',
      )
      .replaceAll('@requiresScopes(', '@needs(')
      .replaceAll('requiresScopes__', 'needs__');
    expect(renamed).toContain('@signedIn');
    expect(renamed).toContain('@needs(scopes: ');
    const it = await open(renamed, SUBGRAPHS, false);
    const result = await it.run('{ boss { name } me { email pin } }');
    expect(result.data).toEqual({ boss: null, me: { email: null, pin: null } });
    expect(asked(it)).not.toMatch(/boss|email|pin/);
  });

  test('a guard without alternatives lets nobody pass', async () => {
    const typeDefs = 'type Query { a: Int b: Int }';
    const sdl = written(typeDefs, (text) =>
      text
        .replace(/(\n {2}a: Int[^\n]*)/, '$1 @requiresScopes(scopes: [])')
        .replace(/(\n {2}b: Int[^\n]*)/, '$1 @policy(policies: [])'),
    );
    const subgraph = { typeDefs, resolvers: { Query: { a: () => 1, b: () => 2 } } };
    const it = await open(sdl, { a: subgraph }, false, { policies: (names) => names });
    expect((await it.run('{ a b }', user('x'))).data).toEqual({ a: null, b: null });
  });
});
