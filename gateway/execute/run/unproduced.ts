/**
 * Finds what an operation selects and no fetch of its plan produces, and what would have to be asked for besides. The
 * client is owed an error for the null. `@apollo/query-planner` leaves out without a word:
 * - a field of an interface where the subgraph it comes from has no type that implements it;
 * - what a field of an interface object requires, where that field is asked of some types only: it merges the fetch with
 *   that of another field for all types, to which objects of the other types then cannot be sent.
 */
import type { QueryPlanFieldNode, QueryPlanSelectionNode } from '@apollo/query-planner';
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
  type InlineFragmentNode,
  type NameNode,
  type OperationDefinitionNode,
  type SelectionNode,
  type SelectionSetNode,
} from 'graphql';
import { collectFields } from '../collect-fields.ts';
import type { ExecutablePlan } from './executable-plan.ts';
import { compilePath, pathsAt, type PathStep } from './positions.ts';
import type { FetchOrder } from './fetch-order.ts';
import { ProducedOfType, producedBy, type Produced } from './produced.ts';
import type { PlanRun } from './plan-run.ts';
import type { SupergraphTypes } from '../supergraph-types.ts';

/** What an operation could ask for besides. */
export interface Addition {
  readonly to: SelectionSetNode;
  readonly selections: readonly SelectionNode[];
}

/** A field that objects of a type would lack. */
export interface Unproduced {
  /** To the objects, from the answer's root. */
  readonly path: readonly PathStep[];
  /** Undefined where only one type can be. */
  readonly type: string | undefined;
  readonly key: string;
  /** What would bring it, as far as that is known. */
  readonly additions: readonly Addition[];
  /** Whether it is fetched, of objects that have what is sent. */
  readonly isUnmet: boolean;
  /** Why it could not be planned; undefined where it was left out. */
  readonly cause?: Error;
}

/** What an operation is checked by; its names are the engine's safe ones. */
interface CheckedOperation {
  readonly operation: OperationDefinitionNode;
  readonly fragments: ReadonlyMap<string, FragmentDefinitionNode>;
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
  const { produced, order } = producedBy(plan);
  const checker = new Checker(fragments, order, schema, types);
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

class Checker {
  readonly found: Unproduced[] = [];
  readonly #fragments: ReadonlyMap<string, FragmentDefinitionNode>;
  readonly #order: FetchOrder;
  readonly #schema: GraphQLSchema;
  readonly #types: SupergraphTypes;

  constructor(
    fragments: ReadonlyMap<string, FragmentDefinitionNode>,
    order: FetchOrder,
    schema: GraphQLSchema,
    types: SupergraphTypes,
  ) {
    this.#fragments = fragments;
    this.#order = order;
    this.#schema = schema;
    this.#types = types;
  }

  check(
    selectionSets: readonly SelectionSetNode[],
    parent: GraphQLCompositeType,
    produced: Produced,
    path: readonly PathStep[],
  ): void {
    /**
     * What is selected below a key, for all types together: one walk for each place, however many types can be there.
     */
    const below = new Map<string, { type: GraphQLCompositeType; selectionSets: Set<SelectionSetNode> }>();
    for (const type of isAbstractType(parent) ? this.#schema.getPossibleTypes(parent) : [parent]) {
      if (!isObjectType(type)) continue;
      const ofType = new ProducedOfType(produced, this.#order, type.name, this.#types);
      for (const [key, field] of this.#fieldsOf(selectionSets, type)) {
        const name = field[0]!.name.value;
        const definition = name.startsWith('__') ? undefined : type.getFields()[name];
        if (definition === undefined) continue;
        const inner = field.flatMap(({ selectionSet }) => selectionSet ?? []);
        const isProduced = ofType.isProduced(key);
        const isUnmet = ofType.isUnmet(key);
        // What is below an object may come by the fetch that it cannot be sent to, though it is there itself.
        if (!isProduced || (isUnmet && inner.length > 0)) {
          this.found.push({
            path,
            type: parent === type ? undefined : type.name,
            key,
            additions: isUnmet ? [required(ofType.missingFor(key), type.name, selectionSets[0]!)] : inner.map(opened),
            isUnmet,
          });
        }
        const named = getNamedType(definition.type);
        if (!isProduced || !isCompositeType(named)) continue;
        const known = below.get(`${key} ${named.name}`);
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

const nameNode = (value: string): NameNode => ({ kind: Kind.NAME, value });

/**
 * The type name, so that an object is asked for whatever else is dropped. The planner ties the first type name of a
 * selection set to the field beside it, and leaves both out together; a second one stays.
 */
const opened = (to: SelectionSetNode): Addition => ({
  to,
  selections: [
    { kind: Kind.FIELD, name: nameNode('__typename') },
    { kind: Kind.FIELD, name: nameNode('__typename'), alias: nameNode('_typename') },
  ],
});

const required = (fields: readonly QueryPlanFieldNode[], type: string, to: SelectionSetNode): Addition => ({
  to,
  selections: fields.length === 0 ? [] : [fragment(type, fields)],
});

const fragment = (type: string | undefined, selections: readonly QueryPlanSelectionNode[]): InlineFragmentNode => ({
  kind: Kind.INLINE_FRAGMENT,
  typeCondition: type === undefined ? undefined : { kind: Kind.NAMED_TYPE, name: nameNode(type) },
  selectionSet: { kind: Kind.SELECTION_SET, selections: selections.map(selected) },
});

function selected(selection: QueryPlanSelectionNode): SelectionNode {
  if (selection.kind === 'InlineFragment') return fragment(selection.typeCondition, selection.selections);
  const { alias, name, selections } = selection;
  return {
    kind: Kind.FIELD,
    name: nameNode(name),
    alias: alias === undefined ? undefined : nameNode(alias),
    selectionSet: selections && { kind: Kind.SELECTION_SET, selections: selections.map(selected) },
  };
}
