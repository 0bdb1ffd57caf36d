/** What tools say that they answer, held to what they answer: by every revision that has output schemas, and as functions. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client as Client2, StreamableHTTPClientTransport as Transport2 } from '@modelcontextprotocol/client';
import { Client as Client1 } from '@modelcontextprotocol/sdk/client/index.js';
import { StreamableHTTPClientTransport as Transport1 } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import type { Transport } from '@modelcontextprotocol/sdk/shared/transport.js';
import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js';
import { buildSchema, execute, getNullableType, isAbstractType, isEnumType, isListType, isNonNullType, isObjectType, parse, validate, type GraphQLOutputType } from 'graphql'; // prettier-ignore
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { AGENTS } from '#gateway/bounds/agents.ts';
import { dataSchemaOf } from '#gateway/agents/output-schemas.ts';
import { randomOperation } from '#tests/engine/random/operation.ts';
import { Random } from '#tests/engine/random/random.ts';
import { fc } from '#tests/setup/property.ts';
import { startTestServer, type TestServer } from '#tests/setup/server.ts';

const OPERATIONS = [
  `query Things($ids: [ID!]!, $more: Boolean! = false) {
    nodes(ids: $ids) { __typename id ... on Agent { name runs(first: 1) { nodes { ...Run } } } ...Run ... on MemoryFact { name: key value } }
    whole: tenant { id } facts: memoryFactsAggregate { totalCount } agents(first: 1) @include(if: $more) { totalCount }
  }
  fragment Run on Run { status lastSequence input events(first: 5) { nodes { type sequence payload ... on RunStartedEvent { threadId } } } }`,
  'mutation Note($key: String!, $value: String!) { rememberFact(input: { key: $key, value: $value }) { fact { id key value validUntil } } }',
  'query Whole { __schema { types { name kind fields { name args { name } } } } }',
];

let folder: string;
let it: TestServer;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tributary-outputs-'));
  const operations = OPERATIONS.map((body, id) => ({ id: String(id), body, clientName: 'agents' }));
  await writeFile(
    join(folder, 'agents.json'),
    JSON.stringify({ format: 'apollo-persisted-query-manifest', version: 1, operations }),
  );
  it = await startTestServer({
    PERSISTED_OPERATIONS: folder,
    AGENT_OPERATIONS: 'agents',
    AGENT_CAPABILITIES: 'read,write',
  });
});
afterAll(async () => {
  await it?.[Symbol.asyncDispose]();
  await rm(folder, { recursive: true, force: true });
});

interface Answer {
  readonly structuredContent?: unknown;
  readonly isError?: boolean;
  readonly content: readonly { readonly text?: string }[];
}
type Call = (name: string, given: Record<string, unknown>) => Promise<Answer>;

/** A client's tools with what checks their answers, and how to call them. Clients of both lines check answers themselves, too. */
async function connected(
  revision: string,
): Promise<{ schemas: Map<string, object | undefined>; inputs: Map<string, object>; call: Call }> {
  const url = new URL('/mcp', it.url);
  const info = { name: 'test', version: '1' };
  const client = revision === '2025-06-18' ? new Client1(info) : new Client2(info, revision === '2026-07-28' ? { versionNegotiation: { mode: { pin: revision } } } : {}); // prettier-ignore
  await (client instanceof Client1 ? client.connect(new Transport1(url) as Transport) : client.connect(new Transport2(url))); // prettier-ignore
  const { tools } = await client.listTools();
  return {
    schemas: new Map(tools.map(({ name, outputSchema }) => [name, outputSchema])),
    inputs: new Map(tools.map(({ name, inputSchema }) => [name, inputSchema])),
    call: async (name, given) => (await client.callTool({ name, arguments: given })) as Answer,
  };
}

