/**
 * Subscriptions over HTTP as a multipart answer: Apollo's `multipart/mixed;subscriptionSpec=1.0`
 * (https://www.apollographql.com/docs/graphos/routing/operations/subscriptions/multipart-protocol). Asked for in
 * `accept`.
 */
import type { ExecutionResult } from 'graphql';
import type { FetchAPI, Plugin } from 'graphql-yoga';
import { SUBSCRIBE } from '#gateway/bounds/subscribe.ts';
import { writeJson } from '#subgraphs/shared/exact-number.ts';

const CONTENT_TYPE = 'multipart/mixed;boundary="graphql";subscriptionSpec=1.0';
const DELIMITER = '\r\n--graphql';

/** Whether a request's `accept` asks for this protocol. */
export const acceptsMultipartSubscription = (accept: string): boolean =>
  /multipart\/mixed[^,]*;\s*subscriptionspec\s*=\s*"?1\.0\b/i.test(accept);

/**
 * Answers subscriptions this way where a client asks for it.
 * @param isSubscription tells subscriptions from other answers in parts (`@defer`)
 */
export function multipartSubscriptions<ServerContext extends object>(
  isSubscription: (context: ServerContext) => boolean,
): Plugin<object, ServerContext> {
  return {
    onResultProcess({ request, result, serverContext, setResultProcessor }) {
      if (
        !isSubscription(serverContext as ServerContext) ||
        !acceptsMultipartSubscription(request.headers.get('accept') ?? '')
      )
        return;
      // One that could not be opened is answered as everything else is, where the client takes that.
      if (!isEventStream(result)) return;
      setResultProcessor(
        (events, fetchAPI) => respond(events as AsyncIterable<ExecutionResult>, fetchAPI),
        'multipart/mixed',
      );
    },
  };
}

const isEventStream = (result: unknown): result is AsyncIterable<ExecutionResult> =>
  typeof result === 'object' && result !== null && Symbol.asyncIterator in result;

/** One part. The delimiter stands behind it: a client knows then that it is whole. */
const part = (content: unknown): string =>
  `\r\ncontent-type: application/json\r\n\r\n${writeJson(content)}${DELIMITER}`;

function respond(
  events: AsyncIterable<ExecutionResult>,
  { ReadableStream, Response, TextEncoder }: FetchAPI,
): Response {
  const encoder = new TextEncoder();
  const iterator = events[Symbol.asyncIterator]();
  let heartbeat: NodeJS.Timeout;
  const body = new ReadableStream<Uint8Array>({
    start(controller) {
      const beat = (): void => controller.enqueue(encoder.encode(part({})));
      controller.enqueue(encoder.encode(DELIMITER));
      beat();
      heartbeat = setInterval(() => {
        if ((controller.desiredSize ?? 0) > 0) beat();
      }, SUBSCRIBE.multipartAliveMs);
    },
    // Only when the client has taken what came before.
    async pull(controller) {
      try {
        const { done, value } = await iterator.next();
        if (done !== true) return controller.enqueue(encoder.encode(part({ payload: value })));
        clearInterval(heartbeat);
        controller.enqueue(encoder.encode('--\r\n'));
        controller.close();
      } catch (error) {
        clearInterval(heartbeat);
        controller.error(error);
      }
    },
    async cancel() {
      clearInterval(heartbeat);
      await iterator.return?.();
    },
  });
  return new Response(body, { headers: { 'content-type': CONTENT_TYPE, connection: 'keep-alive' } });
}
