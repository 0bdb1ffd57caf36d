/**
 * Shapes the data that a plan gathered into the answer that the client asked for: its names, its order, its types, with
 * nulls propagated as GraphQL's specification says (section 6.4.4,
 * https://spec.graphql.org/October2021/#sec-Handling-Field-Errors). Compiled once for each operation; for each runtime
 * type when it first appears. One shape has two outputs: objects, for callers that go on working with them, and JSON
 * text, which HTTP sends as it is.
 */
import {
  isAbstractType,
  isCompositeType,
  isInterfaceType,
  isListType,
  isNonNullType,
  isObjectType,
  Kind,
  type FieldNode,
  type FragmentDefinitionNode,
  type GraphQLCompositeType,
  type GraphQLNamedType,
  type GraphQLObjectType,
  type GraphQLInterfaceType,
  type GraphQLOutputType,
  type GraphQLSchema,
  type InlineFragmentNode,
  type OperationDefinitionNode,
  type SelectionSetNode,
} from 'graphql';
import { isMetaField } from '#gateway/plan/meta-fields.ts';
import { matchesCondition } from '#gateway/plan/type-conditions.ts';
import type { Budget } from '#subgraphs/shared/budget.ts';
import { introspectionAt, type Introspect } from './introspection.ts';
import { leafCheck, type LeafCheck } from './leaves.ts';
import { finish, PAUSED, Progress, type Turns } from './pauses.ts';
import type { ResponseErrors } from './response-errors.ts';
import { completeEach, completeFields } from './shape-objects.ts';
import {
  DENIED,
  INTROSPECTION,
  LEAF,
  LIST,
  OBJECT,
  STRING,
  planForType,
  TYPENAME,
  type Data,
  type DeferredPart,
  type DeferredPlan,
  type FieldPlan,
  type ObjectPlan,
  type ObjectTypePlan,
  type ShapeRun,
  type ShownTypes,
  type ValuePlan,
} from './shape-plan.ts';
import { count, WRITTEN, writeFields, type TextRun } from './shape-text.ts';

export type { DeferredPart } from './shape-plan.ts';

/** What a shape is compiled from, without conditions; all names are the engine's safe ones. */
export interface ShapedOperation {
  readonly operation: OperationDefinitionNode;
  readonly fragments: ReadonlyMap<string, FragmentDefinitionNode>;
  /** The client's response names by the safe names that stand for them. */
  readonly responseNames: ReadonlyMap<string, string>;
}

/** A deferred part, and the conditions that the object has yet to meet. */
interface FoundPart {
  readonly part: InlineFragmentNode;
  readonly conditions: readonly string[];
}

/** The shape of one operation's answers. */
export class ResponseShape {
  readonly #source: ShapedOperation;
  readonly #schema: GraphQLSchema;
  readonly #shown: ShownTypes | undefined;
  readonly #root: ObjectPlan;

  /** @param shown what the caller may see; everything where it is undefined */
  constructor(source: ShapedOperation, schema: GraphQLSchema, shown?: ShownTypes) {
    this.#source = source;
    this.#schema = schema;
    this.#shown = shown;
    this.#root = this.#objectPlan([source.operation.selectionSet], schema.getRootType(source.operation.operation)!);
  }

