/** Runs of plans, and the answers that are made of what they fetched. */
import type { ExecutionResult, GraphQLSchema } from 'graphql';
import { introspecting, type Introspect } from '#gateway/respond/introspection.ts';
import { JsonText } from '#gateway/respond/json-text.ts';
import type { Turns } from '#gateway/respond/pauses.ts';
import { ResponseErrors } from '#gateway/respond/response-errors.ts';
import type { RequestContext } from '#subgraphs/shared/context.ts';
import { CodedError } from '#subgraphs/shared/errors.ts';
import type { SubgraphClient } from '../clients/subgraph-client.ts';
import { emptyObject } from '../json-object.ts';
import type { PreparedOperation } from '../prepared-operations.ts';
import { Cancellation, cancelled } from '../run/fetch-errors.ts';
import type { PlanRun } from '../run/plan-run.ts';
import type { TraceRecorder } from '../run/trace.ts';
import type { SupergraphTypes } from '../supergraph-types.ts';
import type { Deferral } from './deferral.ts';

/** What every run of an engine has. */
export interface AnswererOptions {
  readonly schema: GraphQLSchema;
  readonly types: SupergraphTypes;
  readonly clients: ReadonlyMap<string, SubgraphClient>;
  readonly entityBatchSize: number;
}

export class Answerer {
  readonly #options: AnswererOptions;

  constructor(options: AnswererOptions) {
    this.#options = options;
  }

  /** A run of the operation's plan that has fetched nothing yet. */
  begin(
    { clientPaths, clientValues, access }: PreparedOperation,
    variables: Readonly<Record<string, unknown>>,
    context: RequestContext,
    trace: TraceRecorder | undefined,
    deferral?: Deferral,
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
      errors: new ResponseErrors(context.budget),
      shown: access.isWhole ? undefined : access,
      clientPaths,
      clientValues,
      entityBatchSize,
      trace,
      deferral,
      shared: new Map(),
    };
  }

  /**
   * What the client is told of a run that has fetched everything; at once where that takes no longer than a turn.
   * @throws CodedError when its budget is spent
   */
  answer(prepared: PreparedOperation, run: PlanRun, asText = false): ExecutionResult | Promise<ExecutionResult> {
    const { data, errors } = run;
    const { shape } = prepared;
    const spent = run.context.budget?.failure;
    if (spent !== undefined) throw spent;
    const introspect = this.introspect(run);
    const result = (shaped: ExecutionResult['data']): ExecutionResult =>
      errors.list.length === 0 ? { data: shaped } : { errors: errors.list, data: shaped };
    const written = (text: string): ExecutionResult => result(new JsonText(text) as unknown as ExecutionResult['data']);
    if (asText) {
      const text = shape.write(data, errors, turnsOf(run), introspect);
      return typeof text === 'string' ? written(text) : text.then(written);
    }
    const shaped = shape.apply(data, errors, turnsOf(run), introspect);
    return shaped instanceof Promise ? shaped.then(result) : result(shaped);
  }

  /** Answers what the run's operation asks of the schema itself. */
  introspect({ variables, errors }: PlanRun): Introspect {
    return introspecting(this.#options.schema, variables, errors);
  }
}

/**
 * Whoever waits for an answer. One that is late already when it is shaped, and says so in its errors, is shaped; but not
 * for a client that has left.
 */
export function turnsOf({ context: { principal, signal, budget }, errors }: PlanRun): Turns {
  const late = signal?.reason instanceof CodedError && errors.list.length > 0;
  const left = (): CodedError | undefined => (signal?.aborted === true ? cancelled(signal) : undefined);
  return { key: principal.tenantId, ended: () => budget?.failure ?? (late ? undefined : left()) };
}
