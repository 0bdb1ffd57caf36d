/** What is looked up in the API's schema for what subgraphs declare. */
import {
  astFromValue,
  getNamedType,
  getNullableType,
  GraphQLInt,
  isInputObjectType,
  isListType,
  isObjectType,
  isRequiredArgument,
  print,
  type GraphQLField,
  type GraphQLInputObjectType,
  type GraphQLObjectType,
  type GraphQLOutputType,
} from 'graphql';
import type { LinkArgument } from './declared-types.ts';

/** Marks what this room has added, in its description: the widened schema is read again. */
export const MARK = ' The gateway asks the store that has it.';

/** Whether this room has added it. */
export const isOwn = (added: { readonly description?: string | null } | null | undefined): boolean =>
  added?.description?.endsWith(MARK) === true;

/** @param by the operators that it needs */
export function takesKeys(
  filter: GraphQLInputObjectType,
  field: string,
  by: readonly string[] = ['in', 'notIn'],
): boolean {
  const operators = getNamedType(filter.getFields()[field]?.type);
  return isInputObjectType(operators) && by.every((name) => operators.getFields()[name] !== undefined);
}

/** Whether that field takes keys as numbers; those of all other scalars are taken as texts. */
export function takesNumbers(filter: GraphQLInputObjectType, field: string): boolean {
  const operators = getNamedType(filter.getFields()[field]?.type);
  return isInputObjectType(operators) && getNamedType(operators.getFields()['in']?.type) === GraphQLInt;
}

/** What a field leads to: the type of a connection's nodes, or an object. */
export function linkedType(type: GraphQLOutputType): { node: GraphQLObjectType; many: boolean } | undefined {
  const named = getNamedType(type);
  if (!isObjectType(named) || isListType(getNullableType(type))) return undefined;
  const { nodes, pageInfo } = named.getFields();
  if (nodes === undefined || pageInfo === undefined) return { node: named, many: false };
  const node = getNamedType(nodes.type);
  return isObjectType(node) ? { node, many: true } : undefined;
}

/** @param turns `direction: OUT IN` */
export function takenArgument(
  { args }: GraphQLField<unknown, unknown>,
  name: string,
  turns: string | undefined,
): LinkArgument | undefined {
  const found = args.find((each) => each.name === name);
  if (found === undefined) return undefined;
  const literal = found.defaultValue === undefined ? undefined : astFromValue(found.defaultValue, found.type);
  const [turned, one, other] = turns?.split(/[:\s]+/) ?? [];
  return {
    name,
    type: String(getNullableType(found.type)),
    required: isRequiredArgument(found),
    description: found.description ?? undefined,
    defaultValue: found.defaultValue,
    literal: literal == null ? undefined : print(literal),
    turns: turned === name && one !== undefined && other !== undefined ? [one, other] : undefined,
  };
}
