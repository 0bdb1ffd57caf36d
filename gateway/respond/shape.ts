/**
 * Shapes the data that a plan gathered into the answer that the client asked for: its names, its order, its types, with nulls propagated as
 * GraphQL's specification says (section 6.4.4, https://spec.graphql.org/October2021/#sec-Handling-Field-Errors). Compiled once for each
 * operation; for each runtime type when it first appears.
 */
import {
  GraphQLError,
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
import { emptyObject } from '#gateway/execute/json-object.ts';
import { leafCheck, type LeafCheck } from './leaves.ts';
import type { ResponseErrors } from './response-errors.ts';

type Data = Record<string, unknown>;

/** What a shape is compiled from, without conditions; all names are the engine's safe ones. */
export interface ShapedOperation {
  readonly operation: OperationDefinitionNode;
  readonly fragments: ReadonlyMap<string, FragmentDefinitionNode>;
  /** The client's response names by the safe names that stand for them. */
  readonly responseNames: ReadonlyMap<string, string>;
}

/** A step of the path to a value; a list from the leaf to the root, so that nothing is copied until an error needs it. */
interface Step {
  readonly before: Step | undefined;
  readonly key: string | number;
}

interface Run {
  readonly errors: ResponseErrors;
  readonly introspection: Data | undefined;
  /** Where deferred parts are noted; there are none when it is undefined. */
  readonly deferred: DeferredPart[] | undefined;
}

/** A part of one object that is answered later. */
export interface DeferredPart {
  /** The engine's label. */
  readonly label: string;
  /** Where the object is in the answer. */
  readonly path: readonly (string | number)[];
  /** Shapes it. Parts that are deferred within it are noted in `deferred`; undefined when a null reached the part's own top. */
  shape(errors: ResponseErrors, introspection: Data | undefined, deferred: DeferredPart[]): Data | undefined;
}

/**
 * Completes one value. Gives null only where null is allowed, and `undefined` for a violation of non-null, whose error is reported.
 */
type Complete = (value: unknown, parent: Step | undefined, key: string | number, run: Run) => unknown;

interface FieldPlan {
  /** The key in the data. */
  readonly from: string;
  /** The client's name. */
  readonly to: string;
  readonly complete: Complete;
}

interface ObjectPlan {
  readonly fields: readonly FieldPlan[];
  /** By label; undefined when there is none. */
  readonly deferred: readonly (readonly [label: string, plan: ObjectPlan])[] | undefined;
}

function completeFields(data: Data, plan: ObjectPlan, at: Step | undefined, run: Run): Data | undefined {
  const answer: Data = emptyObject();
  for (const field of plan.fields) {
    const value = field.complete(data[field.from], at, field.to, run);
    if (value === undefined) return undefined;
    answer[field.to] = value;
  }
  if (plan.deferred !== undefined && run.deferred !== undefined) {
    for (const [label, below] of plan.deferred) run.deferred.push(deferredPart(label, below, data, at));
  }
  return answer;
}

function deferredPart(label: string, plan: ObjectPlan, data: Data, at: Step | undefined): DeferredPart {
  return {
    label,
    path: at === undefined ? [] : pathOf(at.before, at.key),
    shape: (errors, introspection, deferred) => completeFields(data, plan, at, { errors, introspection, deferred }),
  };
}

/** The shape of one operation's answers. */
export class ResponseShape {
  readonly #source: ShapedOperation;
  readonly #schema: GraphQLSchema;
  readonly #root: ObjectPlan;

  constructor(source: ShapedOperation, schema: GraphQLSchema) {
    this.#source = source;
    this.#schema = schema;
    this.#root = this.#objectPlan([source.operation.selectionSet], schema.getRootType(source.operation.operation)!);
  }

  /**
   * @param data what the plan gathered; not changed
   * @param errors those known so far; errors of shaping are added
   * @param introspection the answer to the introspection in the operation
   * @param deferred where the parts that come later are noted, those of objects included that a null above them took out of the answer
   * @returns the answer's `data`: null when a null reached the root
   */
  apply(data: Data, errors: ResponseErrors, introspection?: Data | null, deferred?: DeferredPart[]): Data | null {
    return completeFields(data, this.#root, undefined, { errors, introspection: introspection ?? undefined, deferred }) ?? null;
  }

  /** The fields of an object of `type`, in the order in which they are first selected. */
  #objectPlan(selectionSets: readonly SelectionSetNode[], type: GraphQLObjectType | GraphQLInterfaceType): ObjectPlan {
    const collected = new Map<string, FieldNode[]>();
    const spread = new Set<string>();
    const parts: InlineFragmentNode[] = [];
    for (const selectionSet of selectionSets) this.#collect(selectionSet, type, collected, spread, parts);
    const deferred = parts.map((part) => [labelOf(part), this.#objectPlan([part.selectionSet], type)] as const);
    return {
      fields: [...collected].flatMap(([from, nodes]) => this.#fieldPlan(from, nodes, type) ?? []),
      deferred: deferred.length === 0 ? undefined : deferred,
    };
  }

  #collect(
    selectionSet: SelectionSetNode,
    type: GraphQLNamedType,
    collected: Map<string, FieldNode[]>,
    spread: Set<string>,
    parts: InlineFragmentNode[],
  ): void {
    for (const selection of selectionSet.selections) {
      switch (selection.kind) {
        case Kind.FIELD: {
          const key = selection.alias?.value ?? selection.name.value;
          const nodes = collected.get(key);
          if (nodes === undefined) collected.set(key, [selection]);
          else nodes.push(selection);
          break;
        }
        case Kind.INLINE_FRAGMENT:
          if (!this.#applies(selection.typeCondition?.name.value, type)) break;
          if (selection.directives?.some(({ name }) => name.value === 'defer')) parts.push(selection);
          else this.#collect(selection.selectionSet, type, collected, spread, parts);
          break;
        case Kind.FRAGMENT_SPREAD: {
          const fragment = this.#source.fragments.get(selection.name.value);
          if (fragment === undefined || spread.has(selection.name.value)) break;
          spread.add(selection.name.value);
          if (this.#applies(fragment.typeCondition.name.value, type)) this.#collect(fragment.selectionSet, type, collected, spread, parts);
        }
      }
    }
  }

  #applies(condition: string | undefined, type: GraphQLNamedType): boolean {
    if (condition === undefined || condition === type.name) return true;
    const conditionType = this.#schema.getType(condition);
    return isAbstractType(conditionType) && (isObjectType(type) || isInterfaceType(type)) && this.#schema.isSubType(conditionType, type);
  }

  #fieldPlan(from: string, nodes: readonly FieldNode[], parent: GraphQLObjectType | GraphQLInterfaceType): FieldPlan | undefined {
    const name = nodes[0]!.name.value;
    const to = this.#source.responseNames.get(from) ?? from;
    if (name === '__typename') {
      const typeName = parent.name;
      return { from, to, complete: () => typeName };
    }
    if (name === '__schema' || name === '__type') return { from, to, complete: (_value, _parent, _key, run) => run.introspection?.[to] ?? null };
    const field = parent.getFields()[name];
    if (field === undefined) return undefined;
    const selectionSets = nodes.flatMap((node) => node.selectionSet ?? []);
    return { from, to, complete: this.#complete(field.type, selectionSets, `${parent.name}.${name}`) };
  }

  #complete(type: GraphQLOutputType, selectionSets: readonly SelectionSetNode[], fieldName: string): Complete {
    if (isNonNullType(type)) {
      const inner = this.#completePresent(type.ofType as GraphQLOutputType, selectionSets, fieldName);
      return (value, parent, key, run) => {
        if (value !== null && value !== undefined) return inner(value, parent, key, run);
        reportMissing(fieldName, parent, key, run);
        return undefined;
      };
    }
    const inner = this.#completePresent(type, selectionSets, fieldName);
    return (value, parent, key, run) => (value === null || value === undefined ? null : (inner(value, parent, key, run) ?? null));
  }

  /** Completes a value that is there; gives undefined when it cannot be shown, with the error reported. */
  #completePresent(type: GraphQLOutputType, selectionSets: readonly SelectionSetNode[], fieldName: string): Complete {
    if (isListType(type)) return this.#completeList(type.ofType as GraphQLOutputType, selectionSets, fieldName);
    if (isCompositeType(type)) return this.#completeObject(type, selectionSets, fieldName);
    const check = leafCheck(type as GraphQLNamedType);
    return (value, parent, key, run) => {
      if (check.accepts(value)) return check.convert === undefined ? value : check.convert(value);
      report(check.complaint(fieldName), parent, key, run);
      return undefined;
    };
  }

  #completeList(itemType: GraphQLOutputType, selectionSets: readonly SelectionSetNode[], fieldName: string): Complete {
    const completeItem = this.#complete(itemType, selectionSets, fieldName);
    const leaves = leafOf(itemType);
    return (value, parent, key, run) => {
      if (!Array.isArray(value)) {
        report(`The value of ${fieldName} should be a list.`, parent, key, run);
        return undefined;
      }
      // Vectors are long: a list of leaves that is right already is the answer.
      if (leaves !== undefined && value.every((item) => item !== null && item !== undefined && leaves.accepts(item))) return value as unknown[];
      const at: Step = { before: parent, key };
      const items = new Array<unknown>(value.length);
      for (let index = 0; index < value.length; index++) {
        const item = completeItem(value[index], at, index, run);
        if (item === undefined) return undefined;
        items[index] = item;
      }
      return items;
    };
  }

  #completeObject(type: GraphQLCompositeType, selectionSets: readonly SelectionSetNode[], fieldName: string): Complete {
    const plans = new Map<string, ObjectPlan>();
    const planFor = (runtimeType: GraphQLObjectType | GraphQLInterfaceType): ObjectPlan => {
      const plan = this.#objectPlan(selectionSets, runtimeType);
      plans.set(runtimeType.name, plan);
      return plan;
    };
    const objectType = isObjectType(type) ? type : undefined;
    return (value, parent, key, run) => {
      if (typeof value !== 'object' || Array.isArray(value)) {
        report(`The value of ${fieldName} should be an object.`, parent, key, run);
        return undefined;
      }
      // A subgraph with an interface object is not asked for a type name when the client needs none: the interface will do.
      const name = objectType?.name ?? (value as Data).__typename ?? type.name;
      let plan = typeof name === 'string' ? plans.get(name) : undefined;
      if (plan === undefined) {
        const runtimeType = objectType ?? (typeof name === 'string' ? this.#runtimeType(name, type) : undefined);
        if (runtimeType === undefined) {
          report(`The type of ${fieldName} cannot be shown.`, parent, key, run);
          return undefined;
        }
        plan = planFor(runtimeType);
      }
      return completeFields(value as Data, plan, { before: parent, key }, run);
    };
  }

  /** An interface's own name is one: a subgraph with an interface object may know no more, where the client asks for no more. */
  #runtimeType(name: string, type: GraphQLCompositeType): GraphQLObjectType | GraphQLInterfaceType | undefined {
    const named = this.#schema.getType(name);
    if (named === type && isInterfaceType(named)) return named;
    if (!isAbstractType(type) || (!isObjectType(named) && !isInterfaceType(named))) return undefined;
    return this.#schema.isSubType(type, named) ? named : undefined;
  }
}