const RUN = 'query ($id: ID!) { run(id: $id) { status } }';
/** Each tool, what it answers at length, and what it refuses. */
async function* answersOf(
  call: Call,
): AsyncGenerator<readonly [tool: string, kind: 'data' | 'text' | 'error', Answer]> {
  const dataOf = async (name: string, given: Record<string, unknown>) => {
    const answer = await call(name, given);
    return [answer, (answer.structuredContent as { data: Record<string, never> }).data] as const;
  };
  const [made, { createAgent }] = await dataOf('mutate', { query: `mutation { createAgent(input: { name: "out ${Math.random()}" }) { agent { id } } }` }); // prettier-ignore
  yield ['mutate', 'data', made];
  const agentId = (createAgent as unknown as { agent: { id: string } }).agent.id;
  const [started, { startRun }] = await dataOf('start_run', { agentId, input: { question: 'why?' } });
  yield ['start_run', 'data', started];
  const runId = (startRun as unknown as { run: { id: string } }).run.id;
  const [remembered, { rememberFact }] = await dataOf('remember', { key: 'tide', value: 'turns at six' });
  yield ['remember', 'data', remembered];
  const factId = (rememberFact as unknown as { fact: { id: string } }).fact.id;
  const [begun, { createSession }] = await dataOf('begin_session', { key: 'out' });
  yield ['begin_session', 'data', begun];
  const sessionId = (createSession as unknown as { session: { id: string } }).session.id;
  yield ['append_messages', 'data', await call('append_messages', { sessionId, messages: [{ role: 'USER', content: 'Six?' }] })]; // prettier-ignore
  yield ['session_context', 'data', await call('session_context', { sessionId })];
  yield ['session_context', 'data', await call('session_context', { sessionId: 'ses_none' })];
  yield ['ask', 'data', await call('ask', { question: 'when does the tide turn?' })];
  yield ['ask', 'error', await call('ask', { question: ' ' })];
  yield ['run_events', 'data', await call('run_events', { runId })];
  yield ['recall', 'data', await call('recall', { query: 'when does the tide turn?' })];
  yield ['search', 'data', await call('search', { query: 'tide' })];
  yield ['search_messages', 'data', await call('search_messages', { query: 'six', sessionId })];
  yield ['search_messages', 'data', await call('search_messages', { query: 'six', sessionId: 'ses_none' })];
  yield ['execute', 'data', await call('execute', { query: RUN, variables: { id: runId } })];
  yield ['execute', 'data', await call('execute', { query: '{ run(id: "run_none") { status } tenant { id } }' })];
  yield ['validate', 'data', await call('validate', { query: RUN })];
  yield ['Things', 'data', await call('Things', { ids: [agentId, runId, factId, 'agt_none'] })];
  yield ['Things', 'data', await call('Things', { ids: [], more: true })];
  yield ['Note', 'data', await call('Note', { key: 'tide', value: 'turns at seven' })];
  yield ['Whole', 'text', await call('Whole', {})];
  yield ['Whole', 'text', await call('Whole', { offset: 10_000_000 })];
  yield ['execute', 'text', await call('execute', { query: OPERATIONS[2], limit: 1_000 })];
  yield ['search_schema', 'text', await call('search_schema', { query: 'failed runs' })];
  yield ['search_schema', 'text', await call('search_schema', { query: 'xyzzy' })];
  yield ['describe', 'text', await call('describe', { name: 'Document' })];
  yield ['describe', 'text', await call('describe', { name: 'Query', limit: 1_000 })];
  yield ['forget', 'data', await call('forget', { id: factId })];
  yield ['forget', 'error', await call('forget', { id: factId })];
  yield ['execute', 'error', await call('execute', { query: '{ nope }' })];
  yield ['execute', 'error', await call('execute', { query: '{', variables: '{' })];
  yield ['mutate', 'error', await call('mutate', { query: '{ __typename }' })];
  yield ['validate', 'error', await call('validate', { query: '{ nope }' })];
  yield ['start_run', 'error', await call('start_run', { agentName: 'nobody of that name' })];
  yield ['append_messages', 'error', await call('append_messages', { sessionId: 'ses_none', messages: [{ role: 'USER', content: 'x' }] })]; // prettier-ignore
  yield ['search', 'error', await call('search', { query: '' })];
  // In part: the run is there, its events are not.
  yield ['run_events', 'data', await call('run_events', { runId, after: 'never' })];
  yield ['Things', 'data', await call('Things', { ids: Array.from({ length: 2_000 }, () => 'x') })];
}

