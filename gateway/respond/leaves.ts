/**
 * What a subgraph may answer for a leaf: another type than the schema's is that subgraph's fault, and must not reach
 * the client.
 */
import { isEnumType, type GraphQLNamedType } from 'graphql';
import { ExactNumber } from '#subgraphs/shared/exact-number.ts';

export interface LeafCheck {
  /** Whether a value (not null) is of the type. */
  accepts(value: unknown): boolean;
  /** Brings an accepted value into the type's own form; undefined when it is in it. */
  readonly convert: ((value: unknown) => unknown) | undefined;
  /** What one of GraphQL's own scalars makes of a number that is not a double; undefined where it is none of its. */
  readonly exact: ((value: ExactNumber) => unknown) | undefined;
  /** Whether every string is accepted, and stays as it is. */
  readonly isText: boolean;
  /** What to say of a value that is not accepted; never the value, which may be one that the schema hides. */
  complaint(fieldName: string): string;
}

const MAX_INT = 2_147_483_647;

const isInt = (value: unknown): boolean =>
  typeof value === 'number' && Number.isInteger(value) && value <= MAX_INT && value >= -MAX_INT - 1;
const isFloat = (value: unknown): boolean => typeof value === 'number' && Number.isFinite(value);

/** The double of a number, where it is accepted. */
const doubleWhere =
  (accepts: (value: unknown) => boolean) =>
  (value: ExactNumber): number | undefined => {
    const double = value.valueOf();
    return accepts(double) ? double : undefined;
  };

const BUILT_IN: Readonly<Record<string, Pick<LeafCheck, 'accepts' | 'convert' | 'exact'>>> = {
  Int: { accepts: isInt, convert: undefined, exact: doubleWhere(isInt) },
  Float: { accepts: isFloat, convert: undefined, exact: doubleWhere(isFloat) },
  String: { accepts: (value) => typeof value === 'string', convert: undefined, exact: undefined },
  Boolean: { accepts: (value) => typeof value === 'boolean', convert: undefined, exact: undefined },
  // GraphQL's specification, 3.5.5: an ID is serialised as a string, whatever it is inside.
  ID: {
    accepts: (value) => typeof value === 'string' || (typeof value === 'number' && Number.isInteger(value)),
    convert: (value) => (typeof value === 'string' ? value : String(value)),
    exact: (value) =>
      value.isInteger ? value.text : Number.isInteger(value.valueOf()) ? String(value.valueOf()) : undefined,
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
      exact: undefined,
      isText: false,
      complaint: (fieldName) => `The value of ${fieldName} is not one that ${type.name} shows.`,
    };
  }
  const builtIn = Object.hasOwn(BUILT_IN, type.name) ? BUILT_IN[type.name] : undefined;
  const isText = type.name === 'String' || type.name === 'ID';
  return builtIn === undefined
    ? { accepts: () => true, convert: undefined, exact: undefined, isText, complaint }
    : { ...builtIn, isText, complaint };
}

/** The double, or the text of an `ID`, of a number that the check does not accept as it came; undefined for all else. */
export const doubleOf = (value: unknown, { exact }: LeafCheck): unknown =>
  value instanceof ExactNumber ? exact?.(value) : undefined;
