/**
 * The answer to a plain request: one JSON text, sent as it is. Yoga, which answers everything else, would make a
 * Request and a Response of the Fetch standard on the way, at several times the price of a small operation.
 */
import type { IncomingMessage } from 'node:http';
import type { ExecutionResult } from 'graphql';
import { resultText } from '#gateway/respond/result-text.ts';
import { HTTP } from '#gateway/bounds/http.ts';
import type { Exchange } from './exchange.ts';

type MediaType = 'application/json' | 'application/graphql-response+json';

/** What clients send as `accept`; they differ in little, so that few are kept. */
const known = new Map<string, MediaType | undefined>();

/**
 * The media type of a whole answer to the request; undefined when the request is not plain: willing to read a stream, or
 * asking for what is neither. Takes what stands first in `accept`, as Yoga does.
 */
export function plainMediaType({ headers }: Pick<IncomingMessage, 'headers'>): MediaType | undefined {
  const { accept } = headers;
  if (accept === undefined || accept === '*/*' || accept === 'application/json') return 'application/json';
  if (known.has(accept)) return known.get(accept);
  const type = mediaTypeOf(accept);
  if (known.size < HTTP.acceptsKept) known.set(accept, type);
  return type;
}

function mediaTypeOf(accept: string): MediaType | undefined {
  const ranges = accept.replace(/\s/g, '').toLowerCase().split(',');
  if (
    ranges.some(
      (range) =>
        /^(text\/event-stream|multipart\/mixed|text\/\*|multipart\/\*)/.test(range) || range.includes('charset='),
    )
  )
    return undefined;
  for (const range of ranges) {
    const [name] = range.split(';');
    if (name === 'application/graphql-response+json') return name;
    if (name === 'application/json' || name === 'application/*' || name === '*/*') return 'application/json';
  }
  return undefined;
}

/** Sends the result; the status is that of its errors, as transports have marked them. */
export function sendResult({ response }: Exchange, result: ExecutionResult, mediaType: MediaType): void {
  if (response.destroyed) return; // Nobody is there to be told.
  const text = resultText(result);
  const body = text.length <= HTTP.shortAnswer ? text : Buffer.from(text);
  response.writeHead(statusOf(result), {
    'content-type': `${mediaType}; charset=utf-8`,
    'content-length': typeof body === 'string' ? Buffer.byteLength(body) : body.length,
  });
  response.end(body);
}

/** The highest of the statuses that errors ask for. */
export function statusOf({ errors, data }: ExecutionResult): number {
  let status = 0;
  for (const { extensions } of data === undefined ? (errors ?? []) : []) {
    const { http } = extensions as { http?: { status?: number } };
    if (http?.status !== undefined && http.status > status) status = http.status;
  }
  return status === 0 ? 200 : status;
}
