/**
 * Changes of a store that keeps no record of them, told by a column that grows with each: rows are listed in its order, from
 * where the last look ended. What is deleted is not seen, nor what comes with an earlier value than was seen already.
 */
import type { Condition } from '#subgraphs/shared/filters/condition.ts';
import { SOURCES } from '../bounds.ts';
import type { ChangesRequest, OrderLevel, Relation, SourceChanges, SourceDriver, SourceRow } from '../driver.ts';

/** @param order by the column that grows, made total by the key */
export function polledChanges(driver: Pick<SourceDriver, 'list'>, order: readonly OrderLevel[]): SourceChanges {
  const fields = order.map(({ field }) => field);
  const placeOf = ({ texts }: SourceRow) => fields.map((field) => texts[field] ?? null);
  const [{ field: growing }] = order as [OrderLevel];
  const known: Condition = { kind: 'not', of: { kind: 'null', column: growing } };
  return {
    async head(context, relation: Relation) {
      const descending = order.map(({ field }) => ({ field, direction: 'DESC' }) as const);
      const request = { relation, fields: [], texts: fields, where: known, order: descending, limit: 1 };
      const [[last] = []] = await driver.list(context, request);
      return last === undefined ? [] : placeOf(last);
    },
    async read(context, { where, after, ...request }: ChangesRequest) {
      const [rows = []] = await driver.list(context, {
        ...request,
        texts: [...new Set([...request.texts, ...fields])],
        where: where === undefined ? known : { kind: 'and', of: [known, where] },
        order,
        // Before there was any row.
        after: after.length === 0 ? undefined : after,
        limit: SOURCES.changes,
      });
      const changes = rows.map((row) => ({ kind: 'CHANGED', row, place: placeOf(row) }) as const);
      return {
        changes,
        upTo: changes.at(-1)?.place ?? after,
        more: rows.length === SOURCES.changes,
        pending: false,
      };
    },
    isPlace: (place): place is (string | null)[] => place.length === 0 || place.length === order.length,
  };
}
