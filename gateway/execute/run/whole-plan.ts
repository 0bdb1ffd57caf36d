/**
 * Plans an operation so that all of it is answered, whatever the planner leaves out or refuses:
 * - where it refuses the operation as it is written, it is given the same in another form (`flatten.ts`), then without
 *   the root fields that it refuses in any form;
 * - where it leaves out an object with everything below it, or what a field requires, that is asked for besides, so that
 *   a null is the subgraph's own;
 * - what no fetch produces then is an error of its own (`unproduced.ts`).
 */
import { Kind, print, type FieldNode, type GraphQLSchema, type SelectionNode, type SelectionSetNode } from 'graphql';
import { flattenOperation, type FlatForm, type OperationPart } from '#gateway/plan/flatten.ts';
import type { PlanCache } from '#gateway/plan/plan-cache.ts';
import type { PlanFor } from '#gateway/plan/plan-request.ts';
import { textOf, type SpecialisedOperation } from '#gateway/plan/specialise.ts';
import { CodedError } from '#subgraphs/shared/errors.ts';
import { EXECUTE } from '#gateway/bounds/execute.ts';
import type { ExecutablePlan } from './executable-plan.ts';
import type { SupergraphTypes } from '../supergraph-types.ts';
import { findUnproduced, type Unproduced } from './unproduced.ts';

/** A plan, and what it leaves out. */
export interface WholePlan {
  /** Undefined when nothing need be fetched. */
  readonly plan: ExecutablePlan | undefined;
  /** The text that it is the plan of. */
  readonly text: string | undefined;
  readonly unproduced: readonly Unproduced[];
}

/** What to remember of a plan: the plan itself is the cache's to keep. */
export type PlanOutline = Omit<WholePlan, 'plan'>;

export class WholePlanner {
  readonly #plans: PlanCache<ExecutablePlan>;
  readonly #schema: GraphQLSchema;
  readonly #types: SupergraphTypes;
  readonly #log: (message: string, error?: unknown) => void;

  constructor(
    plans: PlanCache<ExecutablePlan>,
    schema: GraphQLSchema,
    types: SupergraphTypes,
    log: (message: string, error?: unknown) => void = () => undefined,
  ) {
    this.#plans = plans;
    this.#schema = schema;
    this.#types = types;
    this.#log = log;
  }

  /** The plan, if it is still kept. */
  peek(outline: PlanOutline, overrides: readonly string[]): WholePlan | undefined {
    const { text, unproduced } = outline;
    if (text === undefined) return { plan: undefined, text, unproduced };
    const plan = this.#plans.peek({ operation: text, overrides });
    return plan === undefined ? undefined : { plan, text, unproduced };
  }

