/** Puts the fields back that stand-ins stand for: in what subgraphs are asked, and in what they are sent. */
import type { FetchDataRewrite, FetchNode, QueryPlan, QueryPlanSelectionNode } from '@apollo/query-planner';
import {
  Kind,
  parse,
  print,
  stripIgnoredCharacters,
  visit,
  type DocumentNode,
  type FieldNode,
  type OperationDefinitionNode,
  type SelectionNode,
  type SelectionSetNode,
} from 'graphql';
import { mapFetches } from './map-fetches.ts';
import { requiringField, type RequiredFields } from './required-fields.ts';
import { STAND_IN_PREFIX } from './safe-names.ts';

/** The plan with `_required_0_parts` as `_required_0_parts: parts(first: 5)`, and sent as `parts`. */
export function restoreRequired(plan: QueryPlan, required: RequiredFields): QueryPlan {
  if (required.byStandIn.size === 0) return plan;
  const restorer = new Restorer(required);
  return mapFetches(plan, (fetch) => restorer.fetch(fetch));
}

class Restorer {
  readonly #required: RequiredFields;

  constructor(required: RequiredFields) {
    this.#required = required;
  }

  /** The fetch, or several where its fields require one field with different arguments. */
  fetch(fetch: FetchNode): FetchNode[] {
    const asks = fetch.operation.includes(STAND_IN_PREFIX);
    const sends = fetch.requires !== undefined && JSON.stringify(fetch.requires).includes(STAND_IN_PREFIX);
    if (!asks && !sends) return [fetch];
    const restored = asks
      ? { ...fetch, operation: textOf(this.#withFields(parse(fetch.operation, { noLocation: true }))) }
      : fetch;
    if (!sends) return [restored];
    const groups = this.#conflicts(fetch.requires!) ? this.#groups(restored) : [];
    if (groups.length < 2) return [this.#renaming(restored)];
    return groups.map((group, index) => this.#renaming(only(restored, group, index === groups.length - 1)));
  }

  #withFields(document: DocumentNode): DocumentNode {
    return visit(document, {
      Field: (field): FieldNode | undefined => {
        const stoodFor = this.#required.byStandIn.get(field.name.value);
        if (stoodFor === undefined) return undefined;
        return {
          ...field,
          alias: field.alias ?? field.name,
          name: { kind: Kind.NAME, value: stoodFor.name },
          arguments: stoodFor.arguments,
        };
      },
    });
  }

  /** Whether two stand-ins of the same field are sent of one object. */
  #conflicts(requires: readonly QueryPlanSelectionNode[]): boolean {
    const known = new Map<string, string>();
    const conflicts = (selections: readonly QueryPlanSelectionNode[], path: string): boolean =>
      selections.some((selection) => {
        if (selection.kind === 'InlineFragment') return conflicts(selection.selections, path);
        const at = `${path}.${this.#nameOf(selection.name)}`;
        const before = known.get(at);
        known.set(at, selection.name);
        return (
          (before !== undefined && before !== selection.name) ||
          (selection.selections !== undefined && conflicts(selection.selections, at))
        );
      });
    return conflicts(requires, '');
  }

  #nameOf(name: string): string {
    return this.#required.byStandIn.get(name)?.name ?? name;
  }

  /** The fields of a fetch of entities, so that those of a group require no field with different arguments. */
  #groups(fetch: FetchNode): Group[] {
    const document = parse(fetch.operation, { noLocation: true });
    const groups: Group[] = [];
    const place = (field: FieldNode, type: string | undefined): void => {
      const at =
        type === undefined
          ? undefined
          : this.#required.byField.get(requiringField(fetch.serviceName, type, field.name.value));
      let group = groups.find(({ required }) =>
        [...(at ?? [])].every(([path, standIn]) => (required.get(path) ?? standIn) === standIn),
      );
      if (group === undefined) {
        group = { fields: new Set(), required: new Map(), document, standIns: this.#required.byStandIn };
        groups.push(group);
      }
      group.fields.add(field);
      for (const [path, standIn] of at ?? []) group.required.set(path, standIn);
    };
    const walk = ({ selections }: SelectionSetNode, type: string | undefined): void => {
      for (const selection of selections) {
        if (selection.kind === Kind.FIELD) place(selection, type);
        else if (selection.kind === Kind.INLINE_FRAGMENT)
          walk(selection.selectionSet, selection.typeCondition?.name.value ?? type);
      }
    };
    walk(entitiesOf(document).selectionSet!, undefined);
    return groups;
  }

  #renaming(fetch: FetchNode): FetchNode {
    const renamers: FetchDataRewrite[] = [];
    const walk = (selections: readonly QueryPlanSelectionNode[], path: readonly string[]): void => {
      for (const selection of selections) {
        if (selection.kind === 'InlineFragment') {
          walk(
            selection.selections,
            selection.typeCondition === undefined ? path : [...path, `... on ${selection.typeCondition}`],
          );
          continue;
        }
        const at = [...path, selection.name];
        // Inner names first: a path is of names before any has changed.
        if (selection.selections !== undefined) walk(selection.selections, at);
        const stoodFor = this.#required.byStandIn.get(selection.name);
        if (stoodFor !== undefined) renamers.push({ kind: 'KeyRenamer', path: at, renameKeyTo: stoodFor.name });
      }
    };
    walk(fetch.requires!, []);
    return { ...fetch, inputRewrites: [...renamers, ...(fetch.inputRewrites ?? [])] };
  }
}

