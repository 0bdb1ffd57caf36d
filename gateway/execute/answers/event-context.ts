/** What belongs to one event of a subscription. */
import { randomBytes } from 'node:crypto';
import type { ExecutionResult } from 'graphql';
import { readTraceparent } from '#gateway/telemetry/traceparent.ts';
import { codeOf } from '#gateway/telemetry/error-code.ts';
import type { RequestContext } from '#subgraphs/shared/context.ts';

/**
 * The context of the fetches for one event: a new object, since loaders live as long as a context and what they read
 * for one event must not serve the next; and a trace context of its own (https://www.w3.org/TR/trace-context/). An
 * event that says where it comes from (`extensions.traceparent`) goes on with that trace; else its fetches have a
 * parent of their own in the trace of whoever subscribed.
 */
export function eventContext(context: RequestContext, event: ExecutionResult): RequestContext {
  const own = { ...context, began: performance.now(), budget: context.budget?.renewed() };
  const given = event.extensions?.traceparent;
  if (readTraceparent(given) !== undefined) {
    const state = event.extensions?.tracestate;
    return {
      ...own,
      headers: {
        ...context.headers,
        traceparent: given as string,
        tracestate: typeof state === 'string' ? state : undefined,
      },
    };
  }
  const subscribed = readTraceparent(context.headers?.traceparent);
  if (subscribed === undefined) return own;
  const { traceId, flags } = subscribed;
  return {
    ...own,
    headers: { ...context.headers, traceparent: `00-${traceId}-${randomBytes(8).toString('hex')}-${flags}` },
  };
}

/** Answers an event as a step of the trace of whoever subscribed, where that is traced; else at once what can be. */
export function inSpan(
  context: RequestContext,
  answer: (context: RequestContext) => ExecutionResult | Promise<ExecutionResult>,
): ExecutionResult | Promise<ExecutionResult> {
  const span = context.span?.part('event');
  if (span === undefined) return answer(context);
  const told = (async () => await answer({ ...context, span }))();
  return told.then(
    (result) => {
      const [error] = result.errors ?? [];
      span.end(error && codeOf(error));
      return result;
    },
    (error: unknown) => {
      span.end(error);
      throw error;
    },
  );
}
