/** Runs' events as plain server-sent events through the whole gateway: who may read, resuming after a cut, ending with the server. */
import { createEventSource } from 'eventsource-client';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startIssuer, type Issuer } from '#tests/gateway/issuer.ts';
import { startTestServer, type TestServer } from '#tests/setup/server.ts';

let issuer: Issuer;
let it: TestServer;
let tokens: Record<'acme' | 'other', string>;
beforeAll(async () => {
  issuer = await startIssuer();
  it = await startTestServer({ OIDC_ISSUER: issuer.url, OIDC_AUDIENCE: 'tributary' });
  tokens = { acme: await issuer.token({ tenant: 'acme' }), other: await issuer.token({ tenant: 'other' }) };
});
afterAll(async () => {
  await it?.[Symbol.asyncDispose]();
  await issuer?.[Symbol.asyncDispose]();
});

const bearer = (token: string) => ({ authorization: `Bearer ${token}` });
async function ask<T>(query: string, variables: Record<string, unknown> = {}): Promise<T> {
  const response = await fetch(`${it.url}/graphql`, { method: 'POST', headers: { 'content-type': 'application/json', ...bearer(tokens.acme) }, body: JSON.stringify({ query, variables }) });
  const { data, errors } = (await response.json()) as { data: T; errors?: unknown };
  expect(errors).toBeUndefined();
  return data;
}
const start = async () => (await ask<{ startRun: { run: { id: string } } }>('mutation { startRun(input: {}) { run { id } } }')).startRun.run.id;
const append = async (runId: string, ...deltas: string[]) =>
  await ask('mutation ($runId: ID!, $events: [RunEventInput!]!) { appendRunEvents(input: { runId: $runId, events: $events }) { run { id } } }', {
    runId,
    events: deltas.map((delta) => ({ type: 'TEXT_MESSAGE_CONTENT', payload: { messageId: 'm', delta } })),
  });
const finish = async (runId: string) => await ask('mutation ($runId: ID!) { finishRun(input: { runId: $runId }) { run { id } } }', { runId });
const events = (runId: string, headers: Record<string, string> = {}, signal?: AbortSignal) => fetch(`${it.url}/runs/${runId}/events`, { headers, signal });

describe('who may read', () => {
  test.each([
    ['nobody', () => ({}), 401, 'UNAUTHENTICATED'],
    ['somebody else', () => bearer(tokens.other), 404, 'NOT_FOUND'],
    ['somebody else, who resumes', () => ({ ...bearer(tokens.other), 'last-event-id': '1' }), 404, 'NOT_FOUND'],
    ['who makes up a cursor', () => ({ ...bearer(tokens.acme), 'last-event-id': '1000' }), 400, 'BAD_USER_INPUT'],
  ])('%s', async (_name, headers, status, code) => {
    const runId = await start();
    const response = await events(runId, headers() as Record<string, string>);
    expect(response.status).toBe(status);
    expect(await response.json()).toMatchObject({ errors: [{ extensions: { code } }] });
  });

  test('no other method is served', async () => {
    expect((await fetch(`${it.url}/runs/${await start()}/events`, { method: 'POST', headers: bearer(tokens.acme) })).status).toBe(405);
  });
});

test('a client that comes back by itself gets every event once, and stops at the end', async () => {
  const runId = await start();
  await append(runId, 'a', 'b');
  const ids: number[] = [];
  let connections = 0;
  let breakOff: () => void = () => undefined;
  const ended = new Promise<void>((resolve, reject) => {
    const source = createEventSource({
      url: `${it.url}/runs/${runId}/events`,
      // What the browser's EventSource does: the last id goes along; a 204 ends it.
      fetch: async (url, init) => {
        connections += 1;
        const response = await fetch(url, { ...init, headers: { ...(init?.headers as Record<string, string>), ...bearer(tokens.acme) } } as RequestInit);
        if (response.status === 204) {
          source.close();
          resolve();
          return response as never;
        }
        if (connections > 1) return response as never;
        // The first connection breaks after the third event.
        const cut = new TransformStream<Uint8Array, Uint8Array>({ start: (controller) => void (breakOff = () => controller.terminate()) });
        return { ok: true, status: 200, headers: response.headers, url: String(url), redirected: false, body: response.body!.pipeThrough(cut) } as never;
      },
      onMessage: ({ id, data }) => {
        ids.push(Number(id));
        if (ids.length === 3) {
          breakOff();
          append(runId, 'c').then(() => finish(runId)).catch(reject);
        }
        expect(JSON.parse(data)).toHaveProperty('type');
      },
    });
  });
  await ended;
  expect(ids).toEqual([1, 2, 3, 4, 5]);
  expect(connections).toBeGreaterThanOrEqual(3);
});

// Last: it ends the server.
test('the server’s end cuts streams without ending them, at once', async () => {
  const runId = await start();
  await append(runId, 'a');
  const response = await events(runId, bearer(tokens.acme));
  const reader = response.body!.pipeThrough(new TextDecoderStream() as never).getReader() as ReadableStreamDefaultReader<string>;
  let body = '';
  while (!body.includes('id: 2\n')) body += (await reader.read()).value ?? '';
  const [closed] = await Promise.allSettled([
    (async () => {
      for (;;) if ((await reader.read()).done) return 'completed';
    })(),
    it.server.close(),
  ]);
  expect(closed.status).toBe('rejected');
});
