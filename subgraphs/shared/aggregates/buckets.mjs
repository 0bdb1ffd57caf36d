// When buckets of time begin. Plain JavaScript, so that processes without the TypeScript loader have it too.

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const clocks = new Map();

/** `Date.UTC`, which takes the first hundred years for those of the last century. */
const utc = (year, month, day = 1, ...time) =>
  new Date(Date.UTC(2000, month, day, ...time)).setUTCFullYear(year, month, day);

export function shownAt(at, zone) {
  if (zone === undefined || zone === 'UTC') return at;
  let clock = clocks.get(zone);
  if (clock === undefined) {
    clock = new Intl.DateTimeFormat('en', {
      timeZone: zone,
      hourCycle: 'h23',
      era: 'short',
      year: 'numeric',
      month: 'numeric',
      day: 'numeric',
      hour: 'numeric',
      minute: 'numeric',
      second: 'numeric',
    });
    clocks.set(zone, clock);
  }
  const shown = {};
  for (const { type, value } of clock.formatToParts(at)) shown[type] = value;
  const year = shown.era === 'BC' ? 1 - Number(shown.year) : Number(shown.year);
  const [month, day, hour, minute, second] = ['month', 'day', 'hour', 'minute', 'second'].map((part) =>
    Number(shown[part]),
  );
  return utc(year, month - 1, day, hour, minute, second);
}

function beginOf(shown, bucket) {
  const date = new Date(shown);
  const [year, month, day] = [date.getUTCFullYear(), date.getUTCMonth(), date.getUTCDate()];
  switch (bucket) {
    case 'DAY':
      return utc(year, month, day);
    case 'WEEK':
      return utc(year, month, day - ((date.getUTCDay() + 6) % 7));
    case 'MONTH':
      return utc(year, month);
    case 'QUARTER':
      return utc(year, month - (month % 3));
    default:
      return utc(year, 0);
  }
}

const restOf = (number, by) => ((number % by) + by) % by;

export function bucketOf(text, bucket, zone) {
  const isDay = text.length === 10;
  const at = Date.parse(`${text.slice(0, 10)}T${isDay ? '00:00:00' : text.slice(11, 19)}Z`);
  const shown = shownAt(at, zone);
  let begin;
  // Hours that the clocks show twice are two.
  if (bucket === 'MINUTE') begin = at - restOf(shown, MINUTE);
  else if (bucket === 'HOUR') begin = at - restOf(shown, HOUR);
  else {
    const begins = beginOf(shown, bucket);
    // When the clocks show that: they may be set otherwise then.
    begin = begins - (shown - at);
    begin += begins - shownAt(begin, zone);
  }
  const told = new Date(begin).toISOString();
  // Before the year 0 there are none that a text of this form names.
  if (told.startsWith('-')) return text;
  return isDay ? told.slice(0, 10) : `${told.slice(0, 19)}.000000000`;
}
