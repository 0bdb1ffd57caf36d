/**
 * GraphQL over server-sent events (https://github.com/enisdenjo/graphql-sse/blob/master/PROTOCOL.md), written to the
 * response itself: what many are sent is encoded once.
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

/** The events of one operation: what stands around each result, and what says that it was the last. */
export interface EventFraming {
  readonly head: Buffer;
  readonly end: Buffer;
  readonly complete: string;
}

/** Of an operation that has the stream for itself (distinct connections mode). */
const ALONE: EventFraming = {
  head: Buffer.from('event: next\ndata: '),
  end: Buffer.from('\n\n'),
  complete: 'event: complete\ndata:\n\n',
};

/** Of one of several operations on a stream (single connection mode), told apart by the client's ids for them. */
export function framingOf(operationId: string): EventFraming {
  const id = JSON.stringify(operationId);
  return {
    head: Buffer.from(`event: next\ndata: {"id":${id},"payload":`),
    end: Buffer.from('}\n\n'),
    complete: `event: complete\ndata: {"id":${id}}\n\n`,
  };
}

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
  openEventStream(response);
  const gone = new AbortController();
  response.once('close', () => gone.abort());
  await sendEvents(response, result, ALONE, gone.signal);
  if (!gone.signal.aborted) response.end();
}

/** Opens a stream, and keeps it alive until it closes. */
export function openEventStream(response: ServerResponse): void {
  response.writeHead(200, {
    'content-type': 'text/event-stream',
    'cache-control': 'no-store, no-transform',
    'x-accel-buffering': 'no',
  });
  response.write(ALIVE);
  const alive = setInterval(() => {
    if (!response.writableNeedDrain) response.write(ALIVE);
  }, SUBSCRIBE.eventStreamAliveMs).unref();
  response.once('close', () => clearInterval(alive));
}

/**
 * Writes the events of one operation on a stream that is open, to their end or until nobody wants them.
 * @param gone aborted when the client has left, or has ended the operation: its results are given up then
 */
export async function sendEvents(
  response: ServerResponse,
  result: ExecutionResult | AsyncIterable<ExecutionResult>,
  framing: EventFraming,
  gone: AbortSignal,
): Promise<void> {
  const write = async (json: string): Promise<void> => {
    // Looked at again each time: of several operations that wait, the first may have filled it again.
    while (response.writableNeedDrain && !gone.aborted)
      await new Promise<void>((resolve) => onceWritable(response, resolve));
    if (!gone.aborted) response.write(Buffer.concat([framing.head, Buffer.from(json), framing.end]));
  };
  const onGone = (): void => void leave(result);
  gone.addEventListener('abort', onGone, { once: true });
  try {
    if (gone.aborted) return;
    if (isDeliverable(result)) {
      const failure = await sendShared(response, result, framing, gone);
      if (failure !== undefined) await write(resultText(failure));
    } else if (isStream(result)) for await (const each of result) await write(writeJson(each));
    else await write(resultText(result));
    if (!gone.aborted) response.write(framing.complete);
  } finally {
    gone.removeEventListener('abort', onGone);
    await leave(result);
  }
}

/** @returns the answer to send last where the stream failed */
async function sendShared(
  response: ServerResponse,
  stream: DeliverableStream,
  { head, end }: EventFraming,
  gone: AbortSignal,
): Promise<ExecutionResult | undefined> {
  const frameOf = (answer: SharedAnswer): Buffer[] => [
    head,
    answer.json ?? Buffer.from(resultText(stream.delivery.fit(answer.result!))),
    end,
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
  return await pump(stream.delivery, sink, () => gone.aborted);
}

async function leave(result: ExecutionResult | AsyncIterable<ExecutionResult>): Promise<void> {
  if (isStream(result)) await result[Symbol.asyncIterator]().return?.();
}
