/**
 * Runs' events as plain server-sent events through the whole gateway: who may read, resuming after a cut, ending with
 * the server.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createEventSource } from 'eventsource-client';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { loadConfig } from '#gateway/config/config.ts';
import { startServer } from '#gateway/server.ts';
import { startSubgraphServer } from '#gateway/subgraph-server.ts';
import { createLogger } from '#gateway/telemetry/logger.ts';
import { createTestDatabase } from '#tests/setup/postgres.ts';
import { startIssuer, type Issuer } from '#tests/gateway/issuer.ts';
import { startTestServer, type TestServer } from '#tests/setup/server.ts';

let issuer: Issuer;
let it: TestServer;
let tokens: Record<'acme' | 'other', string>;
beforeAll(async () => {
  issuer = await startIssuer();
  it = await startTestServer({ OIDC_ISSUER: issuer.url, OIDC_AUDIENCE: 'tributary' });
  const scope = 'runs:write runs:work';
  tokens = {
    acme: await issuer.token({ tenant: 'acme', scope }),
    other: await issuer.token({ tenant: 'other', scope }),
  };
});
afterAll(async () => {
  await it?.[Symbol.asyncDispose]();
  await issuer?.[Symbol.asyncDispose]();
});

const bearer = (token: string) => ({ authorization: `Bearer ${token}` });
async function ask<T>(query: string, variables: Record<string, unknown> = {}): Promise<T> {
  const response = await fetch(`${it.url}/graphql`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...bearer(tokens.acme) },
    body: JSON.stringify({ query, variables }),
  });
  const { data, errors } = (await response.json()) as { data: T; errors?: unknown };
  expect(errors).toBeUndefined();
  return data;
}
const start = async () =>
  (await ask<{ startRun: { run: { id: string } } }>('mutation { startRun(input: {}) { run { id } } }')).startRun.run.id;
const append = async (runId: string, ...deltas: string[]) =>
  await ask(
    'mutation ($runId: ID!, $events: [RunEventInput!]!) { appendRunEvents(input: { runId: $runId, events: $events }) { run { id } } }',
    {
      runId,
      events: deltas.map((delta) => ({ type: 'TEXT_MESSAGE_CHUNK', payload: { messageId: 'm', delta } })),
    },
  );
const finish = async (runId: string) =>
  await ask('mutation ($runId: ID!) { finishRun(input: { runId: $runId }) { run { id } } }', { runId });
const events = (runId: string, headers: Record<string, string> = {}, signal?: AbortSignal) =>
  fetch(`${it.url}/runs/${runId}/events`, { headers, signal });

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
    expect(
      (await fetch(`${it.url}/runs/${await start()}/events`, { method: 'POST', headers: bearer(tokens.acme) })).status,
    ).toBe(405);
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
        const response = await fetch(url, {
          ...init,
          headers: { ...(init?.headers as Record<string, string>), ...bearer(tokens.acme) },
        } as RequestInit);
        if (response.status === 204) {
          source.close();
          resolve();
          return response as never;
        }
        if (connections > 1) return response as never;
        // The first connection breaks after the third event.
        const cut = new TransformStream<Uint8Array, Uint8Array>({
          start: (controller) => void (breakOff = () => controller.terminate()),
        });
        return {
          ok: true,
          status: 200,
          headers: response.headers,
          url: String(url),
          redirected: false,
          body: response.body!.pipeThrough(cut),
        } as never;
      },
      onMessage: ({ id, data }) => {
        ids.push(Number(id));
        if (ids.length === 3) {
          breakOff();
          append(runId, 'c')
            .then(() => finish(runId))
            .catch(reject);
        }
        expect(JSON.parse(data)).toHaveProperty('type');
      },
    });
  });
  await ended;
  expect(ids).toEqual([1, 2, 3, 4, 5]);
  expect(connections).toBeGreaterThanOrEqual(3);
});

describe('a token that expires', () => {
  const untilCut = async (response: Response): Promise<string> => {
    let text = '';
    try {
      for await (const chunk of response.body!.pipeThrough(
        new TextDecoderStream() as never,
      ) as unknown as AsyncIterable<string>)
        text += chunk;
    } catch {
      return text;
    }
    throw new Error('The stream was completed.');
  };

  test('cuts its streams, and does not come back', async () => {
    await using own = await startTestServer({
      OIDC_ISSUER: issuer.url,
      OIDC_AUDIENCE: 'tributary',
      OIDC_CLOCK_SKEW_SECONDS: '0',
    });
    const ask = async (query: string, token: string) =>
      await fetch(`${own.url}/graphql`, {
        method: 'POST',
        headers: { 'content-type': 'application/json', ...bearer(token) },
        body: JSON.stringify({ query }),
      });
    const started = (await (await ask('mutation { startRun(input: {}) { run { id } } }', tokens.acme)).json()) as {
      data: { startRun: { run: { id: string } } };
    };
    const { id } = started.data.startRun.run;
    await ask(
      `mutation { appendRunEvents(input: { runId: "${id}", events: [{ type: TEXT_MESSAGE_CHUNK, payload: { messageId: "m", delta: "a" } }] }) { run { id } } }`,
      tokens.acme,
    );
    const token = await issuer.token({ tenant: 'acme', scope: 'runs:write' }, { expiresInSeconds: 8 });
    const query = encodeURIComponent(`subscription { runEvents(runId: "${id}") { sequence } }`);
    const paths = [
      [`/runs/${id}/events`, 'id: 2'],
      [`/graphql?query=${query}`, '"sequence":2'],
    ] as const;
    const open = (path: string) =>
      fetch(`${own.url}${path}`, { headers: { ...bearer(token), accept: 'text/event-stream' } });
    await Promise.all(
      paths.map(async ([path, event]) => {
        const response = await open(path);
        expect(response.status).toBe(200);
        expect(await untilCut(response)).toContain(event);
        expect((await open(path)).status).toBe(401);
      }),
    );
  }, 90_000);
});

test('many streams at once warn of no leak, and end with the server', async () => {
  const runId = await start();
  await append(runId, 'a');
  const warnings: string[] = [];
  const heard = (warning: Error): void => void warnings.push(warning.name);
  process.on('warning', heard);
  const leaving = new AbortController();
  const query = encodeURIComponent(`subscription { runEvents(runId: "${runId}") { sequence run { status } } }`);
  const streams = await Promise.all(
    Array.from({ length: 30 }, async (_, index) =>
      index % 2 === 0
        ? await events(runId, bearer(tokens.acme), leaving.signal)
        : await fetch(`${it.url}/graphql?query=${query}`, {
            headers: { ...bearer(tokens.acme), accept: 'text/event-stream' },
            signal: leaving.signal,
          }),
    ),
  );
  expect(streams.map(({ status }) => status)).toEqual(streams.map(() => 200));
  leaving.abort();
  await Promise.allSettled(streams.map((stream) => stream.text()));
  process.off('warning', heard);
  expect(warnings).toEqual([]);
});

test('where the runs subgraph is a server of its own, its streams are passed on', async () => {
  await using database = await createTestDatabase();
  const folder = await mkdtemp(join(tmpdir(), 'tributary-apart-'));
  const shared = {
    DATABASE_URL: database.url,
    DATA_DIR: folder,
    PORT: '0',
    LOG_LEVEL: 'fatal',
    INTERNAL_TOKEN_SECRET: 'k'.repeat(32),
    OIDC_ISSUER: issuer.url,
    OIDC_AUDIENCE: 'tributary',
  };
  const log = createLogger({ level: 'silent' });
  const apart = await startSubgraphServer('runs', loadConfig(shared), log);
  const gateway = await startServer(loadConfig({ ...shared, SUBGRAPH_RUNS_URL: `${apart.url}/graphql` }), { log });
  try {
    await gateway.ready;
    const ask = async (query: string) =>
      (await (
        await fetch(`${gateway.url}/graphql`, {
          method: 'POST',
          headers: { 'content-type': 'application/json', ...bearer(tokens.acme) },
          body: JSON.stringify({ query }),
        })
      ).json()) as { data: { startRun: { run: { id: string } } } };
    const { id } = (await ask('mutation { startRun(input: {}) { run { id } } }')).data.startRun.run;
    await ask(
      `mutation { appendRunEvents(input: { runId: "${id}", events: [{ type: TEXT_MESSAGE_CHUNK, payload: { messageId: "m", delta: "a" } }] }) { run { id } } }`,
    );
    const response = await fetch(`${gateway.url}/runs/${id}/events`, { headers: bearer(tokens.acme) });
    expect([response.status, response.headers.get('content-type')]).toEqual([200, 'text/event-stream; charset=utf-8']);
    const text = response.text();
    await ask(`mutation { finishRun(input: { runId: "${id}" }) { run { id } } }`);
    expect(Array.from((await text).matchAll(/^id: (\d+)$/gm), ([, id]) => Number(id))).toEqual([1, 2, 3]);
    // Behind a cursor; at the end; as somebody else; as nobody; and what is nothing.
    const status = async (path: string, headers: Record<string, string>) =>
      (await fetch(`${gateway.url}${path}`, { headers })).status;
    expect(
      await (
        await fetch(`${gateway.url}/runs/${id}/events?types=RUN_FINISHED`, {
          headers: { ...bearer(tokens.acme), 'last-event-id': '1' },
        })
      ).text(),
    ).toMatch(/^retry: 1000\n\nid: 3\n/);
    expect(await status(`/runs/${id}/events`, { ...bearer(tokens.acme), 'last-event-id': '3' })).toBe(204);
    expect(await status(`/runs/${id}/events`, bearer(tokens.other))).toBe(404);
    expect(await status(`/runs/${id}/events`, {})).toBe(401);
    expect(await status(`/runs/${id}/nothing`, bearer(tokens.acme))).toBe(404);
    // Its end cuts what is followed, to be resumed.
    const { id: open } = (await ask('mutation { startRun(input: {}) { run { id } } }')).data.startRun.run;
    const following = await fetch(`${gateway.url}/runs/${open}/events`, { headers: bearer(tokens.acme) });
    const cut = following.text();
    cut.catch(() => undefined); // Looked at below.
    await apart.close();
    await expect(cut).rejects.toThrow();
    expect(await status(`/runs/${open}/events`, bearer(tokens.acme))).toBe(503);
  } finally {
    await gateway.close();
    await apart.close();
    await rm(folder, { recursive: true, force: true });
  }
}, 90_000);

// Last: it ends the server.
test("the server's end cuts streams without ending them, at once", async () => {
  const runId = await start();
  await append(runId, 'a');
  const response = await events(runId, bearer(tokens.acme));
  const reader = response
    .body!.pipeThrough(new TextDecoderStream() as never)
    .getReader() as ReadableStreamDefaultReader<string>;
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
