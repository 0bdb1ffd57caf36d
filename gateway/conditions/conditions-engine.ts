/**
 * An engine in front of another: filters of its operations may ask for what other stores have. What they ask is worked out first, and
 * the operation that is planned and run has conditions on keys in their place, so that nothing behind it need know of them.
 */
import {
  getOperationAST,
  GraphQLError,
  isNonNullType,
  type DocumentNode,
  type ExecutionResult,
  type FieldNode,
  type GraphQLSchema,
} from 'graphql';
import { CONDITIONS } from '#gateway/bounds/conditions.ts';
import type { Engine, EngineOperation } from '#gateway/execute/engine.ts';
import { refused } from '#gateway/execute/answers/refusals.ts';
import { coerceInputs } from '#gateway/plan/variables.ts';
import { badUserInput, CodedError } from '#subgraphs/shared/errors.ts';
import { Asking, type ConditionBounds } from './asking.ts';
import { declaredConditions } from './declared.ts';
import { Evaluation } from './evaluation.ts';
import { ConditionFailed } from './steps.ts';
import { countConditions, withoutConditions } from './count-conditions.ts';
import {
  filterPlaces,
  filtersOf,
  isAskedFor,
  valueOf,
  type FilteredOperation,
  type FilterPlace,
  type Filters,
  type OrderPlace,
  type Variables,
} from './filter-places.ts';
import { evaluatedPlace } from './evaluated-place.ts';
import { nullFields } from './failed-fields.ts';
import { foreignFields, withoutLinks } from './order-levels.ts';
import { orderedList } from './ordered-list.ts';
import { taken } from './taken-keys.ts';
import { told, toldInParts, type ApproximateList } from './told.ts';
import { responseNameOf } from './asked.ts';
import { inOrder, type OrderedPage } from './by-keys.ts';

/** @param bounds @default their own */
export function withConditions(engine: Engine, bounds: Partial<ConditionBounds> = {}): Engine {
  const declared = declaredConditions(engine.schema, engine.supergraphSdl);
  return declared.conditions.size === 0
    ? engine
    : new ConditionsEngine(engine, filtersOf(engine.schema, declared), { ...CONDITIONS, ...bounds });
}

/** What of an operation is worked out before it runs. */
interface Conditional {
  readonly filtered: FilteredOperation;
  readonly variables: Variables;
  readonly values: ReadonlyMap<FilterPlace, unknown>;
  /** What each list is sorted by. */
  readonly orders: ReadonlyMap<OrderPlace, unknown>;
  /** Lists that are sorted by what another store has. */
  readonly ordered: readonly OrderPlace[];
}

class ConditionsEngine implements Engine {
  readonly schema: GraphQLSchema;
  readonly supergraphSdl: string;
  readonly cost: Engine['cost'];
  readonly executeIncrementally: Engine['executeIncrementally'];
  readonly #engine: Engine;
  readonly #filters: Filters;
  readonly #bounds: ConditionBounds;
  readonly #known = new WeakMap<DocumentNode, Map<string, FilteredOperation | undefined>>();

  constructor(engine: Engine, filters: Filters, bounds: ConditionBounds) {
    this.schema = engine.schema;
    this.supergraphSdl = engine.supergraphSdl;
    this.#engine = engine;
    this.#filters = filters;
    this.#bounds = bounds;
    const { cost } = engine;
    this.cost = cost && {
      of: (document, operationName, variables) =>
        cost.of(document, operationName, variables) + this.#costOf(document, operationName, variables),
    };
    this.executeIncrementally =
      engine.executeIncrementally === undefined
        ? undefined
        : (operation) => {
            const prepared = this.#prepared(operation);
            return 'planned' in prepared
              ? engine.executeIncrementally!(prepared.planned)
              : this.#run(operation, prepared.conditional, (rewritten) => engine.executeIncrementally!(rewritten));
          };
  }

  get plans(): Engine['plans'] {
    return this.#engine.plans;
  }

  execute(operation: EngineOperation): Promise<ExecutionResult> {
    const prepared = this.#prepared(operation);
    return 'planned' in prepared
      ? this.#engine.execute(prepared.planned)
      : this.#run(operation, prepared.conditional, (rewritten) => this.#engine.execute(rewritten));
  }

