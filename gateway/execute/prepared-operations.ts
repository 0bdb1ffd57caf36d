/**
 * What is made of an operation before it runs: its normal form, what of it the caller may see, the variant for the
 * conditions it is asked with, and the plan. Everything but the plans, which have their own cache, is kept with the
 * document.
 */
import type { DocumentNode, GraphQLSchema, ValueNode } from 'graphql';
import type { Access } from '#gateway/auth/directives/access.ts';
import type { Authorization } from '#gateway/auth/directives/authorization.ts';
import { normaliseOperation, type NormalisedOperation } from '#gateway/plan/normalise.ts';
import type { ProgressiveOverrides } from '#gateway/plan/overrides.ts';
import { conditionKey, specialiseOperation, type SpecialisedOperation } from '#gateway/plan/specialise.ts';
import { coerceVariables } from '#gateway/plan/variables.ts';
import { ClientPaths } from '#gateway/respond/client-paths.ts';
import { ClientValues } from '#gateway/respond/client-values.ts';
import { searchesIn } from '#gateway/respond/semantic-introspection.ts';
import { ResponseShape } from '#gateway/respond/shape.ts';
import type { RequestContext } from '#subgraphs/shared/context.ts';
import { EXECUTE } from '#gateway/bounds/execute.ts';
import { spanned } from '#subgraphs/shared/span.ts';
import { tenantOf } from '#subgraphs/shared/tenant-id.ts';
import { nextTurn } from '#subgraphs/shared/turns.ts';
import { untilAborted } from './run/fetch-errors.ts';
import type { PlanOutline, WholePlan, WholePlanner } from './run/whole-plan.ts';
import type { SupergraphTypes } from './supergraph-types.ts';

type Variables = Readonly<Record<string, unknown>>;

const NO_SEARCHES: readonly ValueNode[] = [];

/** What a client asks for. */
export interface RequestedOperation {
  readonly document: DocumentNode;
  readonly operationName?: string | null;
  readonly variables?: Record<string, unknown> | null;
  readonly context: RequestContext;
}

/** One operation of a document, and what was made of it for the conditions it was asked with. */
export interface KnownOperation {
  readonly normalised: NormalisedOperation;
  readonly clientValues: ClientValues;
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
export interface PreparedOperation extends SpecialisedOperation {
  readonly access: Access;
  readonly shape: ResponseShape;
  readonly clientPaths: ClientPaths;
  readonly clientValues: ClientValues;
  /** What it searches the schema for. */
  readonly searches: readonly ValueNode[];
  /** By the overrides that hold. */
  readonly outlines: Map<string, PlanOutline>;
}

export interface ReadyOperation extends WholePlan {
  readonly prepared: PreparedOperation;
  readonly variables: Variables;
}

/** What operations are prepared with, all of one supergraph. */
export interface PreparationOptions {
  readonly schema: GraphQLSchema;
  readonly types: SupergraphTypes;
  readonly authorization: Authorization;
  readonly overrides: ProgressiveOverrides;
  readonly planner: WholePlanner;
  /** See `EXECUTE` (gateway/bounds/execute.ts), which has the default. */
  readonly variants?: number;
}

export class PreparedOperations {
  readonly #schema: GraphQLSchema;
  readonly #types: SupergraphTypes;
  readonly #authorization: Authorization;
  readonly #overrides: ProgressiveOverrides;
  readonly #planner: WholePlanner;
  readonly #variants: number;
  readonly #known = new WeakMap<DocumentNode, Map<string, KnownOperation>>();

  constructor({ schema, types, authorization, overrides, planner, variants = EXECUTE.variants }: PreparationOptions) {
    this.#schema = schema;
    this.#types = types;
    this.#authorization = authorization;
    this.#overrides = overrides;
    this.#planner = planner;
    this.#variants = variants;
  }

