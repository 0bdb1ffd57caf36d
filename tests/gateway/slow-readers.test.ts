/** A client of a stream over HTTP that does not read. (Sockets: streams.test.ts.) */
import { once } from 'node:events';
import { request as httpRequest, type IncomingMessage } from 'node:http';
import type { ExecutionResult } from 'graphql';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { EventStreamParser } from '#gateway/execute/clients/remote-event-stream.ts';
import { startTestServer, type TestServer } from './fixture.ts';
import { ACCEPT, payloads } from './multipart-parts.ts';

let it: TestServer;
beforeAll(async () => {
  it = await startTestServer();
});
afterAll(async () => await it[Symbol.asyncDispose]());

async function* serverSentEvents(response: IncomingMessage): AsyncGenerator<ExecutionResult> {
  const events: ExecutionResult[] = [];
  const parser = new EventStreamParser(10_000_000, (event, data) => {
    if (event === 'next') events.push(JSON.parse(data) as ExecutionResult);
  });
  for await (const chunk of response as AsyncIterable<Buffer>) {
    parser.write(chunk);
    yield* events.splice(0);
  }
}

test.each([
  ['multipart', ACCEPT, payloads],
  ['server-sent events', 'text/event-stream', serverSentEvents],
])('over %s it holds up itself alone, and misses nothing', async (_, accept, eventsOf) => {
  const open = async (): Promise<IncomingMessage> => {
    const request = httpRequest(`${it.url}/graphql`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', accept },
    });
    request.end(JSON.stringify({ query: 'subscription { bookAdded { title } }' }));
    return ((await once(request, 'response')) as [IncomingMessage])[0];
  };
  const numberOf = ({ data }: ExecutionResult): string =>
    (data as { bookAdded: { title: string } }).bookAdded.title.split(' ')[0]!;
  const slow = await open();
  slow.pause();
  const quick = await open();
  await it.library.until(() => it.library.listeners.size === 2);
  const events = eventsOf(quick);
  // More than the system's buffers hold.
  for (let index = 0; index < 50; index++) {
    it.library.add(`${index} ${'x'.repeat(200_000)}`);
    expect(numberOf((await events.next()).value as ExecutionResult)).toBe(String(index));
  }
  let index = 0;
  for await (const event of eventsOf(slow)) {
    expect(numberOf(event)).toBe(String(index++));
    if (index === 50) break;
  }
  quick.destroy();
  await it.library.until(() => it.library.listeners.size === 0);
});
