/**
 * The federation engine: plans an operation on the supergraph, runs the plan on its subgraphs, and shapes the answer.
 */
import { setMaxListeners } from 'node:events';
import {
  buildSchema,
  executeSync,
  GraphQLError,
  parse,
  validate,
  type DocumentNode,
  type ExecutionResult,
  type GraphQLSchema,
} from 'graphql';
import { StaticCost } from '#gateway/plan/cost/static-cost.ts';
import type { Access } from '#gateway/auth/directives/access.ts';
import { AccessRefused, Authorization, type AuthorizationOptions } from '#gateway/auth/directives/authorization.ts';
import { normaliseOperation, type NormalisedOperation } from '#gateway/plan/normalise.ts';
import { ProgressiveOverrides, type OverrideHook } from '#gateway/plan/overrides.ts';
import { PlanCache } from '#gateway/plan/plan-cache.ts';
import { startPlanner, type Planner } from '#gateway/plan/planner.ts';
import { conditionKey, specialiseOperation, type SpecialisedOperation } from '#gateway/plan/specialise.ts';
import { coerceVariables, VariablesError } from '#gateway/plan/variables.ts';
import { ClientPaths } from '#gateway/respond/client-paths.ts';
import { JsonText } from '#gateway/respond/json-text.ts';
import type { Turns } from '#gateway/respond/pauses.ts';
import { ResponseErrors } from '#gateway/respond/response-errors.ts';
import { ResponseShape, type DeferredPart } from '#gateway/respond/shape.ts';
import type { RequestContext } from '#subgraphs/shared/context.ts';
import { badUserInput, CodedError } from '#subgraphs/shared/errors.ts';
import { Deferral } from './answers/deferral.ts';
import { deliver, type IncrementalResult } from './answers/deferred-answer.ts';
import { compilePlan, type ExecutableFetch, type ExecutableNode, type ExecutablePlan } from './run/executable-plan.ts';
import { eventContext } from './answers/event-context.ts';
import { cancelled, Cancellation, errorOfFailure, untilAborted } from './run/fetch-errors.ts';
import { emptyObject } from './json-object.ts';
import { pickVariables, requestOf, runNode, takeRootResult, type PlanRun } from './run/run-plan.ts';
import {
  Groups,
  headersKey,
  isShareable,
  variablesBelowRoot,
  type DeliverableStream,
  type ShareableStream,
} from './answers/shared-answers.ts';
import type { SubgraphClient } from './clients/subgraph-client.ts';
import { resubscriptionOf } from './clients/shared-subscription.ts';
import { mapEvents } from './answers/subscription.ts';
import { readSupergraphTypes, type SupergraphTypes } from './supergraph-types.ts';
import { TraceRecorder } from './run/trace.ts';
import { reportUnproduced, type Unproduced } from './run/unproduced.ts';
import { WholePlanner, type PlanOutline, type WholePlan } from './run/whole-plan.ts';

export interface EngineOptions {
  supergraphSdl: string;
  /** By the name in the supergraph. A subgraph without a client answers `SUBGRAPH_UNAVAILABLE`. */
  clients: ReadonlyMap<string, SubgraphClient>;
  planning?: {
    /** Longest time to plan one operation, in milliseconds. @default 5000 */
    timeoutMs?: number;
    /** @default 2000 */
    cacheEntries?: number;
    /** Estimated memory of the plans kept, in bytes. @default 32 MiB */
    cacheBytes?: number;
  };
  /** Most representations in one `_entities` call; more are split over several. @default 500 */
  entityBatchSize?: number;
  /**
   * Decides labels of `@override(label:)`; `percent(x)` is decided by the request's id where it says nothing. @default
   * no other label holds
   */
  overrides?: OverrideHook;
  /** How `@authenticated`, `@requiresScopes` and `@policy` are held. */
  authorization?: Omit<AuthorizationOptions, 'log'>;
  /** Told of what no caller sees, such as a replaced planner. @default nothing */
  log?: (message: string, error?: unknown) => void;
}

