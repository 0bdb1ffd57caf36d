/** Files by the GraphQL multipart request specification, to a subgraph in this process and to one elsewhere. */
import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createServer, request as httpRequest, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { buildSubgraphSchema } from '@apollo/subgraph';
import { createClient } from 'graphql-ws';
import { createYoga } from 'graphql-yoga';
import { parse } from 'graphql';
import { WebSocket } from 'ws';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { replaceFile, startTestServer, supergraphYaml, type GraphqlAnswer, type TestServer } from './fixture.ts';

const FAR_SDL = `
  extend schema @link(url: "https://specs.apollo.dev/federation/v2.9", import: ["@key", "@shareable"])
  type Query { far: Int }
  scalar Upload
  type Mutation { storeFar(file: Upload!, more: [Upload!]): [FarFile!] }
  type FarFile { name: String! type: String! bytes: Int! sha256: String! }`;

const sha = (bytes: Uint8Array | string): string => createHash('sha256').update(bytes).digest('hex');

let it: TestServer;
let off: TestServer;
let far: Server;
const heads: IncomingMessage['headers'][] = [];

beforeAll(async () => {
  // Takes files as many servers do, and refuses what is not multipart as the specification has it.
  const yoga = createYoga({
    schema: buildSubgraphSchema({
      typeDefs: parse(FAR_SDL),
      resolvers: {
        Mutation: {
          storeFar: async (_: unknown, { file, more = [] }: { file: File; more?: File[] }) =>
            Promise.all(
              [file, ...more].map(async (each) => {
                const bytes = Buffer.from(await each.arrayBuffer());
                return { name: each.name, type: each.type, bytes: bytes.length, sha256: sha(bytes) };
              }),
            ),
        },
      } as never,
    }),
    logging: false,
  });
  far = createServer((request, response) => {
    heads.push(request.headers);
    void yoga(request, response);
  });
  far.listen(0, '127.0.0.1');
  await once(far, 'listening');
  const url = `http://127.0.0.1:${(far.address() as AddressInfo).port}/graphql`;
  it = await startTestServer({ MAX_UPLOAD_FILES: '3', UPLOAD_LIMIT_BYTES: '8000000', BODY_LIMIT_BYTES: '20000' });
  await writeFile(join(it.folder, 'far.graphql'), FAR_SDL);
  await replaceFile(
    join(it.folder, 'supergraph.yaml'),
    supergraphYaml(`  far:\n    routing_url: ${url}\n    schema: { file: far.graphql }\n`),
  );
  await it.server.supergraph.reload();
  off = await startTestServer();
});
afterAll(async () => {
  await it[Symbol.asyncDispose]();
  await off[Symbol.asyncDispose]();
  far.closeAllConnections();
  far.close();
});

const STORE =
  'mutation ($file: Upload, $files: [Upload!]) { store(file: $file, files: $files) { filename mimetype bytes sha256 } }';

/** Parts in the order in which they are given: texts are fields. */
async function send(
  parts: readonly (readonly [string, string | File])[],
  {
    headers = { 'apollo-require-preflight': 'true' },
    at = it,
  }: { headers?: Record<string, string>; at?: TestServer } = {},
): Promise<{ status: number; json: GraphqlAnswer }> {
  const body = new FormData();
  for (const [name, value] of parts) body.append(name, value);
  const response = await fetch(`${at.url}/graphql`, { method: 'POST', body, headers });
  return { status: response.status, json: (await response.json()) as GraphqlAnswer };
}

const operations = (query: string, variables: unknown): [string, string] => [
  'operations',
  JSON.stringify({ query, variables }),
];
const map = (places: unknown): [string, string] => ['map', JSON.stringify(places)];
const file = (name: string, bytes: Uint8Array | string, type = 'text/plain'): File =>
  new File([Buffer.from(bytes)], name, { type });

