/** What the fetches of a plan produce of the objects at each place, and which of them lack what they require. */
import type { QueryPlanFieldNode, QueryPlanInlineFragmentNode, QueryPlanSelectionNode } from '@apollo/query-planner';
import { Kind, type SelectionSetNode } from 'graphql';
import type { SupergraphTypes } from '../supergraph-types.ts';
import type { ExecutableFetch, ExecutableNode, ExecutablePlan } from './executable-plan.ts';
import { FetchOrder } from './fetch-order.ts';
import type { MergeShape } from './merge.ts';

/** One fetch's field of the objects at one place. */
interface Source {
  readonly by: ExecutableFetch;
  /** What the object must be: one of each list. */
  readonly conditions: readonly (readonly string[])[];
  /** The fetch that is sent the objects of this place for it; undefined where they come with what is around them. */
  readonly fetch: ExecutableFetch | undefined;
  /** That of the object that it is in, where both are of one fetch. */
  readonly within: Source | undefined;
}

/** What fetches produce of one field of the objects at one place. */
export interface ProducedField {
  readonly sources: Source[];
  readonly below: Produced;
}

/** By key. */
export type Produced = Map<string, ProducedField>;

/** What a plan produces, and in which order. */
export interface ProducedByPlan {
  /** Everything, from the answer's root. */
  readonly produced: Produced;
  readonly order: FetchOrder;
}

export function producedBy(plan: ExecutablePlan): ProducedByPlan {
  const produced: Produced = new Map();
  if (plan.primary !== undefined) addFetch(plan.primary, produced);
  if (plan.node !== undefined) addNode(plan.node, produced);
  return { produced, order: new FetchOrder(plan) };
}

function addNode(node: ExecutableNode, into: Produced): void {
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

function addFetch(fetch: ExecutableFetch, root: Produced): void {
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
  const isOfEntities = fetch.representations !== undefined && first?.kind === Kind.FIELD;
  const selectionSet = isOfEntities ? first.selectionSet! : operation.selectionSet;
  const source = { by: fetch, conditions, fetch: isOfEntities ? fetch : undefined, within: undefined };
  addSelections(selectionSet, fetch.shape, source, into);
}

function entryOf(into: Produced, key: string): ProducedField {
  let entry = into.get(key);
  if (entry === undefined) {
    entry = { sources: [], below: new Map() };
    into.set(key, entry);
  }
  return entry;
}

function addSelections({ selections }: SelectionSetNode, shape: MergeShape, source: Source, into: Produced): void {
  for (const selection of selections) {
    if (selection.kind === Kind.FIELD) {
      const from = selection.alias?.value ?? selection.name.value;
      const merged = shape.fields.find((field) => field.from === from);
      const entry = entryOf(into, merged?.to ?? from);
      entry.sources.push(source);
      if (selection.selectionSet !== undefined && merged?.shape !== undefined)
        addSelections(
          selection.selectionSet,
          merged.shape,
          { by: source.by, conditions: [], fetch: undefined, within: source },
          entry.below,
        );
    } else if (selection.kind === Kind.INLINE_FRAGMENT) {
      const condition = selection.typeCondition?.name.value;
      const conditions = condition === undefined ? source.conditions : [...source.conditions, [condition]];
      addSelections(selection.selectionSet, shape, { ...source, conditions }, into);
    }
  }
}

/** What is produced of the objects of one type at one place. */
export class ProducedOfType {
  readonly #produced: Produced;
  readonly #type: string;
  readonly #types: SupergraphTypes;
  readonly #order: FetchOrder;
  /** By the fetches that objects of the type cannot be sent to: what they require and nothing produces. */
  readonly #unmet = new Map<ExecutableFetch, readonly QueryPlanFieldNode[]>();

  /** @param produced at the place */
  constructor(produced: Produced, order: FetchOrder, type: string, types: SupergraphTypes) {
    this.#produced = produced;
    this.#order = order;
    this.#type = type;
    this.#types = types;
    const unknown = new Set(
      [...produced.values()].flatMap(({ sources }) => sources.flatMap(({ fetch }) => fetch?.requires && fetch)),
    );
    unknown.delete(undefined);
    for (const fetch of unknown) this.#unmet.set(fetch!, []);
    // What one fetch produces may be what another requires.
    for (let size = -1; size !== this.#unmet.size;) {
      size = this.#unmet.size;
      for (const fetch of [...this.#unmet.keys()]) {
        if (!this.#isSent(fetch.requires!)) continue;
        const missing = this.#missingOf(fetch.requires!, fetch);
        if (missing.length === 0) this.#unmet.delete(fetch);
        else this.#unmet.set(fetch, missing);
      }
    }
  }

  /** Whether objects of the type are among those that are sent. */
  #isSent(requires: readonly QueryPlanSelectionNode[]): boolean {
    return requires.some((selection) => selection.kind === 'Field' || this.#isOfType(selection));
  }

  #isOfType({ typeCondition }: QueryPlanInlineFragmentNode): boolean {
    return typeCondition === undefined || this.#types.matches(this.#type, typeCondition);
  }

  /** The fields of these that are not produced before the fetch is sent. */
  #missingOf(requires: readonly QueryPlanSelectionNode[], by: ExecutableFetch): QueryPlanFieldNode[] {
    return requires.flatMap((selection) => {
      if (selection.kind === 'InlineFragment')
        return this.#isOfType(selection) ? this.#missingOf(selection.selections, by) : [];
      return this.#has(selection, by, this.#produced) ? [] : [selection];
    });
  }

  /** @param depth how far below objects of the type `produced` is */
  #has(selection: QueryPlanSelectionNode, by: ExecutableFetch, produced: Produced, depth = 0): boolean {
    const { selections = [] } = selection;
    if (selection.kind === 'InlineFragment') return selections.every((each) => this.#has(each, by, produced, depth));
    if (selection.name === '__typename') return true; // Every object has its type.
    const field = produced.get(keyOf(selection));
    return (
      field?.sources.some((source) => this.#isSource(source, depth) && this.#order.precedes(source.by, by)) === true &&
      selections.every((each) => this.#has(each, by, field.below, depth + 1))
    );
  }

  #isSource(source: Source, depth: number): boolean {
    let own: Source | undefined = source;
    for (let up = depth; up > 0; up--) own = own?.within;
    if (own === undefined) return true; // Of a fetch of its own.
    return this.#applies(own) && (own.fetch === undefined || !this.#unmet.has(own.fetch));
  }

  #applies({ conditions }: Source): boolean {
    return conditions.every((oneOf) => oneOf.some((condition) => this.#types.matches(this.#type, condition)));
  }

  /** Whether a fetch that objects of the type can be sent to, or what is around them, gives the field. */
  isProduced(key: string): boolean {
    return this.#produced.get(key)?.sources.some((source) => this.#isSource(source, 0)) === true;
  }

  /** Whether there is a fetch of the field that objects of the type cannot be sent to. */
  isUnmet(key: string): boolean {
    return this.#sourcesOf(key).some(({ fetch }) => fetch !== undefined && this.#unmet.has(fetch));
  }

  /** What fetches of the field require and nothing produces. */
  missingFor(key: string): readonly QueryPlanFieldNode[] {
    return [...new Set(this.#sourcesOf(key).flatMap(({ fetch }) => (fetch && this.#unmet.get(fetch)) ?? []))];
  }

  #sourcesOf(key: string): readonly Source[] {
    return (this.#produced.get(key)?.sources ?? []).filter((source) => this.#applies(source));
  }
}

const keyOf = ({ alias, name }: QueryPlanFieldNode): string => alias ?? name;
