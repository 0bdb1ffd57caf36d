/**
 * The one way from a client's operation to the engine, for every transport: read, bounded, validated, run under a time
 * limit on the engine that serves now.
 */
import {
  getOperationAST,
  getVariableValues,
  GraphQLError,
  type DocumentNode,
  type ExecutionResult,
  type GraphQLSchema,
  type OperationTypeNode,
} from 'graphql';
import type { Engine } from '#gateway/execute/engine.ts';
import { cancelled } from '#gateway/execute/run/fetch-errors.ts';
import { Budget, type BudgetLimits } from '#subgraphs/shared/budget.ts';
import {
  createRequestContext,
  StatementCounter,
  type Principal,
  type RequestContext,
} from '#subgraphs/shared/context.ts';
import type { Span } from '#subgraphs/shared/span.ts';
import { withDoubles } from '#gateway/plan/variables.ts';
import { isDeliverable, type Delivery } from '#gateway/execute/answers/shared-answers.ts';
import { anonymousRefused, CodedError } from '#subgraphs/shared/errors.ts';
import { codeOf } from '#gateway/telemetry/error-code.ts';
import type { FailedRequest } from '#gateway/telemetry/log-failure.ts';
import type { ObservedOperation, Telemetry } from '#gateway/telemetry/telemetry.ts';
import type { TellQuotas } from '#gateway/limits/quota-fields.ts';
import type { RequestLimits } from '#gateway/limits/request-limits.ts';
import type { EngineHost } from '#gateway/supergraph/engine-host.ts';
import type { ADMISSION } from '#gateway/bounds/admission.ts';
import { TELEMETRY } from '#gateway/bounds/telemetry.ts';
import type { BoundValues } from '#subgraphs/shared/bound.ts';
import { tenantOf } from '#subgraphs/shared/tenant-id.ts';
import { nextTurn } from '#subgraphs/shared/turns.ts';
import type { CostLimit } from './cost-limits.ts';
import { OperationRefused, refusal, type Documents } from './documents.ts';
import { Deadline } from './deadline.ts';
import { noPersistedQueries } from './persisted/automatic.ts';
import { operationTexts, type MeantText, type OperationTexts } from './persisted/operation-texts.ts';
import { readParameters, type Parameters } from './parameters.ts';
import { refusedFields, wholeRefusal, type RefusedField } from './refused-fields.ts';

/** Who asks, through what. */
export interface Caller {
  readonly principal: Principal;
  readonly requestId: string;
  /** By which the client counts; absent where no request is behind it. */
  readonly address?: string | undefined;
  /** Told what is left of the limits that the operation meets. @default nobody is */
  readonly tellQuotas?: TellQuotas | undefined;
  /** Aborted when the client goes away. */
  readonly signal: AbortSignal;
  /** Of the client's request; see {@link RequestContext.headers}. @default none */
  readonly headers?: RequestContext['headers'];
  /** Where headers of subgraphs' answers go. @default nowhere */
  readonly responseHeaders?: RequestContext['responseHeaders'];
  /** Whether the server itself asks, which no list of operations binds. @default false */
  readonly own?: boolean;
  /** What the request is shown as in traces. @default it is not */
  readonly span?: Span | undefined;
  /** Whether no request is behind it whose trace it could be a part of. @default false */
  readonly startsTrace?: boolean;
  /** What this transport may carry. @default everything */
  readonly allow?: readonly `${OperationTypeNode}`[];
  /** Whether this transport can deliver an answer in parts (`@defer`); elsewhere it comes whole. @default false */
  readonly incremental?: boolean;
  /**
   * Whether the transport sends JSON and looks no further: `data` of a whole answer may then be {@link JsonText}.
   * @default false
   */
  readonly asText?: boolean;
  /** What the answer may come to here. @default that of all operations */
  readonly budget?: BudgetLimits;
  /**
   * The part of what such an operation may cost that it may: those that come in one request share it. @default 1
   */
  readonly costShare?: number;
  /** What callers are told whose operation is not among {@link allow}. @default `FORBIDDEN` */
  readonly notAllowed?: (type: `${OperationTypeNode}`) => CodedError;
}

/** An operation that may run. */
export interface AdmittedOperation {
  readonly type: `${OperationTypeNode}`;
  readonly document: DocumentNode;
  /** What it may cost by its text and variables; undefined where nothing is counted. */
  readonly cost: number | undefined;
  /**
   * Runs it, once. Streams for subscriptions (and deferred answers); a single result for everything else and for
   * subscriptions that could not be opened. Never rejects for what the operation does.
   */
  run(): Promise<ExecutionResult | AsyncIterable<ExecutionResult>>;
  /** Gives it up without running it. */
  discard(): void;
}