/** The engine's own label: only those are left in a shaped operation. */
function labelOf({ directives }: InlineFragmentNode): string {
  const value = directives?.find(({ name }) => name.value === 'defer')?.arguments?.[0]?.value;
  if (value?.kind !== Kind.STRING) throw new Error('A deferred part has no label.');
  return value.value;
}

function leafOf(type: GraphQLOutputType): LeafCheck | undefined {
  const named = isNonNullType(type) ? (type.ofType as GraphQLOutputType) : type;
  if (isListType(named) || isCompositeType(named) || isNonNullType(named)) return undefined;
  const check = leafCheck(named as GraphQLNamedType);
  return check.convert === undefined ? check : undefined;
}

function pathOf(parent: Step | undefined, key: string | number): (string | number)[] {
  const path = [key];
  for (let step = parent; step !== undefined; step = step.before) path.push(step.key);
  return path.reverse();
}

function report(message: string, parent: Step | undefined, key: string | number, run: Run): void {
  run.errors.add(new GraphQLError(message, { path: pathOf(parent, key), extensions: { code: 'INTERNAL_SERVER_ERROR' } }));
}

function reportMissing(fieldName: string, parent: Step | undefined, key: string | number, run: Run): void {
  if (!run.errors.explains(pathOf(parent, key))) report(`Cannot return null for non-nullable field ${fieldName}.`, parent, key, run);
}
