/** Dates of workbooks, which are numbers of days in cells that a style shows as dates. */

/** Formats that have numbers of their own in every workbook, and are dates or times (ECMA-376, 18.8.30). */
const BUILT_IN: readonly (readonly [first: number, last: number])[] = [
  [14, 22],
  [27, 36],
  [45, 47],
  [50, 58],
];

/** Whether a format shows dates. @param code of a format that the workbook has made itself */
export function isDateFormat(id: number, code: string | undefined): boolean {
  if (code === undefined) return BUILT_IN.some(([first, last]) => id >= first && id <= last);
  // Texts in quotes, colours and conditions are none.
  const bare = code.replace(/"[^"]*"|\\.|\[[^\]]*\]|_.|\*./g, '');
  return /[ymdhs]/i.test(bare) && !/general/i.test(bare);
}

const DAY_MS = 86_400_000;

/**
 * The date of a number of days, in ISO 8601, without a time where it is midnight; the time alone for less than a day.
 * @param from1904 whether they are counted from 1904, rather than 1900
 * @returns undefined for what is no date
 */
export function dateOf(days: number, from1904: boolean): string | undefined {
  if (!Number.isFinite(days) || days < 0 || days > LAST_DAY) return undefined;
  // 1900 had no 29th of February, but to spreadsheets.
  const from = from1904 ? Date.UTC(1904, 0, 1) : Date.UTC(1899, 11, days < FEIGNED_DAY ? 31 : 30);
  const text = new Date(from + Math.round((days * DAY_MS) / 1000) * 1000).toISOString();
  const [date, time = ''] = text.split('T');
  const clock = time.slice(0, 'hh:mm:ss'.length);
  if (days < 1 && days > 0) return clock;
  return clock === '00:00:00' ? date : `${date} ${clock}`;
}

const FEIGNED_DAY = 60;
/** The 31st of December 9999. */
const LAST_DAY = 2_958_465;