export interface Operations {
  /**
   * Admits what a transport received, in the form of the GraphQL-over-HTTP specification's request parameters. An operation
   * that is known is admitted at once. Parsing and validating take milliseconds of the one thread that all share, so that
   * of those that are not known one is read in each round of the event loop, tenants in turn.
   * @throws OperationRefused, or rejects with it
   */
  admit(parameters: unknown, caller: Caller): AdmittedOperation | Promise<AdmittedOperation>;
}

export interface OperationsOptions {
  engines: EngineHost<Engine>;
  documents: Documents;
  /** Texts by their hashes and ids, and which may run. @default none are kept, and all may */
  texts?: OperationTexts;
  /** Longest time for a query or a mutation, and for opening a subscription, in milliseconds. */
  timeoutMs: number;
  /** What one answer may come to, and each event of a subscription. */
  budget: BudgetLimits;
  /** The most that an operation may cost by its text and variables. */
  costLimit: CostLimit;
  /** Rates by what operations are, and how many are under way. @default none */
  limits?: Pick<RequestLimits, 'begin'>;
  /** Who may see what operations do to subgraphs and stores (`extensions.trace`). @default nobody */
  mayTrace?: (principal: Principal) => boolean;
  /** Makes the errors of a result fit for clients. */
  mask(result: ExecutionResult, request: FailedRequest): ExecutionResult;
  /** Told what callers may not have, of what they asked for. @default nobody is */
  refused?: ((attempt: RefusedAttempt) => void) | undefined;
  /** Told of every operation that runs. @default nobody is */
  telemetry?: Pick<Telemetry, 'operation' | 'refused'> | undefined;
  /** Called after every mutation, whatever came of it. */
  mutated(): void;
}

/** Who tried what, and which error it got. */
export interface RefusedAttempt extends RefusedField {
  readonly tenantId: string;
  readonly subject: string;
  readonly requestId: string;
  readonly address: string | undefined;
}

/** What an answer may come to, of the configuration. */
export const answerBudget = (bounds: BoundValues<typeof ADMISSION>): BudgetLimits => ({
  nodes: bounds.answerNodes,
  bytes: bounds.answerBytes,
  errors: bounds.answerErrors,
});

/** What each of several operations of one request may cost and answer: together no more than one alone. */
export function sharedAmong(
  count: number,
  { nodes, bytes, errors }: BudgetLimits,
): Required<Pick<Caller, 'budget' | 'costShare'>> {
  const share = (whole: number): number => Math.floor(whole / count);
  return { budget: { nodes: share(nodes), bytes: share(bytes), errors }, costShare: 1 / count };
}

