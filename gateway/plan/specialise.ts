/**
 * Decides `@skip`, `@include` and the `if` of `@defer` before planning: an operation is planned as if the client had
 * written only what is included. So the planner never sees a condition, with which it makes longer plans and, where
 * `@requires` meets them, wrong ones: it merges fetches whose conditions differ, and then waits for required fields
 * that were skipped.
 */
import {
  getNamedType,
  isAbstractType,
  isObjectType,
  Kind,
  print,
  visit,
  type DirectiveNode,
  type FieldNode,
  type FragmentDefinitionNode,
  type GraphQLNamedType,
  type GraphQLSchema,
  type OperationDefinitionNode,
  type SelectionNode,
  type SelectionSetNode,
  type ValueNode,
} from 'graphql';
import { PLAN } from '#gateway/bounds/plan.ts';
import { passedOn } from './executable-directives.ts';
import type { OperationPart } from './flatten.ts';
import { fieldOf, isMetaField } from './meta-fields.ts';
import type { NormalisedOperation } from './normalise.ts';
import { isStreamed, streamedFieldsOf, withoutStreams, type StreamedField } from './streamed-fields.ts';

/** An operation without conditions. */
export interface SpecialisedOperation {
  /** The text to plan, and the key of its plan; undefined when nothing of it is for a subgraph. */
  readonly text: string | undefined;
  /** What `text` is of: the operation without introspection. */
  readonly planned: OperationPart | undefined;
  /** What the client selected; a selection set of which all was skipped is empty. */
  readonly operation: OperationDefinitionNode;
  readonly fragments: ReadonlyMap<string, FragmentDefinitionNode>;
  /** The client's response names by the safe names that stand for them. */
  readonly responseNames: ReadonlyMap<string, string>;
  /**
   * Labels of what is deferred: the client's (undefined where it gave none) by the engine's, which are unique.
   * Undefined when nothing is. The `@defer` left in `operation` have the engine's labels, and `fragments` is empty.
   */
  readonly labels: ReadonlyMap<string, string | undefined> | undefined;
  /** The lists that may come item by item; undefined when there are none. */
  readonly streams: readonly StreamedField[] | undefined;
}

interface Part extends OperationPart {
  readonly labels?: ReadonlyMap<string, string | undefined>;
}

type Variables = Readonly<Record<string, unknown>>;

/**
 * Text of the values that decide what `operation` selects, and when: equal texts, equal selections.
 * @param incremental whether parts may be deferred
 */
export function conditionKey(
  { conditions, deferConditions, streamConditions }: NormalisedOperation,
  variables: Variables,
  incremental: boolean,
): string {
  const chosen =
    conditions.length === 0 ? '' : conditions.map((name) => (variables[name] === true ? '1' : '0')).join('');
  if (!incremental || (deferConditions === undefined && streamConditions === undefined)) return chosen;
  const held = [...(deferConditions ?? []), ...(streamConditions ?? [])];
  return `${chosen} ${held.map((name) => (variables[name] === false ? '0' : '1')).join('')}`;
}

/**
 * @param variables coerced; only the operation's conditions are read
 * @param incremental whether parts may be deferred; without it `@defer` is left out
 */
export function specialiseOperation(
  normalised: NormalisedOperation,
  variables: Variables,
  schema: GraphQLSchema,
  incremental: boolean,
): SpecialisedOperation {
  const deferred =
    incremental && normalised.deferConditions !== undefined ? deferParts(normalised, variables, schema) : undefined;
  const streamed = incremental && normalised.streamConditions !== undefined;
  const withStreams = deferred ?? choose(normalised, variables, streamed);
  const streams = streamed ? streamedFieldsOf(withStreams, schema) : [];
  // With them, variables that nothing else uses.
  const chosen: Part = streamed
    ? { ...withUsedVariables(withoutStreams(withStreams)), labels: withStreams.labels }
    : withStreams;
  const planned = normalised.introspects ? withoutIntrospection(chosen) : chosen;
  const part = partToPlan(planned);
  return {
    text: part && textOf(part),
    planned: part,
    operation: chosen.operation,
    fragments: chosen.fragments,
    responseNames: normalised.responseNames,
    labels: chosen.labels,
    streams: streams.length === 0 ? undefined : streams,
  };
}

/** The part itself, or undefined where nothing of it is for a subgraph. */
export function partToPlan(part: OperationPart | undefined): OperationPart | undefined {
  if (part === undefined || part.operation.operation === 'subscription') return part;
  const asksSomething = part.operation.selectionSet.selections.some(
    (selection) => selection.kind !== Kind.FIELD || selection.name.value !== '__typename',
  );
  return asksSomething ? part : undefined;
}

