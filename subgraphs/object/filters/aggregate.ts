/** Aggregates of objects: of those that a listing tells, since no object store can be asked for them. */
import {
  columnsOf,
  type Aggregated,
  type AggregatedKind,
  type AggregateRequest,
} from '#subgraphs/shared/aggregates/aggregate.ts';
import { AggregateInMemory, exactNumber, type MeasuredColumns } from '#subgraphs/shared/aggregates/in-memory.ts';
import { OBJECT } from '../bounds.ts';
import type { ListedObject, ObjectDriver, ObjectScope } from '../driver.ts';
import { valuesOf, type ObjectField } from './condition.ts';
import { ALL } from './decide.ts';
import { matching } from './matching.ts';

/** What objects are grouped and measured by. */
export const OBJECT_KINDS: Readonly<Record<ObjectField, AggregatedKind>> = {
  key: 'text',
  size: 'bigint',
  mediaType: 'text',
  updatedAt: 'moment',
};

const COLUMNS: MeasuredColumns = {
  kindOf: (field) => OBJECT_KINDS[field as ObjectField],
  comparableOf: (field, value) =>
    field === 'size' ? exactNumber(value) : field === 'updatedAt' ? momentOf(String(value)) : value,
  valueOf: (_, moment) => moment.replace(/\d{6}$/, 'Z'),
};

/** A moment with milliseconds, in UTC, with the nine digits that buckets and comparisons have. */
const momentOf = (text: string): string => text.replace('Z', '000000');

/**
 * @param most the most objects that are looked at
 * @throws TooManyObjects where more than that have to be
 */
export async function aggregate(
  driver: ObjectDriver,
  scope: ObjectScope,
  { where = ALL, ...request }: AggregateRequest,
  most: number,
): Promise<Aggregated> {
  const made = new AggregateInMemory(request, COLUMNS, { left: OBJECT.filterSteps });
  const told = columnsOf([...request.groups, ...request.measures]).includes('mediaType');
  for await (const object of matching(
    driver,
    scope,
    { prefix: '', where, after: null },
    { page: OBJECT.batch, most, told },
  ))
    // prettier-ignore
    made.add(rowOf(object));
  return made.result();
}

function rowOf(object: ListedObject) {
  const value = valuesOf(object);
  return {
    value,
    comparable: (field: string) => (field === 'updatedAt' ? momentOf(object.updatedAt.toISOString()) : value(field)),
  };
}