/** One client operation. It must have been validated against {@link Engine.schema}. */
export interface EngineOperation {
  document: DocumentNode;
  operationName?: string | null;
  variables?: Record<string, unknown> | null;
  context: RequestContext;
  /**
   * Adds `extensions.trace`: the plan, and what every fetch did; to each event of a subscription its own. @default
   * false
   */
  trace?: boolean;
  /**
   * For transports that send JSON and look no further: `data` is then {@link JsonText}, written without objects
   * between. An engine may answer with objects all the same, as it does to what it refuses, and to what it answers in
   * parts. @default false
   */
  asText?: boolean;
}

export interface Engine {
  /** The API schema: what clients see. Validates and introspects; does not execute. */
  readonly schema: GraphQLSchema;
  readonly supergraphSdl: string;
  /** What operations would cost, before they are planned. An engine that lacks it bounds them while they run alone. */
  readonly cost?: StaticCost;
  /**
   * Runs a query or a mutation, deferred parts included. Never rejects for what the operation or a subgraph does:
   * errors are in the result.
   */
  execute(operation: EngineOperation): Promise<ExecutionResult>;
  /**
   * The same for transports that can stream: what is deferred (`@defer`) comes later, each part when its data is there;
   * `return()` ends what is under way. Without deferred parts it gives one result. An engine that lacks it answers at
   * once.
   */
  executeIncrementally?(operation: EngineOperation): Promise<AsyncIterable<IncrementalResult> | ExecutionResult>;
  /**
   * Opens a subscription. Each event is a whole result; errors in one do not end the stream; `return()` ends it
   * upstream at once.
   */
  subscribe(operation: EngineOperation): Promise<AsyncIterable<ExecutionResult> | ExecutionResult>;
  /**
   * Plans what `other` was asked most recently, before this engine takes its place. What cannot be planned any more is
   * left out.
   */
  warm(other: Engine): Promise<void>;
  /**
   * Ends the planner. Operations under way still finish; new ones that need planning fail. Clients are their maker's to
   * close.
   */
  close(): Promise<void>;
}

/**
 * Builds an engine: starts the planner and reads the schema.
 * @throws Error when the supergraph is not one
 */
export async function createEngine(options: EngineOptions): Promise<Engine> {
  const { supergraphSdl, planning = {} } = options;
  const planner = await startPlanner(supergraphSdl, { timeoutMs: planning.timeoutMs, log: options.log });
  return createEngineOn(planner, options);
}

/**
 * Builds an engine on a planner of the caller's, which the engine closes. For tests that need many engines, and for
 * planners elsewhere.
 */
export function createEngineOn(planner: Planner, options: EngineOptions): Engine {
  return new PlanningEngine(options, planner);
}

/** One operation of a document, and what was made of it for the conditions it was asked with. */
interface KnownOperation {
  readonly normalised: NormalisedOperation;
  /** What the callers of the operation are told apart by. */
  readonly clauses: readonly number[];
  readonly variants: Map<string, PreparedOperation>;
  /**
   * The planner failed on its deferred parts, as it does where a deferred field requires others: it is answered at
   * once.
   */
  undeferrable?: true;
}

/** All that is needed to run an operation but its plan: for callers who may see the same of it. */
interface PreparedOperation extends SpecialisedOperation {
  readonly access: Access;
  readonly shape: ResponseShape;
  readonly clientPaths: ClientPaths;
  /** By the overrides that hold. */
  readonly outlines: Map<string, PlanOutline>;
}

interface ReadyOperation extends WholePlan {
  readonly prepared: PreparedOperation;
  readonly variables: Readonly<Record<string, unknown>>;
}

/** A subscription that is open. */
interface OpenSubscription {
  readonly prepared: PreparedOperation;
  readonly primary: ExecutableFetch;
  readonly rest: ExecutableNode | undefined;
  readonly unproduced: readonly Unproduced[];
  readonly variables: Readonly<Record<string, unknown>>;
}

