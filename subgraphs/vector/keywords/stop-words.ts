/** Words that say nothing of what a text is about: left out of queries that have others. They are stored like any. */
export const STOP_WORDS: ReadonlySet<string> = new Set(
  `a about all an and any are as at be been but by can could did do does for from had has have how i if in into is it its me my no
  not of on or our should so some than that the their them then there these they this to us was we were what when where which who
  why will with would you your don t s`
    .split(/\s+/)
    .filter((word) => word !== ''),
);