describe.each(['2026-07-28', '2025-11-25', '2025-06-18'])('by %s', (revision) => {
  test('every tool has a schema of its answers, and they fit it: data, pages, and errors', async () => {
    const { schemas, inputs, call } = await connected(revision);
    const ajv = new Ajv2020({ strict: true, allowUnionTypes: true });
    for (const [name, schema] of inputs) {
      expect(schema, name).toMatchObject({ type: 'object' });
      // 2020-12 is what the protocol takes for granted.
      expect(schema, name).not.toHaveProperty('$schema');
      expect(() => ajv.compile(schema), name).not.toThrow();
    }
    const checks = new Map<string, ValidateFunction>();
    for (const [name, schema] of schemas) {
      expect(schema, name).toMatchObject({ type: 'object', properties: { errors: {} } });
      checks.set(name, ajv.compile(schema!));
    }
    const seen = new Set<string>();
    for await (const [name, kind, answer] of answersOf(call)) {
      seen.add(name);
      const told = `${name}: ${JSON.stringify(answer).slice(0, 500)}`;
      expect(answer.isError ?? false, told).toBe(kind === 'error');
      // What the arguments' schema refuses is the protocol's own error, which is text alone.
      if (answer.structuredContent === undefined) {
        expect(kind === 'error' && answer.content[0]!.text, told).toMatch(/Invalid arguments/);
        continue;
      }
      const check = checks.get(name)!;
      expect(check(answer.structuredContent), `${told} ${JSON.stringify(check.errors)}`).toBe(true);
      const keys = Object.keys(answer.structuredContent as object);
      const expected = { data: ['data', 'valid'], text: ['text'], error: ['errors'] }[kind];
      expect(expected.some((key) => keys.includes(key)), told).toBe(true); // prettier-ignore
    }
    expect([...seen].sort()).toEqual([...schemas.keys()].sort());
  });
});

/** What no model should write, and some do. */
const HOSTILE: readonly unknown[] = [
  '\0',
  '\ud800',
  "'; drop table runs; --",
  '{"$gt": ""}',
  '../../etc/passwd',
  'x'.repeat(200_000),
  -1,
  1.5,
  Number.MAX_SAFE_INTEGER + 2,
  true,
  null,
  [],
  ['x', { y: [null] }],
  { constructor: 'x', toString: 1 },
  JSON.parse('{"__proto__": {"polluted": true}}'),
];

test('whatever a tool is given, it answers, as its schema says, and the fault is not the server', async () => {
  const { schemas, inputs } = await connected('2025-11-25');
  const ajv = new Ajv2020({ strict: true, allowUnionTypes: true });
  const post = async (name: string, given: unknown) => {
    const answer = await fetch(`${it.url}/mcp`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', accept: 'application/json, text/event-stream' },
      body: JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'tools/call', params: { name, arguments: given } }),
    });
    return (await answer.json()) as { result?: Answer; error?: { code: number; message: string } };
  };
  const asked: Promise<void>[] = [];
  for (const [name, schema] of inputs) {
    const check = ajv.compile(schemas.get(name)!);
    const { properties = {}, required = [] } = schema as { properties?: object; required?: readonly string[] };
    for (const value of HOSTILE) {
      // Each for all arguments that must be there, and for those that may be left out.
      const every = (keys: readonly string[]) => Object.fromEntries(keys.map((key) => [key, value]));
      for (const given of [every(required), every(Object.keys(properties))]) {
        const told = `${name} ${JSON.stringify(given).slice(0, 80)}`;
        const judged = post(name, given).then(({ result, error }) => {
          expect(JSON.stringify(result ?? error), told).not.toMatch(/INTERNAL_SERVER_ERROR|\bat .*\.[tj]s:/);
          if (error === undefined) expect(result, told).toHaveProperty('content');
          else expect(error, told).toMatchObject({ code: -32602 });
          if (result?.structuredContent !== undefined)
            expect(check(result.structuredContent), `${told} ${JSON.stringify(check.errors)}`).toBe(true);
        });
        asked.push(judged);
        if (asked.length % 10 === 0) await Promise.all(asked);
      }
    }
  }
  await Promise.all(asked);
  expect(asked.length).toBeGreaterThan(300);
  expect(({} as { polluted?: boolean }).polluted).toBeUndefined();
});