type MutableResult = { -readonly [Key in keyof ExecutionResult]: ExecutionResult[Key] };

interface SubscriptionEnds {
  readonly context: RequestContext;
  release(): void;
  failed(error: unknown): ExecutionResult;
}

/** Most operations kept for one document, and variants for one operation. The plan cache has its own bounds. */
const MAX_KEPT = 64;

class PlanningEngine implements Engine {
  readonly schema: GraphQLSchema;
  readonly supergraphSdl: string;
  readonly cost: StaticCost;
  readonly #options: EngineOptions;
  readonly #planner: Planner;
  readonly #plans: PlanCache<ExecutablePlan>;
  readonly #wholePlanner: WholePlanner;
  readonly #overrides: ProgressiveOverrides;
  readonly #authorization: Authorization;
  readonly #types: SupergraphTypes;
  readonly #groups = new Groups();
  readonly #known = new WeakMap<DocumentNode, Map<string, KnownOperation>>();

  constructor(options: EngineOptions, planner: Planner) {
    this.#options = options;
    this.#planner = planner;
    this.supergraphSdl = options.supergraphSdl;
    this.schema = buildSchema(planner.apiSdl, { assumeValid: true, noLocation: true });
    this.#types = readSupergraphTypes(options.supergraphSdl);
    this.cost = new StaticCost(this.schema, options.supergraphSdl);
    this.#plans = new PlanCache(planner, ({ plan }) => compilePlan(plan, this.#types), {
      entries: options.planning?.cacheEntries,
      bytes: options.planning?.cacheBytes,
    });
    this.#wholePlanner = new WholePlanner(this.#plans, this.schema, this.#types, options.log);
    this.#overrides = new ProgressiveOverrides(this.#types.overrideLabels, options.overrides);
    this.#authorization = new Authorization(options.supergraphSdl, this.schema, {
      ...options.authorization,
      log: options.log,
    });
  }

  async execute(operation: EngineOperation): Promise<ExecutionResult> {
    const trace = operation.trace === true ? new TraceRecorder(operation.context) : undefined;
    const ready = await this.#readyOrRefused(operation, false);
    return 'plan' in ready ? this.#complete(operation, ready, trace) : ready;
  }

  async executeIncrementally(operation: EngineOperation): Promise<AsyncIterable<IncrementalResult> | ExecutionResult> {
    const trace = operation.trace === true ? new TraceRecorder(operation.context) : undefined;
    let ready = await this.#readyOrRefused(operation, true);
    if (!('plan' in ready)) {
      const code = ready.errors?.[0]?.extensions.code;
      const known = code === 'INTERNAL_SERVER_ERROR' ? this.#know(operation) : undefined;
      if (known?.normalised.deferConditions === undefined) return ready;
      known.undeferrable = true;
      this.#options.log?.(
        'An operation could not be planned with its deferred parts, and is answered at once.',
        ready.errors?.[0],
      );
      ready = await this.#readyOrRefused(operation, false);
      if (!('plan' in ready)) return ready;
    }
    const { prepared, plan, variables } = ready;
    const { labels } = prepared;
    if (labels === undefined) return this.#complete(operation, ready, trace);
    if (ready.unproduced.length > 0) {
      // What has no place in any fetch is told at once, wherever the client would have it: on a plan without parts.
      this.#know(operation).undeferrable = true;
      const whole = await this.#readyOrRefused(operation, false);
      return 'plan' in whole ? this.#complete(operation, whole, trace) : whole;
    }
    trace?.planned();
    const ending = endingOf(operation.context.signal, 'The answer is no longer wanted.');
    const deferral = new Deferral();
    const run = this.#run(
      prepared,
      variables,
      { ...(trace?.context ?? operation.context), signal: ending.signal },
      trace,
      deferral,
    );
    try {
      if (plan?.node !== undefined) await runNode(plan.node, run);
      const introspection = this.#introspect(prepared, run) ?? undefined;
      const parts: DeferredPart[] = [];
      const data = await prepared.shape.apply(run.data, run.errors, turnsOf(run), introspection, parts);
      const extensions = trace === undefined ? undefined : () => ({ trace: trace.finish(plan?.node) });
      return deliver({ data, parts, errors: run.errors, introspection, labels, deferral, end: ending.end, extensions });
    } catch (error) {
      ending.end();
      return ended(error);
    }
  }

  async #complete(
    operation: EngineOperation,
    { prepared, plan, variables, unproduced }: ReadyOperation,
    trace: TraceRecorder | undefined,
  ): Promise<ExecutionResult> {
    trace?.planned();
    const run = this.#run(prepared, variables, trace?.context ?? operation.context, trace);
    let result: MutableResult;
    try {
      if (plan?.node !== undefined) await runNode(plan.node, run);
      if (unproduced.length > 0) reportUnproduced(unproduced, run);
      const answer = this.#answer(prepared, run, operation.asText);
      result = answer instanceof Promise ? await answer : answer;
    } catch (error) {
      result = ended(error);
    }
    if (trace !== undefined) result.extensions = { trace: trace.finish(plan?.node) };
    return result;
  }

  async subscribe(operation: EngineOperation): Promise<AsyncIterable<ExecutionResult> | ExecutionResult> {
    let ready: ReadyOperation;
    try {
      if (this.#know(operation).normalised.type !== 'subscription') return await this.execute(operation);
      ready = await this.#ready(operation, false);
    } catch (error) {
      return refused(error, operation.context.signal);
    }
    const { prepared, plan, variables, unproduced } = ready;
    if (plan?.primary === undefined) return refused(new Error('A subscription was planned without a primary fetch.'));
    return this.#open(operation, { prepared, primary: plan.primary, rest: plan.node, variables, unproduced });
  }

  async #open(
    operation: EngineOperation,
    subscription: OpenSubscription,
  ): Promise<AsyncIterable<ExecutionResult> | ExecutionResult> {
    const { prepared, primary, variables } = subscription;
    const ending = endingOf(operation.context.signal, 'The subscription has ended.');
    const release = ending.end;
    const context: RequestContext = { ...operation.context, signal: ending.signal };
    /** The answer to one event, or to the attempt to open the stream. */
    const answer = async (event: ExecutionResult): Promise<ExecutionResult> => {
      const own = eventContext(context, event);
      return operation.trace === true
        ? this.#traceEvent(subscription, event, own)
        : this.#answerEvent(subscription, event, own);
    };
    const failed = (error: unknown): ExecutionResult => ({
      errors: [
        errorOfFailure(
          error,
          primary.service,
          prepared.clientPaths.of(
            primary.keys.slice(0, 1).map(({ key }) => key),
            {},
          ) ?? [],
        ),
      ],
    });

    let opened: AsyncIterable<ExecutionResult> | ExecutionResult;
    try {
      const client = this.#options.clients.get(primary.service);
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
      isShareable(opened) && operation.trace !== true
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
    const run = this.#run(prepared, variables, context, trace);
    const resubscribed = resubscriptionOf(event);
    const noted = (result: ExecutionResult): ExecutionResult => ({ ...result, extensions: { resubscribed } });
    // At once where nothing is left to ask: most events of most streams.
    const answer = (): ExecutionResult | Promise<ExecutionResult> => {
      if (unproduced.length > 0) reportUnproduced(unproduced, run);
      const result = this.#answer(prepared, run);
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
    const group = this.#groups.join(shareKey(subscription), context, (event, own) => {
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
    });
    const end = (): void => {
      group.leave();
      release();
    };
    const stream = mapEvents(events, (event) => group.answer(event).ready(), end, failed);
    return Object.assign(stream, {
      delivery: { events, answer: group.answer, failed, fit: (result: ExecutionResult) => result },
    });
  }

  async warm(other: Engine): Promise<void> {
    if (!(other instanceof PlanningEngine)) return;
    for (const request of other.#plans.requests()) {
      if (validate(this.schema, parse(request.operation)).length > 0) continue;
      try {
        await this.#plans.get(request);
      } catch (error) {
        this.#options.log?.('An operation could not be planned ahead.', error);
      }
    }
  }

  close(): Promise<void> {
    return this.#planner.close();
  }

  #know({ document, operationName }: EngineOperation): KnownOperation {
    let byName = this.#known.get(document);
    if (byName === undefined) {
      byName = new Map();
      this.#known.set(document, byName);
    }
    const key = operationName ?? '';
    let known = byName.get(key);
    if (known === undefined) {
      const normalised = normaliseOperation(document, operationName, this.schema, this.#types);
      known = { normalised, clauses: this.#authorization.clausesOf(normalised), variants: new Map() };
      if (byName.size < MAX_KEPT) byName.set(key, known);
    }
    return known;
  }

  /** @returns the answer with the reason when the operation cannot run */
  async #readyOrRefused(operation: EngineOperation, incremental: boolean): Promise<ReadyOperation | ExecutionResult> {
    try {
      if (this.#know(operation).normalised.type === 'subscription') {
        throw badUserInput('A subscription answers with a stream: use a transport that has one.');
      }
      return await this.#ready(operation, incremental);
    } catch (error) {
      return refused(error, operation.context.signal);
    }
  }

  /** @throws when the variables do not fit, or the operation may not run or cannot be planned */
  async #ready(operation: EngineOperation, wantsParts: boolean): Promise<ReadyOperation> {
    const { normalised, clauses, variants, undeferrable } = this.#know(operation);
    const incremental = wantsParts && undeferrable !== true;
    const variables = coerceVariables(this.schema, normalised, operation.variables);
    const decided = this.#authorization.accessOf(clauses, operation.context);
    const access = decided instanceof Promise ? await untilAborted(decided, operation.context.signal) : decided;
    const key = `${conditionKey(normalised, variables, incremental)} ${access.key}`;
    let prepared = variants.get(key);
    if (prepared === undefined) {
      const specialised = specialiseOperation(normalised, variables, this.schema, incremental);
      prepared = {
        ...specialised,
        planned: this.#authorization.plannedFor(access, specialised),
        access,
        shape: new ResponseShape(specialised, this.schema, access.isWhole ? undefined : access),
        clientPaths: new ClientPaths(specialised, this.#types.matches),
        outlines: new Map(),
      };
      if (variants.size < MAX_KEPT) variants.set(key, prepared);
    }
    const overrides = this.#overrides.of(operation.context);
    const overridesKey = overrides.length === 0 ? '' : overrides.join();
    const outline = prepared.outlines.get(overridesKey);
    let whole = outline && this.#wholePlanner.peek(outline, overrides);
    if (whole === undefined) {
      const { principal, signal } = operation.context;
      whole = await this.#wholePlanner.plan(prepared, overrides, { tenant: principal.tenantId, signal });
      if (prepared.outlines.size < MAX_KEPT)
        prepared.outlines.set(overridesKey, { text: whole.text, unproduced: whole.unproduced });
    }
    return { prepared, plan: whole.plan, unproduced: whole.unproduced, text: whole.text, variables };
  }

  #run(
    { clientPaths, access }: PreparedOperation,
    variables: Readonly<Record<string, unknown>>,
    context: RequestContext,
    trace: TraceRecorder | undefined,
    deferral?: Deferral,
  ): PlanRun {
    return {
      clients: this.#options.clients,
      types: this.#types,
      variables,
      context,
      cancellation: context.signal === undefined ? undefined : new Cancellation(context.signal),
      data: emptyObject(),
      meeting: false,
      errors: new ResponseErrors(context.budget),
      shown: access.isWhole ? undefined : access,
      clientPaths,
      entityBatchSize: this.#options.entityBatchSize ?? 500,
      trace,
      deferral,
      shared: new Map(),
    };
  }

  #answer(prepared: PreparedOperation, run: PlanRun, asText = false): MutableResult | Promise<MutableResult> {
    const { data, errors } = run;
    const { shape } = prepared;
    const spent = run.context.budget?.failure;
    if (spent !== undefined) throw spent;
    const introspection = this.#introspect(prepared, run);
    const result = (shaped: ExecutionResult['data']): MutableResult =>
      errors.list.length === 0 ? { data: shaped } : { errors: errors.list, data: shaped };
    const written = (text: string): MutableResult => result(new JsonText(text) as unknown as ExecutionResult['data']);
    if (asText) {
      const text = shape.write(data, errors, turnsOf(run), introspection);
      return typeof text === 'string' ? written(text) : text.then(written);
    }
    const shaped = shape.apply(data, errors, turnsOf(run), introspection);
    return shaped instanceof Promise ? shaped.then(result) : result(shaped);
  }

  #introspect(
    { introspection, responseNames }: PreparedOperation,
    { variables, errors }: PlanRun,
  ): Record<string, unknown> | null | undefined {
    if (introspection === undefined) return undefined;
    const result = executeSync({ schema: this.schema, document: introspection, variableValues: variables });
    for (const error of result.errors ?? []) errors.add(error);
    return clientNames(result.data, responseNames);
  }
}

