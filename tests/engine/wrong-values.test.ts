/** A value that only a subgraph can refuse, since the scalar is its own: the client is told of what it wrote, and where. */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createYoga } from 'graphql-yoga';
import { GraphQLError, GraphQLScalarType, parse, type ExecutionResult } from 'graphql';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createEngineOn, type Engine } from '#gateway/execute/engine.ts';
import type { SubgraphClient } from '#gateway/execute/clients/subgraph-client.ts';
import { inProcessClient } from '#gateway/execute/clients/in-process-client.ts';
import { remoteClient } from '#gateway/execute/clients/remote-client.ts';
import { maskResult } from '#gateway/admission/mask-result.ts';
import { createLogger } from '#gateway/telemetry/logger.ts';
import { composeTest, received, subgraphSchema, testContext, type TestSubgraph } from './federation.ts';
import { plannerInThread } from './random/planner.ts';

/** A day, and nothing else: whatever the gateway lets through, this refuses. */
const day = (): GraphQLScalarType =>
  new GraphQLScalarType({
    name: 'Day',
    parseValue(value) {
      if (typeof value === 'string' && /^\d{4}-\d\d-\d\d$/.test(value)) return value;
      throw new TypeError('A day is written as 2026-11-27.');
    },
  });

const subgraph = (field: string): TestSubgraph => ({
  typeDefs: `
    scalar Day @specifiedBy(url: "https://example.com/day")
    enum Order { FIRST LAST }
    input Range { from: Day to: Day days: [Day!] inner: Range order: Order }
    type Query { ${field}(on: Day, days: [Day], within: Range, ranges: [Range!]): String ${field}s: [Thing${field}!] }
    type Thing${field} @key(fields: "id") { id: ID! since(on: Day!): String }
    type Subscription { ${field}Ticks(on: Day): Int }`,
  resolvers: {
    Day: day(),
    Query: { [field]: () => 'fine', [`${field}s`]: () => [{ id: '1' }] },
    [`Thing${field}`]: { since: () => 'ever' },
    Subscription: { [`${field}Ticks`]: { subscribe: async function* () {}, resolve: () => 1 } },
  },
});

const subgraphs = { near: subgraph('near'), far: subgraph('far') };
let engine: Engine;
let far: SubgraphClient;
/** What the remote one says in the place of its own answer. */
let instead: object | undefined;
const yoga = createYoga({ schema: subgraphSchema(subgraphs.far), logging: false, maskedErrors: false });
const server = createServer((request, response) => {
  if (instead === undefined) return void yoga(request, response);
  request.resume();
  response.setHeader('content-type', 'application/json').end(JSON.stringify(instead));
});

