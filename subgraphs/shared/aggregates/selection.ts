/** Which measures and keys of groups an operation selects. */
import {
  getArgumentValues,
  getNamedType,
  isObjectType,
  type FieldNode,
  type GraphQLObjectType,
  type GraphQLResolveInfo,
} from 'graphql';
import { fieldsBelow } from '../selections.ts';
import type { Measure, MeasureKind } from './aggregate.ts';
import { checkShare } from './parse.ts';

export interface SelectedGroups {
  readonly measures: readonly Measure[];
  /** Fields of `keys`, with the path of one that has any. */
  readonly keys: readonly { readonly field: string; readonly path: readonly string[] | undefined }[];
  /** Whether groups are asked for at all. */
  readonly groups: boolean;
  readonly truncated: boolean;
  readonly totalCount: boolean;
}

/**
 * What is selected of what the resolver gives, but for what `@skip` and `@include` leave out: that costs nothing.
 * @throws CodedError `BAD_USER_INPUT` for a `p` that is no share
 */
export function selectedGroups(info: GraphQLResolveInfo): SelectedGroups {
  const aggregate = getNamedType(info.returnType) as GraphQLObjectType;
  const below = (nodes: readonly FieldNode[]) =>
    nodes.flatMap(({ selectionSet }) => [...fieldsBelow(selectionSet, info.fragments, info.variableValues)]);
  const named = (nodes: readonly FieldNode[], name: string) => nodes.filter((node) => node.name.value === name);
  const typeOf = (parent: GraphQLObjectType, name: string): GraphQLObjectType | undefined => {
    const type = getNamedType(parent.getFields()[name]?.type);
    return isObjectType(type) ? type : undefined;
  };

  const own = below(info.fieldNodes);
  const group = typeOf(aggregate, 'groups')!;
  const measures: Measure[] = [];
  const keys: { field: string; path: readonly string[] | undefined }[] = [];
  for (const node of below(named(own, 'groups'))) {
    const name = node.name.value;
    if (name === 'count') measures.push({ kind: 'count' });
    const type = typeOf(group, name);
    if (type === undefined) continue;
    for (const of of below([node])) {
      const column = of.name.value;
      const field = type.getFields()[column];
      if (field === undefined) continue; // `__typename`
      if (name === 'keys') {
        const { path } = getArgumentValues(field, of, info.variableValues) as { path?: readonly string[] };
        keys.push({ field: column, path });
      } else if (name === 'percentile') {
        const { p } = getArgumentValues(group.getFields()[name]!, node, info.variableValues) as { p: number };
        measures.push({ kind: name, column, p: checkShare(p) });
      } else measures.push({ kind: name as Exclude<MeasureKind, 'count' | 'percentile'>, column });
    }
  }
  const isSelected = (name: string): boolean => named(own, name).length > 0;
  return {
    measures,
    keys,
    groups: isSelected('groups'),
    truncated: isSelected('truncated'),
    totalCount: isSelected('totalCount'),
  };
}
