/**
 * What a subgraph may answer for a leaf: another type than the schema's is that subgraph's fault, and must not reach
 * the client.
 */
import { isEnumType, type GraphQLNamedType } from 'graphql';

export interface LeafCheck {
  /** Whether a value (not null) is of the type. */
  accepts(value: unknown): boolean;
  /** Brings an accepted value into the type's own form; undefined when it is in it. */
  readonly convert: ((value: unknown) => unknown) | undefined;
  /** Whether every string is accepted, and stays as it is. */
  readonly isText: boolean;
  /** What to say of a value that is not accepted; never the value, which may be one that the schema hides. */
  complaint(fieldName: string): string;
}

const MAX_INT = 2_147_483_647;

const BUILT_IN: Readonly<Record<string, Pick<LeafCheck, 'accepts' | 'convert'>>> = {
  Int: {
    accepts: (value) =>
      typeof value === 'number' && Number.isInteger(value) && value <= MAX_INT && value >= -MAX_INT - 1,
    convert: undefined,
  },
  Float: { accepts: (value) => typeof value === 'number' && Number.isFinite(value), convert: undefined },
  String: { accepts: (value) => typeof value === 'string', convert: undefined },
  Boolean: { accepts: (value) => typeof value === 'boolean', convert: undefined },
  // GraphQL's specification, 3.5.5: an ID is serialised as a string, whatever it is inside.
  ID: {
    accepts: (value) => typeof value === 'string' || (typeof value === 'number' && Number.isInteger(value)),
    convert: (value) => (typeof value === 'string' ? value : String(value)),
  },
};

/** The check of a scalar or an enum of the API schema. Custom scalars are their subgraphs' business and pass. */
export function leafCheck(type: GraphQLNamedType): LeafCheck {
  const complaint = (fieldName: string) => `The value of ${fieldName} should be of the type ${type.name}.`;
  if (isEnumType(type)) {
    const values = new Set(type.getValues().map(({ name }) => name));
    return {
      accepts: (value) => values.has(value as string),
      convert: undefined,
      isText: false,
      complaint: (fieldName) => `The value of ${fieldName} is not one that ${type.name} shows.`,
    };
  }
  const builtIn = Object.hasOwn(BUILT_IN, type.name) ? BUILT_IN[type.name] : undefined;
  const isText = type.name === 'String' || type.name === 'ID';
  return builtIn === undefined
    ? { accepts: () => true, convert: undefined, isText, complaint }
    : { ...builtIn, isText, complaint };
}
