/** What statements of aggregates answer, in any store's language: keys as `g0`, `g1`, …, measures as `m0`, `m1`, …, and `total`. */
import { measureName, type Aggregated, type AggregateRequest, type Measure } from './aggregate.ts';

export type AggregateRow = Readonly<Record<string, unknown>>;

/**
 * What the rows of such a statement hold.
 * @param become what becomes of a column's value on its way
 */
export function aggregatedOf(
  become: (column: string, value: unknown) => unknown,
  { groups, measures, counted }: Omit<AggregateRequest, 'where'>,
  rows: readonly AggregateRow[],
): Aggregated {
  const as = (column: string, value: unknown): unknown => (value === null ? null : become(column, value));
  return {
    groups: rows.map((row) => ({
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

/** Whether a measure is one of the values that it is of. */
export const isOneOfTheValues = (measure: Measure): measure is Measure & { kind: 'min' | 'max' | 'percentile' } =>
  measure.kind === 'min' || measure.kind === 'max' || measure.kind === 'percentile';