/**
 * The text to plan.
 * @param additions what selection sets ask for besides
 */
export function textOf(
  { operation, fragments }: OperationPart,
  additions?: ReadonlyMap<SelectionSetNode, readonly SelectionNode[]>,
): string {
  const definitions = [operation, ...fragments.values()].map((definition) =>
    visit(definition, {
      SelectionSet: {
        // On leaving, a set in which something has changed is another; so what is added is added on entering.
        enter(node) {
          const added = additions?.get(node);
          return added === undefined ? undefined : { ...node, selections: [...added, ...node.selections] };
        },
        // GraphQL has no empty selection sets; the type name costs the least.
        leave: (node) => (node.selections.length > 0 ? undefined : { ...node, selections: [TYPENAME] }),
      },
    }),
  );
  return definitions.map(print).join('\n');
}

const TYPENAME: FieldNode = { kind: Kind.FIELD, name: { kind: Kind.NAME, value: '__typename' } };

/**
 * Leaves out what is skipped, and with it the fragments and variables that nothing else uses.
 * @param streamed whether `@stream` stays where it holds
 */
function choose(
  { operation, fragments, conditions }: NormalisedOperation,
  variables: Variables,
  streamed: boolean,
): Part {
  const kept = new Map<string, FragmentDefinitionNode>();
  const selectionSetOf = (selectionSet: SelectionSetNode): SelectionSetNode => ({
    kind: Kind.SELECTION_SET,
    selections: selectionSet.selections.flatMap((selection) =>
      isIncluded(selection, variables) ? selectionOf(selection) : [],
    ),
  });
  const selectionOf = (selection: SelectionNode): SelectionNode => {
    if (selection.kind === Kind.FRAGMENT_SPREAD) {
      const name = selection.name.value;
      const fragment = fragments.get(name)!;
      if (!kept.has(name)) {
        kept.set(name, fragment); // Under way: validation has excluded cycles, introspection's own fragments may repeat.
        kept.set(name, { ...fragment, selectionSet: selectionSetOf(fragment.selectionSet) });
      }
      return { ...selection, directives: [] };
    }
    const directives = [...passedOn(selection.directives), ...(streamed ? streamsIn(selection, variables) : [])];
    if (selection.selectionSet === undefined) return { ...selection, directives } as FieldNode;
    return { ...selection, directives, selectionSet: selectionSetOf(selection.selectionSet) } as SelectionNode;
  };
  const selectionSet = selectionSetOf(operation.selectionSet);
  const chosen = { operation: { ...operation, selectionSet }, fragments: kept };
  return conditions.length === 0 ? chosen : withUsedVariables(chosen);
}

/**
 * Leaves out what is skipped and puts fragments in their places, so that each deferred part is one place; undefined
 * when nothing is deferred.
 */
function deferParts(
  { type, operation, fragments }: NormalisedOperation,
  variables: Variables,
  schema: GraphQLSchema,
): Part | undefined {
  const labels = new Map<string, string | undefined>();
  let count = 0;
  const selectionSetOf = (
    selectionSet: SelectionSetNode,
    parent: GraphQLNamedType | undefined,
    isRoot = false,
  ): SelectionSetNode => ({
    kind: Kind.SELECTION_SET,
    selections: selectionSet.selections.flatMap((selection) =>
      isIncluded(selection, variables) ? selectionOf(selection, parent, isRoot) : [],
    ),
  });
  const selectionOf = (
    selection: SelectionNode,
    parent: GraphQLNamedType | undefined,
    isRoot: boolean,
  ): SelectionNode[] => {
    count += 1;
    if (count > PLAN.inlinedSelections) return [];
    if (selection.kind === Kind.FIELD) {
      const field = fieldOf(parent, selection.name.value);
      const below = field === undefined ? undefined : getNamedType(field.type);
      return [
        {
          ...selection,
          directives: [...passedOn(selection.directives), ...streamsIn(selection, variables)],
          selectionSet: selection.selectionSet && selectionSetOf(selection.selectionSet, below),
        },
      ];
    }
    const fragment = selection.kind === Kind.FRAGMENT_SPREAD ? fragments.get(selection.name.value)! : selection;
    let { typeCondition } = fragment;
    const condition = typeCondition === undefined ? parent : schema.getType(typeCondition.name.value);
    let inner = condition;
    if (isObjectType(parent) && condition !== parent) {
      if (!isAbstractType(condition) || !schema.isSubType(condition, parent)) return [];
      // The planner cannot defer what it finds through an interface in an object of a known type.
      typeCondition = undefined;
      inner = parent;
    }
    // A mutation's own fields run in order and at once: only what follows from them may come later.
    const defer =
      isRoot && type === 'mutation' ? undefined : selection.directives?.find(({ name }) => name.value === 'defer');
    const directives = defer !== undefined && isDeferred(defer, variables) ? [labelled(defer)] : [];
    return [
      {
        kind: Kind.INLINE_FRAGMENT,
        typeCondition,
        directives,
        selectionSet: selectionSetOf(fragment.selectionSet, inner, isRoot),
      },
    ];
  };
  const labelled = (defer: DirectiveNode): DirectiveNode => {
    const given = defer.arguments?.find(({ name }) => name.value === 'label')?.value;
    const label = `d${labels.size}`;
    labels.set(label, given?.kind === Kind.STRING ? given.value : undefined);
    const value: ValueNode = { kind: Kind.STRING, value: label };
    return {
      kind: Kind.DIRECTIVE,
      name: defer.name,
      arguments: [{ kind: Kind.ARGUMENT, name: { kind: Kind.NAME, value: 'label' }, value }],
    };
  };
  const selectionSet = selectionSetOf(
    operation.selectionSet,
    schema.getRootType(operation.operation) ?? undefined,
    true,
  );
  if (labels.size === 0 || count > PLAN.inlinedSelections) return undefined;
  return { ...withUsedVariables({ operation: { ...operation, selectionSet }, fragments: new Map() }), labels };
}

