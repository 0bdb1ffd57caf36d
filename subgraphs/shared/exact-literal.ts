/** Literals of GraphQL as JSON, with their numbers as they were written. */
import { Kind, valueFromASTUntyped, type ValueNode } from 'graphql';
import { numberOf } from './exact-number.ts';

/**
 * `valueFromASTUntyped` of graphql-js, but for numbers that a double would change: those are exact numbers.
 * @param variables of the request, coerced; what they lack is undefined
 */
export function jsonOfLiteral(value: ValueNode, variables?: Readonly<Record<string, unknown>> | null): unknown {
  switch (value.kind) {
    case Kind.INT:
    case Kind.FLOAT:
      return numberOf(value.value);
    case Kind.LIST:
      return value.values.map((item) => jsonOfLiteral(item, variables));
    case Kind.OBJECT:
      return Object.fromEntries(value.fields.map((field) => [field.name.value, jsonOfLiteral(field.value, variables)]));
    default:
      return valueFromASTUntyped(value, variables);
  }
}
