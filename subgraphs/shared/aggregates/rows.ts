/**
 * What statements of aggregates answer, in any store's language: keys as `g0`, `g1`, …, measures as `m0`, `m1`, …, and `total`;
 * of several parents, which one as `at`, counting from 1, and of what has no keys whether `having` leaves it as `held`.
 */
import { measureName, type Aggregated, type AggregateRequest, type Measure } from './aggregate.ts';

export type AggregateRow = Readonly<Record<string, unknown>>;

/**
 * What the rows of such a statement hold.
 * @param become what becomes of a column's value on its way
 */
export function aggregatedOf(
  become: (column: string, value: unknown) => unknown,
  { groups, measures, limit, counted }: Omit<AggregateRequest, 'where'>,
  rows: readonly AggregateRow[],
): Aggregated {
  const as = (column: string, value: unknown): unknown => (value === null ? null : become(column, value));
  return {
    // Where no groups are wanted, a row is of their number.
    groups: (limit === 0 ? [] : rows).map((row) => ({
      keys: groups.map(({ column, kind }, index) => {
        const value = row[`g${index}`] ?? null;
        return kind === 'width' || kind === 'path' ? value : as(column, value);
      }),
      measures: Object.fromEntries(
        measures.map((measure, index) => {
          const value = row[`m${index}`] ?? null;
          return [measureName(measure), isOneOfTheValues(measure) ? as(measure.column, value) : value];
        }),
      ),
    })),
    total: counted ? Number((rows[0]?.['total'] as string | undefined) ?? 0) : undefined,
  };
}

/**
 * What the rows of a statement of several parents hold, of each.
 * @param none what is answered of a parent without rows
 */
export function aggregatedOfEach(
  become: (column: string, value: unknown) => unknown,
  request: Omit<AggregateRequest, 'where'>,
  rows: readonly AggregateRow[],
  { parents, none }: { readonly parents: number; readonly none: Aggregated },
): Aggregated[] {
  const of = Array.from({ length: parents }, (): AggregateRow[] => []);
  for (const row of rows) of[Number(row['at']) - 1]!.push(row);
  return of.map((own) => {
    if (own.length === 0) return none;
    if (request.groups.length > 0) return aggregatedOf(become, request, own);
    const held = own.filter(({ held: isHeld }) => Number(isHeld) === 1);
    return { ...aggregatedOf(become, request, held), total: request.counted ? held.length : undefined };
  });
}

/** Whether a measure is one of the values that it is of. */
export const isOneOfTheValues = (measure: Measure): measure is Measure & { kind: 'min' | 'max' | 'percentile' } =>
  measure.kind === 'min' || measure.kind === 'max' || measure.kind === 'percentile';
