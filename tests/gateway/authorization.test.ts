/** Protected fields from the outside: tokens, the service that decides policies, and what HTTP answers. */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { LIBRARY_SDL, replaceFile, startTestServer, type TestServer } from './fixture.ts';
import { startIssuer, type Issuer } from './issuer.ts';

const PROTECTED = LIBRARY_SDL.replace(
  'import: ["@key"]',
  'import: ["@key", "@authenticated", "@requiresScopes", "@policy"]',
)
  .replace('id: ID! title: String }', 'id: ID! title: String @requiresScopes(scopes: [["read"]]) }')
  .replace('fail: String', 'fail: String @policy(policies: [["staff"]])')
  .replace('any: [In!]): String', 'any: [In!]): String @policy(policies: [["night"]])');

interface Question {
  input: { policies: string[]; principal: { tenantId: string; subject: string }; requestId: string };
}

let issuer: Issuer;
let it: TestServer;
const questions: Question[] = [];
let answer: (question: Question) => { status?: number; body?: string } | undefined = () => ({});

const decider = createServer((request, response) => {
  let text = '';
  request.on('data', (chunk: Buffer) => (text += chunk.toString()));
  request.on('end', () => {
    const question = JSON.parse(text) as Question;
    questions.push(question);
    const given = answer(question);
    if (given !== undefined) response.writeHead(given.status ?? 200).end(given.body ?? '{"result": {}}');
  });
});

beforeAll(async () => {
  issuer = await startIssuer();
  await new Promise<void>((resolve) => decider.listen(0, '127.0.0.1', resolve));
  it = await startTestServer({
    OIDC_ISSUER: issuer.url,
    OIDC_AUDIENCE: 'tributary',
    POLICY_URL: `http://127.0.0.1:${(decider.address() as AddressInfo).port}/v1/data/tributary`,
    POLICY_TIMEOUT_MS: '1000',
  });
  await replaceFile(join(it.folder, 'library.graphql'), PROTECTED);
  await it.server.supergraph.reload();
  expect(it.server.supergraph.failure).toBeUndefined();
});
afterAll(async () => {
  await it[Symbol.asyncDispose]();
  await issuer[Symbol.asyncDispose]();
  decider.closeAllConnections();
  await new Promise((resolve) => decider.close(resolve));
});

async function ask(query: string, scope = '') {
  const token = await issuer.token({ tenant: 'acme', scope });
  const { json, status } = await it.post({ query }, { authorization: `Bearer ${token}` });
  const told = (json.errors ?? []).map(({ path, extensions }) => `${String(extensions['code'])} ${path?.join('.')}`);
  return { status, data: json.data as unknown, told };
}

test("the token's scopes decide, and what is beside a protected field is answered", async () => {
  expect(await ask('{ books { id title } }')).toEqual({
    status: 200,
    data: { books: [{ id: '1', title: null }] },
    told: ['FORBIDDEN books.0.title'],
  });
  expect(await ask('{ books { title } }', 'read write')).toEqual({
    status: 200,
    data: { books: [{ title: 'The Left Hand of Darkness' }] },
    told: [],
  });
  expect(questions).toEqual([]);
});

test('the service is told who asks, and its answer holds for that operation', async () => {
  answer = () => ({ body: '{"result": {"night": true, "staff": false, "other": true}}' });
  expect(await ask('{ echo fail }')).toEqual({
    status: 200,
    data: { echo: null, fail: null },
    told: ['FORBIDDEN fail'],
  });
  expect(questions.map(({ input }) => input)).toEqual([
    {
      policies: ['night', 'staff'],
      principal: { tenantId: 'acme', subject: 'alice', roles: [], scopes: [], anonymous: false },
      requestId: expect.any(String) as string,
    },
  ]);
  answer = () => ({ body: '{"result": ["night"]}' });
  expect((await ask('{ echo }')).told).toEqual([]);
});

test.each<[string, { status?: number; body?: string } | undefined]>([
  ['fails', { status: 500 }],
  ['speaks nonsense', { body: 'night' }],
  ['has no result', { body: '{}' }],
  ['says too much', { body: `{"result": ["night", "${'x'.repeat(100_000)}"]}` }],
  ['never answers', undefined],
  ['is moved', { status: 302 }],
])('no policy holds where the service %s', async (_, given) => {
  answer = () => given;
  expect((await ask('{ echo books { id } }')).told).toEqual(['FORBIDDEN echo']);
});
