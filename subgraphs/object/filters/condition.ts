/** What a filter of objects asks for, and the values that it is asked of. */
import type { Condition } from '#subgraphs/shared/filters/condition.ts';
import type { ValueOf } from '#subgraphs/shared/filters/holds.ts';
import { parseFilter, type FilterInput } from '#subgraphs/shared/filters/parse.ts';
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
export const objectCondition = (filter: FilterInput | null | undefined): Condition | undefined =>
  parseFilter(
    {
      columns: Object.fromEntries(OBJECT_FIELDS.map((field) => [field, 'scalar'])),
      conditions: OBJECT.conditions,
      depth: OBJECT.conditionDepth,
      listed: OBJECT.listed,
      characters: OBJECT.filterCharacters,
      pathKeys: 0,
    },
    filter,
  );

/** The values of an object, as conditions ask for them. */
export const valuesOf =
  (object: ListedObject): ValueOf =>
  (field) =>
    VALUES[field as ObjectField](object);
