/**
 * A subgraph in this very process: parsed documents straight to its resolvers, with no printing, parsing or JSON
 * between.
 */
import { createSourceEventStream, GraphQLError, type ExecutionResult, type GraphQLSchema } from 'graphql';
import type { RequestContext } from '#subgraphs/shared/context.ts';
import { isShared, type SharedEvents } from '#subgraphs/shared/shared-events.ts';
import { executorOf } from '../in-process/executor.ts';
import type { ShareableStream } from '../answers/shared-answers.ts';
import type { SubgraphClient } from './subgraph-client.ts';

/**
 * Makes a client of an executable subgraph schema. Its resolvers receive the request's own context, so loaders are
 * shared between fetches.
 */
export function inProcessClient(name: string, schema: GraphQLSchema): SubgraphClient {
  const run = executorOf(schema);
  return {
    name,
    execute(request) {
      try {
        const result = run(request);
        return result instanceof Promise ? result.then(refusedAsBadInput) : Promise.resolve(refusedAsBadInput(result));
      } catch (error) {
        return Promise.reject(error as Error);
      }
    },
    async subscribe(request) {
      const { document, context, variables, operationName } = request;
      const source = await createSourceEventStream({
        schema,
        document,
        contextValue: context,
        variableValues: variables,
        operationName,
      });
      if (!(Symbol.asyncIterator in source)) return refusedAsBadInput(source);
      const answer = (event: unknown, own: RequestContext) =>
        run({ ...request, context: own, signal: own.signal }, event);
      // A context of its own for each event: what loaders read for one must not serve the next.
      const stream = answers(source, (event) =>
        answer(event, { ...context, began: performance.now(), budget: context.budget?.renewed() }),
      );
      return isShared(source) ? shareable(stream, source, answer) : stream;
    },
    close: () => Promise.resolve(),
  };
}

/**
 * A result without data was refused before a resolver ran: its variables did not fit the subgraph's own scalars, which
 * know more than the gateway's schema does. That is the caller's fault, and graphql-js gives no code.
 */
function refusedAsBadInput(result: ExecutionResult): ExecutionResult {
  if (result.data !== undefined || result.errors === undefined) return result;
  const errors = result.errors.map((error) =>
    error.extensions.code === undefined && error.path === undefined
      ? new GraphQLError(error.message, { extensions: { ...error.extensions, code: 'BAD_USER_INPUT' } })
      : error,
  );
  return { ...result, errors };
}

const shareable = (
  stream: AsyncIterableIterator<ExecutionResult>,
  events: SharedEvents,
  answer: ShareableStream['shareable']['answer'],
): ShareableStream => Object.assign(stream, { shareable: { events, answer } });

/** The answers to events, one by one. Not a generator: one of those could not be ended while it waits for an event. */
function answers(
  source: AsyncIterable<unknown>,
  answer: (event: unknown) => ExecutionResult | Promise<ExecutionResult>,
): AsyncIterableIterator<ExecutionResult> {
  const events = source[Symbol.asyncIterator]();
  return {
    async next() {
      const event = await events.next();
      return event.done === true ? { done: true, value: undefined } : { done: false, value: await answer(event.value) };
    },
    async return() {
      await events.return?.();
      return { done: true, value: undefined };
    },
    [Symbol.asyncIterator]() {
      return this;
    },
  };
}
