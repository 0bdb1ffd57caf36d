/** How answers are written to a socket: as text that is there already, as a stream of events, or in parts. */
import type { ExecutionResult } from 'graphql';
import { JsonText } from '#gateway/respond/json-text.ts';
import type { WebSocket } from 'ws';
import { resultText } from '#gateway/respond/result-text.ts';
import { framedNext, nextPrefix } from './frames.ts';
import { attachments } from './attachment.ts';
import { writeJson } from '#subgraphs/shared/exact-number.ts';
import type { DeliverableStream } from '#gateway/execute/answers/shared-answers.ts';
import { pump } from './pump.ts';
import { socketSink } from './socket-sink.ts';

/** Whether an answer is text already. */
export const isText = (result: unknown): result is ExecutionResult =>
  (result as { data?: unknown }).data instanceof JsonText;

/** An answer that is text already: it is sent by itself, and as a stream only says that it has been. */
export function written(
  result: ExecutionResult,
  socket: WebSocket,
  id: string,
): AsyncIterableIterator<ExecutionResult> {
  const done: IteratorReturnResult<undefined> = { done: true, value: undefined };
  return {
    async next() {
      const { writer } = attachments.get(socket)!;
      await writer.writeWhole(framedNext(nextPrefix(id), Buffer.from(resultText(result))));
      return done;
    },
    return: () => Promise.resolve(done),
    [Symbol.asyncIterator]() {
      return this;
    },
  };
}

/** The same of a stream that nobody shares: of events, or of an answer in parts, each of which is a `next` of its own. */
export function streamed(
  stream: AsyncIterable<ExecutionResult>,
  socket: WebSocket,
  id: string,
): AsyncIterableIterator<ExecutionResult> {
  const source = stream[Symbol.asyncIterator]();
  const done: IteratorReturnResult<undefined> = { done: true, value: undefined };
  let ended = false;
  return {
    async next() {
      const { writer } = attachments.get(socket)!;
      for (let next = await source.next(); next.done !== true && !ended; next = await source.next())
        await writer.writeWhole(framedNext(nextPrefix(id), Buffer.from(writeJson(next.value))));
      return done;
    },
    async return() {
      ended = true;
      await source.return?.();
      return done;
    },
    [Symbol.asyncIterator]() {
      return this;
    },
  };
}

/** A stream that sends its events by itself, and as an iterator only says that it has ended. */
export function pumped(
  stream: DeliverableStream,
  socket: WebSocket,
  id: string,
): AsyncIterableIterator<ExecutionResult> {
  let ended = false;
  const finish = async (): Promise<IteratorReturnResult<undefined>> => {
    ended = true;
    await stream.return?.();
    return { done: true, value: undefined };
  };
  return {
    async next() {
      if (ended) return { done: true, value: undefined };
      const failure = await pump(
        stream.delivery,
        socketSink(attachments.get(socket)!.writer, id, stream.delivery.fit),
        () => ended,
      );
      await finish();
      return failure === undefined ? { done: true, value: undefined } : { done: false, value: failure };
    },
    return: finish,
    [Symbol.asyncIterator]() {
      return this;
    },
  };
}
