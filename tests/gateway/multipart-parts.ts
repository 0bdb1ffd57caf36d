/** A strict reader of subscriptions over multipart. */
import type { IncomingMessage } from 'node:http';
import type { ExecutionResult } from 'graphql';
import { expect } from 'vitest';

/** What a client of this protocol accepts. */
export const ACCEPT = 'multipart/mixed;boundary="graphql";subscriptionSpec=1.0, application/json';

/** What a part holds; a heartbeat holds nothing. */
export interface Part {
  payload?: ExecutionResult | null;
  errors?: unknown;
}

/**
 * The parts of a body, each as soon as the delimiter behind it is there. Throws at whatever the format does not know.
 */
export async function* partsOf(response: IncomingMessage): AsyncGenerator<Part> {
  expect(response.headers['content-type']).toBe('multipart/mixed;boundary="graphql";subscriptionSpec=1.0');
  let buffer = '';
  let first = true;
  for await (const chunk of response.setEncoding('utf8') as AsyncIterable<string>) {
    buffer += chunk;
    for (let at = buffer.indexOf('\r\n--graphql'); at !== -1; at = buffer.indexOf('\r\n--graphql')) {
      const before = buffer.slice(0, at);
      buffer = buffer.slice(at + '\r\n--graphql'.length);
      if (first) expect(before).toBe('');
      else {
        const [, headers, body] = /^\r\n([^]*?)\r\n\r\n([^]*)$/.exec(before)!;
        expect(headers).toBe('content-type: application/json');
        yield JSON.parse(body!) as Part;
      }
      first = false;
    }
  }
  expect(buffer).toBe('--\r\n');
}

/** The events alone. */
export const payloads = async function* (response: IncomingMessage): AsyncGenerator<ExecutionResult> {
  for await (const part of partsOf(response)) if ('payload' in part) yield part.payload!;
};
