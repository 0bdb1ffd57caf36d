/** Clients without a cache: graphql-request, a browser's EventSource, and the reference clients of GraphQL over WebSocket and server-sent events. */
import { randomUUID } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { gql } from 'graphql-request';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { wireTo } from '#tests/e2e/wire.ts';
import { chromiumPath, startBrowser } from '#tests/setup/browser.ts';
import { startTestServer, type TestServer } from '#tests/gateway/fixture.ts';
import { DELTAS, type Library } from './library.ts';
import { downloadUrl, upload } from './setup/files.ts';
import { codeOf, graphqlRequest } from './setup/graphql-request.ts';
import * as overEvents from './setup/graphql-sse.ts';
import * as overSocket from './setup/graphql-ws.ts';

export const small = (library: () => Library): void => {
  describe('graphql-request', () => {
    test('asks with variables, and of what is refused the code is there', async () => {
      const client = graphqlRequest(library().url);
      const [document] = library().documents;
      const query = gql`
        query ($id: ID!) {
          node(id: $id) {
            id
            ... on Document {
              title
            }
          }
        }
      `;
      expect(await client.request(query, { id: document!.id })).toEqual({ node: document });
      expect(codeOf(await client.request(query, { id: 'nothing' }).catch((error: unknown) => error))).toBe(
        'BAD_USER_INPUT',
      );
      expect(codeOf(await client.request('{ nothing }').catch((error: unknown) => error))).toBe(
        'GRAPHQL_VALIDATION_FAILED',
      );
    });
  });

  test('files go up by a signed link, and come down by another', async () => {
    const { url } = library();
    const key = `notes/${randomUUID()}.txt`;
    expect(await downloadUrl(url, key)).toBeNull();
    await upload(url, key, new Blob(['Tea at four.'], { type: 'text/plain' }));
    const file = await fetch((await downloadUrl(url, key))!);
    expect([file.headers.get('content-type'), await file.text()]).toEqual(['text/plain', 'Tea at four.']);
  });

  describe.skipIf(chromiumPath === undefined && process.env['CI'] !== 'true')('EventSource', () => {
    test("a browser's own is given every event, and stops at the end", async () => {
      const followRun = await readFile(new URL('./setup/event-source.browser.js', import.meta.url), 'utf8');
      const browser = await startBrowser();
      try {
        const page = await browser.newPage();
        await page.goto(new URL('/health/live', library().url).href);
        const seen = await page.evaluate<{ type: string; delta?: string }[]>(`new Promise((resolve) => {
          ${followRun}
          const seen = [];
          window.followRun(${JSON.stringify(library().run)}, (event) => seen.push(event), () => resolve(seen));
        })`);
        expect(seen.flatMap(({ delta }) => delta ?? [])).toEqual(DELTAS);
        expect([seen[0]!.type, seen.at(-1)!.type]).toEqual(['RUN_STARTED', 'RUN_FINISHED']);
      } finally {
        await browser.close();
      }
    });
  });

  /** Where nobody is known but by a proxy. */
  let guarded: TestServer | undefined;
  beforeAll(async () => {
    guarded = await startTestServer({
      TRUSTED_PROXIES: '127.0.0.1',
      FORWARD_AUTH_USER_HEADER: 'remote-user',
      FORWARD_AUTH_TENANT_HEADER: 'remote-tenant',
    });
  });
  afterAll(async () => await guarded?.[Symbol.asyncDispose]());

  describe.each([
    ['graphql-ws', overSocket.followRun],
    ['graphql-sse', overEvents.followRun],
  ])('%s', (_, followRun) => {
    test('every event comes once, though the connection breaks', async () => {
      const { ask, url } = library();
      const { startRun } = await ask('mutation { startRun(input: {}) { run { id } } }');
      const runId = startRun.run.id as string;
      const append = async (delta: string): Promise<void> => {
        await ask('mutation ($input: AppendRunEventsInput!) { appendRunEvents(input: $input) { run { id } } }', {
          input: { runId, events: [{ type: 'TEXT_MESSAGE_CHUNK', payload: { messageId: 'm', delta } }] },
        });
      };
      await using wire = await wireTo(Number(new URL(url).port));
      await append('a');
      const seen: { sequence: number; type: string; payload: unknown }[] = [];
      for await (const event of followRun(url.replace(/:\d+/, `:${wire.port}`), runId)) {
        seen.push(event);
        if ((event.payload as { delta?: string }).delta !== 'a') continue;
        expect(wire.snap()).toBe(1);
        await append('b');
        await ask('mutation ($runId: ID!) { finishRun(input: { runId: $runId }) { run { id } } }', { runId });
      }
      expect(seen.map(({ sequence }) => sequence)).toEqual(seen.map((_, at) => at + 1));
      expect(seen.flatMap(({ payload }) => (payload as { delta?: string }).delta ?? [])).toEqual(['a', 'b']);
      expect(seen.at(-1)!.type).toBe('RUN_FINISHED');
    });

    test('whoever may not ask is told so at once', async () => {
      for (const token of [undefined, 'wrong']) {
        const began = await followRun(`${guarded!.url}/graphql`, library().run, token)
          .next()
          .catch((error: unknown) => error);
        expect(began).toBeInstanceOf(Error);
        expect((began as Error).message).toContain('UNAUTHENTICATED');
      }
    });
  });
};
