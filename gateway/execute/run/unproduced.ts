/**
 * Finds what an operation selects and no fetch of its plan produces. `@apollo/query-planner` drops a field of an
 * interface without a word where the subgraph it comes from has no type that implements it; the client is owed an error
 * for the null.
 */
import {
  getNamedType,
  isAbstractType,
  isCompositeType,
  isObjectType,
  Kind,
  type FieldNode,
  type FragmentDefinitionNode,
  type GraphQLCompositeType,
  type GraphQLObjectType,
  type GraphQLSchema,
  type OperationDefinitionNode,
  type SelectionSetNode,
} from 'graphql';
import { collectFields } from '../collect-fields.ts';
import type { ExecutableFetch, ExecutableNode, ExecutablePlan } from './executable-plan.ts';
import type { MergeShape } from './merge.ts';
import { compilePath, pathsAt, type PathStep } from './positions.ts';
import type { PlanRun } from './plan-run.ts';
import type { SupergraphTypes } from '../supergraph-types.ts';

/** A field that objects of a type would lack. */
export interface Unproduced {
  /** To the objects, from the answer's root. */
  readonly path: readonly PathStep[];
  /** Undefined where only one type can be. */
  readonly type: string | undefined;
  readonly key: string;
  /** What is selected of it; empty for a leaf. */
  readonly selectionSets: readonly SelectionSetNode[];
  /** Why it could not be planned; undefined where it was left out. */
  readonly cause?: Error;
}

/** What an operation is checked by; its names are the engine's safe ones. */
interface CheckedOperation {
  readonly operation: OperationDefinitionNode;
  readonly fragments: ReadonlyMap<string, FragmentDefinitionNode>;
}

/** What fetches produce of the objects at one place. */
interface Produced {
  /** For each fetch that produces it: what the object must be, one of each list. */
  readonly conditions: (readonly (readonly string[])[])[];
  readonly below: Map<string, Produced>;
}

/** @param plan undefined when nothing need be fetched */
export function findUnproduced(
  plan: ExecutablePlan | undefined,
  { operation, fragments }: CheckedOperation,
  schema: GraphQLSchema,
  types: SupergraphTypes,
): readonly Unproduced[] {
  const root = schema.getRootType(operation.operation);
  if (plan === undefined || root === null || root === undefined) return [];
  const produced = new Map<string, Produced>();
  if (plan.primary !== undefined) addFetch(plan.primary, produced);
  if (plan.node !== undefined) addNode(plan.node, produced);
  const checker = new Checker(fragments, schema, types);
  checker.check([operation.selectionSet], root, produced, []);
  return checker.found;
}

/** Reports what is missing from the data that the plan gathered. */
export function reportUnproduced(unproduced: readonly Unproduced[], run: PlanRun): void {
  for (const { path, type, key, cause } of unproduced) {
    for (const [object, paths] of pathsAt(run.data, path, run.types, run.context.budget)) {
      if (object[key] !== undefined || (type !== undefined && object.__typename !== type)) continue;
      for (const at of paths) report([...at, key], cause, run);
    }
  }
}

function report(path: (string | number)[], cause: Error | undefined, run: PlanRun): void {
  const clientPath = run.clientPaths.of(path, run.data);
  if (clientPath === undefined) return;
  const message = cause?.message ?? 'No subgraph can resolve this field here.';
  run.errors.addOnce({ message, originalError: cause, extensions: { code: 'INTERNAL_SERVER_ERROR' } }, clientPath);
}

function addNode(node: ExecutableNode, into: Map<string, Produced>): void {
  switch (node.kind) {
    case 'fetch':
      return addFetch(node, into);
    case 'condition':
      if (node.then !== undefined) addNode(node.then, into);
      if (node.otherwise !== undefined) addNode(node.otherwise, into);
      return;
    case 'defer':
      for (const part of [node.primary, ...node.parts.map((deferred) => deferred.node)])
        if (part !== undefined) addNode(part, into);
      return;
    default:
      for (const child of node.nodes) addNode(child, into);
  }
}

