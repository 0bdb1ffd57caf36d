/** Answers over plain HTTP, to good input and bad, whichever way `accept` is written. */
import { request as httpRequest, type IncomingHttpHeaders } from 'node:http';
import { GraphQLError } from 'graphql';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { errorOfSubgraph } from '#gateway/execute/run/fetch-errors.ts';
import { startTestServer, type TestServer } from './fixture.ts';

let it: TestServer;
beforeAll(async () => {
  it = await startTestServer({
    BODY_LIMIT_BYTES: '20000',
    REQUEST_TIMEOUT_MS: '2000',
    MAX_DEPTH: '8',
    CORS_ORIGINS: 'https://friend.example',
  });
});
afterAll(async () => await it[Symbol.asyncDispose]());

interface Answer {
  status: number;
  headers: IncomingHttpHeaders;
  body: unknown;
}

function send(
  headers: Record<string, string>,
  body: string | Buffer | undefined,
  method = 'POST',
  path = '/graphql',
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const request = httpRequest(
      `${it.url}${path}`,
      { method, headers: { 'x-request-id': 'same', ...headers } },
      (response) => {
        let text = '';
        response
          .setEncoding('utf8')
          .on('data', (chunk: string) => (text += chunk))
          .on('end', () => {
            resolve({
              status: response.statusCode!,
              headers: response.headers,
              body: text === '' ? '' : (JSON.parse(text) as unknown),
            });
          });
      },
    );
    request.on('error', reject);
    request.end(body);
  });
}

/** All that JSON escapes, and half of a surrogate pair. */
const TITLE = '"quoted" \\ \u0001\n \u{1f600} \ud83d é';

/** A range that no answer is in: what stands before it decides. */
const NOTHING = 'text/plain;charset=latin1';

/** What depends on the moment or on the form of the same body. */
function comparable({ status, headers, body }: Answer): Answer {
  const { date: _, 'content-length': __, 'transfer-encoding': ___, ...rest } = headers;
  return { status, headers: rest, body };
}

async function bothWays(body: string | Buffer, headers: Record<string, string> = {}): Promise<Answer> {
  const type = { 'content-type': 'application/json', ...headers };
  const accept = headers.accept ?? 'application/json';
  const plainly = { ...type, accept };
  const chosen = { ...type, accept: `${accept}, ${NOTHING}` };
  const plain = comparable(await send(plainly, body));
  expect(plain).toEqual(comparable(await send(chosen, body)));
  return plain;
}

const json = (value: unknown): string => JSON.stringify(value);

