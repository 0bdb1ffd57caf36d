/** Calls to a subgraph as whoever watches sees them: timed, and a step of the request's trace. */
import type { ExecutionResult } from 'graphql';
import { PartCounter, requestOf, type RequestContext, type StatementObserver } from '#subgraphs/shared/context.ts';
import { codeOf } from '#gateway/telemetry/error-code.ts';
import type { Span } from '#subgraphs/shared/span.ts';
import type { Telemetry } from '#gateway/telemetry/telemetry.ts';
import type { SubgraphClient, SubgraphRequest } from './subgraph-client.ts';

/** @param isRemote whether it is asked over HTTP, where the trace goes on by a header */
export function observedClient(
  client: SubgraphClient,
  telemetry: Pick<Telemetry, 'fetch'>,
  isRemote: boolean,
): SubgraphClient {
  const { name: subgraph } = client;
  return {
    name: subgraph,
    execute(request) {
      const { span, statements, end } = telemetry.fetch({
        subgraph,
        own: request.context.principal.system === true,
        objects: objectsOf(request),
        parent: request.context.span,
      });
      const call =
        span === undefined
          ? client.execute(request)
          : isRemote
            ? client.execute({ ...request, context: going(request.context, span.traceparent) })
            : client.execute({ ...request, context: fetchOf(request.context, span, statements) });
      return call.then(
        (result) => {
          end(failureOf(result));
          return result;
        },
        (error: unknown) => {
          end(codeOf(error));
          throw error;
        },
      );
    },
    subscribe: (request) => client.subscribe(request),
    ...(client.breaker === undefined ? {} : { breaker: () => client.breaker!() }),
    close: () => client.close(),
  };
}

function objectsOf({ variables }: SubgraphRequest): number | undefined {
  const { representations } = variables;
  return Array.isArray(representations) ? representations.length : undefined;
}

function failureOf({ errors }: ExecutionResult): string | undefined {
  const [first] = errors ?? [];
  return first && codeOf(first);
}

/** What resolvers are given of a call that is traced. Loaders are the request's: what they ask is shown below the call that made them. */
const fetchOf = (context: RequestContext, span: Span, observer: StatementObserver | undefined): RequestContext => ({
  ...context,
  span,
  statements: new PartCounter(context.statements, observer),
  request: requestOf(context),
});

/** What is passed on of the trace is the call, not what the client came with. */
const going = (context: RequestContext, traceparent: string): RequestContext => ({
  ...context,
  headers: { ...context.headers, traceparent },
});