/** A signal that the client's own ends, and `end()`. */
function endingOf(
  signal: AbortSignal | undefined,
  message: string,
): { readonly signal: AbortSignal; readonly end: () => void } {
  const controller = new AbortController();
  setMaxListeners(0, controller.signal); // Fetches that run side by side all listen.
  const abort = () => controller.abort(signal?.reason);
  signal?.addEventListener('abort', abort, { once: true });
  if (signal?.aborted === true) abort();
  return {
    signal: controller.signal,
    end: () => {
      signal?.removeEventListener('abort', abort);
      controller.abort(new CodedError('REQUEST_TIMEOUT', message));
    },
  };
}

function clientNames(
  data: ExecutionResult['data'],
  names: ReadonlyMap<string, string>,
): Record<string, unknown> | null {
  if (data === null || data === undefined) return null;
  const renamed = emptyObject();
  for (const [key, value] of Object.entries(data)) renamed[names.get(key) ?? key] = value;
  return renamed;
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
  return JSON.stringify([
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

/** Whoever waits for an answer. One that is late already when it is shaped has its errors in it, and is shaped. */
function turnsOf({ context: { principal, signal, budget } }: PlanRun): Turns {
  const late = signal?.aborted === true;
  const left = (): CodedError | undefined => (signal?.aborted === true ? cancelled(signal) : undefined);
  return { key: principal.tenantId, ended: () => budget?.failure ?? (late ? undefined : left()) };
}

/**
 * The answer to an operation that was ended as a whole.
 * @throws what is a fault of the engine's own
 */
function ended(error: unknown): MutableResult {
  if (error instanceof CodedError) return refused(error);
  throw error;
}

/**
 * The answer to an operation that was not run.
 * @param signal the caller's: its reason, whatever it is, is no fault of ours
 */
function refused(error: unknown, signal?: AbortSignal): ExecutionResult {
  if (error instanceof VariablesError || error instanceof AccessRefused) return { errors: error.errors };
  const told = signal?.aborted === true && error === signal.reason ? cancelled(signal) : error;
  const cause = told instanceof Error ? told : new Error(String(told));
  const extensions = cause instanceof CodedError ? cause.extensions : { code: 'INTERNAL_SERVER_ERROR' };
  return { errors: [new GraphQLError(cause.message, { originalError: cause, extensions })] };
}