test('an answer that is as long as a page is whole, and one that is longer by a character goes on', async () => {
  const { call } = await connected('2026-07-28');
  const limit = 1_000;
  const long = (length: number) => call('execute', { query: `{ ${'a'.repeat(length - '{"data":{"":"Query"}}'.length)}: __typename }`, limit }); // prettier-ignore
  const whole = await long(limit);
  expect(whole.content.map(({ text }) => text!.length)).toEqual([limit]);
  expect(whole.structuredContent).toHaveProperty('data');
  const cut = await long(limit + 1);
  expect(cut.content[0]!.text).toHaveLength(limit);
  expect(cut.structuredContent).toEqual({ text: cut.content[0]!.text, next: expect.stringContaining('`offset`: 1000') as string, nextOffset: 1000 }); // prettier-ignore
  // No character is torn apart where a page ends; and there is nothing past the end.
  const key = 'edge';
  await call('remember', { key, value: `${'x'.repeat(950)}${'\u{1f300}'.repeat(100)}` });
  const query = 'query ($key: String!) { memoryFacts(where: { key: { eq: $key } }) { nodes { value } } }';
  const read = async (offset: number, most: number) => (await call('execute', { query, variables: { key }, offset, limit: most })).structuredContent as { text: string; next: string }; // prettier-ignore
  for (const most of [1_000, 1_001]) {
    const first = await read(0, most);
    const second = await read(Number(/`offset`: (\d+)/.exec(first.next)![1]), most);
    expect(Buffer.from(first.text).toString()).toBe(first.text);
    expect(JSON.parse(first.text + second.text)).toHaveProperty('data.memoryFacts.nodes');
  }
  expect(await read(10_000_000, limit)).toMatchObject({ text: '', next: expect.stringContaining('last') as string });
});

test('schemas of answers are told as JSON Schema and by OpenAPI, too', async () => {
  const { schemas } = await connected('2026-07-28');
  const read = async (path: string) => (await (await fetch(`${it.url}${path}`)).json()) as Record<string, unknown>;
  const { tools } = (await read('/agents/tools?format=json-schema')) as { tools: { name: string; outputSchema: object }[] }; // prettier-ignore
  expect(new Map(tools.map(({ name, outputSchema }) => [name, outputSchema]))).toEqual(schemas);
  const { paths } = (await read('/agents/openapi.json')) as { paths: Record<string, { post: { responses: object } }> };
  for (const [name, schema] of schemas)
    expect(paths[`/agents/tools/${name}`]!.post.responses).toMatchObject({ 200: { content: { 'application/json': { schema } } } }); // prettier-ignore
});

