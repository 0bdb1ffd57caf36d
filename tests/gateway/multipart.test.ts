/** Subscriptions as a multipart answer, read strictly. */
import { once } from 'node:events';
import { request as httpRequest, type IncomingMessage } from 'node:http';
import type { ExecutionResult } from 'graphql';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startTestServer, type TestServer } from './fixture.ts';
import { ACCEPT, partsOf, payloads } from './multipart-parts.ts';

let it: TestServer;
beforeAll(async () => {
  it = await startTestServer();
});
afterAll(async () => await it[Symbol.asyncDispose]());

async function open(query: string, accept = ACCEPT, server = it): Promise<IncomingMessage> {
  const request = httpRequest(`${server.url}/graphql`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', accept },
  });
  request.end(JSON.stringify({ query }));
  const [response] = (await once(request, 'response')) as [IncomingMessage];
  return response;
}

test('events come in order, with fields of other subgraphs, after a heartbeat', async () => {
  const response = await open('subscription { bookAdded { title stars } }');
  const parts = partsOf(response);
  expect((await parts.next()).value).toEqual({});
  await it.library.until(() => it.library.listeners.size === 1);
  for (const title of ['A', 'B', 'C']) it.library.add(title);
  for (const title of ['A', 'B', 'C'])
    expect((await parts.next()).value).toEqual({ payload: { data: { bookAdded: { title, stars: 5 } } } });
  response.destroy();
  await it.library.until(() => it.library.listeners.size === 0);
});

test('one that ends is closed with the last delimiter', async () => {
  const response = await open('subscription { bookAdded { title } }');
  await it.library.until(() => it.library.listeners.size === 1);
  const events = payloads(response);
  it.library.add('Last');
  expect(await events.next()).toMatchObject({ value: { data: { bookAdded: { title: 'Last' } } } });
  it.library.end();
  expect((await events.next()).done).toBe(true);
});

test('one that is refused is answered with JSON and its status', async () => {
  const response = await open('subscription { nope }');
  expect([response.statusCode, response.headers['content-type']]).toEqual([
    400,
    expect.stringMatching(/^application\/json/),
  ]);
  const body = JSON.parse(Buffer.concat((await response.toArray()) as Buffer[]).toString()) as ExecutionResult;
  expect(body.errors![0]!.extensions!.code).toBe('GRAPHQL_VALIDATION_FAILED');
});

test('what is no subscription is answered as always', async () => {
  const response = await open('{ reviewCount }');
  expect(response.headers['content-type']).toMatch(/^application\/json/);
  expect(JSON.parse(Buffer.concat((await response.toArray()) as Buffer[]).toString())).toEqual({
    data: { reviewCount: 3 },
  });
});
