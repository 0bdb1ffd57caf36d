/** Headers on their way to remote subgraphs, and of their answers on their way to the client. */
import { once } from 'node:events';
import { createServer, type IncomingHttpHeaders } from 'node:http';
import type { AddressInfo } from 'node:net';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { buildSubgraphSchema } from '@apollo/subgraph';
import { execute, parse } from 'graphql';
import { afterEach, describe, expect, test } from 'vitest';
import { applyRequestRules, requestHeaderRules, responseHeaderRules } from '#gateway/config/header-rules.ts';
import { strictest } from '#gateway/http/response-headers.ts';
import { replaceFile, startTestServer, supergraphYaml, type TestServer } from './fixture.ts';
import { startOtlpReceiver } from '#tests/setup/otlp-receiver.ts';
import { answering, bodyOf } from '#tests/setup/answering.ts';

const closing: (() => Promise<unknown> | void)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

/** A subgraph with one field of its own name, whose answers have the headers that a test says. */
class Remote {
  readonly seen: IncomingHttpHeaders[] = [];
  answer: Record<string, string | string[]> = {};
  status = 200;
  body: string | undefined;
  url = '';
  readonly sdl: string;
  readonly name: string;

  constructor(name: string) {
    this.name = name;
    this.sdl = `extend schema @link(url: "https://specs.apollo.dev/federation/v2.9", import: ["@key"])
      type Query { ${name}: String }`;
  }