/** Fields of a fetch of entities that can be asked for together. */
interface Group {
  readonly fields: Set<FieldNode>;
  /** What they require, by where it is in a representation. */
  readonly required: Map<string, string>;
  /** The whole fetch's, which `fields` are part of. */
  readonly document: DocumentNode;
  readonly standIns: RequiredFields['byStandIn'];
}

/** The part of a fetch that is for a group of its fields. */
function only(fetch: FetchNode, { fields, required, document, standIns }: Group, isLast: boolean): FetchNode {
  const filtered = (selectionSet: SelectionSetNode): SelectionSetNode => ({
    ...selectionSet,
    selections: selectionSet.selections.flatMap((selection): SelectionNode[] => {
      if (selection.kind !== Kind.INLINE_FRAGMENT)
        return selection.kind !== Kind.FIELD || fields.has(selection) ? [selection] : [];
      const below = filtered(selection.selectionSet);
      return below.selections.length === 0 ? [] : [{ ...selection, selectionSet: below }];
    }),
  });
  const entities = entitiesOf(document);
  const used = new Set<string>();
  const selecting = visit(document, {
    Field: {
      enter: (field) => (field === entities ? { ...field, selectionSet: filtered(field.selectionSet!) } : undefined),
    },
  });
  for (const definition of selecting.definitions) {
    if (definition.kind === Kind.OPERATION_DEFINITION)
      for (const part of [...(definition.directives ?? []), definition.selectionSet])
        visit(part, { Variable: ({ name }) => void used.add(name.value) });
  }
  const operation = visit(selecting, {
    OperationDefinition: (definition): OperationDefinitionNode => ({
      ...definition,
      variableDefinitions: definition.variableDefinitions?.filter(({ variable }) => used.has(variable.name.value)),
    }),
  });
  const sent = (selections: readonly QueryPlanSelectionNode[], path: readonly string[]): QueryPlanSelectionNode[] =>
    selections.flatMap((selection): QueryPlanSelectionNode[] => {
      if (selection.kind === 'InlineFragment') return [{ ...selection, selections: sent(selection.selections, path) }];
      const stoodFor = standIns.get(selection.name);
      const at = [...path, stoodFor?.name ?? selection.name];
      if (stoodFor !== undefined && required.get(at.join('.')) !== selection.name) return [];
      return [
        selection.selections === undefined ? selection : { ...selection, selections: sent(selection.selections, at) },
      ];
    });
  return {
    ...fetch,
    id: isLast ? fetch.id : undefined,
    operation: textOf(operation),
    operationDocumentNode: undefined,
    variableUsages: fetch.variableUsages?.filter((name) => used.has(name)),
    requires: sent(fetch.requires!, []),
  };
}

function entitiesOf(document: DocumentNode): FieldNode {
  for (const definition of document.definitions) {
    const selection = definition.kind === Kind.OPERATION_DEFINITION ? definition.selectionSet.selections[0] : undefined;
    if (selection?.kind === Kind.FIELD && selection.selectionSet !== undefined) return selection;
  }
  throw new Error('A fetch of entities selects something else.');
}

const textOf = (document: DocumentNode): string => stripIgnoredCharacters(print(document));
