/** What a measure's values are. */
import { measureName, type Measure } from '#subgraphs/shared/aggregates/aggregate.ts';
import type { RelationColumn } from '../../driver.ts';

/** As those of a column of this kind and the store's type. */
export const measuredAs = (measure: Measure, kind: RelationColumn['kind'], native: string): RelationColumn => ({
  name: measureName(measure),
  kind,
  native,
  list: false,
  nullable: true,
});
