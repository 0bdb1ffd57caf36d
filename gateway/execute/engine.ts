/**
 * The federation engine: plans an operation on the supergraph, runs the plan on its subgraphs, and shapes the answer.
 */
import { buildSchema, parse, validate, type ExecutionResult, type GraphQLSchema } from 'graphql';
import { Authorization, type AuthorizationOptions } from '#gateway/auth/directives/authorization.ts';
import { StaticCost } from '#gateway/plan/cost/static-cost.ts';
import { ProgressiveOverrides, type OverrideHook } from '#gateway/plan/overrides.ts';
import { PlanCache, type PlanUse } from '#gateway/plan/plan-cache.ts';
import { holdUploadsToFiles } from '#gateway/plan/upload-scalar.ts';
import { startPlanner, type Planner } from '#gateway/plan/planner.ts';
import { addSemanticIntrospection, type SchemaFinder } from '#gateway/respond/semantic-introspection.ts';
import type { DeferredPart } from '#gateway/respond/shape.ts';
import { badUserInput } from '#subgraphs/shared/errors.ts';
import { EXECUTE } from '#gateway/bounds/execute.ts';
import type { PLAN } from '#gateway/bounds/plan.ts';
import type { BoundValues } from '#subgraphs/shared/bound.ts';
import { Answerer, RunTurns } from './answers/answerer.ts';
import { Changes, Deferral } from './answers/deferral.ts';
import { deliver } from './answers/deferred-answer.ts';
import type { IncrementalResult } from './answers/incremental-result.ts';
import { ended, refused } from './answers/refusals.ts';
import { streamedLists } from './answers/streamed-list.ts';
import { Subscriptions } from './answers/subscriptions.ts';
import type { SubgraphClient } from './clients/subgraph-client.ts';
import {
  PreparedOperations,
  type KnownOperation,
  type ReadyOperation,
  type RequestedOperation,
} from './prepared-operations.ts';
import { endingOf } from './run/ending.ts';
import { compilePlan, type ExecutablePlan } from './run/executable-plan.ts';
import { runNode } from './run/run-plan.ts';
import { Streaming } from './run/streaming.ts';
import { TraceRecorder } from './run/trace.ts';
import { reportUnproduced } from './run/unproduced.ts';
import { WholePlanner } from './run/whole-plan.ts';
import { readSupergraphTypes } from './supergraph-types.ts';

/** Bounds are said in `EXECUTE` (gateway/bounds/execute.ts), with their defaults. */
export interface EngineOptions extends Partial<BoundValues<typeof EXECUTE>> {
  supergraphSdl: string;
  /** By the name in the supergraph. A subgraph without a client answers `SUBGRAPH_UNAVAILABLE`. */
  clients: ReadonlyMap<string, SubgraphClient>;
  /** Adds to the API's schema what is in front of the engine. @default nothing */
  widen?: (apiSdl: string, supergraphSdl: string) => string;
  /** Bounds of planning: `PLAN` (gateway/bounds/plan.ts). */
  planning?: Partial<BoundValues<typeof PLAN>>;
  /**
   * Decides labels of `@override(label:)`; `percent(x)` is decided by the request's id where it says nothing. @default
   * no other label holds
   */
  overrides?: OverrideHook;
  /** How `@authenticated`, `@requiresScopes` and `@policy` are held. */
  authorization?: Omit<AuthorizationOptions, 'log'>;
  /** Finds what of the schema clients search for (`__search`). @default the schema has neither that field nor `__definitions` */
  finderOf?: (schema: GraphQLSchema) => SchemaFinder;
  /** Told how long planning took of what was not known. @default nobody is */
  planned?: ((ms: number, failed: boolean) => void) | undefined;
  /** Told of what no caller sees, such as a replaced planner. @default nothing */
  log?: (message: string, error?: unknown) => void;
}