const streamsIn = ({ directives }: SelectionNode, variables: Variables): DirectiveNode[] =>
  (directives ?? []).filter((directive) => directive.name.value === 'stream' && isStreamed(directive, variables));

function isDeferred(defer: DirectiveNode, variables: Variables): boolean {
  const condition = defer.arguments?.find(({ name }) => name.value === 'if')?.value;
  if (condition?.kind === Kind.VARIABLE) return variables[condition.name.value] !== false;
  return condition?.kind !== Kind.BOOLEAN || condition.value;
}

function isIncluded(selection: SelectionNode, variables: Variables): boolean {
  return (selection.directives ?? []).every(({ name, arguments: given }) => {
    const condition = given?.[0]?.value;
    const value =
      condition?.kind === Kind.VARIABLE
        ? variables[condition.name.value] === true
        : condition?.kind === Kind.BOOLEAN && condition.value;
    return name.value === 'skip' ? !value : name.value === 'include' ? value : true;
  });
}

/** The same without the variables that nothing in it uses. */
export function withUsedVariables(part: OperationPart): OperationPart {
  const used = new Set<string>();
  for (const definition of [
    ...(part.operation.directives ?? []),
    part.operation.selectionSet,
    ...part.fragments.values(),
  ]) {
    visit(definition, { Variable: ({ name }) => void used.add(name.value) });
  }
  const variableDefinitions = part.operation.variableDefinitions?.filter(({ variable }) =>
    used.has(variable.name.value),
  );
  return { operation: { ...part.operation, variableDefinitions }, fragments: part.fragments };
}

/** The part without introspection, at its root and below; undefined when it asks for nothing else. */
function withoutIntrospection({ operation, fragments }: Part): Part | undefined {
  const kept = new Map<string, FragmentDefinitionNode | undefined>();
  const keptFragment = (name: string): FragmentDefinitionNode | undefined => {
    if (!kept.has(name)) {
      const fragment = fragments.get(name)!;
      const selectionSet = without(fragment.selectionSet);
      kept.set(name, selectionSet && { ...fragment, selectionSet });
    }
    return kept.get(name);
  };
  const without = ({ kind, selections }: SelectionSetNode): SelectionSetNode | undefined => {
    const left = selections.flatMap((selection): SelectionNode[] => {
      if (selection.kind === Kind.FRAGMENT_SPREAD)
        return keptFragment(selection.name.value) === undefined ? [] : [selection];
      const { selectionSet } = selection;
      if (selection.kind === Kind.FIELD && (isMetaField(selection.name.value) || selectionSet === undefined))
        return isMetaField(selection.name.value) ? [] : [selection];
      const inner = without(selectionSet!);
      if (inner !== undefined) return [{ ...selection, selectionSet: inner }];
      // The object is asked for all the same.
      return selection.kind === Kind.FIELD ? [{ ...selection, selectionSet: { kind, selections: [] } }] : [];
    });
    return left.length === 0 ? undefined : { kind, selections: left };
  };
  const selectionSet = without(operation.selectionSet);
  if (selectionSet === undefined) return undefined;
  const used = new Map([...kept].flatMap(([name, fragment]) => (fragment === undefined ? [] : [[name, fragment]])));
  return withUsedVariables({ operation: { ...operation, selectionSet }, fragments: used });
}
