/**
 * Answers in several parts over HTTP (`multipart/mixed`, RFC 2046): subscriptions in Apollo's protocol
 * (https://www.apollographql.com/docs/graphos/routing/operations/subscriptions/multipart-protocol), deferred answers in
 * that of the incremental delivery proposal of 2022
 * (https://github.com/graphql/graphql-over-http/blob/main/rfcs/IncrementalDelivery.md), or that of graphql-js 17.
 */
import type { ServerResponse } from 'node:http';
import type { ExecutionResult } from 'graphql';
import { isStream } from '#gateway/admission/operations.ts';
import type { IncrementalResult } from '#gateway/execute/answers/incremental-result.ts';
import { SUBSCRIBE } from '#gateway/bounds/subscribe.ts';
import { resultText } from '#gateway/respond/result-text.ts';
import { writeJson } from '#subgraphs/shared/exact-number.ts';
import { incrementalV02 } from './incremental-v02.ts';
import { StreamBody, type StreamEncoder } from './stream-body.ts';

/**
 * What a client calls the format in `accept`: `subscriptionSpec=1.0`, `deferSpec=20220824`, `incrementalSpec=v0.2`, or nothing, as most clients of
 * incremental delivery do.
 */
export type MultipartFormat = 'subscription-1.0' | 'incremental-20220824' | 'incremental-v0.2' | 'unnamed';

interface Format {
  readonly contentType: string;
  readonly boundary: string;
  readonly partType: string;
  /** Makes what writes the results of one answer, each as it stands in a part. */
  writer(): (result: ExecutionResult) => string;
  /** A part that says that the stream lives; undefined where the format has none. */
  readonly alive?: string;
}

const INCREMENTAL = {
  boundary: '-',
  partType: 'application/json; charset=utf-8',
  writer: () => (result: ExecutionResult) => writeJson(result),
};

const FORMATS: Readonly<Record<MultipartFormat, Format>> = {
  'subscription-1.0': {
    contentType: 'multipart/mixed;boundary="graphql";subscriptionSpec=1.0',
    boundary: 'graphql',
    partType: 'application/json',
    writer: () => (payload) => writeJson({ payload }),
    alive: '{}',
  },
  'incremental-20220824': { contentType: 'multipart/mixed;boundary="-";deferSpec=20220824', ...INCREMENTAL },
  'incremental-v0.2': {
    ...INCREMENTAL,
    contentType: 'multipart/mixed;boundary="-";incrementalSpec=v0.2',
    writer() {
      const format = incrementalV02();
      return (result) => writeJson(format(result as IncrementalResult));
    },
  },
  unnamed: { contentType: 'multipart/mixed; boundary="-"', ...INCREMENTAL },
};

/**
 * Sends results until they end or the client leaves, or one as the only part.
 * @param encoder compresses the body; for answers that end, since each takes memory
 */
export async function sendMultipart(
  response: ServerResponse,
  format: MultipartFormat,
  result: ExecutionResult | AsyncIterable<ExecutionResult>,
  encoder?: StreamEncoder,
): Promise<void> {
  const { contentType, boundary, partType, writer, alive } = FORMATS[format];
  const content = writer();
  const delimiter = `\r\n--${boundary}`;
  // The delimiter stands behind a part: a client knows then that it is whole.
  const part = (text: string): string => `\r\ncontent-type: ${partType}\r\n\r\n${text}${delimiter}`;
  const body = new StreamBody(response, { 'content-type': contentType }, encoder);
  const results = isStream(result) ? result[Symbol.asyncIterator]() : undefined;
  if (!body.open(() => void results?.return?.())) return void (await results?.return?.());
  body.write(delimiter);
  if (alive !== undefined) body.write(part(alive));
  const beat = setInterval(() => {
    if (alive !== undefined && !body.full) body.write(part(alive));
  }, SUBSCRIBE.multipartAliveMs).unref();
  try {
    if (results === undefined) body.write(part(`{${[...onlyResult(format, result as ExecutionResult)].join()}}`));
    else
      for (let next = await results.next(); next.done !== true && !body.closed; next = await results.next()) {
        // Only when the client has taken what came before.
        await body.taken(part(content(next.value)));
      }
    body.end('--\r\n');
  } finally {
    clearInterval(beat);
    await results?.return?.();
  }
}

function* onlyResult(format: MultipartFormat, result: ExecutionResult): Generator<string> {
  const text = resultText(result);
  if (format === 'subscription-1.0') yield `"payload":${text}`;
  else {
    if (text !== '{}') yield text.slice(1, -1);
    yield '"hasNext":false';
  }
}
