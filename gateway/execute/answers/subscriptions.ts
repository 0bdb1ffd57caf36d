/** Subscriptions: the stream of one subgraph is opened, and each event completed and shaped into an answer. */
import type { ExecutionResult } from 'graphql';
import { writeJson } from '#subgraphs/shared/exact-number.ts';
import { toldError } from '#gateway/respond/told-error.ts';
import type { RequestContext } from '#subgraphs/shared/context.ts';
import { CodedError } from '#subgraphs/shared/errors.ts';
import { resubscriptionOf } from '../clients/shared-subscription.ts';
import type { SubgraphClient } from '../clients/subgraph-client.ts';
import type { PreparedOperation } from '../prepared-operations.ts';
import { endingOf } from '../run/ending.ts';
import type { ExecutableFetch, ExecutableNode } from '../run/executable-plan.ts';
import { errorOfFailure, untilAborted } from '../run/fetch-errors.ts';
import { pickVariables, runNode, takeRootResult } from '../run/run-plan.ts';
import { requestOf } from '../run/send.ts';
import { TraceRecorder } from '../run/trace.ts';
import { reportUnproduced, type Unproduced } from '../run/unproduced.ts';
import type { Answerer } from './answerer.ts';
import { eventContext, inSpan } from './event-context.ts';
import { ended } from './refusals.ts';
import {
  Groups,
  headersKey,
  isShareable,
  variablesBelowRoot,
  type DeliverableStream,
  type ShareableStream,
} from './shared-answers.ts';
import { mapEvents } from './map-events.ts';

/** A subscription that is planned: the fetch whose events it follows, and what completes each of them. */
export interface OpenSubscription {
  readonly prepared: PreparedOperation;
  readonly primary: ExecutableFetch;
  readonly rest: ExecutableNode | undefined;
  readonly unproduced: readonly Unproduced[];
  readonly variables: Readonly<Record<string, unknown>>;
}

interface SubscriptionEnds {
  readonly context: RequestContext;
  release(): void;
  failed(error: unknown): ExecutionResult;
}

export class Subscriptions {
  readonly #clients: ReadonlyMap<string, SubgraphClient>;
  readonly #answerer: Answerer;
  readonly #groups = new Groups();

  constructor(clients: ReadonlyMap<string, SubgraphClient>, answerer: Answerer) {
    this.#clients = clients;
    this.#answerer = answerer;
  }

  /**
   * @returns the events' answers, whose `return()` ends the subscription upstream; or the reason why there are none
   */
  async open(
    subscription: OpenSubscription,
    { context: caller, trace = false }: { readonly context: RequestContext; readonly trace?: boolean },
  ): Promise<AsyncIterable<ExecutionResult> | ExecutionResult> {
    const { prepared, primary, variables } = subscription;
    const ending = endingOf(caller.signal, 'The subscription has ended.');
    const release = ending.end;
    const context: RequestContext = { ...caller, signal: ending.signal };
    /** The answer to one event, or to the attempt to open the stream. */
    const answer = async (event: ExecutionResult): Promise<ExecutionResult> => {
      return await inSpan(eventContext(context, event), (own) =>
        trace ? this.#traceEvent(subscription, event, own) : this.#answerEvent(subscription, event, own),
      );
    };
    const failed = (error: unknown): ExecutionResult => {
      const { message, ...parts } = errorOfFailure(error, primary.service);
      const key = primary.keys.slice(0, 1).map((each) => each.key);
      return { errors: [toldError(message, { ...parts, path: prepared.clientPaths.of(key, {}) ?? [] })] };
    };

    let opened: AsyncIterable<ExecutionResult> | ExecutionResult;
    try {
      const client = this.#clients.get(primary.service);
      if (client === undefined)
        throw new CodedError('SUBGRAPH_UNAVAILABLE', `The subgraph ${primary.service} is not connected.`);
      const opening = client.subscribe(requestOf(primary, { context }, pickVariables(primary, variables)));
      // One that opens after the client has left is closed at once.
      opened = await untilAborted(opening, ending.signal).catch((error: unknown) => {
        if (ending.signal.aborted) opening.then(endStream, () => undefined);
        throw error;
      });
    } catch (error) {
      release();
      return failed(error);
    }
    if (!(Symbol.asyncIterator in opened)) {
      release();
      return { errors: (await answer(opened)).errors ?? [] };
    }
    // A trace is one subscriber's own.
    const events =
      isShareable(opened) && !trace
        ? this.#share(opened, { ...subscription, context, release, failed })
        : mapEvents(opened, answer, release, failed);
    ending.signal.addEventListener('abort', () => void events.return?.(), { once: true });
    if (ending.signal.aborted) void events.return?.();
    return events;
  }