  /** What is known of an operation whoever asks. @throws when the document has no such operation */
  know({ document, operationName }: RequestedOperation): KnownOperation {
    let byName = this.#known.get(document);
    if (byName === undefined) {
      byName = new Map();
      this.#known.set(document, byName);
    }
    const key = operationName ?? '';
    let known = byName.get(key);
    if (known === undefined) {
      const normalised = normaliseOperation(document, operationName, this.#schema, this.#types);
      known = {
        normalised,
        clientValues: new ClientValues(normalised),
        clauses: this.#authorization.clausesOf(normalised),
        variants: new Map(),
      };
      if (byName.size < this.#variants) byName.set(key, known);
    }
    return known;
  }

  /** The same; what is not known yet is made in the caller's turn. */
  learn(operation: RequestedOperation): KnownOperation | Promise<KnownOperation> {
    const { document, operationName, context } = operation;
    const known = this.#known.get(document)?.get(operationName ?? '');
    return known ?? nextTurn(context.principal.tenantId).then(() => this.know(operation));
  }

  /**
   * At once where everything is known already.
   * @throws when the variables do not fit; it, or the promise, when the operation may not run or cannot be planned
   */
  ready(
    operation: RequestedOperation,
    known: KnownOperation,
    wantsParts: boolean,
  ): ReadyOperation | Promise<ReadyOperation> {
    const { normalised, clauses, undeferrable } = known;
    const incremental = wantsParts && undeferrable !== true;
    const variables = coerceVariables(this.#schema, normalised, operation.variables);
    const access = this.#authorization.accessOf(clauses, operation.context);
    if (!(access instanceof Promise)) return this.#readyFor(access, operation, known, variables, incremental);
    return untilAborted(access, operation.context.signal).then((late) =>
      this.#readyFor(late, operation, known, variables, incremental),
    );
  }

  #readyFor(
    access: Access,
    operation: RequestedOperation,
    known: KnownOperation,
    variables: Variables,
    incremental: boolean,
  ): ReadyOperation | Promise<ReadyOperation> {
    const prepared = known.variants.get(variantKey(access, known, variables, incremental));
    const overrides = this.#overrides.of(operation.context);
    const outline = prepared?.outlines.get(overrides.join());
    const whole = outline && this.#planner.peek(outline, overrides);
    if (prepared === undefined || whole === undefined)
      return this.#prepare(access, operation, known, variables, incremental, overrides);
    return { prepared, plan: whole.plan, unproduced: whole.unproduced, text: whole.text, variables };
  }

  async #prepare(
    access: Access,
    operation: RequestedOperation,
    known: KnownOperation,
    variables: Variables,
    incremental: boolean,
    overrides: readonly string[],
  ): Promise<ReadyOperation> {
    const { principal, signal, span } = operation.context;
    const { normalised, clientValues, variants } = known;
    const key = variantKey(access, known, variables, incremental);
    let prepared = variants.get(key);
    if (prepared === undefined) {
      await nextTurn(principal.tenantId);
      prepared = variants.get(key);
    }
    if (prepared === undefined) {
      const specialised = specialiseOperation(normalised, variables, this.#schema, incremental);
      prepared = {
        ...specialised,
        planned: this.#authorization.plannedFor(access, specialised),
        access,
        shape: new ResponseShape(specialised, this.#schema, access.isWhole ? undefined : access),
        clientPaths: new ClientPaths(specialised, this.#types.matches),
        clientValues,
        searches: normalised.introspects ? searchesIn(specialised) : NO_SEARCHES,
        outlines: new Map(),
      };
      if (variants.size < this.#variants) variants.set(key, prepared);
    }
    const overridesKey = overrides.join();
    const outline = prepared.outlines.get(overridesKey);
    const kept = outline && this.#planner.peek(outline, overrides);
    const planning = { tenant: tenantOf(principal.tenantId), signal };
    const whole =
      kept ?? (await spanned(span?.child('plan'), async () => this.#planner.plan(prepared, overrides, planning)));
    if (kept === undefined && prepared.outlines.size < this.#variants)
      prepared.outlines.set(overridesKey, { text: whole.text, unproduced: whole.unproduced });
    return { prepared, plan: whole.plan, unproduced: whole.unproduced, text: whole.text, variables };
  }
}

/** What decides which variant of an operation a caller is answered with. */
const variantKey = (
  { key }: Access,
  { normalised }: KnownOperation,
  variables: Variables,
  incremental: boolean,
): string => `${conditionKey(normalised, variables, incremental)} ${key}`;
