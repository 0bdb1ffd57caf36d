/**
 * What an aggregate asks for, free of both GraphQL and any store: rows that match are put into groups, of each group
 * measures are taken, and of the groups those are answered that `having` leaves, in an order, up to a limit.
 *
 * What has no value is a group of its own, whose key is null; a JSON null is no value either. Measures pass over what
 * has no value, but `count`, which counts rows; of no values at all they are null, and `distinct` is 0.
 */
import type { Condition } from '../filters/condition.ts';

/** What a value is, whatever the store calls it. */
export type AggregatedKind =
  | 'boolean'
  | 'int'
  /** Whole numbers past 32 bits; values are texts of digits. */
  | 'bigint'
  | 'float'
  /** Exact; values are texts of digits. */
  | 'decimal'
  | 'text'
  | 'id'
  | 'enum'
  /** A moment; values are ISO 8601 texts in UTC, with microseconds where there are some. */
  | 'moment'
  /** A date and a time of no zone. */
  | 'localMoment'
  | 'date'
  | 'time'
  | 'localTime'
  /** An ISO 8601 duration. */
  | 'duration'
  | 'json'
  /** What has no type in the API: its text in the store. */
  | 'other';

/** Of which sums and averages are taken. */
export const isNumber = (kind: AggregatedKind): boolean =>
  kind === 'int' || kind === 'bigint' || kind === 'float' || kind === 'decimal';
/** What lies in buckets of time. */
export const isTime = (kind: AggregatedKind): boolean => kind === 'moment' || kind === 'localMoment' || kind === 'date';
/** Of which there is a least and a largest. */
export const isOrdered = (kind: AggregatedKind): boolean =>
  isNumber(kind) || isTime(kind) || kind === 'text' || kind === 'time' || kind === 'localTime' || kind === 'duration';
export const hasPercentiles = (kind: AggregatedKind): boolean => isNumber(kind) || isTime(kind);

/** Lengths of buckets of time. Weeks begin on Monday. */
export const TIME_BUCKETS = ['MINUTE', 'HOUR', 'DAY', 'WEEK', 'MONTH', 'QUARTER', 'YEAR'] as const;
export type TimeBucket = (typeof TIME_BUCKETS)[number];

/** What rows are grouped by. */
export type Grouping =
  | { readonly kind: 'value'; readonly column: string }
  /** Of times: the beginning of the bucket, by the clocks of `zone`, a name of the IANA database; where there is none, as written. */
  | { readonly kind: 'time'; readonly column: string; readonly bucket: TimeBucket; readonly zone: string | undefined }
  /** Of numbers: the beginning of the bucket, a multiple of `width`, which is the text of a positive number. */
  | { readonly kind: 'width'; readonly column: string; readonly width: string }
  /** Of JSON: what is at the path. */
  | { readonly kind: 'path'; readonly column: string; readonly path: readonly string[] };

export type MeasureKind = 'count' | 'sum' | 'avg' | 'min' | 'max' | 'distinct' | 'percentile';

/** What is taken of a group. */
export type Measure =
  /** Rows. */
  | { readonly kind: 'count' }
  /** Of values; `distinct` is how many there are of which no two are equal. */
  | { readonly kind: 'sum' | 'avg' | 'min' | 'max' | 'distinct'; readonly column: string }
  /** The least value that at least the share `p`, from 0 to 1, of the values do not exceed: one of them, never one between two. */
  | { readonly kind: 'percentile'; readonly column: string; readonly p: number };

/** What a condition on a measure calls it, and a group keeps it by. */
export function measureName(measure: Measure): string {
  if (measure.kind === 'count') return 'count';
  return measure.kind === 'percentile'
    ? `percentile(${measure.p}).${measure.column}`
    : `${measure.kind}.${measure.column}`;
}

/** The columns that groupings and measures are of, each once. */
export const columnsOf = (asked: readonly (Grouping | Measure)[]): string[] => [
  ...new Set(asked.flatMap((each) => ('column' in each ? [each.column] : []))),
];

/** A level of the order of groups; nulls are the largest values, and texts sort by code point. */
export interface GroupOrder {
  /** Which of the groupings, or which measure. */
  readonly by: { readonly group: number } | { readonly measure: Measure };
  readonly direction: 'ASC' | 'DESC';
}

export interface AggregateRequest {
  readonly where: Condition | undefined;
  /** Without any, all rows are one group, which there is also where no row matches. */
  readonly groups: readonly Grouping[];
  /** All that are wanted or named, each once. */
  readonly measures: readonly Measure[];
  /** Its columns are names of measures (see {@link measureName}), all of which are among `measures`. */
  readonly having: Condition | undefined;
  /** Ends in all groupings, so that it is total. */
  readonly order: readonly GroupOrder[];
  /** The most groups; 0 where only their number is wanted, which stores then tell without reading any. Without groupings at least 1. */
  readonly limit: number;
  /** Whether it is wanted how many groups there are. */
  readonly counted: boolean;
}

export interface AggregatedGroup {
  /** In the order of the groupings, in the form that the column's values have. Multiples of a width: texts of digits. */
  readonly keys: readonly unknown[];
  /** By name. Counts, sums and averages (but of `float`) are texts of digits; others have the form of the column's values. */
  readonly measures: Readonly<Record<string, unknown>>;
}

export interface Aggregated {
  readonly groups: readonly AggregatedGroup[];
  /** How many groups there are, where that was wanted. */
  readonly total: number | undefined;
}
