// Days and moments that are kept as texts. Plain JavaScript, so that processes without the TypeScript loader have it too.

const MOMENT = /^(\d{4}-\d\d-\d\d)(?:[T ](\d\d:\d\d)(?::(\d\d)(?:\.(\d{1,9}))?)?)?(Z|[+-]\d\d(?::?\d\d)?)?$/i;

export const isDay = (text) =>
  /^\d{4}-\d\d-\d\d$/.test(text) && new Date(`${text}T00:00:00Z`).toJSON()?.startsWith(text) === true;

export function momentOf(text, zoned) {
  const found = MOMENT.exec(text);
  if (found === null) return undefined;
  const [, day, minute = '00:00', second = '00', fraction = '', zone = 'Z'] = found;
  if (!isDay(day)) return undefined;
  const offset = /^[-+]\d\d$/.test(zone) ? `${zone}:00` : zone.replace(/^([-+]\d\d)(\d\d)$/, '$1:$2').toUpperCase();
  const at = new Date(`${day}T${minute}:${second}${zoned ? offset : 'Z'}`);
  if (Number.isNaN(at.getTime())) return undefined;
  return `${at.toISOString().slice(0, 19)}.${fraction.padEnd(9, '0')}`;
}
