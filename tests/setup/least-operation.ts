/** Operations with the least that a field must be given. */
import {
  getNamedType,
  isCompositeType,
  isEnumType,
  isInputObjectType,
  isListType,
  isNonNullType,
  type GraphQLField,
  type GraphQLInputType,
} from 'graphql';

/** An operation that asks for one field, with the least that its arguments must have. */
export function leastOperation(
  operation: 'query' | 'mutation' | 'subscription',
  { name, args, type }: GraphQLField<unknown, unknown>,
): string {
  const required = args.filter((argument) => isNonNullType(argument.type) && argument.defaultValue === undefined);
  const given = required.map((argument) => `${argument.name}: ${literal(argument.type)}`).join(', ');
  const selection = isCompositeType(getNamedType(type)) ? ' { __typename }' : '';
  return `${operation} { ${name}${given === '' ? '' : `(${given})`}${selection} }`;
}

/** Whether a field of a subgraph is none of the API. */
export function isInaccessible({ extensions }: GraphQLField<unknown, unknown>): boolean {
  const { directives = [] } = extensions as { directives?: readonly { name: string }[] };
  return Array.isArray(directives) && directives.some(({ name }) => name === 'inaccessible');
}

function literal(type: GraphQLInputType): string {
  if (isNonNullType(type)) return literal(type.ofType as GraphQLInputType);
  if (isListType(type)) return `[${literal(type.ofType as GraphQLInputType)}]`;
  if (isEnumType(type)) return type.getValues()[0]!.name;
  if (isInputObjectType(type)) {
    const required = Object.values(type.getFields()).filter((field) => isNonNullType(field.type));
    return `{ ${required.map((field) => `${field.name}: ${literal(field.type)}`).join(', ')} }`;
  }
  return { Int: '1', Float: '1', Boolean: 'true', JSON: '{}', DateTime: '"2026-01-01T00:00:00Z"' }[type.name] ?? '"x"';
}