export function operations({
  engines,
  documents,
  texts = operationTexts(noPersistedQueries),
  timeoutMs,
  budget: limits,
  costLimit: costLimitOf,
  limits: requestLimits,
  mayTrace = () => false,
  mask: fit,
  refused,
  telemetry,
  mutated,
}: OperationsOptions): Operations {
  const note = (caller: Caller, fields: readonly RefusedField[]): void => {
    const { principal, requestId, address } = caller;
    if (principal.system === true) return;
    const { tenantId, subject } = principal;
    for (const field of fields) refused?.({ ...field, tenantId, subject, requestId, address });
  };
  const read = (
    { text, mayRun }: MeantText,
    parameters: Parameters,
    trace: boolean,
    caller: Caller,
  ): AdmittedOperation => {
    const { operationName, variables: given, hasExact, showsCost } = parameters;
    const lease = engines.lease();
    try {
      // What is not listed is not validated: what is wrong with it would tell of the schema.
      if (!mayRun) refusing(() => texts.check(text, caller, (each) => documents.parse(each)));
      const document = documents.admit(text, lease.engine.schema);
      texts.keep(parameters, tenantOf(caller.principal.tenantId));
      const type = operationType(document, operationName);
      if (caller.allow?.includes(type) === false) {
        throw refusal(caller.notAllowed?.(type) ?? new CodedError('FORBIDDEN', `A ${type} cannot be sent this way.`));
      }
      if (type === 'mutation' && caller.principal.anonymous === true)
        throw refusal(anonymousRefused('changes something'));
      const { engine } = lease;
      const mask: OperationsOptions['mask'] = (result, request) => {
        const masked = fit(result, request);
        if (refused !== undefined && (masked.errors !== undefined || 'incremental' in masked))
          note(caller, refusedFields(masked, document, operationName));
        return masked;
      };
      // Once, for all who count and read them.
      const variables = hasExact ? doublesIn(document, operationName, given, engine.schema) : given;
      const cost = engine.cost?.of(document, operationName, variables);
      const costLimit = Math.floor(costLimitOf(type, caller.principal) * (caller.costShare ?? 1));
      // Variables that do not fit have no meaning to count by: the engine refuses them, and says which, before it plans.
      if (cost !== undefined && cost > costLimit && variablesFit(document, operationName, variables, engine.schema))
        throw refusedOverCost(cost, costLimit);
      const run = async (): Promise<ExecutionResult | AsyncIterable<ExecutionResult>> => {
        const observed = telemetry?.operation({
          type,
          name: getOperationAST(document, operationName)?.name?.value,
          parent: caller.span,
          startsWith: caller.startsTrace === true ? (caller.headers ?? {}) : undefined,
        });
        const told: typeof mask = (result, request) => {
          const fitting = mask(result, request);
          observed?.end({ codes: codesOf(fitting) });
          return fitting;
        };
        let leave: (() => void) | undefined;
        try {
          const place = requestLimits?.begin(caller, { type, cost }, caller.tellQuotas);
          leave = place instanceof Promise ? await place : place;
        } catch (error) {
          lease.release();
          return told({ errors: [toGraphQLError(error)] }, caller);
        }
        const deadline = new Deadline(caller.signal, timeoutMs);
        const end = (): void => {
          deadline.end();
          lease.release();
          leave?.();
        };
        const ended = (codes: readonly string[]): void => {
          end();
          observed?.end({ codes });
        };
        const budget = new Budget(caller.budget ?? limits, (error) => deadline.abort(error));
        const context = createRequestContext(caller.principal, {
          requestId: caller.requestId,
          signal: deadline.signal,
          budget,
          headers: caller.headers,
          responseHeaders: caller.responseHeaders,
          span: observed?.span,
          statements: observed && new StatementCounter(observed.statements),
        });
        const operation = { document, operationName, variables, context, asText: caller.asText, trace };
        try {
          if (type !== 'subscription') {
            const result = await (caller.incremental === true && engine.executeIncrementally !== undefined
              ? engine.executeIncrementally(operation)
              : engine.execute(operation));
            if (type === 'mutation') mutated();
            // The limit holds for all parts of a deferred answer.
            if (isStream(result)) return masked(result, caller, mask, ended);
            end();
            const answer = told(result, caller);
            if (!showsCost) return answer;
            const shown = { estimated: cost, limit: costLimit, ...budget.written };
            return { ...answer, extensions: { ...answer.extensions, cost: shown } };
          }
          const events = await engine.subscribe(operation);
          deadline.lift();
          if (isStream(events)) {
            observed?.opened();
            return masked(events, caller, mask, ended, observed);
          }
          end();
          return told(events, caller);
        } catch (error) {
          end();
          return told({ errors: [toGraphQLError(error)] }, caller);
        }
      };
      return { type, document, cost, run, discard: () => lease.release() };
    } catch (error) {
      lease.release();
      throw error;
    }
  };
  return {
    admit: (raw, caller) => noting(caller, () => admit(raw, caller)),
  };

  /** Notes what is refused before it runs. */
  function noting<Result>(caller: Caller, work: () => Result | Promise<Result>): Result | Promise<Result> {
    const told = (error: unknown): never => {
      if (error instanceof OperationRefused) {
        telemetry?.refused(error.errors.map(codeOf));
        note(
          caller,
          error.errors.flatMap(({ extensions }) => wholeRefusal(extensions['code'])),
        );
      }
      throw error;
    };
    try {
      const result = work();
      return result instanceof Promise ? result.catch(told) : result;
    } catch (error) {
      return told(error);
    }
  }

  function admit(raw: unknown, caller: Caller): AdmittedOperation | Promise<AdmittedOperation> {
    const parameters = readParameters(raw);
    const { showsTrace } = parameters;
    const trace = showsTrace || caller.headers?.[TRACE_HEADER] === 'true';
    if (trace && !mayTrace(caller.principal)) throw refusal(traceRefused());
    const meant = refusing(() => texts.textOf(parameters, caller));
    if (documents.knows(meant.text, engines.schema)) return read(meant, parameters, trace, caller);
    return nextTurn(caller.principal.tenantId).then(() => {
      if (caller.signal.aborted) throw refusal(cancelled(caller.signal)); // Nobody waits for it any more.
      return read(meant, parameters, trace, caller);
    });
  }
}

const toGraphQLError = (error: unknown): GraphQLError =>
  error instanceof GraphQLError ? error : new GraphQLError((error as Error).message, { originalError: error as Error });

/** Asks for a trace of each operation, on whatever transport; `extensions: { "trace": true }` of one. */
const TRACE_HEADER = 'x-tributary-trace';