/** One client operation. It must have been validated against {@link Engine.schema}. */
export interface EngineOperation extends RequestedOperation {
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
  readonly cost?: Pick<StaticCost, 'of'>;
  /** The plans that are kept, for whoever watches. */
  readonly plans?: PlanUse;
  /**
   * Runs a query or a mutation, deferred parts included. Never rejects for what the operation or a subgraph does:
   * errors are in the result.
   */
  execute(operation: EngineOperation): Promise<ExecutionResult>;
  /**
   * The same for transports that can stream: what is deferred (`@defer`) comes later, each part when its data is there,
   * and items of lists as they come (`@stream`); `return()` ends what is under way. Without any of them it gives one
   * result. An engine that lacks it answers at once.
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
  const planner = await startPlanner(supergraphSdl, { ...planning, log: options.log });
  return createEngineOn(planner, options);
}

/**
 * Builds an engine on a planner of the caller's, which the engine closes. For tests that need many engines, and for
 * planners elsewhere.
 */
export function createEngineOn(planner: Planner, options: EngineOptions): Engine {
  return new PlanningEngine(options, planner);
}

const NO_LABELS: ReadonlyMap<string, string | undefined> = new Map();

class PlanningEngine implements Engine {
  readonly schema: GraphQLSchema;
  readonly supergraphSdl: string;
  readonly cost: StaticCost;
  readonly #log: NonNullable<EngineOptions['log']>;
  readonly #planner: Planner;
  readonly #plans: PlanCache<ExecutablePlan>;
  readonly #operations: PreparedOperations;
  readonly #answerer: Answerer;
  readonly #subscriptions: Subscriptions;

