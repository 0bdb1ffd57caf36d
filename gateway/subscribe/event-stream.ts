/**
 * GraphQL over server-sent events in distinct connections mode
 * (https://github.com/enisdenjo/graphql-sse/blob/master/PROTOCOL.md), written to the response itself: what many are
 * sent is encoded once.
 */
import type { ServerResponse } from 'node:http';
import type { ExecutionResult } from 'graphql';
import { isStream } from '#gateway/admission/operations.ts';
import { isDeliverable, type DeliverableStream, type SharedAnswer } from '#gateway/execute/answers/shared-answers.ts';
import { writeJson } from '#subgraphs/shared/exact-number.ts';
import { resultText } from '#gateway/respond/result-text.ts';
import { SUBSCRIBE } from '#gateway/bounds/subscribe.ts';
import { pump, type Sink } from './pump.ts';
import { onceWritable } from './once-writable.ts';

const HEAD = Buffer.from('event: next\ndata: ');
const END = Buffer.from('\n\n');
const COMPLETE = 'event: complete\ndata:\n\n';
/** A comment, which says that the stream lives: some browsers take no header for an answer. */
const ALIVE = ':\n\n';

/**
 * Sends a result, or results until they end or the client leaves. The status is 200 whatever is in them: errors are in the
 * stream, and a browser's EventSource could not read another status' body.
 */
export async function sendEventStream(
  response: ServerResponse,
  result: ExecutionResult | AsyncIterable<ExecutionResult>,
): Promise<void> {
  if (response.destroyed) return await leave(result);
  response.writeHead(200, {
    'content-type': 'text/event-stream',
    'cache-control': 'no-store, no-transform',
    'x-accel-buffering': 'no',
  });
  response.write(ALIVE);
  const alive = setInterval(() => {
    if (!response.writableNeedDrain) response.write(ALIVE);
  }, SUBSCRIBE.eventStreamAliveMs).unref();
  let gone = false;
  const onClose = (): void => {
    gone = true;
    void leave(result);
  };
  response.once('close', onClose);
  try {
    if (isDeliverable(result)) await sendShared(response, result, () => gone);
    else if (isStream(result)) for await (const each of result) await write(response, writeJson(each));
    else await write(response, resultText(result));
    if (!gone) response.end(COMPLETE);
  } finally {
    clearInterval(alive);
    response.off('close', onClose);
    await leave(result);
  }
}

async function sendShared(response: ServerResponse, stream: DeliverableStream, gone: () => boolean): Promise<void> {
  const frameOf = (answer: SharedAnswer): Buffer[] => [
    HEAD,
    answer.json ?? Buffer.from(resultText(stream.delivery.fit(answer.result!))),
    END,
  ];
  const sink: Sink = {
    write(answers) {
      response.write(Buffer.concat(answers.flatMap(frameOf)));
    },
    get full() {
      return response.writableNeedDrain;
    },
    drained: (resume) => onceWritable(response, resume),
  };
  const failure = await pump(stream.delivery, sink, gone);
  if (failure !== undefined) await write(response, resultText(failure));
}

async function write(response: ServerResponse, json: string): Promise<void> {
  if (!response.write(`event: next\ndata: ${json}\n\n`) && !response.destroyed)
    await new Promise<void>((resolve) => onceWritable(response, resolve));
}

async function leave(result: ExecutionResult | AsyncIterable<ExecutionResult>): Promise<void> {
  if (isStream(result)) await result[Symbol.asyncIterator]().return?.();
}
