/** Leaves: what scalars and enums make of the values that resolvers give. */
import { GraphQLBoolean, GraphQLFloat, GraphQLID, GraphQLInt, GraphQLString, type GraphQLLeafType } from 'graphql';
import { inspect } from 'graphql/jsutils/inspect.js';
import type { Complete } from './run.ts';

/** Values that a leaf's type gives back as they are, so that it need not be asked. */
export type Kept = 'text' | 'integer' | 'number' | 'boolean' | undefined;

/**
 * Which values the type keeps. GraphQL's own scalars only, known by what they do: a schema may bring another `String`.
 * @param direction `parseValue` for what comes in, `serialize` for what goes out
 */
export function keptBy(type: GraphQLLeafType, direction: 'parseValue' | 'serialize'): Kept {
  const known = KEPT.find(([scalar]) => scalar[direction] === type[direction]);
  return known?.[1];
}

const KEPT = [
  [GraphQLString, 'text'],
  [GraphQLID, 'text'],
  [GraphQLInt, 'integer'],
  [GraphQLFloat, 'number'],
  [GraphQLBoolean, 'boolean'],
] as const;

/** Completes a leaf; throws what the type says of a value that is not one. */
export function leafCompleter(type: GraphQLLeafType): Complete {
  return (value) => {
    const serialized: unknown = type.serialize(value);
    if (serialized === null || serialized === undefined) {
      throw new Error(
        `Expected \`${inspect(type)}.serialize(${inspect(value)})\` to return non-nullable value, returned: ${inspect(serialized)}`,
      );
    }
    return serialized;
  };
}

/** Whether the value is one that is kept as it is. */
export function keeps(kept: Kept, value: unknown): boolean {
  switch (kept) {
    case 'text':
      return typeof value === 'string';
    case 'integer':
      return typeof value === 'number' && (value | 0) === value;
    case 'number':
      return typeof value === 'number' && Number.isFinite(value);
    case 'boolean':
      return typeof value === 'boolean';
    case undefined:
      return false;
  }
}