describe('files reach', () => {
  test('a subgraph in this process, longer than a body may be', async () => {
    const bytes = randomBytes(5_000_000);
    const { status, json } = await send([
      operations(STORE, { file: null }),
      map({ 0: ['variables.file'] }),
      ['0', file('ä "b".bin', bytes, 'application/x-y')],
    ]);
    expect(json).toEqual({
      data: {
        store: [
          {
            filename: expect.stringContaining('b') as unknown,
            mimetype: 'application/x-y',
            bytes: bytes.length,
            sha256: sha(bytes),
          },
        ],
      },
    });
    expect(status).toBe(200);
  });

  test('a subgraph elsewhere, several of them, as multipart with a header against forms', async () => {
    heads.length = 0;
    const bytes = randomBytes(1_000_000);
    const { json } = await send([
      operations('mutation ($f: Upload!, $m: [Upload!]) { storeFar(file: $f, more: $m) { name type bytes sha256 } }', {
        f: null,
        m: [null, null],
      }),
      map({ a: ['variables.f'], b: ['variables.m.0'], c: ['variables.m.1'] }),
      ['a', file('one.bin', bytes, 'application/x-y')],
      ['b', file('empty.txt', '')],
      ['c', file('two.txt', 'zwei')],
    ]);
    expect(json).toEqual({
      data: {
        storeFar: [
          { name: 'one.bin', type: 'application/x-y', bytes: bytes.length, sha256: sha(bytes) },
          { name: 'empty.txt', type: 'text/plain', bytes: 0, sha256: sha('') },
          { name: 'two.txt', type: 'text/plain', bytes: 4, sha256: sha('zwei') },
        ],
      },
    });
    expect(heads[0]).toMatchObject({
      'apollo-require-preflight': 'true',
      'content-type': expect.stringMatching(/^multipart\/form-data/) as unknown,
    });
  });

  test('one mutation after another, each its own', async () => {
    const { json } = await send([
      operations(
        'mutation ($a: Upload, $b: Upload!) { one: store(file: $a) { sha256 } two: storeFar(file: $b) { sha256 } }',
        { a: null, b: null },
      ),
      map({ 0: ['variables.a'], 1: ['variables.b'] }),
      ['0', file('a', 'first')],
      ['1', file('b', 'second')],
    ]);
    expect(json).toEqual({ data: { one: [{ sha256: sha('first') }], two: [{ sha256: sha('second') }] } });
  });

  test('whom they are for while they are sent', async () => {
    it.library.received = 0;
    const boundary = 'xx';
    const request = httpRequest(`${it.url}/graphql`, {
      method: 'POST',
      headers: { 'content-type': `multipart/form-data; boundary=${boundary}`, 'apollo-require-preflight': 'true' },
    });
    const field = (name: string, value: string) =>
      `--${boundary}\r\ncontent-disposition: form-data; name="${name}"\r\n\r\n${value}\r\n`;
    request.write(field(...operations(STORE, { file: null })) + field(...map({ 0: ['variables.file'] })));
    request.write(
      `--${boundary}\r\ncontent-disposition: form-data; name="0"; filename="f"\r\n\r\n${'x'.repeat(100_000)}`,
    );
    await it.library.until(() => it.library.received > 50_000);
    request.end(`${'y'.repeat(10)}\r\n--${boundary}--\r\n`);
    const [response] = (await once(request, 'response')) as [IncomingMessage];
    const text = Buffer.concat((await response.toArray()) as Buffer[]).toString();
    expect(JSON.parse(text)).toMatchObject({ data: { store: [{ bytes: 100_010 }] } });
  });

  test('nobody, where nobody asks for them', async () => {
    const { json } = await send([
      operations(
        'mutation ($file: Upload) { addBook(title: "b") { title } store(file: $file) @skip(if: true) { bytes } }',
        {
          file: null,
        },
      ),
      map({ 0: ['variables.file'] }),
      ['0', file('unread', randomBytes(3_000_000))],
      ['1', file('not in the map', 'x')],
    ]);
    expect(json).toEqual({ data: { addBook: { title: 'b' } } });
  });
});

const PLAIN = [operations(STORE, { file: null }), map({ 0: ['variables.file'] }), ['0', file('f', 'x')]] as const;

