/** The answer to most requests: one JSON text, sent as it is, or compressed where it is long and the client takes that. */
import type { OutgoingHttpHeaders, ServerResponse } from 'node:http';
import type { ExecutionResult } from 'graphql';
import { resultText } from '#gateway/respond/result-text.ts';
import { HTTP } from '#gateway/bounds/http.ts';
import type { JsonType } from './answer-forms.ts';
import { encodedHeaders, type Compression } from './compression.ts';
import type { HttpMeaning } from './error-response.ts';
import type { Exchange } from './exchange.ts';

/** Sends the result; the status is that of its errors, as transports have marked them. */
export function sendResult(
  exchange: Exchange,
  result: ExecutionResult,
  mediaType: JsonType,
  compression?: Compression,
): void | Promise<void> {
  if (exchange.response.destroyed) return; // Nobody is there to be told.
  return sendText(exchange, resultText(result), meaningOf(result), mediaType, compression);
}

/** Sends the results of a batch, in its order; each says for itself how it went. */
export function sendResults(
  exchange: Exchange,
  results: readonly ExecutionResult[],
  mediaType: JsonType,
  compression?: Compression,
): void | Promise<void> {
  if (exchange.response.destroyed) return;
  return sendText(exchange, `[${results.map(resultText).join()}]`, { status: 200 }, mediaType, compression);
}

function sendText(
  { request, response }: Exchange,
  text: string,
  { status, headers }: Required<Pick<HttpMeaning, 'status'>> & HttpMeaning,
  mediaType: JsonType,
  compression?: Compression,
): void | Promise<void> {
  const body = text.length <= HTTP.shortAnswer ? text : Buffer.from(text);
  const head = { ...headers, 'content-type': `${mediaType}; charset=utf-8` };
  const length = typeof body === 'string' ? Buffer.byteLength(body) : body.length;
  if (compression?.concerns(length) !== true)
    return send(response, status, { ...head, 'content-length': length }, body);
  const encoding = compression.choose(request.headers['accept-encoding']);
  const bytes = typeof body === 'string' ? Buffer.from(body) : body;
  const encoded = encoding === undefined ? undefined : compression.encode(bytes, encoding);
  const sendBytes = (encodedBytes: Buffer | undefined): void =>
    send(
      response,
      status,
      {
        ...head,
        ...encodedHeaders(response, encodedBytes === undefined ? undefined : encoding),
        'content-length': (encodedBytes ?? bytes).length,
      },
      encodedBytes ?? bytes,
    );
  return encoded instanceof Promise ? encoded.then(sendBytes) : sendBytes(encoded);
}

function send(response: ServerResponse, status: number, headers: OutgoingHttpHeaders, body: string | Buffer): void {
  if (response.destroyed) return;
  response.writeHead(status, headers);
  response.end(body); // Node leaves it out of an answer to HEAD.
}

/** The highest of the statuses that errors ask for, and its headers. */
function meaningOf({ errors, data }: ExecutionResult): Required<Pick<HttpMeaning, 'status'>> & HttpMeaning {
  let highest: HttpMeaning | undefined;
  for (const { extensions } of data === undefined ? (errors ?? []) : []) {
    const { http } = extensions as { http?: HttpMeaning };
    if (http?.status !== undefined && http.status > (highest?.status ?? 0)) highest = http;
  }
  return { status: 200, ...highest };
}