beforeAll(async () => {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  far = remoteClient('far', {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/graphql`,
    subscriptions: { protocol: 'sse' },
  });
  const supergraphSdl = composeTest(subgraphs);
  engine = createEngineOn(plannerInThread(supergraphSdl), {
    supergraphSdl,
    clients: new Map([
      ['near', inProcessClient('near', subgraphSchema(subgraphs.near))],
      ['far', far],
    ]),
  });
});
afterAll(async () => {
  server.closeAllConnections();
  server.close();
  await engine.close();
  await far.close();
});

/** As a client sees it. */
async function ask(query: string, variables?: Record<string, unknown>): Promise<ExecutionResult> {
  const document = parse(query);
  const context = testContext();
  const result = await engine.execute({ document, variables, context });
  return received(
    maskResult(result, { requestId: 'r', principal: context.principal }, createLogger({ level: 'silent' })),
  );
}

const refusal = (message: RegExp | string, service: string) => ({
  message: expect.stringMatching(message) as string,
  extensions: { code: 'BAD_USER_INPUT', service },
});

const literals: Record<string, [given: string, named: RegExp]> = {
  'a scalar': [
    'on: "today"',
    /^Argument "on" of "Query\.(near|far)" got invalid value "today"; Expected type "Day"\. A day/,
  ],
  'a number where it takes a text': ['on: 20261127', /^Argument "on" of .* got invalid value 20261127; /],
  'an object': ['on: { year: 2026 }', /^Argument "on" of .* got invalid value \{ year: 2026 \}; /],
  'an item of a list': [
    'days: ["2026-11-27", "soon"]',
    /^Argument "days" of .* got invalid value "soon" at "days\[1\]"; /,
  ],
  'one value for a list': ['days: "soon"', /^Argument "days" of .* got invalid value "soon"/],
  'a field of an input object': ['within: { from: "soon" }', /^Argument "within" of .* "soon" at "within\.from"; /],
  'one deep inside': [
    'within: { order: LAST, inner: { inner: { days: ["2026-11-27", "then"] } } }',
    /^Argument "within" of .* "then" at "within\.inner\.inner\.days\[1\]"; /,
  ],
  'one in a list of objects': [
    'ranges: [{ to: "2026-11-27" }, { to: "x" }]',
    /^Argument "ranges" of .* "x" at "ranges\[1\]\.to"; /,
  ],
  'one beside a variable': [
    'within: { from: $day, inner: { to: "never" } }',
    /^Argument "within.inner.to" of .* got invalid value "never"; |^Argument "within.inner" of .* "never" at "within.inner.to"; /,
  ],
};

for (const service of ['near', 'far']) {
  for (const [name, [given, named]] of Object.entries(literals)) {
    test(`${name}, for a subgraph that is ${service}`, async () => {
      const variable = given.includes('$day') ? '($day: Day)' : '';
      const query = `query${variable} { ${service}(${given}) }`;
      const result = await ask(query, { day: '2026-11-27' });
      expect(result.data).toEqual({ [service]: null });
      expect(result.errors).toEqual([
        expect.objectContaining({ ...refusal(named, service), path: [service], locations: [expect.anything()] }),
      ]);
      const [{ line, column }] = (result.errors as unknown as { locations: [{ line: number; column: number }] }[])[0]!
        .locations;
      expect(line).toBe(1);
      // Within the argument, and not at the start of the operation.
      expect(column).toBeGreaterThan(query.indexOf(given.slice(0, given.indexOf(':'))));
    });
  }

  test(`a field of an entity, for a subgraph that is ${service}`, async () => {
    const { errors } = await ask(`{ ${service}s { id since(on: "x") } }`);
    expect(errors).toEqual([
      expect.objectContaining(refusal(new RegExp(`^Argument "on" of "Thing${service}.since" got invalid`), service)),
    ]);
  });

  test(`a literal that is given twice names both arguments, for a subgraph that is ${service}`, async () => {
    const { errors } = await ask(`{ ${service}(on: "x") ${service}s { since(on: "y") } again: ${service}(on: "x") }`);
    expect(errors!.map(({ message }) => message).join()).toMatch(
      new RegExp(`Argument "on" of "Query.${service}" got invalid value "x"`),
    );
    expect(JSON.stringify(errors)).not.toMatch(/\$|_0/);
  });

  test(`a variable keeps its name, and is the client's fault too, for a subgraph that is ${service}`, async () => {
    const { errors } = await ask(`query($day: Day) { ${service}(on: $day) }`, { day: 'x' });
    expect(errors).toEqual([expect.objectContaining(refusal(/^Variable "\$day" got invalid value "x"; /, service))]);
    const other = await ask(`query($representations: [Day]) { ${service}(days: $representations) }`, {
      representations: ['x'],
    });
    expect(other.errors).toEqual([
      expect.objectContaining(
        refusal(/^Variable "\$representations" got invalid value "x" at "representations\[0\]"; /, service),
      ),
    ]);
  });

  test(`a long value is not told whole, for a subgraph that is ${service}`, async () => {
    const long = 'x'.repeat(1_000_000);
    for (const { errors } of [
      await ask(`query($day: Day) { ${service}(on: $day) }`, { day: long }),
      await ask(`{ ${service}(on: "${long}") }`),
      await ask(`query($within: Range) { ${service}(within: $within) }`, { within: { from: long } }),
    ]) {
      const [{ message }] = errors as unknown as [{ message: string }];
      expect(message).toMatch(/^(Argument|Variable) .* got invalid value .* … .*A day is written as 2026-11-27\.$/);
      expect(message.length).toBeLessThan(1_100);
    }
  });

  test(`a subscription says it before it opens, for a subgraph that is ${service}`, async () => {
    const document = parse(`subscription { ${service}Ticks(on: "x") }`);
    const result = (await engine.subscribe({ document, context: testContext() })) as ExecutionResult;
    expect(received(result).errors).toEqual([
      expect.objectContaining(
        refusal(new RegExp(`^Argument "on" of "Subscription.${service}Ticks" got invalid value "x"; `), service),
      ),
    ]);
  });
}

/** What servers of other makes say of a variable `_0`; each error is of their own tests and documentation. */
const dialects: Record<string, [error: object, told: string]> = {
  'Apollo Server': [
    {
      message: 'Variable "$_0" got invalid value "x"; Expected type "Day". No day.',
      locations: [{ line: 1, column: 7 }],
      extensions: { code: 'BAD_USER_INPUT' },
    },
    'Argument "on" of "Query.far" got invalid value "x"; Expected type "Day". No day.',
  ],
  'graphql-core (Strawberry, Ariadne, Graphene)': [
    { message: "Variable '$_0' got invalid value 'x'; No day." },
    'Argument "on" of "Query.far" got invalid value \'x\'; No day.',
  ],
  'graphql-java (Spring, DGS)': [
    {
      message: "Variable '_0' has an invalid value: Not a day.",
      extensions: { classification: 'ValidationError' },
    },
    'Argument "on" of "Query.far" has an invalid value: Not a day.',
  ],
  'Hot Chocolate': [
    { message: 'The variable `_0` got an invalid value.', extensions: { code: 'HC0016', variable: '_0' } },
    'The argument "on" of "Query.far" got an invalid value.',
  ],
  gqlgen: [
    { message: 'x is no day', path: ['variable', '_0'], extensions: { code: 'GRAPHQL_VALIDATION_FAILED' } },
    'Argument "on" of "Query.far" got an invalid value: x is no day',
  ],
  'graphql-ruby': [
    { message: 'Variable $_0 of type Day was provided invalid value', extensions: { value: 'x' } },
    'Argument "on" of "Query.far" of type Day was provided invalid value',
  ],
  Sangria: [
    { message: "Variable '$_0' expected value of type 'Day' but got: \"x\". Reason: No day" },
    'Argument "on" of "Query.far" expected value of type \'Day\' but got: "x". Reason: No day',
  ],
};

for (const [server, [error, told]] of Object.entries(dialects)) {
  test(`what ${server} says of it`, async () => {
    instead = { data: null, errors: [error] };
    const { errors } = await ask('{ far(on: "x") }').finally(() => (instead = undefined));
    expect(errors).toHaveLength(1);
    expect(errors![0]).toMatchObject({ message: told, path: ['far'], extensions: { code: 'BAD_USER_INPUT' } });
  });
}

test("where a subgraph's words are kept back, the argument is named all the same", async () => {
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/graphql`;
  const redacting = remoteClient('far', { url, redactErrors: true });
  const supergraphSdl = composeTest(subgraphs);
  const clients = new Map([['far', redacting]]);
  const strict = createEngineOn(plannerInThread(supergraphSdl), { supergraphSdl, clients });
  for (const [error] of Object.values(dialects)) {
    instead = { data: null, errors: [error] };
    const document = parse('{ far(within: { from: "x" }) }');
    const result = await strict.execute({ document, context: testContext() }).finally(() => (instead = undefined));
    expect(received(result).errors).toEqual([
      expect.objectContaining({
        message: expect.stringMatching(/^Argument "within" of "Query\.far" got an invalid value/) as string,
        extensions: { code: 'BAD_USER_INPUT', service: 'far' },
      }),
    ]);
    expect(JSON.stringify(received(result))).not.toMatch(/no day|Not a day|Reason|Day"|\$_0/i);
    // The log has them.
    expect((result.errors![0]!.originalError as Error).cause).toBeInstanceOf(Error);
  }
  await strict.close();
  await redacting.close();
});

test('an error of another kind is told as it is', async () => {
  instead = {
    data: { far: null },
    errors: [
      { message: 'The item _0 costs $_0, "$_1" and variable_0.', path: ['far'], extensions: { code: 'NOT_FOUND' } },
    ],
  };
  const { errors } = await ask('{ far(on: "x") }').finally(() => (instead = undefined));
  expect(errors).toEqual([
    expect.objectContaining({
      message: 'The item _0 costs $_0, "$_1" and variable_0.',
      extensions: { code: 'NOT_FOUND', service: 'far' },
    }),
  ]);
  expect(errors![0]).not.toBeInstanceOf(GraphQLError); // It was received.
});