  async start(): Promise<this> {
    const schema = buildSubgraphSchema({
      typeDefs: parse(this.sdl),
      resolvers: { Query: { [this.name]: () => this.name } },
    });
    const server = createServer(
      answering(async (request, response) => {
        this.seen.push(request.headers);
        const { query } = JSON.parse(await bodyOf(request)) as { query: string };
        const result = this.body ?? JSON.stringify(await execute({ schema, document: parse(query) }));
        response.writeHead(this.status, this.answer).end(result);
      }),
    );
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    this.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/graphql`;
    closing.push(() => {
      server.closeAllConnections();
      server.close();
    });
    return this;
  }
}

async function start(env: Record<string, string>): Promise<{ it: TestServer; one: Remote; two: Remote }> {
  const [one, two] = await Promise.all([new Remote('one').start(), new Remote('two').start()]);
  const it = await startTestServer(env);
  closing.push(async () => await it[Symbol.asyncDispose]());
  let yaml = '';
  for (const { name, url, sdl } of [one, two]) {
    await writeFile(join(it.folder, `${name}.graphql`), sdl);
    yaml += `  ${name}:\n    routing_url: ${url}\n    schema: { file: ${name}.graphql }\n`;
  }
  await replaceFile(join(it.folder, 'supergraph.yaml'), supergraphYaml(yaml));
  await it.server.supergraph.reload();
  return { it, one, two };
}

describe('to subgraphs', () => {
  test('of a request that is traced the trace goes on from the call, whatever the client sent', async () => {
    await using receiver = await startOtlpReceiver();
    const { it, one, two } = await start({ OTEL_EXPORTER_OTLP_ENDPOINT: receiver.url });
    const traceparent = `00-${'a'.repeat(32)}-${'b'.repeat(16)}-01`;
    await it.post({ query: '{ one two }' }, { traceparent });
    await it.server.close(); // Sends what is left.
    for (const { seen, name } of [one, two]) {
      const call = receiver.spans.find((span) => span.name === `fetch ${name}`)!;
      expect(seen[0]!['traceparent']).toBe(`00-${'a'.repeat(32)}-${call.spanId}-01`);
    }
  });

  test('of one that is not traced, what the client sent', async () => {
    await using receiver = await startOtlpReceiver();
    const { it, one } = await start({ OTEL_EXPORTER_OTLP_ENDPOINT: receiver.url });
    const traceparent = `00-${'a'.repeat(32)}-${'b'.repeat(16)}-00`;
    await it.post({ query: '{ one }' }, { traceparent });
    await it.server.close();
    expect(one.seen[0]!['traceparent']).toBe(traceparent);
    expect(receiver.spans).toEqual([]);
  });

  test('are set, defaulted, renamed and removed, for all and for one', async () => {
    const { it, one, two } = await start({
      SUBGRAPH_FORWARD_HEADERS: 'x-user, accept-language, x-secret',
      SUBGRAPH_REQUEST_HEADERS: 'set x-source: tributary; default Accept-Language: en; rename X-User: x-remote-user',
      SUBGRAPH_TWO_REQUEST_HEADERS: 'remove x-secret\nset x-key: a=b: c',
    });
    await it.post({ query: '{ one two }' }, { 'x-user': 'ann', 'x-secret': 's', 'x-other': 'o' });
    expect(one.seen[0]).toMatchObject({
      'x-source': 'tributary',
      'accept-language': '*', // What this client sends by itself outranks a default.
      'x-remote-user': 'ann',
      'x-secret': 's',
    });
    expect(one.seen[0]).not.toHaveProperty('x-user');
    expect(one.seen[0]).not.toHaveProperty('x-other');
    expect(two.seen[0]).toMatchObject({ 'x-user': 'ann', 'x-key': 'a=b: c' });
    for (const name of ['x-secret', 'x-source', 'x-remote-user']) expect(two.seen[0]).not.toHaveProperty(name);
  });

  test('rules apply in the order in which they are written', () => {
    const headers = { a: '1' };
    applyRequestRules(
      headers,
      requestHeaderRules.parse('default a: 2; rename a: b; default a: 3; set c: 4; rename none: d; remove b'),
    );
    expect(headers).toEqual({ a: '3', c: '4' });
  });

  test.each([
    'set host: a',
    'set content-length: 3',
    'rename x: connection',
    'set x',
    'put x: y',
    'remove x: y',
    'set x-é: y',
    'set x: a\u0000b',
  ])('%j is no rule', (rule) => {
    expect(requestHeaderRules.safeParse(rule).success).toBe(false);
  });
});

describe('of answers', () => {
  const RULES =
    'set-cookie: append; cache-control: strictest; x-first: first; x-last: last; x-all: append; x-two: first';

  test('reach the client as the rules say, and no others do', async () => {
    const { it, one, two } = await start({ SUBGRAPH_RESPONSE_HEADERS: RULES });
    const common = { 'x-first': '1', 'x-all': '1', 'set-cookie': ['a=1', 'b=2; Path=/'], 'x-secret': 's' };
    one.answer = { ...common, 'cache-control': 'public, max-age=60' };
    two.answer = { ...common, 'x-two': '2', 'set-cookie': 'c=3', 'cache-control': 'public, max-age=30' };
    const { headers, json } = await it.post({ query: '{ one two }' });
    expect(json).toEqual({ data: { one: 'one', two: 'two' } });
    expect(headers.getSetCookie().sort()).toEqual(['a=1', 'b=2; Path=/', 'c=3']);
    expect(Object.fromEntries(headers)).toMatchObject({
      'x-first': '1',
      'x-all': '1, 1',
      'x-two': '2',
      'cache-control': 'public, max-age=30',
      'content-type': 'application/json; charset=utf-8',
    });
    expect(headers.has('x-secret')).toBe(false);
    // Answers that Yoga writes have them too.
    const got = await fetch(`${it.url}/graphql?query={one}`);
    expect([got.headers.get('cache-control'), got.headers.getSetCookie()]).toEqual([
      'public, max-age=60',
      ['a=1', 'b=2; Path=/'],
    ]);
  });

  test('that one fetch does not give a lifetime, or that have errors, are not kept', async () => {
    const { it, one, two } = await start({ SUBGRAPH_RESPONSE_HEADERS: RULES });
    one.answer = { 'cache-control': 'public, max-age=60' };
    expect((await it.post({ query: '{ one }' })).headers.get('cache-control')).toBe('public, max-age=60');
    // Neither the other subgraph nor one in this process says anything.
    for (const query of ['{ one two }', '{ one reviewCount }', '{ one fail }'])
      expect((await it.post({ query })).headers.get('cache-control')).toBe('no-store');
    two.answer = { 'cache-control': 'max-age=60' };
    two.body = '{"data":null,"errors":[{"message":"No."}]}';
    expect((await it.post({ query: '{ one two }' })).headers.get('cache-control')).toBe('no-store');
  });

  test('stay where they are without a rule', async () => {
    const { it, one } = await start({});
    one.answer = { 'set-cookie': 'a=1', 'cache-control': 'public, max-age=60', 'x-first': '1' };
    const { headers } = await it.post({ query: '{ one }' });
    expect([headers.getSetCookie(), headers.get('cache-control'), headers.get('x-first')]).toEqual([
      [],
      'no-store',
      null,
    ]);
  });

  test('cookies go to the one for whom the subgraph was asked, though equal queries are sent once', async () => {
    const { it, one } = await start({ SUBGRAPH_RESPONSE_HEADERS: RULES });
    one.answer = { 'set-cookie': 'a=1', 'x-first': '1' };
    const answers = await Promise.all(Array.from({ length: 20 }, () => it.post({ query: '{ one }' })));
    const cookies = answers.filter(({ headers }) => headers.getSetCookie().length > 0);
    expect(cookies).toHaveLength(one.seen.length);
    expect(answers.every(({ headers }) => headers.get('x-first') === '1')).toBe(true);
  });

  test.each([
    [['public, max-age=60', 'public, max-age=30, s-maxage=90'], 'public, max-age=30, s-maxage=30'],
    [['public, max-age=60', 'private, max-age=30'], 'private, max-age=30'],
    [['public, max-age=60', 'max-age=600'], 'private, max-age=60'],
    [['public, max-age=60', 'no-store'], 'no-store'],
    [['public, max-age=60', 'no-cache="set-cookie"'], 'no-cache, private, max-age=0'],
    [['public, max-age=60', 'public'], 'public, max-age=0'],
    [['public, max-age=soon'], 'public, max-age=0'],
    [
      ['public, max-age=9, immutable, stale-while-revalidate=5', 'public, max-age=9, must-revalidate'],
      'public, max-age=9, must-revalidate',
    ],
  ])('%j allow together %j', (policies, together) => {
    expect(strictest(policies)).toBe(together);
  });

  test.each(['content-length: first', 'set-cookie: last', 'x: strictest', 'x', 'x: sometimes', 'vary: first'])(
    '%j is no rule',
    (rule) => {
      expect(responseHeaderRules.safeParse(rule).success).toBe(false);
    },
  );
});

test.each([
  [401, {}, 'UNAUTHENTICATED', {}, 'pass'],
  [403, {}, 'FORBIDDEN', {}, 'redact'],
  [429, { 'retry-after': '7' }, 'RATE_LIMITED', { retryAfterSeconds: 7 }, 'pass'],
  [429, { 'retry-after': '7' }, 'RATE_LIMITED', { retryAfterSeconds: 7 }, 'redact'],
] as const)('%i of a subgraph keeps its meaning', async (status, answer, code, more, told) => {
  const { it, one } = await start({ SUBGRAPH_ONE_ERRORS: told });
  Object.assign(one, { status, answer, body: '<h1>No</h1>' });
  const { json } = await it.post({ query: '{ one two }' });
  expect(json).toMatchObject({
    data: { one: null, two: 'two' },
    errors: [{ path: ['one'], extensions: { code, service: 'one', ...more } }],
  });
  // GraphQL errors that have no code of their own mean the same; others keep theirs where they are passed.
  one.body = '{"errors":[{"message":"No."},{"message":"No!","path":["one"],"extensions":{"code":"OUT_OF_TEA"}}]}';
  const codes = (await it.post({ query: '{ one }' })).json.errors!.map(
    ({ extensions }) => extensions['code'] as string,
  );
  expect(new Set(codes)).toEqual(new Set([code, told === 'pass' ? 'OUT_OF_TEA' : 'SUBGRAPH_ERROR']));
});
