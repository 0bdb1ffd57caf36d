import type { TimeBucket } from './aggregate.ts';

/**
 * What the clocks of a zone show, as the moment at which those of UTC show it; both in milliseconds since 1970.
 * @param zone a name of the IANA database that this machine knows. @default UTC
 */
export function shownAt(at: number, zone: string | undefined): number;

/**
 * When the bucket begins that a time lies in.
 * @param text a day, `YYYY-MM-DD`, or a moment, `YYYY-MM-DDThh:mm:ss` and nine digits behind a point
 * @param zone by the clocks of which zone; those of UTC, or as written, when undefined
 * @returns the same form; the text itself where that is before the year 0
 */
export function bucketOf(text: string, bucket: TimeBucket, zone: string | undefined): string;
