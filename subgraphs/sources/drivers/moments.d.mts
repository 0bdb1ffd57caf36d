/** A day of the calendar, `YYYY-MM-DD`. */
export function isDay(text: string): boolean;

/**
 * Moments as texts of one length, with nine digits behind the second, which sort as they follow one another.
 * @param zoned whether they are in UTC; else they are of no zone, and one that is said is passed over
 * @returns undefined for what is none, also beyond the years 0 to 9999
 */
export function momentOf(text: string, zoned: boolean): string | undefined;