const traceRefused = (): CodedError =>
  new CodedError('FORBIDDEN', 'A trace is not yours to see.', {
    hint: 'It takes a token with the scope that TRACE_SCOPE names; or ask without `x-tributary-trace` and `extensions.trace`.',
  });

export const isStream = (result: unknown): result is AsyncIterable<ExecutionResult> =>
  typeof result === 'object' && result !== null && Symbol.asyncIterator in result;

function variablesFit(
  document: DocumentNode,
  operationName: string | null | undefined,
  variables: Record<string, unknown> | null | undefined,
  schema: GraphQLSchema,
): boolean {
  const definitions = getOperationAST(document, operationName)?.variableDefinitions ?? [];
  return getVariableValues(schema, definitions, variables ?? {}, { maxErrors: 1 }).errors === undefined;
}

function doublesIn(
  document: DocumentNode,
  operationName: string | undefined,
  variables: Record<string, unknown>,
  schema: GraphQLSchema,
): Record<string, unknown> {
  return withDoubles(schema, getOperationAST(document, operationName)?.variableDefinitions ?? [], variables);
}

/** @throws OperationRefused for what a caller is told */
function refusing<Result>(work: () => Result): Result {
  try {
    return work();
  } catch (error) {
    throw error instanceof CodedError ? refusal(error) : error;
  }
}

/** Before anything is planned for it. */
function refusedOverCost(cost: number, limit: number): OperationRefused {
  return refusal(
    new CodedError('QUERY_TOO_COSTLY', `The operation may cost ${cost}; at most ${limit} is accepted.`, {
      hint: 'Ask for smaller pages (`first`) where lists are within lists; whoever runs the server sets the most by MAX_COST (and by what it sets for a kind of operation).',
      extensions: { cost: { estimated: cost, limit } },
    }),
  );
}

function operationType(document: DocumentNode, name: string | undefined): `${OperationTypeNode}` {
  const operation = getOperationAST(document, name);
  if (operation != null) return operation.operation;
  const message =
    name === undefined
      ? 'The document has several operations (or none); `operationName` must say which to run.'
      : `The document has no operation named ${JSON.stringify(name.slice(0, 100))}.`;
  throw refusal(new CodedError('GRAPHQL_VALIDATION_FAILED', message));
}

/** The codes of a result's errors, of those of deferred parts too. */
function codesOf(result: ExecutionResult): string[] {
  const parts = 'incremental' in result ? (result.incremental as readonly Pick<ExecutionResult, 'errors'>[]) : [];
  return [result, ...parts].flatMap(({ errors = [] }) => errors.map(codeOf));
}

/** A delivery of which each event is told. */
const watchedDelivery = (delivery: Delivery, observed: Pick<ObservedOperation, 'event'> | undefined): Delivery =>
  observed === undefined
    ? delivery
    : {
        ...delivery,
        answer: (event) => {
          observed.event();
          return delivery.answer(event);
        },
      };

/**
 * A stream whose results are fit for clients; `onEnd` is called once, however it ends. Not a generator: the `return()`
 * of one would wait for the next event, which may never come.
 */
function masked(
  events: AsyncIterable<ExecutionResult>,
  request: FailedRequest,
  mask: OperationsOptions['mask'],
  onEnd: (codes: readonly string[]) => void,
  observed?: Pick<ObservedOperation, 'event'>,
): AsyncIterableIterator<ExecutionResult> {
  const source = events[Symbol.asyncIterator]();
  const codes: string[] = [];
  let ended = false;
  const end = (): void => {
    if (!ended) onEnd(codes);
    ended = true;
  };
  const fit = (result: ExecutionResult): ExecutionResult => {
    const fitting = mask(result, request);
    if (fitting.errors !== undefined || 'incremental' in fitting)
      codes.push(...codesOf(fitting).slice(0, TELEMETRY.streamCodes - codes.length));
    return fitting;
  };
  return {
    ...(isDeliverable(events)
      ? {
          delivery: {
            ...watchedDelivery(events.delivery, observed),
            failed: (error: unknown) => fit(events.delivery.failed(error)),
            fit,
          },
        }
      : {}),
    async next() {
      try {
        const next = await source.next();
        if (next.done !== true) {
          observed?.event();
          return { done: false, value: fit(next.value) };
        }
      } catch (error) {
        end();
        throw error;
      }
      end();
      return { done: true, value: undefined };
    },
    async return() {
      end();
      await source.return?.();
      return { done: true, value: undefined };
    },
    async throw(error: unknown) {
      end();
      await source.return?.();
      throw error;
    },
    [Symbol.asyncIterator]() {
      return this;
    },
  };
}
