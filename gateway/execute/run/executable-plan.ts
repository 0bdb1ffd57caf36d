/**
 * A query plan made ready to run: documents parsed, paths read, merging and representations compiled. Made once and
 * kept with the plan.
 */
import type { FetchNode, PlanNode, QueryPlan, QueryPlanSelectionNode } from '@apollo/query-planner';
import {
  BREAK,
  Kind,
  parse,
  visit,
  type DocumentNode,
  type OperationDefinitionNode,
  type SelectionSetNode,
} from 'graphql';
import type { KeptNumbers } from '#subgraphs/shared/exact-number.ts';
import { FetchIds } from './fetch-ids.ts';
import { compileContexts, type ContextArgument } from './contexts.ts';
import { compileMergeShape, type MergeShape } from './merge.ts';
import { compilePath, type PathStep } from './positions.ts';
import { isRepeatable } from '../clients/repeatable.ts';
import { compileRepresentations, type RepresentationBuilder } from './representations.ts';
import type { SupergraphTypes } from '../supergraph-types.ts';

export type ExecutableNode =
  | { readonly kind: 'sequence'; readonly nodes: readonly ExecutableNode[] }
  | { readonly kind: 'parallel'; readonly nodes: readonly ExecutableNode[] }
  | {
      readonly kind: 'condition';
      readonly variable: string;
      readonly then: ExecutableNode | undefined;
      readonly otherwise: ExecutableNode | undefined;
    }
  | ExecutableDefer
  | ExecutableFetch;

/** What runs for the first answer, and what is answered later. */
export interface ExecutableDefer {
  readonly kind: 'defer';
  readonly primary: ExecutableNode | undefined;
  readonly parts: readonly {
    readonly label: string;
    /** Ids of the fetches without whose answers the part cannot start. */
    readonly depends: readonly string[];
    readonly node: ExecutableNode | undefined;
  }[];
}

/** One operation on one subgraph, for all objects at a path. */
export interface ExecutableFetch {
  readonly kind: 'fetch';
  /** Only where a deferred part waits for it. */
  readonly id: string | undefined;
  readonly service: string;
  readonly operationType: 'query' | 'mutation' | 'subscription';
  readonly operationName: string | undefined;
  readonly text: string;
  readonly document: DocumentNode;
  /** Which numbers of the answer are kept as they came. */
  readonly keeps: KeptNumbers;
  readonly variables: readonly string[];
  /** From the answer's root; flatten nodes have gone into it. */
  readonly path: readonly PathStep[];
  /** What is sent of the objects; undefined for a fetch of root fields. */
  readonly requires: readonly QueryPlanSelectionNode[] | undefined;
  /** Undefined for a fetch of root fields. */
  readonly representations: (() => RepresentationBuilder) | undefined;
  /** Where the values of `@fromContext` arguments are; undefined when there are none. */
  readonly contexts: readonly ContextArgument[] | undefined;
  /** Of an entity, or of the root. */
  readonly shape: MergeShape;
  /** The keys that are lost, and on which types, when there is no answer. */
  readonly keys: readonly { readonly key: string; readonly types: readonly string[] }[];
  /** Whether the plan has another fetch of the same text, which may ask the same. */
  readonly shareable: boolean;
}

export interface ExecutablePlan {
  /** Undefined when there is nothing to fetch. */
  readonly node: ExecutableNode | undefined;
  /** The fetch whose events the plan runs for; only of subscriptions. */
  readonly primary: ExecutableFetch | undefined;
}

/** Compiles a plan. */
export function compilePlan(plan: QueryPlan, types: SupergraphTypes): ExecutablePlan {
  const { node } = plan;
  if (node === undefined) return { node: undefined, primary: undefined };
  const compiler = new PlanCompiler(types);
  if (node.kind !== 'Subscription') {
    compiler.count(node);
    return { node: compiler.compile(node, []), primary: undefined };
  }
  if (node.rest !== undefined) compiler.count(node.rest);
  return {
    node: node.rest === undefined ? undefined : compiler.compile(node.rest, []),
    primary: compiler.fetch(node.primary, []),
  };
}

class PlanCompiler {
  readonly #types: SupergraphTypes;
  /** How many fetches have the same subgraph and text. */
  readonly #counts = new Map<string, number>();
  readonly #documents = new Map<string, DocumentNode>();
  readonly #ids = new FetchIds();
  #mutates = false;
  #hasContexts = false;

  constructor(types: SupergraphTypes) {
    this.#types = types;
  }

  count(node: PlanNode, path: readonly (string | number)[] = []): void {
    switch (node.kind) {
      case 'Fetch': {
        if (node.operationKind === 'mutation') this.#mutates = true;
        if (node.contextRewrites !== undefined) this.#hasContexts = true;
        const key = fetchKey(node.serviceName, textOf(node));
        this.#counts.set(key, (this.#counts.get(key) ?? 0) + 1);
        this.#ids.add(node, path);
        return;
      }
      case 'Flatten':
        return this.count(node.node, [...path, ...node.path]);
      case 'Condition':
        if (node.ifClause !== undefined) this.count(node.ifClause, path);
        if (node.elseClause !== undefined) this.count(node.elseClause, path);
        return;
      case 'Defer':
        for (const part of [node.primary, ...node.deferred]) if (part.node !== undefined) this.count(part.node, path);
        return;
      default:
        node.nodes.forEach((child) => this.count(child, path));
    }
  }