describe('of a selection', () => {
  const schema = buildSchema(`
    scalar Day
    enum Colour { RED GREEN }
    interface Thing { id: ID! size: Int }
    type Box implements Thing { id: ID! size: Int in: Thing day: Day colour: Colour! }
    type Ball implements Thing { id: ID! size: Int in: Box! day: String! }
    type Cup implements Thing { id: ID! size: Int in: Thing }
    union Any = Box | Ball | Cup
    type Query { thing: Thing! things: [Thing!] any: [Any]! box: Box }
  `);
  const ajv = new Ajv2020({ strict: true, allowUnionTypes: true });
  const fits = (query: string, data: unknown): boolean => ajv.compile(dataSchemaOf(schema, parse(query))!)(data);

  test.each([
    ['{ box { id } }', { box: { id: '1' } }, true],
    ['{ box { id } }', { box: null }, true],
    ['{ box { id } }', null, true],
    ['{ box { id } }', { box: {} }, false],
    ['{ box { id } }', { box: { id: 1 } }, false],
    ['{ thing { id } }', { thing: null }, false],
    ['{ a: box { b: colour } }', { a: { b: 'RED' } }, true],
    ['{ a: box { b: colour } }', { a: { b: 'BLUE' } }, false],
    ['{ box { day } }', { box: { day: { any: 1 } } }, true],
    ['{ things { size } }', { things: [{ size: null }, { size: 2 }] }, true],
    ['{ things { size } }', { things: [{ size: 2.5 }] }, false],
    ['{ things { size } }', { things: [null] }, false],
    ['{ any { __typename } }', { any: [null, { __typename: 'Box' }] }, true],
    ['{ any { __typename } }', { any: [{}] }, false],
    // Of one type alone it may not be there; of what every type has it is.
    ['{ thing { ... on Box { colour } } }', { thing: {} }, true],
    ['{ thing { ... on Box { colour } } }', { thing: { colour: 1 } }, false],
    ['{ box { ... on Thing { id } } }', { box: {} }, false],
    ['{ box { ... { id } } }', { box: {} }, false],
    ['{ box { ...F } } fragment F on Thing { id }', { box: {} }, false],
    // Types differ in what has one name.
    ['{ any { ... on Box { day } ... on Ball { x: day } } }', { any: [{ day: 1 }, { x: 'a' }] }, true],
    [
      '{ any { ... on Box { in { id } } ... on Ball { in { size } } } }',
      { any: [{ in: null }, { in: { size: 1 } }] },
      true,
    ],
    ['{ any { ... on Box { in { id } } ... on Ball { in { size } } } }', { any: [{ in: 'text' }] }, false],
    // What is selected twice is selected together.
    ['{ box { in { id } } box { in { size } } }', { box: { in: { id: '1' } } }, false],
    ['{ box { in { id } } box { in { size } } }', { box: { in: { id: '1', size: 1 } } }, true],
    ['query ($a: Boolean!) { box @skip(if: $a) { id } }', {}, true],
    ['query ($a: Boolean!) { box @skip(if: $a) { id } thing { id } }', {}, false],
    // What is conditional stays so where it is selected together with what is not.
    ['query ($n: Boolean!) { box { id } box @include(if: $n) { size } }', { box: { id: '1' } }, true], // prettier-ignore
    ['query ($n: Boolean!) { box { id } box @include(if: $n) { size } }', { box: { size: 1 } }, false],
    ['query ($n: Boolean!) { box { id } ... @include(if: $n) { box { size } } }', { box: { id: '1' } }, true], // prettier-ignore
    ['query ($n: Boolean!) { box { id } ...F @include(if: $n) } fragment F on Query { box { size } }', { box: { id: '1' } }, true], // prettier-ignore
    ['query ($n: Boolean!) { box { in { id } ... on Box @include(if: $n) { in { size } } } }', { box: { in: { id: '1' } } }, true], // prettier-ignore
    [
      'query ($n: Boolean!) { box { in { id } } box @skip(if: $n) { in { size } } }',
      { box: { in: { id: '1' } } },
      true,
    ],
    [
      '{ any { ... on Box { in { id } } ... on Cup { in { size } } } }',
      { any: [{ in: { id: '1' } }, { in: { size: 1 } }] },
      true,
    ],
    // What one condition brings comes with it.
    ['query ($n: Boolean!) { box @include(if: $n) { id } box @include(if: $n) { size } }', { box: { id: '1' } }, false],
    [
      'query ($n: Boolean!) { box @include(if: $n) { in { id } ... on Thing @include(if: $n) { size } } }',
      { box: { in: null } },
      false,
    ],
    [
      'query ($n: Boolean!) { box @include(if: $n) { id } ... @include(if: $n) { box @skip(if: $n) { size } } }',
      { box: { id: '1' } },
      true,
    ],
    ['{ any { ... on Box { in { id } in { size } } } }', { any: [{ in: { id: '1' } }] }, false],
    ['{ __type(name: "Box") { fields { name } } }', { __type: { fields: [{ name: 'id' }] } }, true],
    ['{ __type(name: "Box") { fields { name } } }', { __type: { fields: [{}] } }, false],
  ] as const)('%s: %j', (query, data, expected) => {
    expect(fits(query, data)).toBe(expected);
  });

  test('whatever is selected, of whatever data: every answer fits', () => {
    const random = buildSchema(`
      enum Colour { RED GREEN }
      interface I { id: ID! size: Int in: I all: [I!] }
      interface J implements I { id: ID! size: Int in: I all: [I!] any: [U]! }
      type A implements I & J { id: ID! size: Int in: A all: [A!] any: [U]! colour: Colour a: A }
      type B implements I & J { id: ID! size: Int in: J all: [I!] any: [U]! colour: Colour a: B far: [[I]!] }
      type C implements I { id: ID! size: Int in: C all: [I!] b: B! }
      union U = A | B | C
      type Query { a: A b: B! i: I! j: J all: [I!] any: [U]! far: [[I]!] }
    `);
    const valueOf = (type: GraphQLOutputType, from: Random): unknown => {
      if (!isNonNullType(type) && from.chance(0.2)) return null;
      const of = getNullableType(type);
      if (isListType(of))
        return Array.from({ length: from.below(3) }, () => valueOf(of.ofType as GraphQLOutputType, from));
      if (isAbstractType(of)) return { __typename: from.pick(random.getPossibleTypes(of)).name };
      if (isEnumType(of)) return from.pick(of.getValues()).name;
      return isObjectType(of) ? { __typename: of.name } : from.below(9);
    };
    let [asked, conditional] = [0, 0];
    fc.assert(
      fc.property(fc.nat(), (seed) => {
        const { source, variables } = randomOperation(random, seed, 'query', false, 3);
        const document = parse(source);
        fc.pre(validate(random, document).length === 0);
        const check = ajv.compile(dataSchemaOf(random, document)!);
        for (let way = 0; way < 6; way += 1) {
          const from = new Random(seed + way);
          const answer = execute({
            schema: random,
            document,
            rootValue: {},
            variableValues: Object.fromEntries(Object.keys(variables).map((name) => [name, from.chance(0.5)])),
            // A field in fifty fails, which may empty what it is in.
            fieldResolver: (_source, _arguments, _context, { returnType }) =>
              from.chance(0.02) ? new Error('none') : valueOf(returnType, from),
          });
          const data = JSON.parse(JSON.stringify((answer as { data: unknown }).data)) as unknown;
          expect(check(data), `${source} ${JSON.stringify(data)} ${JSON.stringify(check.errors)}`).toBe(true);
          asked += 1;
        }
        conditional += Object.keys(variables).length > 0 ? 1 : 0;
      }),
      { numRuns: 100 },
    );
    expect(asked).toBe(600);
    expect(conditional).toBeGreaterThan(30);
  });

  test('that is large is told in part, however it grows', () => {
    const wide = `{ ${Array.from({ length: 5_000 }, (_, at) => `a${at}: box { id }`).join(' ')} }`;
    const doubling = Array.from({ length: 40 }, (_, at) => `fragment F${at} on Thing { ... on Box { a: in { ...F${at + 1} } b: in { ...F${at + 1} } } ...F${at + 1} ...F${at + 1} }`); // prettier-ignore
    for (const query of [wide, `{ thing { ...F0 } } ${doubling.join(' ')} fragment F40 on Thing { id }`]) {
      const text = JSON.stringify(dataSchemaOf(schema, parse(query)));
      expect(text.length).toBeLessThan(AGENTS.outputFields * 200);
    }
  });
});