  /** @throws CodedError as the planner */
  async plan(
    { planned, labels }: SpecialisedOperation,
    overrides: readonly string[],
    planFor: PlanFor,
  ): Promise<WholePlan> {
    if (planned === undefined) return { plan: undefined, text: undefined, unproduced: [] };
    try {
      const whole = await this.#planPart(planned, overrides, planFor);
      if (labels !== undefined || !whole.unproduced.some(({ isUnmet }) => isUnmet)) return whole;
      // Where each type is asked for the same, each has what it takes.
      return (await this.#planFlat(planned, overrides, planFor, ['wide'])) ?? whole;
    } catch (error) {
      // Deferred parts have a fallback of their own: to be answered at once.
      if (labels !== undefined) throw error;
      if (isTimeout(error)) {
        // Another form may be planned in no time; when it is not, there is no end of forms to wait for.
        const whole = await this.#planFlat(planned, overrides, planFor, ['wide']);
        if (whole === undefined) throw error;
        return whole;
      }
      if (!isRefusal(error)) throw error;
      const whole =
        (await this.#planFlat(planned, overrides, planFor)) ?? (await this.#planByField(planned, overrides, planFor));
      if (whole === undefined) throw error;
      this.#log('An operation could be planned only in another form.', error);
      return whole;
    }
  }

  async #planPart(part: OperationPart, overrides: readonly string[], planFor: PlanFor): Promise<WholePlan> {
    const additions = new Map<SelectionSetNode, readonly SelectionNode[]>();
    let whole: WholePlan | undefined;
    for (let round = 0; ; round++) {
      const text = textOf(part, additions);
      const request = { operation: text, overrides };
      try {
        const plan = this.#plans.peek(request) ?? (await this.#plans.get(request, planFor));
        whole = { plan, text, unproduced: findUnproduced(plan, part, this.#schema, this.#types) };
      } catch (error) {
        // What would have to be added may be what clients cannot ask for.
        if (whole === undefined || !isRefusal(error)) throw error;
        return whole;
      }
      if (!add(whole.unproduced, additions) || round === EXECUTE.rounds) return whole;
    }
  }

  async #planFlat(
    part: OperationPart,
    overrides: readonly string[],
    planFor: PlanFor,
    forms: readonly FlatForm[] = ['plain', 'wide', 'exploded'],
  ): Promise<WholePlan | undefined> {
    for (const form of forms) {
      const flat = flattenOperation(part, this.#schema, form);
      if (flat === undefined) continue;
      try {
        return await this.#planPart(flat, overrides, planFor);
      } catch (error) {
        if (!isRefusal(error)) throw error;
      }
    }
    return undefined;
  }

  /** Leaves out the root fields of a query that cannot be planned; they are errors of their own. */
  async #planByField(
    part: OperationPart,
    overrides: readonly string[],
    planFor: PlanFor,
  ): Promise<WholePlan | undefined> {
    const flat = flattenOperation(part, this.#schema, 'plain');
    const fields = flat?.operation.selectionSet.selections ?? [];
    if (part.operation.operation !== 'query' || fields.length > EXECUTE.wholeRootFields) return undefined;
    const planned: SelectionNode[] = [];
    const refused: Unproduced[] = [];
    for (const field of fields as FieldNode[]) {
      const alone = withRootFields(flat!, [field]);
      try {
        const { unproduced } = await this.#planPart(alone, overrides, planFor).catch((error: unknown) => {
          if (!isRefusal(error)) throw error;
          return this.#planFlat(alone, overrides, planFor).then(
            (whole) => whole ?? Promise.reject(error as CodedError),
          );
        });
        refused.push(...unproduced);
        planned.push(field);
      } catch (error) {
        if (!isRefusal(error)) throw error;
        refused.push({
          path: [],
          type: undefined,
          key: field.alias?.value ?? field.name.value,
          additions: [],
          isUnmet: false,
          cause: error,
        });
      }
    }
    // Nothing of it: the operation as a whole is refused.
    if (planned.length === 0) return undefined;
    const rest = withRootFields(flat!, planned);
    const whole = await this.#planPart(rest, overrides, planFor).catch((error: unknown) => {
      if (!isRefusal(error)) throw error;
      return this.#planFlat(rest, overrides, planFor);
    });
    return whole === undefined ? undefined : { ...whole, unproduced: refused };
  }
}

/** @returns whether there is something that has not been added yet */
function add(unproduced: readonly Unproduced[], additions: Map<SelectionSetNode, readonly SelectionNode[]>): boolean {
  let isMore = false;
  for (const { to, selections } of unproduced.flatMap((each) => each.additions)) {
    const present = additions.get(to) ?? [];
    const texts = new Set(present.map(print));
    const added = selections.filter((selection) => !texts.has(print(selection)));
    if (added.length === 0) continue;
    additions.set(to, [...present, ...added]);
    isMore = true;
  }
  return isMore;
}

function withRootFields({ operation, fragments }: OperationPart, selections: readonly SelectionNode[]): OperationPart {
  return { operation: { ...operation, selectionSet: { kind: Kind.SELECTION_SET, selections } }, fragments };
}

/** What the planner says of an operation that it fails on. */
const isRefusal = (error: unknown): error is CodedError =>
  error instanceof CodedError && error.code === 'INTERNAL_SERVER_ERROR';

const isTimeout = (error: unknown): boolean => error instanceof CodedError && error.code === 'PLANNING_TIMEOUT';