  /** The answer to an event with what its fetches did. */
  async #traceEvent(
    subscription: OpenSubscription,
    event: ExecutionResult,
    context: RequestContext,
  ): Promise<ExecutionResult> {
    const trace = new TraceRecorder(context);
    trace.planned();
    const result = await this.#answerEvent(subscription, event, trace.context, trace);
    return { ...result, extensions: { ...result.extensions, trace: trace.finish(subscription.rest) } };
  }

  #answerEvent(
    { prepared, primary, rest, variables, unproduced }: OpenSubscription,
    event: ExecutionResult,
    context: RequestContext,
    trace?: TraceRecorder,
  ): ExecutionResult | Promise<ExecutionResult> {
    const run = this.#answerer.begin(prepared, variables, context, trace);
    const resubscribed = resubscriptionOf(event);
    const noted = (result: ExecutionResult): ExecutionResult => ({
      ...result,
      extensions: { ...result.extensions, resubscribed },
    });
    // At once where nothing is left to ask: most events of most streams.
    const answer = (): ExecutionResult | Promise<ExecutionResult> => {
      if (unproduced.length > 0) reportUnproduced(unproduced, run);
      const result = this.#answerer.answer(prepared, run);
      if (resubscribed === undefined) return result;
      return result instanceof Promise ? result.then(noted) : noted(result);
    };
    try {
      takeRootResult(primary, run, [run.data], event);
      const answered = rest === undefined ? answer() : runNode(rest, run).then(answer);
      return answered instanceof Promise ? answered.catch(ended) : answered;
    } catch (error) {
      return ended(error);
    }
  }

  /** A stream whose answers are made once for all who are to be told the same. */
  #share(opened: ShareableStream, subscription: OpenSubscription & SubscriptionEnds): DeliverableStream {
    const { context, release, failed } = subscription;
    const { events, answer } = opened.shareable;
    const group = this.#groups.join(shareKey(subscription), context, (event, around) =>
      inSpan(around, (own) => {
        const complete = (result: ExecutionResult): ExecutionResult | Promise<ExecutionResult> =>
          this.#answerEvent(subscription, result, subscription.rest === undefined ? own : eventContext(own, result));
        try {
          const executed = answer(event, own);
          return executed instanceof Promise
            ? executed.then(complete).catch(failed)
            : untilAnswered(complete(executed), failed);
        } catch (error) {
          return failed(error);
        }
      }),
    );
    const end = (): void => {
      group.leave();
      release();
    };
    const stream = mapEvents(events, (event) => group.answer(event).ready(), end, failed);
    return Object.assign(stream, {
      delivery: { events, answer: group.answer, failed, fit: (result: ExecutionResult) => result },
    });
  }
}

function endStream(opened: AsyncIterable<ExecutionResult> | ExecutionResult): void {
  if (Symbol.asyncIterator in opened)
    opened[Symbol.asyncIterator]()
      .return?.()
      .then(undefined, () => undefined);
}

/** What the answers of a subscription depend on besides the event and the caller. */
function shareKey({ prepared, variables, rest, context }: OpenSubscription & SubscriptionEnds): string {
  const values = variablesBelowRoot(prepared).map((name) => [name, variables[name]]);
  return writeJson([
    prepared.text,
    prepared.access.key,
    [...prepared.responseNames],
    values,
    rest === undefined ? null : headersKey(context),
  ]);
}

const untilAnswered = (
  answer: ExecutionResult | Promise<ExecutionResult>,
  failed: (error: unknown) => ExecutionResult,
): typeof answer => (answer instanceof Promise ? answer.catch(failed) : answer);