describe('answers alike', () => {
  const cases: [name: string, body: string | Buffer, status: number][] = [
    ['data', json({ query: '{ book(id: "1") { __typename id title stars } }' }), 200],
    [
      'variables',
      json({
        query: 'query Book($id: ID!) { book(id: $id) { title } }',
        operationName: 'Book',
        variables: { id: '1' },
      }),
      200,
    ],
    [
      'null where objects may be',
      json({ query: '{ __typename }', variables: null, extensions: null, operationName: null }),
      200,
    ],
    ['extensions', json({ query: '{ __typename }', extensions: { client: 'x' } }), 200],
    ['introspection', json({ query: '{ __schema { queryType { name } } book(id: "1") { id } }' }), 200],
    [
      'names from Object.prototype',
      '{"query":"query ($__proto__: Int) { __proto__: books(first: $__proto__) { constructor: title toString: id } }","variables":{"__proto__":1}}',
      200,
    ],
    [
      'a mutation',
      json({ query: 'mutation ($title: String!) { addBook(title: $title) { title } }', variables: { title: TITLE } }),
      200,
    ],
    ['data that is not there', json({ query: '{ book(id: "none") { id } }' }), 200],
    ['an error beside data', json({ query: '{ fail books { id } }' }), 200],
    ['an error written for people', json({ query: '{ refuse }' }), 200],
    ['no time left', json({ query: '{ never }' }), 200],
    ['a batch', json([{ query: '{ __typename }' }]), 400],
    ['malformed JSON', '{"query": "{ __typename }', 400],
    ['an empty body', '', 400],
    ['null as the body', 'null', 400],
    ['no query', '{}', 400],
    ['what is not UTF-8', Buffer.from([0x7b, 0xff, 0x7d]), 400],
    [
      'a byte order mark',
      Buffer.concat([Buffer.from([0xef, 0xbb, 0xbf]), Buffer.from(json({ query: '{ __typename }' }))]),
      200,
    ],
    ['a huge body', json({ query: '{ __typename }', variables: { pad: 'x'.repeat(30_000) } }), 413],
    ['a syntax error', json({ query: '{ book(' }), 400],
    ['an unknown field', json({ query: '{ nope }' }), 400],
    ['a wrong variable', json({ query: 'query ($n: Int) { books(first: $n) { id } }', variables: { n: 'many' } }), 400],
    ['an unknown operation', json({ query: 'query A { __typename }', operationName: 'B' }), 400],
    ['a subscription', json({ query: 'subscription { bookAdded { id } }' }), 406],
    ['deferred parts, to one who takes none', json({ query: '{ book(id: "1") { id ... @defer { stars } } }' }), 200],
    [
      'too much depth',
      json({
        query: `{ __schema { types { fields { type { ofType { ofType { ofType { ofType { name } } } } } } } } }`,
      }),
      400,
    ],
    ['a hash alone', json({ extensions: { persistedQuery: { version: 1, sha256Hash: '0'.repeat(64) } } }), 200],
  ];
  const isMutation = (name: string) => name === 'a mutation';
  test.each(cases)('%s', async (name, body, status) => {
    const answer = await bothWays(body);
    expect(answer.status).toBe(status);
    if (isMutation(name)) expect(answer.body).toEqual({ data: { addBook: { title: TITLE } } });
    const other = await bothWays(body, { accept: 'application/graphql-response+json' });
    expect(other.headers['content-type']).toBe('application/graphql-response+json; charset=utf-8');
  });

  test.each([
    ['text/plain', 415],
    ['multipart/form-data; boundary=x', 415],
    ['application/x-www-form-urlencoded', 415],
    ['application/json; charset=utf-8', 200],
    ['application/graphql+json', 200],
  ])('to the content type %s', async (type, status) => {
    expect((await bothWays(json({ query: '{ __typename }' }), { 'content-type': type })).status).toBe(status);
  });

  test('to a query alone as the body', async () => {
    expect((await bothWays('{ __typename }', { 'content-type': 'application/graphql' })).body).toEqual({
      data: { __typename: 'Query' },
    });
  });

  test.each([
    ['*/*', 'application/json'],
    ['application/*', 'application/json'],
    ['application/json', 'application/json'],
    ['application/graphql-response+json', 'application/graphql-response+json'],
    [
      'application/graphql-response+json; charset=utf-8, application/json; charset=utf-8',
      'application/graphql-response+json',
    ],
    ['application/graphql-response+json, application/json;q=0.9', 'application/graphql-response+json'],
    ['application/json, application/graphql-response+json;q=0.9', 'application/json'],
    ['image/png, APPLICATION/JSON', 'application/json'],
    ['application/json, text/event-stream', 'application/json'],
    ['multipart/mixed, application/json', 'application/json'],
  ])('in a media type of %s', async (accept, type) => {
    const answer = await send({ 'content-type': 'application/json', accept }, json({ query: '{ __typename }' }));
    expect(answer.headers['content-type']).toBe(`${type}; charset=utf-8`);
    const chosen = await send(
      { 'content-type': 'application/json', accept: `${accept}, ${NOTHING}` },
      json({ query: '{ __typename }' }),
    );
    expect(comparable(answer)).toEqual(comparable(chosen));
  });

  test('without an accept, and to what is in no media type', async () => {
    expect(
      (await send({ 'content-type': 'application/json' }, json({ query: '{ __typename }' }))).headers['content-type'],
    ).toBe('application/json; charset=utf-8');
    expect(
      (await send({ 'content-type': 'application/json', accept: 'image/png' }, json({ query: '{ __typename }' })))
        .status,
    ).toBe(406);
  });

  test('to pages of this and other origins', async () => {
    const friend = await bothWays(json({ query: '{ __typename }' }), { origin: 'https://friend.example' });
    expect(friend.headers['access-control-allow-origin']).toBe('https://friend.example');
    const foreign = await bothWays(json({ query: '{ __typename }' }), { origin: 'https://evil.example' });
    expect(foreign.status).toBe(403);
    expect((await bothWays(json({ query: '{ __typename }' }), { 'sec-fetch-site': 'cross-site' })).status).toBe(403);
    expect((await bothWays(json({ query: '{ __typename }' }), { host: 'evil.example' })).status).toBe(403);
  });
});

test('what a subgraph says of its HTTP answer is not said of ours', () => {
  const error = new GraphQLError('No.', {
    extensions: { code: 'X', http: { status: 500, headers: { 'set-cookie': 'a=b' } } },
  });
  expect(errorOfSubgraph(error, 'library').extensions).toEqual({ service: 'library', code: 'X' });
});

test('other methods keep their answers', async () => {
  expect(
    (await send({ accept: 'application/json' }, undefined, 'GET', '/graphql?query=%7B__typename%7D')).body,
  ).toEqual({ data: { __typename: 'Query' } });
  expect((await send({}, undefined, 'OPTIONS')).status).toBe(204);
  const head = await send({}, undefined, 'HEAD', '/graphql?query=%7B__typename%7D');
  expect([head.status, head.headers['content-length'], head.body]).toEqual([200, '31', '']);
  expect((await send({}, '{}', 'PATCH')).status).toBe(405);
});

test('a client that goes away ends its operation', async () => {
  const request = httpRequest(`${it.url}/graphql`, { method: 'POST', headers: { 'content-type': 'application/json' } });
  request.on('error', () => undefined);
  request.end(json({ query: '{ never }' }));
  await it.library.until(() => it.library.waiting.length === 1);
  request.destroy();
  await it.library.until(() => it.library.waiting.length === 0);
});

test('a client that breaks off within its body is no fault', async () => {
  const before = it.log.length;
  const request = httpRequest(`${it.url}/graphql`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'content-length': '100' },
  });
  const closed = new Promise((resolve) => request.on('error', resolve));
  request.write('{"query":', () => request.destroy());
  await closed;
  expect((await send({ 'content-type': 'application/json' }, json({ query: '{ __typename }' }))).status).toBe(200);
  expect(it.log.slice(before).join('')).not.toContain('"level":50');
});
