/** What belongs to one event of a subscription. */
import { randomBytes } from 'node:crypto';
import type { ExecutionResult } from 'graphql';
import type { RequestContext } from '#subgraphs/shared/context.ts';

/** W3C Trace Context: version, trace, parent and flags. */
const TRACEPARENT = /^00-(?!0{32})([0-9a-f]{32})-(?!0{16})[0-9a-f]{16}-([0-9a-f]{2})$/;

/**
 * The context of the fetches for one event: a new object, since loaders live as long as a context and what they read
 * for one event must not serve the next; and a trace context of its own (https://www.w3.org/TR/trace-context/). An
 * event that says where it comes from (`extensions.traceparent`) goes on with that trace; else its fetches have a
 * parent of their own in the trace of whoever subscribed.
 */
export function eventContext(context: RequestContext, event: ExecutionResult): RequestContext {
  const own = { ...context, began: performance.now(), budget: context.budget?.renewed() };
  const given = event.extensions?.traceparent;
  if (typeof given === 'string' && TRACEPARENT.test(given)) {
    const state = event.extensions?.tracestate;
    return {
      ...own,
      headers: { ...context.headers, traceparent: given, tracestate: typeof state === 'string' ? state : undefined },
    };
  }
  const subscribed = context.headers?.traceparent;
  const parts = typeof subscribed === 'string' ? TRACEPARENT.exec(subscribed) : null;
  if (parts === null) return own;
  return {
    ...own,
    headers: { ...context.headers, traceparent: `00-${parts[1]!}-${randomBytes(8).toString('hex')}-${parts[2]!}` },
  };
}
