/** Literals of GraphQL as JSON, with their numbers as they were written. */
import { Kind, valueFromASTUntyped, type ValueNode } from 'graphql';
import { numberOf } from './exact-number.ts';

/**
 * `valueFromASTUntyped` of graphql-js, but for numbers that a double would change: those are exact numbers.
 * @param variables of the request, coerced; absent while the literal is only validated. Of a variable that they lack, an
 *   object has no such field, as with GraphQL's own input objects, and a list has null
 */
export function jsonOfLiteral(value: ValueNode, variables?: Readonly<Record<string, unknown>> | null): unknown {
  switch (value.kind) {
    case Kind.INT:
    case Kind.FLOAT:
      return numberOf(value.value);
    case Kind.LIST:
      return value.values.map((item) => jsonOfLiteral(item, variables) ?? null);
    case Kind.OBJECT:
      return Object.fromEntries(
        value.fields.flatMap((field) => {
          const json = jsonOfLiteral(field.value, variables);
          return json === undefined ? [] : [[field.name.value, json]];
        }),
      );
    default:
      return valueFromASTUntyped(value, variables);
  }
}