test.each<[string, Parameters<typeof send>[0], number, string, RegExp]>([
  ['before the map', [PLAIN[0], PLAIN[2], PLAIN[1]], 400, 'BAD_USER_INPUT', /`operations` first/],
  ['the map before the operations', [PLAIN[1], PLAIN[0], PLAIN[2]], 400, 'BAD_USER_INPUT', /`operations` first/],
  ['a third field', [PLAIN[0], PLAIN[1], ['x', 'y'], PLAIN[2]], 200, 'BAD_USER_INPUT', /has two fields/],
  ['no operations', [['x', 'y']], 400, 'BAD_USER_INPUT', /`operations` first/],
  [
    'operations that are no JSON',
    [['operations', '{'], PLAIN[1]],
    400,
    'BAD_USER_INPUT',
    /`operations` is not valid JSON/,
  ],
  [
    'operations that are too long',
    [operations(STORE, { file: null, x: 'x'.repeat(30_000) })],
    413,
    'PAYLOAD_TOO_LARGE',
    /longer/,
  ],
  ['a batch', [['operations', `[${PLAIN[0][1]}]`], map({ 0: ['0.variables.file'] })], 400, 'BAD_USER_INPUT', /batch/],
  ['a map that is a list', [PLAIN[0], map([['variables.file']])], 400, 'BAD_USER_INPUT', /must be an object/],
  ['a map of no lists', [PLAIN[0], map({ 0: 'variables.file' })], 400, 'BAD_USER_INPUT', /must name a list/],
  [
    'more files than are taken',
    [PLAIN[0], map({ 0: [], 1: [], 2: [], 3: [] })],
    413,
    'PAYLOAD_TOO_LARGE',
    /at most 3 files/,
  ],
  [
    'a query',
    [operations('query { reviewCount }', {}), map({})],
    400,
    'BAD_USER_INPUT',
    /only be sent with a mutation/,
  ],
  ...[
    'variables.nope',
    'variables',
    'query',
    'variables.file.__proto__.x',
    '__proto__.x',
    'variables.__proto__.polluted',
    'variables.constructor.prototype.x',
    'extensions.x',
    '',
  ].map((path): [string, Parameters<typeof send>[0], number, string, RegExp] => [
    `the place ${JSON.stringify(path)}`,
    [PLAIN[0], map({ 0: [path] }), PLAIN[2]],
    400,
    'BAD_USER_INPUT',
    /is not a null of a variable/,
  ]),
])('refused: %s', async (_, parts, status, code, message) => {
  const answer = await send(parts);
  expect(answer.json.errors?.[0]?.message ?? '').toMatch(message);
  expect(answer.json.errors?.[0]?.extensions['code'] ?? '').toBe(code);
  expect(answer.status).toBe(status);
  expect(({} as { polluted?: unknown }).polluted).toBeUndefined();
});

test('refused: without a header that forms cannot send, when files are off, compressed, and without a boundary', async () => {
  const withoutHeader = await send(PLAIN, { headers: {} });
  expect(withoutHeader).toMatchObject({ status: 403, json: { errors: [{ extensions: { code: 'FORBIDDEN' } }] } });
  const whereOff = await send(PLAIN, { at: off });
  expect(whereOff.status).toBe(415);
  expect(whereOff.json.errors?.[0]?.extensions['hint']).toContain('MAX_UPLOAD_FILES');
  const raw = async (type: string, body: string, headers: Record<string, string> = {}) => {
    const response = await fetch(`${it.url}/graphql`, {
      method: 'POST',
      headers: { 'content-type': type, 'apollo-require-preflight': '1', ...headers },
      body,
    });
    return { status: response.status, json: (await response.json()) as GraphqlAnswer };
  };
  expect((await raw('multipart/form-data', 'x')).status).toBe(400);
  expect((await raw('multipart/form-data; boundary=x', 'x', { 'content-encoding': 'gzip' })).status).toBe(415);
  expect(await raw('multipart/form-data; boundary=x', 'nothing of the kind')).toMatchObject({
    status: 400,
    json: { errors: [{ extensions: { code: 'BAD_USER_INPUT' } }] },
  });
});

