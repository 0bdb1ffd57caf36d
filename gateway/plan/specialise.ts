/**
 * Decides `@skip` and `@include` before planning: an operation is planned as if the client had written only what is included. So the
 * planner never sees a condition, with which it makes longer plans and, where `@requires` meets them, wrong ones: it merges fetches whose
 * conditions differ, and then waits for required fields that were skipped.
 */
import {
  Kind,
  print,
  visit,
  type DocumentNode,
  type FieldNode,
  type FragmentDefinitionNode,
  type OperationDefinitionNode,
  type SelectionNode,
  type SelectionSetNode,
} from 'graphql';
import type { NormalisedOperation } from './normalise.ts';

/** An operation without conditions. */
export interface SpecialisedOperation {
  /** The text to plan, and the key of its plan; undefined when nothing of it is for a subgraph. */
  readonly text: string | undefined;
  /** What the client selected; a selection set of which all was skipped is empty. */
  readonly operation: OperationDefinitionNode;
  readonly fragments: ReadonlyMap<string, FragmentDefinitionNode>;
  /** The client's response names by the safe names that stand for them. */
  readonly responseNames: ReadonlyMap<string, string>;
  /** Only the introspection in it, for graphql-js; undefined when there is none. */
  readonly introspection: DocumentNode | undefined;
}

interface Part {
  operation: OperationDefinitionNode;
  fragments: ReadonlyMap<string, FragmentDefinitionNode>;
}

type Variables = Readonly<Record<string, unknown>>;

/** Text of the values that decide what `operation` selects: equal texts, equal selections. */
export const conditionKey = ({ conditions }: NormalisedOperation, variables: Variables): string =>
  conditions.map((name) => (variables[name] === true ? '1' : '0')).join('');

/** @param variables coerced; only the operation's `conditions` are read */
export function specialiseOperation(normalised: NormalisedOperation, variables: Variables, queryTypeName: string): SpecialisedOperation {
  const chosen = choose(normalised, variables);
  const isIntrospection = ({ name }: FieldNode) => name.value === '__schema' || name.value === '__type';
  const planned = normalised.introspects ? rootPart(chosen, queryTypeName, (field) => !isIntrospection(field)) : chosen;
  const introspection = normalised.introspects ? rootPart(chosen, queryTypeName, isIntrospection) : undefined;
  const selectsOnlyTypename =
    normalised.type !== 'subscription' &&
    planned?.operation.selectionSet.selections.every((selection) => selection.kind === Kind.FIELD && selection.name.value === '__typename') !== false;
  return {
    text: selectsOnlyTypename ? undefined : textOf(planned!),
    operation: chosen.operation,
    fragments: chosen.fragments,
    responseNames: normalised.responseNames,
    introspection:
      introspection === undefined ? undefined : { kind: Kind.DOCUMENT, definitions: [introspection.operation, ...introspection.fragments.values()] },
  };
}

function textOf({ operation, fragments }: Part): string {
  const definitions = [operation, ...fragments.values()].map((definition) =>
    // GraphQL has no empty selection sets; the type name costs the least.
    visit(definition, {
      SelectionSet: (node) => (node.selections.length > 0 ? undefined : { ...node, selections: [TYPENAME] }),
    }),
  );
  return definitions.map(print).join('\n');
}

const TYPENAME: FieldNode = { kind: Kind.FIELD, name: { kind: Kind.NAME, value: '__typename' } };

/** Leaves out what is skipped, and with it the fragments and variables that nothing else uses. */
function choose({ operation, fragments, conditions }: NormalisedOperation, variables: Variables): Part {
  const kept = new Map<string, FragmentDefinitionNode>();
  const selectionSetOf = (selectionSet: SelectionSetNode): SelectionSetNode => ({
    kind: Kind.SELECTION_SET,
    selections: selectionSet.selections.flatMap((selection) => (isIncluded(selection, variables) ? selectionOf(selection) : [])),
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
    if (selection.selectionSet === undefined) return { ...selection, directives: [] } as FieldNode;
    return { ...selection, directives: [], selectionSet: selectionSetOf(selection.selectionSet) } as SelectionNode;
  };
  const selectionSet = selectionSetOf(operation.selectionSet);
  const chosen = { operation: { ...operation, selectionSet }, fragments: kept };
  return conditions.length === 0 ? chosen : withUsedVariables(chosen);
}

function isIncluded(selection: SelectionNode, variables: Variables): boolean {
  return (selection.directives ?? []).every(({ name, arguments: given }) => {
    const condition = given?.[0]?.value;
    const value = condition?.kind === Kind.VARIABLE ? variables[condition.name.value] === true : condition?.kind === Kind.BOOLEAN && condition.value;
    return name.value === 'skip' ? !value : name.value === 'include' ? value : true;
  });
}

function withUsedVariables(part: Part): Part {
  const used = new Set<string>();
  for (const definition of [part.operation.selectionSet, ...part.fragments.values()]) {
    visit(definition, { Variable: ({ name }) => void used.add(name.value) });
  }
  const variableDefinitions = part.operation.variableDefinitions?.filter(({ variable }) => used.has(variable.name.value));
  return { operation: { ...part.operation, variableDefinitions }, fragments: part.fragments };
}

/** The part of a query that selects some of its root fields; undefined when it selects none. */
function rootPart({ operation, fragments }: Part, queryTypeName: string, wanted: (field: FieldNode) => boolean): Part | undefined {
  const kept = new Map<string, FragmentDefinitionNode>();
  const keepBelow = (selectionSet: SelectionSetNode | undefined): void => {
    for (const selection of selectionSet?.selections ?? []) {
      if (selection.kind !== Kind.FRAGMENT_SPREAD) {
        keepBelow(selection.selectionSet);
      } else if (!kept.has(selection.name.value)) {
        const fragment = fragments.get(selection.name.value)!;
        kept.set(selection.name.value, fragment);
        keepBelow(fragment.selectionSet);
      }
    }
  };
  const filter = (selectionSet: SelectionSetNode): SelectionSetNode | undefined => {
    const selections = selectionSet.selections.flatMap((selection): SelectionNode[] => {
      if (selection.kind === Kind.FIELD) {
        if (!wanted(selection)) return [];
        keepBelow(selection.selectionSet);
        return [selection];
      }
      // A fragment on the root becomes an inline one: another use of it may keep the other half.
      const inner = selection.kind === Kind.FRAGMENT_SPREAD ? fragments.get(selection.name.value)!.selectionSet : selection.selectionSet;
      const filtered = filter(inner);
      if (filtered === undefined) return [];
      const typeCondition = { kind: Kind.NAMED_TYPE, name: { kind: Kind.NAME, value: queryTypeName } } as const;
      return [{ kind: Kind.INLINE_FRAGMENT, typeCondition, selectionSet: filtered }];
    });
    return selections.length === 0 ? undefined : { kind: Kind.SELECTION_SET, selections };
  };
  const selectionSet = filter(operation.selectionSet);
  return selectionSet === undefined ? undefined : withUsedVariables({ operation: { ...operation, selectionSet }, fragments: kept });
}
