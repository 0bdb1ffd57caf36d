/**
 * Takes what a caller may not see out of an operation before it is planned, so that no subgraph is asked for it. Where a
 * field of an abstract type may be seen of some of its types only, it is asked of those. Fragments are put in their
 * places, since what may be seen depends on where they are spread.
 */
import {
  getNamedType,
  isAbstractType,
  isCompositeType,
  isInterfaceType,
  isObjectType,
  Kind,
  type FieldNode,
  type GraphQLCompositeType,
  type GraphQLInterfaceType,
  type GraphQLObjectType,
  type GraphQLSchema,
  type InlineFragmentNode,
  type NamedTypeNode,
  type SelectionNode,
  type SelectionSetNode,
} from 'graphql';
import type { OperationPart } from '#gateway/plan/flatten.ts';
import { CodedError } from '#subgraphs/shared/errors.ts';
import { AUTH } from '#gateway/bounds/auth.ts';
import type { Access } from './access.ts';

/** What was taken out of an operation. */
export interface Withheld {
  /** Names in the operation, from its root, without indices. */
  readonly path: readonly string[];
  readonly reason: CodedError;
}

export interface FilteredOperation {
  readonly part: OperationPart;
  readonly withheld: readonly Withheld[];
}

/** What an object can be: an interface only where nothing implements it. */
type ShownType = GraphQLObjectType | GraphQLInterfaceType;

/** @throws CodedError `QUERY_TOO_DEEP` for an operation that would be too long without its fragments */
export function filterOperation(
  { operation, fragments }: OperationPart,
  access: Access,
  schema: GraphQLSchema,
): FilteredOperation {
  const withheld: Withheld[] = [];
  const sizes = new WeakMap<SelectionSetNode, number>();

  const possibleTypes = (type: GraphQLCompositeType): readonly ShownType[] => {
    if (!isAbstractType(type)) return [type];
    const types = schema.getPossibleTypes(type);
    return types.length === 0 && isInterfaceType(type) ? [type] : types;
  };

  function selectionSetOf(selections: readonly SelectionNode[]): SelectionSetNode {
    const selectionSet: SelectionSetNode = { kind: Kind.SELECTION_SET, selections };
    let size = selections.length;
    for (const { selectionSet: below } of selections as readonly FieldNode[])
      size += below === undefined ? 0 : (sizes.get(below) ?? 0);
    if (size > AUTH.selections)
      throw new CodedError('QUERY_TOO_DEEP', 'The operation would be too long without what the caller may not see.', {
        hint: 'Select less, or of fewer types.',
      });
    sizes.set(selectionSet, size);
    return selectionSet;
  }

  /** @param possible what the objects can be, having passed the fragments around */
  function filter(
    { selections }: SelectionSetNode,
    parent: GraphQLCompositeType,
    possible: readonly ShownType[],
    path: readonly string[],
  ): SelectionSetNode {
    const kept = selections.flatMap((selection): SelectionNode[] => {
      if (selection.kind === Kind.FIELD) return filterField(selection, parent, possible, path);
      const fragment = selection.kind === Kind.FRAGMENT_SPREAD ? fragments.get(selection.name.value)! : selection;
      const { typeCondition } = fragment;
      const named = typeCondition === undefined ? parent : schema.getType(typeCondition.name.value);
      if (!isCompositeType(named)) return [];
      const types = possibleTypes(named);
      const inner = filter(
        fragment.selectionSet,
        named,
        possible.filter((type) => types.includes(type)),
        path,
      );
      return inner.selections.length === 0 ? [] : [inlined(typeCondition, inner, selection.directives)];
    });
    return selectionSetOf(kept);
  }

  function filterField(
    field: FieldNode,
    parent: GraphQLCompositeType,
    possible: readonly ShownType[],
    path: readonly string[],
  ): SelectionNode[] {
    const name = field.name.value;
    if (name.startsWith('__')) return [field];
    const at = [...path, field.alias?.value ?? name];
    const seen = possible.filter((type) => {
      const reason = access.ofField(type.name, name);
      if (reason !== undefined) withheld.push({ path: at, reason });
      return reason === undefined;
    });
    if (seen.length === 0) return [];
    const definition = isObjectType(parent) || isInterfaceType(parent) ? parent.getFields()[name] : undefined;
    const type = definition === undefined ? undefined : getNamedType(definition.type);
    const shown =
      field.selectionSet === undefined || !isCompositeType(type)
        ? field
        : { ...field, selectionSet: filter(field.selectionSet, type, possibleTypes(type), at) };
    if (seen.length === possible.length) return [shown];
    return seen.map((type) =>
      inlined({ kind: Kind.NAMED_TYPE, name: { kind: Kind.NAME, value: type.name } }, selectionSetOf([shown])),
    );
  }

  const root = schema.getRootType(operation.operation)!;
  const selectionSet = filter(operation.selectionSet, root, [root], []);
  return { part: { operation: { ...operation, selectionSet }, fragments: new Map() }, withheld };
}

const inlined = (
  typeCondition: NamedTypeNode | undefined,
  selectionSet: SelectionSetNode,
  directives: InlineFragmentNode['directives'] = [],
): InlineFragmentNode => ({ kind: Kind.INLINE_FRAGMENT, typeCondition, directives, selectionSet });