describe.each([
  ['in this process', STORE, 'file', 'store'],
  ['elsewhere', 'mutation ($file: Upload!) { storeFar(file: $file) { bytes } }', 'file', 'storeFar'],
])('to a subgraph %s', (_, query, name, field) => {
  test('a file that is too long is an error of its field', async () => {
    const { json } = await send([
      operations(query, { [name]: null }),
      map({ 0: [`variables.${name}`] }),
      ['0', file('f', randomBytes(8_000_001))],
    ]);
    expect(json).toMatchObject({
      data: { [field]: null },
      errors: [{ path: [field], extensions: { code: 'PAYLOAD_TOO_LARGE', hint: expect.any(String) as unknown } }],
    });
  });

  test('a file that does not come is an error of its field, and costs nobody else', async () => {
    const missing = await send([operations(query, { [name]: null }), map({ 0: [`variables.${name}`] })]);
    expect(missing.json).toMatchObject({
      data: { [field]: null },
      errors: [
        {
          path: [field],
          message: expect.stringContaining('not sent') as unknown,
          extensions: { code: 'BAD_USER_INPUT' },
        },
      ],
    });
    const well = await send([
      operations(query, { [name]: null }),
      map({ 0: [`variables.${name}`] }),
      ['0', file('f', 'x')],
    ]);
    expect(well.json).toMatchObject({ data: { [field]: [{ bytes: 1 }] } });
  });
});

test('a client that leaves in the middle of a file ends the reading of it', async () => {
  it.library.received = 0;
  const failed = it.log.length;
  const request = httpRequest(`${it.url}/graphql`, {
    method: 'POST',
    headers: { 'content-type': 'multipart/form-data; boundary=x', 'apollo-require-preflight': 'true' },
  });
  request.on('error', () => undefined);
  const field = (name: string, value: string) =>
    `--x\r\ncontent-disposition: form-data; name="${name}"\r\n\r\n${value}\r\n`;
  request.write(field(...operations(STORE, { file: null })) + field(...map({ 0: ['variables.file'] })));
  request.write(`--x\r\ncontent-disposition: form-data; name="0"; filename="f"\r\n\r\n${'x'.repeat(100_000)}`);
  await it.library.until(() => it.library.received > 50_000);
  request.destroy();
  await it.library.until(() => it.library.reading === 0);
  expect((await it.post({ query: '{ reviewCount }' })).json).toEqual({ data: { reviewCount: 3 } });
  expect(it.log.slice(failed).join('\n')).not.toContain('"level":50');
});

test('a file is read once; the second place of it says so', async () => {
  const { json } = await send([
    operations('mutation ($a: Upload, $b: Upload) { one: store(file: $a) { bytes } two: store(file: $b) { bytes } }', {
      a: null,
      b: null,
    }),
    map({ 0: ['variables.a', 'variables.b'] }),
    ['0', file('f', 'abc')],
  ]);
  expect(json).toMatchObject({
    data: { one: [{ bytes: 3 }], two: null },
    errors: [{ path: ['two'], message: 'A file of a request can be read once.' }],
  });
});

test('where there is no multipart request there are no files: JSON, GET, WebSocket, MCP', async () => {
  const words = /An Upload is a file of a multipart request/;
  const asJson = await it.post({ query: STORE, variables: { file: 'text' } });
  expect(asJson).toMatchObject({ status: 400, json: { errors: [{ extensions: { code: 'BAD_USER_INPUT' } }] } });
  expect(asJson.json.errors![0]!.message).toMatch(words);
  const literal = await it.post({ query: 'mutation { store(file: "x") { bytes } }' });
  expect(literal.json.errors![0]!.message).toMatch(words);
  const get = await fetch(`${it.url}/graphql?${new URLSearchParams({ query: STORE, variables: '{"file":"x"}' })}`);
  expect(get.status).toBe(405);
  const client = createClient({
    url: `${it.url.replace('http', 'ws')}/graphql`,
    webSocketImpl: WebSocket,
    retryAttempts: 0,
  });
  const over = client.iterate({ query: STORE, variables: { file: {} } });
  const next = await over.next().catch((error: unknown) => ({ value: { errors: error as { message: string }[] } }));
  expect((next.value as { errors: { message: string }[] }).errors[0]!.message).toMatch(words);
  await client.dispose();
});