  /**
   * @param data what the plan gathered; not changed
   * @param errors those known so far; errors of shaping are added
   * @param turns of whoever waits for the answer, which may take several
   * @param introspect answers what the operation asks of the schema itself
   * @param deferred where the parts that come later are noted, those of objects included that a null above them took
   *   out of the answer
   * @returns the answer's `data`: null when a null reached the root. At once, where it takes one turn
   * @throws CodedError `QUERY_TOO_COSTLY`
   */
  apply(
    data: Data,
    errors: ResponseErrors,
    turns: Turns,
    introspect: Introspect,
    deferred?: DeferredPart[],
  ): Data | null | Promise<Data | null> {
    const run: ShapeRun = {
      errors,
      introspect,
      deferred,
      path: [],
      depth: 0,
      progress: new Progress(errors.budget),
    };
    const finished = (shaped: unknown): Data | null => {
      run.progress.spend();
      return (shaped as Data | undefined) ?? null;
    };
    const shaped = completeFields(data, this.#root, run);
    return shaped === PAUSED ? finish(shaped, run.progress, turns).then(finished) : finished(shaped);
  }

  /**
   * Shapes items of a list that come behind those before them.
   * @param data what the plan gathered of them: in the list's place only they
   * @param path the list's, in the data
   * @param deferred where their parts that come later are noted
   * @returns the items up to the first that must not be null and is, whose error is then reported
   * @throws CodedError `QUERY_TOO_COSTLY`
   */
  applyItems(
    data: Data,
    path: readonly string[],
    errors: ResponseErrors,
    introspect: Introspect,
    deferred: DeferredPart[],
  ): unknown[] {
    let plans: ObjectPlan[] = [this.#root];
    let object = data;
    const at: string[] = [];
    for (const key of path) {
      const field = fieldOf(plans, key, object);
      if (field === undefined) return [];
      at.push(field.to);
      const { type, item } = field.value;
      if (item !== undefined) {
        const progress = new Progress(errors.budget, false);
        const run: ShapeRun = { errors, introspect, deferred, path: at, depth: at.length, progress };
        const items = completeEach(object[key] as unknown[], item, run);
        progress.spend();
        return items;
      }
      object = object[key] as Data;
      const below = type && planForType(type, object.__typename);
      plans = below === undefined ? [] : [below];
    }
    return [];
  }

  /** The same as JSON text; nothing is deferred. */
  write(data: Data, errors: ResponseErrors, turns: Turns, introspect: Introspect): string | Promise<string> {
    // All in one literal: an object that is spread together is slower to reach for every value of the answer.
    const run: TextRun = {
      errors,
      introspect,
      deferred: undefined,
      path: [],
      depth: 0,
      progress: new Progress(errors.budget),
      text: '',
      charged: 0,
    };
    const outcome = writeFields(data, this.#root, run);
    if (outcome !== PAUSED) return textOf(run, outcome);
    return finish(outcome, run.progress, turns).then((resumed) => textOf(run, resumed));
  }

  /** The fields of an object of `type`, in the order in which they are first selected. */
  #objectPlan(selectionSets: readonly SelectionSetNode[], type: GraphQLObjectType | GraphQLInterfaceType): ObjectPlan {
    const collected = new Map<string, FieldNode[]>();
    const spread = new Set<string>();
    const parts: FoundPart[] = [];
    for (const selectionSet of selectionSets) this.#collect(selectionSet, type, collected, spread, parts);
    const deferred = parts.map((part) => this.#deferredPlan(part, type));
    const fields: FieldPlan[] = [];
    for (const [from, nodes] of collected) {
      const value = this.#fieldValue(from, nodes, type);
      if (value === undefined) continue;
      const to = this.#source.responseNames.get(from) ?? from;
      fields.push({ from, to, label: `${fields.length === 0 ? '{' : ','}${JSON.stringify(to)}:`, value });
    }
    return {
      typeName: type.name,
      fields,
      deferred: deferred.length === 0 ? undefined : deferred,
      denial: this.#shown?.ofType(type.name),
    };
  }

  #collect(
    selectionSet: SelectionSetNode,
    type: GraphQLNamedType,
    collected: Map<string, FieldNode[]>,
    spread: Set<string>,
    parts: FoundPart[],
    unmet: readonly string[] = [],
  ): void {
    for (const selection of selectionSet.selections) {
      switch (selection.kind) {
        case Kind.FIELD: {
          if (unmet.length > 0) break;
          const key = selection.alias?.value ?? selection.name.value;
          const nodes = collected.get(key);
          if (nodes === undefined) collected.set(key, [selection]);
          else nodes.push(selection);
          break;
        }
        case Kind.INLINE_FRAGMENT: {
          const condition = selection.typeCondition?.name.value;
          const isMet = matchesCondition(this.#schema, type, condition);
          // Of an object of which only the interface is known, its deferred parts may learn the type.
          if (!isMet && !this.#mayMatch(type, condition)) break;
          const conditions = isMet ? unmet : [...unmet, condition!];
          if (selection.directives?.some(({ name }) => name.value === 'defer'))
            parts.push({ part: selection, conditions });
          else this.#collect(selection.selectionSet, type, collected, spread, parts, conditions);
          break;
        }
        case Kind.FRAGMENT_SPREAD: {
          // Where something is deferred, all fragments are in their places.
          if (unmet.length > 0) break;
          const fragment = this.#source.fragments.get(selection.name.value);
          if (fragment === undefined || spread.has(selection.name.value)) break;
          spread.add(selection.name.value);
          if (matchesCondition(this.#schema, type, fragment.typeCondition.name.value))
            this.#collect(fragment.selectionSet, type, collected, spread, parts);
        }
      }
    }
  }

  #deferredPlan({ part, conditions }: FoundPart, type: GraphQLObjectType | GraphQLInterfaceType): DeferredPlan {
    return {
      label: labelOf(part),
      applies: (name) =>
        conditions.every((condition) => matchesCondition(this.#schema, this.#schema.getType(name)!, condition)),
      type: this.#objectTypePlan(type, [part.selectionSet]),
    };
  }

  /** Whether an object of which only the interface is known may meet the condition. */
  #mayMatch(type: GraphQLNamedType, condition: string | undefined): boolean {
    return (
      isInterfaceType(type) &&
      this.#schema.getPossibleTypes(type).some((possible) => matchesCondition(this.#schema, possible, condition))
    );
  }

  #fieldValue(
    from: string,
    nodes: readonly FieldNode[],
    parent: GraphQLObjectType | GraphQLInterfaceType,
  ): ValuePlan | undefined {
    const name = nodes[0]!.name.value;
    if (name === '__typename') return valuePlan({ kind: TYPENAME, fieldName: name, typeName: parent.name });
    if (isMetaField(name))
      return valuePlan({
        kind: INTROSPECTION,
        nonNull: name !== '__type',
        fieldName: name,
        question: introspectionAt(nodes, this.#source),
      });
    const field = parent.getFields()[name];
    if (field === undefined) return undefined;
    const denial = this.#shown?.ofField(parent.name, name);
    if (denial !== undefined)
      return valuePlan({
        kind: DENIED,
        nonNull: isNonNullType(field.type),
        fieldName: `${parent.name}.${name}`,
        denial,
      });
    return this.#valuePlan(
      field.type,
      nodes.flatMap((node) => node.selectionSet ?? []),
      `${parent.name}.${name}`,
    );
  }

  #valuePlan(type: GraphQLOutputType, selectionSets: readonly SelectionSetNode[], fieldName: string): ValuePlan {
    const nonNull = isNonNullType(type);
    const inner = nonNull ? (type.ofType as GraphQLOutputType) : type;
    if (isListType(inner)) {
      const itemType = inner.ofType as GraphQLOutputType;
      return valuePlan({
        kind: LIST,
        nonNull,
        fieldName,
        check: checkOfItems(itemType),
        item: this.#valuePlan(itemType, selectionSets, fieldName),
      });
    }
    if (isCompositeType(inner))
      return valuePlan({ kind: OBJECT, nonNull, fieldName, type: this.#objectTypePlan(inner, selectionSets) });
    const check = leafCheck(inner as GraphQLNamedType);
    return valuePlan({ kind: check.isText ? STRING : LEAF, nonNull, fieldName, check });
  }

  #objectTypePlan(type: GraphQLCompositeType, selectionSets: readonly SelectionSetNode[]): ObjectTypePlan {
    const known = new Map<string, ObjectPlan>();
    return {
      only: isObjectType(type) ? type.name : undefined,
      known,
      make: (given) => {
        // A subgraph with an interface object is not asked for a type name when the client needs none: the interface
        // will do.
        const name = given ?? type.name;
        const runtimeType = isObjectType(type)
          ? type
          : typeof name === 'string'
            ? this.#runtimeType(name, type)
            : undefined;
        if (runtimeType === undefined) return undefined;
        const plan = known.get(runtimeType.name) ?? this.#objectPlan(selectionSets, runtimeType);
        known.set(runtimeType.name, plan);
        return plan;
      },
    };
  }

  /**
   * An interface's own name is one: a subgraph with an interface object may know no more, where the client asks for no
   * more.
   */
  #runtimeType(name: string, type: GraphQLCompositeType): GraphQLObjectType | GraphQLInterfaceType | undefined {
    const named = this.#schema.getType(name);
    if (named === type && isInterfaceType(named)) return named;
    if (!isAbstractType(type) || (!isObjectType(named) && !isInterfaceType(named))) return undefined;
    return this.#schema.isSubType(type, named) ? named : undefined;
  }
}

/** The field of an object, wherever in its parts it is. */
function fieldOf(plans: readonly ObjectPlan[], key: string, object: Data): FieldPlan | undefined {
  for (const { fields, deferred = [] } of plans) {
    const found =
      fields.find(({ from }) => from === key) ??
      fieldOf(
        deferred.flatMap(({ type }) => planForType(type, object.__typename) ?? []),
        key,
        object,
      );
    if (found !== undefined) return found;
  }
  return undefined;
}

/** Charges what a text takes more in UTF-8 than it has characters, where that could make a difference. */
function chargeWide(text: string, budget: Budget | undefined): void {
  if (budget !== undefined && text.length * 3 > budget.limits.bytes)
    budget.write(0, Buffer.byteLength(text) - text.length);
}

/** The engine's own label: only those are left in a shaped operation. */
function labelOf({ directives }: InlineFragmentNode): string {
  const value = directives?.find(({ name }) => name.value === 'defer')?.arguments?.[0]?.value;
  if (value?.kind !== Kind.STRING) throw new Error('A deferred part has no label.');
  return value.value;
}

/** The check of a list's items, when they are leaves that pass unchanged. */
function checkOfItems(type: GraphQLOutputType): LeafCheck | undefined {
  const named = isNonNullType(type) ? (type.ofType as GraphQLOutputType) : type;
  if (isListType(named) || isCompositeType(named) || isNonNullType(named)) return undefined;
  const check = leafCheck(named as GraphQLNamedType);
  return check.convert === undefined ? check : undefined;
}

/** All plans have the same properties in the same order. */
function valuePlan({
  kind,
  nonNull = false,
  fieldName,
  check,
  item,
  type,
  question,
  typeName,
  denial,
}: Partial<ValuePlan> & Pick<ValuePlan, 'kind' | 'fieldName'>): ValuePlan {
  return { kind, nonNull, fieldName, check, item, type, question, typeName, denial };
}

/** The text of an answer that is written. */
function textOf(run: TextRun, outcome: unknown): string {
  count(run);
  run.progress.spend();
  chargeWide(run.text, run.errors.budget);
  return outcome === WRITTEN ? run.text : 'null';
}
