/** What a filter of objects asks for, and the values that it is asked of. */
import type { ValueOf } from '#subgraphs/shared/filters/holds.ts';
import { scalarFilter, type FilterInput } from '#subgraphs/shared/filters/parse.ts';
import { OBJECT } from '../bounds.ts';
import type { ListedObject } from '../driver.ts';

/** By field of the filter. */
const VALUES = {
  key: ({ key }) => key,
  size: ({ sizeBytes }) => sizeBytes,
  mediaType: ({ contentType }) => contentType,
  updatedAt: ({ updatedAt }) => updatedAt.toISOString(),
} satisfies Record<string, (object: ListedObject) => string | number | undefined>;

/** What the filter has conditions on, and lists are grouped and measured by. */
export type ObjectField = keyof typeof VALUES;
export const OBJECT_FIELDS = Object.keys(VALUES) as ObjectField[];

/**
 * Turns a caller's filter into a condition; `undefined` where it asks for nothing.
 * @throws CodedError `BAD_USER_INPUT` where it passes the bounds of one filter
 */
export const objectCondition = scalarFilter<FilterInput>(OBJECT_FIELDS, {
  conditions: OBJECT.conditions,
  depth: OBJECT.conditionDepth,
  listed: OBJECT.listed,
  characters: OBJECT.filterCharacters,
});

/** The values of an object, as conditions ask for them. */
export const valuesOf =
  (object: ListedObject): ValueOf =>
  (field) =>
    VALUES[field as ObjectField](object);
