/**
 * What somebody meant who gave a value where a filter of values is asked for: `name: "pg"` for `name: { eq: "pg" }`. It is the
 * commonest mistake of those who know filters from elsewhere, and "expected an object" does not say which.
 */
import { getNamedType, isInputObjectType, isNonNullType, isListType, type GraphQLInputType } from 'graphql';
import { PLAN } from '#gateway/bounds/plan.ts';

/**
 * @param field what the filter was given to; undefined for a variable as a whole
 * @param type the type there
 * @param value the value that was given, as text
 * @returns a sentence to put behind the message; empty where the type is no filter of values
 */
export function instead(
  field: string | undefined,
  type: GraphQLInputType | null | undefined,
  value: string,
  isList: boolean,
): string {
  const filter = getNamedType(type ?? undefined);
  if (!isInputObjectType(filter) || value.length > PLAN.quotedCharacters / 2) return '';
  const fields = filter.getFields();
  const operator = isList && fields['in'] ? 'in' : 'eq';
  if (fields[operator] === undefined) return '';
  const own = fields['path'] === undefined ? '' : 'path: ["…"], ';
  const condition = `{ ${own}${operator}: ${value} }`;
  const nullable = isNonNullType(type) ? type.ofType : type;
  const whole = isListType(nullable) ? `[${condition}]` : condition;
  return ` Write ${field === undefined ? whole : `{ ${field}: ${whole} }`}.`;
}
