/** Runs of plans, and the answers that are made of what they fetched. */
import type { ExecutionResult, GraphQLSchema } from 'graphql';
import { introspecting, type Introspect } from '#gateway/respond/introspection.ts';
import { JsonText } from '#gateway/respond/json-text.ts';
import type { Turns } from '#gateway/respond/pauses.ts';
import { ResponseErrors } from '#gateway/respond/response-errors.ts';
import { ResponseHints } from '#gateway/respond/response-hints.ts';
import type { Found, SchemaFinder } from '#gateway/respond/semantic-introspection.ts';
import type { RequestContext } from '#subgraphs/shared/context.ts';
import { CodedError } from '#subgraphs/shared/errors.ts';
import type { SubgraphClient } from '../clients/subgraph-client.ts';
import { emptyObject } from '../json-object.ts';
import type { PreparedOperation } from '../prepared-operations.ts';
import { Cancellation, cancelled } from '../run/fetch-errors.ts';
import { Losses } from '../run/losses.ts';
import type { PlanRun } from '../run/plan-run.ts';
import type { TraceRecorder } from '../run/trace.ts';
import type { SupergraphTypes } from '../supergraph-types.ts';
import { foundBy } from './searches.ts';

/** What every run of an engine has. */
export interface AnswererOptions {
  readonly schema: GraphQLSchema;
  readonly types: SupergraphTypes;
  readonly clients: ReadonlyMap<string, SubgraphClient>;
  readonly entityBatchSize: number;
  /** Finds what operations search the schema for; undefined where none does. */
  readonly finder: SchemaFinder | undefined;
  /** Of the items of streamed lists. */
  readonly batch: { readonly items: number; readonly waitMs: number };
}

/** What a run has besides, whose answer comes in parts. */
export interface IncrementalRun extends Partial<Pick<PlanRun, 'deferral' | 'streaming' | 'only'>> {
  /** How many errors of the answer have been told already. @default none */
  readonly told?: number;
}

export class Answerer {
  readonly #options: AnswererOptions;

  constructor(options: AnswererOptions) {
    this.#options = options;
  }

  /** The most items of a streamed list that are answered together, and how long they wait for one another. */
  get batch(): AnswererOptions['batch'] {
    return this.#options.batch;
  }

  /** A run of the operation's plan that has fetched nothing yet. */
  begin(
    { clientPaths, clientValues, access }: PreparedOperation,
    variables: Readonly<Record<string, unknown>>,
    context: RequestContext,
    trace: TraceRecorder | undefined,
    { deferral, streaming, only, told }: IncrementalRun = {},
  ): PlanRun {
    const { clients, types, entityBatchSize } = this.#options;
    return {
      clients,
      types,
      variables,
      context,
      cancellation: context.signal === undefined ? undefined : new Cancellation(context.signal),
      data: emptyObject(),
      meeting: false,
      errors: new ResponseErrors(context.budget, told),
      hints: new ResponseHints(context.budget),
      losses: new Losses(),
      shown: access.isWhole ? undefined : access,
      clientPaths,
      clientValues,
      entityBatchSize,
      trace,
      deferral,
      streaming,
      only,
      shared: undefined,
    };
  }

  /**
   * What the client is told of a run that has fetched everything; at once where that takes no longer than a turn.
   * @throws CodedError when its budget is spent
   */
  answer(prepared: PreparedOperation, run: PlanRun, asText = false): ExecutionResult | Promise<ExecutionResult> {
    const spent = run.context.budget?.failure;
    if (spent !== undefined) throw spent;
    const introspect = this.introspect(prepared, run);
    return introspect instanceof Promise
      ? introspect.then((late) => this.#shaped(prepared, run, late, asText))
      : this.#shaped(prepared, run, introspect, asText);
  }

  /** Answers what the run's operation asks of the schema itself; at once where nothing has to be searched for. */
  introspect({ searches }: PreparedOperation, { variables, context }: PlanRun): Introspect | Promise<Introspect> {
    const { schema, finder } = this.#options;
    if (searches.length === 0 || finder === undefined) return introspecting(schema, variables, NOTHING, context.budget);
    return foundBy(finder, searches, variables, context).then((found) =>
      introspecting(schema, variables, found, context.budget),
    );
  }

  #shaped(
    { shape }: PreparedOperation,
    run: PlanRun,
    introspect: Introspect,
    asText: boolean,
  ): ExecutionResult | Promise<ExecutionResult> {
    const { data, errors } = run;
    const turns = new RunTurns(run);
    if (asText) {
      const text = shape.write(data, errors, turns, introspect);
      return typeof text === 'string' ? writtenResult(text, run) : text.then((late) => writtenResult(late, run));
    }
    const shaped = shape.apply(data, errors, turns, introspect);
    return shaped instanceof Promise ? shaped.then((late) => resultOf(late, run)) : resultOf(shaped, run);
  }
}

const NOTHING: Found = new Map();

function resultOf(data: ExecutionResult['data'], { errors: { list }, hints }: PlanRun): ExecutionResult {
  const result = list.length === 0 ? { data } : { errors: list, data };
  return hints.list === undefined ? result : { ...result, extensions: { hints: hints.list } };
}

const writtenResult = (text: string, run: PlanRun): ExecutionResult =>
  resultOf(new JsonText(text) as unknown as ExecutionResult['data'], run);

/**
 * Whoever waits for an answer. One that is late already when it is shaped, and says so in its errors, is shaped; but not
 * for a client that has left. A class, since every answer makes one, and hardly any uses it.
 */
export class RunTurns implements Turns {
  readonly #context: RequestContext;
  readonly #isLate: boolean;

  constructor({ context, errors }: PlanRun) {
    this.#context = context;
    this.#isLate = errors.list.length > 0 && context.signal?.reason instanceof CodedError;
  }

  get key(): string {
    return this.#context.principal.tenantId;
  }

  get began(): number {
    return this.#context.began;
  }

  ended(): CodedError | undefined {
    const { budget, signal } = this.#context;
    if (budget?.failure !== undefined) return budget.failure;
    return !this.#isLate && signal?.aborted === true ? cancelled(signal) : undefined;
  }
}