  constructor({ supergraphSdl, clients, log, ...options }: EngineOptions, planner: Planner) {
    this.#log = log ?? (() => undefined);
    this.#planner = planner;
    this.supergraphSdl = supergraphSdl;
    const apiSdl = options.widen?.(planner.apiSdl, supergraphSdl) ?? planner.apiSdl;
    const schema = buildSchema(apiSdl, { assumeValid: true, noLocation: true });
    holdUploadsToFiles(schema);
    const types = readSupergraphTypes(supergraphSdl);
    const finder = options.finderOf?.(schema);
    if (finder !== undefined) addSemanticIntrospection(schema);
    this.schema = schema;
    this.cost = new StaticCost(schema, supergraphSdl);
    this.#plans = new PlanCache(planner, ({ plan }) => compilePlan(plan, types), {
      entries: options.planning?.cacheEntries,
      bytes: options.planning?.cacheBytes,
      planned: options.planned,
    });
    this.#operations = new PreparedOperations({
      schema,
      types,
      authorization: new Authorization(supergraphSdl, schema, { ...options.authorization, log }),
      overrides: new ProgressiveOverrides(types.overrideLabels, options.overrides),
      planner: new WholePlanner(this.#plans, schema, types, log),
      variants: options.variants,
    });
    this.#answerer = new Answerer({
      schema,
      types,
      clients,
      finder,
      entityBatchSize: options.entityBatchSize ?? EXECUTE.entityBatchSize,
      batch: {
        items: options.streamedItems ?? EXECUTE.streamedItems,
        waitMs: options.streamedWaitMs ?? EXECUTE.streamedWaitMs,
      },
    });
    this.#subscriptions = new Subscriptions(clients, this.#answerer);
  }

  get plans(): PlanUse {
    return this.#plans.use;
  }

  // Without a promise of its own: what is known is ready at once.
  execute(operation: EngineOperation): Promise<ExecutionResult> {
    const trace = operation.trace === true ? new TraceRecorder(operation.context) : undefined;
    const ready = this.#readyOrRefused(operation, false);
    return ready instanceof Promise
      ? ready.then((late) => this.#answered(operation, late, trace))
      : this.#answered(operation, ready, trace);
  }

  #answered(
    operation: EngineOperation,
    ready: ReadyOperation | ExecutionResult,
    trace: TraceRecorder | undefined,
  ): Promise<ExecutionResult> {
    return 'plan' in ready ? this.#complete(operation, ready, trace) : Promise.resolve(ready);
  }

  async executeIncrementally(operation: EngineOperation): Promise<AsyncIterable<IncrementalResult> | ExecutionResult> {
    const trace = operation.trace === true ? new TraceRecorder(operation.context) : undefined;
    let ready = await this.#readyOrRefused(operation, true);
    if (!('plan' in ready)) {
      const code = ready.errors?.[0]?.extensions.code;
      const isUnplannable = code === 'INTERNAL_SERVER_ERROR' || code === 'PLANNING_TIMEOUT';
      const known = isUnplannable ? this.#operations.know(operation) : undefined;
      if (known?.normalised.deferConditions === undefined) return ready;
      known.undeferrable = true;
      this.#log(
        'An operation could not be planned with its deferred parts, and is answered at once.',
        ready.errors?.[0],
      );
      ready = await this.#readyOrRefused(operation, false);
      if (!('plan' in ready)) return ready;
    }
    const { prepared, plan, variables } = ready;
    const { labels = NO_LABELS, streams } = prepared;
    if (labels.size === 0 && streams === undefined) return this.#complete(operation, ready, trace);
    if (ready.unproduced.length > 0) {
      // What has no place in any fetch is told at once, wherever the client would have it: on a plan without parts.
      this.#operations.know(operation).undeferrable = true;
      const whole = await this.#readyOrRefused(operation, false);
      return 'plan' in whole ? this.#complete(operation, whole, trace) : whole;
    }
    trace?.planned();
    let streaming: Streaming | undefined;
    try {
      streaming = streams && new Streaming(streams, plan?.node, variables);
    } catch (error) {
      return ended(error);
    }
    const ending = endingOf(operation.context.signal, 'The answer is no longer wanted.');
    const changes = new Changes();
    const deferral = new Deferral(changes);
    const context = { ...(trace?.context ?? operation.context), signal: ending.signal };
    const run = this.#answerer.begin(prepared, variables, context, trace, { deferral, streaming });
    try {
      if (plan?.node !== undefined) await runNode(plan.node, run);
      const introspect = await this.#answerer.introspect(prepared, run);
      const parts: DeferredPart[] = [];
      const data = await prepared.shape.apply(run.data, run.errors, new RunTurns(run), introspect, parts);
      const extensions = (): ExecutionResult['extensions'] => {
        const hints = run.hints.list;
        if (trace === undefined) return hints && { hints };
        return { ...(hints && { hints }), trace: trace.finish(plan?.node) };
      };
      return deliver({
        data,
        parts,
        source: { errors: run.errors, introspect, deferral, moved: (path) => path },
        labels,
        lists: streamedLists({ answerer: this.#answerer, prepared, node: plan?.node, run, changes }),
        changes,
        end: ending.end,
        extensions,
      });
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
    const run = this.#answerer.begin(prepared, variables, trace?.context ?? operation.context, trace);
    let result: ExecutionResult;
    try {
      if (plan?.node !== undefined) await runNode(plan.node, run);
      if (unproduced.length > 0) reportUnproduced(unproduced, run);
      const answer = this.#answerer.answer(prepared, run, operation.asText);
      result = answer instanceof Promise ? await answer : answer;
    } catch (error) {
      result = ended(error);
    }
    return trace === undefined
      ? result
      : { ...result, extensions: { ...result.extensions, trace: trace.finish(plan?.node) } };
  }

  async subscribe(operation: EngineOperation): Promise<AsyncIterable<ExecutionResult> | ExecutionResult> {
    let ready: ReadyOperation;
    try {
      const known = await this.#operations.learn(operation);
      if (known.normalised.type !== 'subscription') return await this.execute(operation);
      ready = await this.#operations.ready(operation, known, false);
    } catch (error) {
      return refused(error, operation.context.signal);
    }
    const { prepared, plan, variables, unproduced } = ready;
    if (plan?.primary === undefined) return refused(new Error('A subscription was planned without a primary fetch.'));
    return this.#subscriptions.open(
      { prepared, primary: plan.primary, rest: plan.node, variables, unproduced },
      operation,
    );
  }

  async warm(other: Engine): Promise<void> {
    if (!(other instanceof PlanningEngine)) return;
    for (const request of other.#plans.requests()) {
      if (validate(this.schema, parse(request.operation)).length > 0) continue;
      try {
        await this.#plans.get(request);
      } catch (error) {
        this.#log('An operation could not be planned ahead.', error);
      }
    }
  }

  close(): Promise<void> {
    return this.#planner.close();
  }

  /** @returns the answer with the reason when the operation cannot run; at once where everything is known */
  #readyOrRefused(
    operation: EngineOperation,
    incremental: boolean,
  ): ReadyOperation | ExecutionResult | Promise<ReadyOperation | ExecutionResult> {
    try {
      const known = this.#operations.learn(operation);
      const ready =
        known instanceof Promise
          ? known.then((late) => this.#ready(operation, late, incremental))
          : this.#ready(operation, known, incremental);
      return ready instanceof Promise
        ? ready.catch((error: unknown) => refused(error, operation.context.signal))
        : ready;
    } catch (error) {
      return refused(error, operation.context.signal);
    }
  }

  #ready(
    operation: EngineOperation,
    known: KnownOperation,
    incremental: boolean,
  ): ReadyOperation | Promise<ReadyOperation> {
    if (known.normalised.type === 'subscription')
      throw badUserInput('A subscription answers with a stream: use a transport that has one.');
    return this.#operations.ready(operation, known, incremental);
  }
}
