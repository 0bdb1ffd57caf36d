/** A page of a list that is sorted by what another store has. */
import { askedOrderOf, type WorkedOrder } from './asked-order.ts';
import type { Fragments } from './asked.ts';
import type { Evaluation } from './evaluation.ts';
import { valueOf, type OrderPlace, type Variables } from './filter-places.ts';
import { levelsOf } from './order-levels.ts';
import { byRank } from './ranked-order.ts';
import { bySorted } from './sorted-order.ts';

/** @throws ConditionFailed, CodedError `BAD_USER_INPUT` */
export async function orderedList(
  evaluation: Evaluation,
  place: OrderPlace,
  fragments: Fragments,
  variables: Variables,
): Promise<WorkedOrder> {
  const value = valueOf(place.value, place.type, variables);
  const levels = levelsOf(evaluation.filters.orders, place.order, value);
  const asked = askedOrderOf(place, fragments, variables, evaluation.schema);
  return 'condition' in levels
    ? await byRank(evaluation, asked, levels.condition)
    : await bySorted(evaluation, asked, levels);
}