  compile(node: PlanNode, path: readonly (string | number)[]): ExecutableNode {
    switch (node.kind) {
      case 'Sequence':
      case 'Parallel': {
        const nodes = node.nodes.map((child) => this.compile(child, path));
        return nodes.length === 1 ? nodes[0]! : { kind: node.kind === 'Sequence' ? 'sequence' : 'parallel', nodes };
      }
      case 'Flatten':
        return this.compile(node.node, [...path, ...node.path]);
      case 'Condition':
        return {
          kind: 'condition',
          variable: node.condition,
          then: node.ifClause && this.compile(node.ifClause, path),
          otherwise: node.elseClause && this.compile(node.elseClause, path),
        };
      case 'Fetch':
        return this.fetch(node, path);
      case 'Defer':
        return {
          kind: 'defer',
          primary: node.primary.node && this.compile(node.primary.node, path),
          parts: node.deferred.map((part) => ({
            label: part.label!, // The engine labels all.
            depends: part.depends.flatMap(({ id }) => this.#ids.of(id, part.queryPath) ?? []),
            node: part.node && this.compile(part.node, path),
          })),
        };
    }
  }

  fetch(node: FetchNode, path: readonly (string | number)[]): ExecutableFetch {
    const text = textOf(node);
    let document = this.#documents.get(text);
    if (document === undefined) {
      document = parse(text, { noLocation: true });
      this.#documents.set(text, document);
    }
    const operation = document.definitions.find((definition) => definition.kind === Kind.OPERATION_DEFINITION)!;
    const selectionSet = node.requires === undefined ? operation.selectionSet : entitiesSelection(operation);
    const shape = compileMergeShape(selectionSet, entityRewrites(node), this.#hasContexts);
    const repeatable = isRepeatable(document);
    return {
      kind: 'fetch',
      id: this.#ids.idOf(node),
      service: node.serviceName,
      operationType: node.operationKind,
      operationName: nameOf(node),
      text,
      document,
      keeps: selectsCustomScalar(document, this.#types) ? 'all' : 'integers',
      variables: node.variableUsages ?? [],
      path: compilePath(path),
      contexts: compileContexts(node.contextRewrites),
      requires: node.requires,
      representations:
        node.requires === undefined
          ? undefined
          : compileRepresentations(node.requires, typesOf(selectionSet), node.inputRewrites, this.#types),
      shape,
      keys: keysOf(selectionSet, shape, []),
      // Between two mutations the same question may have two answers.
      shareable: repeatable && !this.#mutates && (this.#counts.get(fetchKey(node.serviceName, text)) ?? 0) > 1,
    };
  }
}

function selectsCustomScalar(document: DocumentNode, { customScalarFields }: SupergraphTypes): boolean {
  let found = false;
  visit(document, {
    Field({ name }) {
      if (!customScalarFields.has(name.value)) return undefined;
      found = true;
      return BREAK;
    },
  });
  return found;
}

const fetchKey = (service: string, text: string): string => `${service}\n${text}`;

/**
 * The planner numbers fetches; without the number, equal fetches are equal, and a subgraph sees one operation under one
 * name.
 */
const nameOf = (node: FetchNode): string | undefined => node.operationName?.replace(/__\d+$/, '');

function textOf(node: FetchNode): string {
  if (node.operationName === undefined) return node.operation;
  return node.operation.replace(`${node.operationKind} ${node.operationName}`, `${node.operationKind} ${nameOf(node)}`);
}

function entitiesSelection(operation: OperationDefinitionNode): SelectionSetNode {
  const [field] = operation.selectionSet.selections;
  if (field?.kind !== Kind.FIELD || field.selectionSet === undefined)
    throw new Error('A fetch of entities selects something else.');
  return field.selectionSet;
}

/** The types that a fetch of entities asks for. */
const typesOf = ({ selections }: SelectionSetNode): ReadonlySet<string> =>
  new Set(
    selections.flatMap((selection) =>
      selection.kind === Kind.INLINE_FRAGMENT ? (selection.typeCondition?.name.value ?? []) : [],
    ),
  );

/** Rewrites of entities start at the entity in some plans and at `_entities` in others. */
function entityRewrites(node: FetchNode): FetchNode['outputRewrites'] {
  return node.outputRewrites?.map((rewrite) =>
    rewrite.path[0] === '_entities' ? { ...rewrite, path: rewrite.path.slice(1) } : rewrite,
  );
}

function keysOf(
  selectionSet: SelectionSetNode,
  shape: MergeShape,
  types: readonly string[],
): { key: string; types: readonly string[] }[] {
  return selectionSet.selections.flatMap((selection) => {
    if (selection.kind === Kind.FIELD) {
      const from = selection.alias?.value ?? selection.name.value;
      return from === '__typename'
        ? []
        : [{ key: shape.fields.find((field) => field.from === from)?.to ?? from, types }];
    }
    if (selection.kind !== Kind.INLINE_FRAGMENT) return [];
    const condition = selection.typeCondition?.name.value;
    return keysOf(selection.selectionSet, shape, condition === undefined ? types : [...types, condition]);
  });
}