function addFetch(fetch: ExecutableFetch, root: Map<string, Produced>): void {
  let into = root;
  let conditions: readonly (readonly string[])[] = [];
  for (const { key, types } of fetch.path) {
    if (key !== undefined) {
      into = entryOf(into, key).below;
      conditions = [];
    }
    if (types !== undefined) conditions = [...conditions, types];
  }
  const operation = fetch.document.definitions.find((definition) => definition.kind === Kind.OPERATION_DEFINITION)!;
  const [first] = operation.selectionSet.selections;
  const selectionSet =
    fetch.representations === undefined || first?.kind !== Kind.FIELD ? operation.selectionSet : first.selectionSet!;
  addSelections(selectionSet, fetch.shape, conditions, into);
}

function entryOf(into: Map<string, Produced>, key: string): Produced {
  let entry = into.get(key);
  if (entry === undefined) {
    entry = { conditions: [], below: new Map() };
    into.set(key, entry);
  }
  return entry;
}

function addSelections(
  { selections }: SelectionSetNode,
  shape: MergeShape,
  conditions: readonly (readonly string[])[],
  into: Map<string, Produced>,
): void {
  for (const selection of selections) {
    if (selection.kind === Kind.FIELD) {
      const from = selection.alias?.value ?? selection.name.value;
      const merged = shape.fields.find((field) => field.from === from);
      const entry = entryOf(into, merged?.to ?? from);
      entry.conditions.push(conditions);
      if (selection.selectionSet !== undefined && merged?.shape !== undefined)
        addSelections(selection.selectionSet, merged.shape, [], entry.below);
    } else if (selection.kind === Kind.INLINE_FRAGMENT) {
      const condition = selection.typeCondition?.name.value;
      addSelections(
        selection.selectionSet,
        shape,
        condition === undefined ? conditions : [...conditions, [condition]],
        into,
      );
    }
  }
}

class Checker {
  readonly found: Unproduced[] = [];
  readonly #fragments: ReadonlyMap<string, FragmentDefinitionNode>;
  readonly #schema: GraphQLSchema;
  readonly #types: SupergraphTypes;

  constructor(fragments: ReadonlyMap<string, FragmentDefinitionNode>, schema: GraphQLSchema, types: SupergraphTypes) {
    this.#fragments = fragments;
    this.#schema = schema;
    this.#types = types;
  }

  check(
    selectionSets: readonly SelectionSetNode[],
    parent: GraphQLCompositeType,
    produced: ReadonlyMap<string, Produced>,
    path: readonly PathStep[],
  ): void {
    /**
     * What is selected below a key, for all types together: one walk for each place, however many types can be there.
     */
    const below = new Map<string, { type: GraphQLCompositeType; selectionSets: Set<SelectionSetNode> }>();
    for (const type of isAbstractType(parent) ? this.#schema.getPossibleTypes(parent) : [parent]) {
      if (!isObjectType(type)) continue;
      for (const [key, field] of this.#fieldsOf(selectionSets, type)) {
        const name = field[0]!.name.value;
        const definition = name.startsWith('__') ? undefined : type.getFields()[name];
        if (definition === undefined) continue;
        const entry = produced.get(key);
        const isProduced = entry?.conditions.some((conditions) =>
          conditions.every((oneOf) => oneOf.some((condition) => this.#types.matches(type.name, condition))),
        );
        if (isProduced !== true) {
          this.found.push({
            path,
            type: parent === type ? undefined : type.name,
            key,
            selectionSets: field.flatMap(({ selectionSet }) => selectionSet ?? []),
          });
          continue;
        }
        const named = getNamedType(definition.type);
        if (!isCompositeType(named)) continue;
        const known = below.get(`${key} ${named.name}`);
        const inner = field.flatMap(({ selectionSet }) => selectionSet ?? []);
        if (known === undefined) below.set(`${key} ${named.name}`, { type: named, selectionSets: new Set(inner) });
        else for (const selectionSet of inner) known.selectionSets.add(selectionSet);
      }
    }
    for (const [keyAndType, { type, selectionSets: inner }] of below) {
      const key = keyAndType.slice(0, keyAndType.indexOf(' '));
      this.check([...inner], type, produced.get(key)!.below, [...path, ...compilePath([key])]);
    }
  }

  #fieldsOf(selectionSets: readonly SelectionSetNode[], type: GraphQLObjectType): Map<string, FieldNode[]> {
    return collectFields(selectionSets, {
      fragment: (name) => this.#fragments.get(name),
      applies: (condition) => this.#types.matches(type.name, condition),
    });
  }
}