  async subscribe(operation: EngineOperation): Promise<AsyncIterable<ExecutionResult> | ExecutionResult> {
    const prepared = this.#prepared(operation);
    return 'planned' in prepared
      ? await this.#engine.subscribe(prepared.planned)
      : await this.#run(operation, prepared.conditional, (rewritten) => this.#engine.execute(rewritten));
  }

  warm(other: Engine): Promise<void> {
    return this.#engine.warm(other instanceof ConditionsEngine ? other.#engine : other);
  }

  close(): Promise<void> {
    return this.#engine.close();
  }

  #filtered(document: DocumentNode, operationName: string | null | undefined): FilteredOperation | undefined {
    let byName = this.#known.get(document);
    if (byName === undefined) this.#known.set(document, (byName = new Map()));
    const name = operationName ?? '';
    if (byName.has(name)) return byName.get(name);
    const operation = getOperationAST(document, operationName);
    const filtered = operation ? filterPlaces(document, operation, this.schema, this.#filters) : undefined;
    if (byName.size < CONDITIONS.kept) byName.set(name, filtered);
    return filtered;
  }

  /** What is to be worked out first; or, where nothing of another store is asked for, the operation as it can be planned. */
  #prepared(operation: EngineOperation): { readonly conditional: Conditional } | { readonly planned: EngineOperation } {
    const { document, operationName, variables: given } = operation;
    const filtered = this.#filtered(document, operationName);
    if (filtered === undefined) return { planned: operation };
    const definitions = filtered.operation.variableDefinitions ?? [];
    // What does not fit, the engine says.
    if (coerceInputs(this.schema, definitions, given ?? {}, 1).errors !== undefined) return { planned: operation };
    const asked = this.#asked(filtered, given);
    if (asked.count > 0) return { conditional: asked };
    const worked = ownOrders(asked);
    for (const [{ variable, type }, value] of asked.values)
      if (value !== undefined) worked[variable] = withoutConditions(type, value, this.#filters);
    return {
      planned: { ...operation, document: filtered.rewritten(new Set()), variables: { ...given, ...worked } },
    };
  }

