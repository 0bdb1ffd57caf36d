// Values of JSON as the texts that they are, so that numbers keep their digits. Plain JavaScript, for the processes that read files.

/** The places where the members of a list or an object begin and end, of an object with their keys. The text is JSON. */
function* membersOf(text) {
  const isObject = text[0] === '{';
  let [depth, from, key] = [0, 1, undefined];
  for (let at = 0; at < text.length; at++) {
    switch (text[at]) {
      case '"': {
        const begin = at;
        for (at++; text[at] !== '"'; at++) if (text[at] === '\\') at++;
        if (isObject && depth === 1 && key === undefined) key = JSON.parse(text.slice(begin, at + 1));
        break;
      }
      case ':':
        if (isObject && depth === 1) from = at + 1;
        break;
      case '[':
      case '{':
        depth++;
        break;
      case ',':
      case ']':
      case '}': {
        const isEnd = text[at] !== ',';
        if (depth === 1) {
          const value = text.slice(from, at).trim();
          if (value !== '') yield [key, value];
          [from, key] = [at + 1, undefined];
        }
        if (isEnd) depth--;
      }
    }
  }
}

/** The last text, which several parts of a condition look at one after the other. */
let known;

/** Trimmed; undefined for what is no JSON. */
function jsonOf(value) {
  if (typeof value !== 'string') return undefined;
  if (known?.value === value) return known.text;
  let text;
  try {
    JSON.parse(value);
    text = value.trim();
  } catch {
    text = undefined;
  }
  known = { value, text };
  return text;
}

const INDEX = /^[ \t-\r]*[+-]?\d+$/;

/** As the path of a filter has it: items of lists by number, from the end where it is negative. */
export function jsonAt(value, path) {
  let text = jsonOf(value);
  for (const key of JSON.parse(path)) {
    if (text === undefined) return null;
    if (text[0] === '[') text = INDEX.test(key) ? [...membersOf(text)].at(Number(key))?.[1] : undefined;
    // Of keys that are there twice, the last is meant.
    else if (text[0] === '{') text = [...membersOf(text)].findLast(([name]) => name === key)?.[1];
    else return null;
  }
  return text ?? null;
}

export function jsonText(value) {
  if (value === null) return null;
  const read = JSON.parse(value);
  return typeof read === 'string' ? read : String(read);
}

export function jsonSize(value) {
  if (value === null) return null;
  const names = [...membersOf(value)].map(([name]) => name);
  return value[0] === '{' ? new Set(names).size : names.length;
}

/** The items, each as a text, for `json_each`. */
export const jsonItems = (value) =>
  JSON.stringify(value?.[0] === '[' ? [...membersOf(value)].map(([, item]) => item) : []);