  #costOf(document: DocumentNode, operationName: string | undefined, given: Variables): number {
    const filtered = this.#filtered(document, operationName);
    return filtered === undefined ? 0 : this.#asked(filtered, given).count * CONDITIONS.cost;
  }

  #asked(filtered: FilteredOperation, given: Variables | null | undefined): Conditional & { readonly count: number } {
    const variables = { ...filtered.defaults, ...given };
    const said = <P extends FilterPlace | OrderPlace>(places: readonly P[]): Map<P, unknown> =>
      new Map(places.map((place) => [place, valueOf(place.value, place.type, variables)]));
    const values = said(filtered.places);
    const orders = said(filtered.orders);
    const foreign = [...orders].map(([place, value]) => ({ place, count: foreignFields(place.order, value) }));
    const ordered = foreign.flatMap(({ place, count }) => (count > 0 ? [place] : []));
    const count =
      [...values].reduce((sum, [{ type }, value]) => sum + countConditions(type, value, this.#filters), 0) +
      foreign.reduce((sum, each) => sum + each.count, 0);
    return { filtered, variables, values, orders, ordered, count };
  }

  async #run<Result extends object>(
    operation: EngineOperation,
    conditional: Conditional,
    run: (rewritten: EngineOperation) => Promise<Result | ExecutionResult>,
  ): Promise<Result | ExecutionResult> {
    const { filtered, variables, values, ordered } = conditional;
    const { context, trace } = operation;
    if (filtered.operation.operation !== 'query') return refused(notHere(filtered.operation.operation), context.signal);
    const evaluation = new Evaluation(this.schema, this.#filters, new Asking(this.#engine, context, this.#bounds));
    const worked = ownOrders(conditional);
    const failed = new Map<FieldNode, GraphQLError>();
    const approximate: ApproximateList[] = [];
    let lost: GraphQLError | undefined;
    const orUndone = async ({ fields }: FilterPlace | OrderPlace, work: () => Promise<void>): Promise<void> => {
      try {
        await work();
      } catch (error) {
        if (context.signal?.aborted === true) throw error;
        const told = toldOf(error);
        for (const [field, { type }] of fields) {
          failed.set(field, told);
          if (isNonNullType(type)) lost = told;
        }
      }
    };
    const pages = new Map<OrderPlace, OrderedPage>();
    const sorted = ordered.filter((place) => place.list === undefined || isAskedFor(place, variables));
    const sortedFields = new Set(sorted.flatMap(({ list, fields }) => (list === undefined ? [] : [...fields.keys()])));
    await Promise.all([
      ...[...values].map(async ([place, value]) => {
        if (value === undefined || !isAskedFor(place, variables)) return;
        // Of a list that is sorted so, its filter is worked out with its order.
        if (place.list !== undefined && [...place.fields.keys()].every((field) => sortedFields.has(field))) return;
        await orUndone(place, async () => {
          const { filter, because } = await evaluatedPlace(evaluation, place, value, variables);
          worked[place.variable] = filter;
          if (because !== undefined) approximate.push({ path: [nameOf(place)], ...because });
        });
      }),
      ...sorted.map((place) =>
        orUndone(place, async () => {
          const { page, because } = await orderedList(evaluation, place, filtered.fragments, variables);
          pages.set(place, page);
          const keys = page.items.map(({ key }) => key);
          worked[place.where] = { [place.list!.key]: { in: taken(keys, place.list!) } };
          worked[place.first] = page.items.length;
          if (because !== undefined) approximate.push({ path: [nameOf(place)], ...because });
        }),
      ),
    ]).catch((error: unknown) => {
      lost = toldOf(error);
    });
    // What is not asked for, by `@skip`, is planned all the same.
    const byKeys = new Set(
      ordered.filter(
        ({ list, fields }) => list !== undefined && ![...fields.keys()].some((field) => failed.has(field)),
      ),
    );
    const given = { ...operation.variables, ...worked };
    let result: Result | ExecutionResult;
    if (lost !== undefined) result = { errors: [lost], data: null };
    else if (failed.size === 0 && byKeys.size === 0)
      result = await run({ ...operation, document: filtered.rewritten(byKeys), variables: given });
    else {
      const document = filtered.rewritten(byKeys, failed.size === 0 ? undefined : new Set(failed.keys()));
      result = await this.#engine.execute({ ...operation, document, variables: given, asText: false });
      for (const [{ fields }, page] of pages) result = inOrder(result, [...fields.keys()], filtered.fragments, page);
      if (failed.size > 0) result = nullFields(result, filtered, document, failed);
    }
    const also = { approximate, trace: trace === true ? evaluation.trace : undefined };
    return Symbol.asyncIterator in result
      ? (toldInParts(result as unknown as AsyncIterable<ExecutionResult>, also) as unknown as Result)
      : told(result as ExecutionResult, also);
  }
}

/** What lists are sorted by of what their own stores have, by the variables that stand for it. */
function ownOrders({ orders }: Conditional): Record<string, unknown> {
  const worked: Record<string, unknown> = {};
  for (const [{ variable, order }, value] of orders)
    if (value !== undefined) worked[variable] = withoutLinks(order, value);
  return worked;
}

/** Of a list at the root, which has one wherever it is mentioned. */
const nameOf = ({ fields }: FilterPlace | OrderPlace): string => responseNameOf([...fields.keys()][0]!);

const notHere = (type: string): CodedError =>
  badUserInput(`A ${type} cannot filter by what another store has.`, {
    hint: 'Ask for the ids in a query first, and filter by them.',
  });

function toldOf(failure: unknown): GraphQLError {
  const cause = failure instanceof ConditionFailed ? failure.cause : failure;
  const condition = failure instanceof ConditionFailed ? { condition: failure.condition } : {};
  if (cause instanceof GraphQLError)
    return new GraphQLError(cause.message, {
      originalError: cause.originalError,
      extensions: { ...cause.extensions, ...condition },
    });
  const error = cause as Error;
  return new GraphQLError(error.message, {
    originalError: error,
    extensions: { ...(error instanceof CodedError ? error.extensions : {}), ...condition },
  });
}
