/**
 * Numbers of JSON that a double does not hold as they were written: 9007199254740993, 0.1234567890123456789012, 1.10.
 * They are carried as their text, through variables, answers, keys and stores, and written as it again.
 */
import { randomBytes } from 'node:crypto';

interface WithRawJson {
  rawJSON?(text: string): unknown;
}
/** Node.js 21 and later write raw JSON by themselves. */
const { rawJSON } = JSON as WithRawJson;

/**
 * What stands before the text of a number inside a string, where a serialiser or a parser knows strings only. Nobody can
 * guess it; whoever learnt it could make a number of a string of his own, and nothing else.
 */
const MARK = `\ue000${randomBytes(9).toString('base64url')}:`;
const NUMBER = /^-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?$/;
const MARKED = new RegExp(`"${MARK}(${NUMBER.source.slice(1, -1)})"`, 'g');
/** No double is written with more characters. */
const LONGEST_PLAIN = 25;

/** Whether {@link writeJson} is at work, on a Node.js without raw JSON. */
let isWriting = false;
let hasMet = false;

/** A number as its text. Two are the same where their texts are. */
export class ExactNumber {
  /** As JSON writes it. */
  readonly text: string;

  /** @param text a JSON number */
  constructor(text: string) {
    this.text = text;
  }

  /** The double nearest to it; infinite where it is larger than all. */
  valueOf(): number {
    return Number(this.text);
  }

  /** Whether it is written as a whole number. */
  get isInteger(): boolean {
    return /^-?\d+$/.test(this.text);
  }

  /** The power of ten that is written behind it; 0 where there is none. */
  get exponent(): number {
    return Number(/[eE](.*)$/.exec(this.text)?.[1] ?? 0);
  }

  toString(): string {
    return this.text;
  }

  /** The number itself; its text as a string where nothing but {@link writeJson} could write it. */
  toJSON(): unknown {
    if (rawJSON !== undefined) return rawJSON(this.text);
    if (!isWriting) return this.text;
    hasMet = true;
    return MARK + this.text;
  }
}

/** Whether a JSON number is written in the same way again when it has been a double. */
export const isPlainNumber = (text: string): boolean => text.length <= LONGEST_PLAIN && String(Number(text)) === text;

/** A JSON number: a double where that keeps its text. */
export const numberOf = (text: string): number | ExactNumber =>
  isPlainNumber(text) ? Number(text) : new ExactNumber(text);

/** `JSON.stringify` that writes numbers as they came, on every Node.js. */
export const writeJson: (value: unknown) => string =
  rawJSON === undefined ? writeMarked : (JSON.stringify as (value: unknown) => string);

function writeMarked(value: unknown): string {
  const [wasWriting, hadMet] = [isWriting, hasMet];
  isWriting = true;
  hasMet = false;
  try {
    const text = JSON.stringify(value);
    return hasMet ? unmarked(text) : text;
  } finally {
    isWriting = wasWriting;
    hasMet = hadMet;
  }
}

/** A JSON text with the numbers that {@link marked} made strings as numbers again. */
export const unmarked = (text: string): string => text.replace(MARKED, '$1');

/** Written out: V8 then looks at one character of many. */
const digits = (count: number): string => '[0-9]'.repeat(count);
const END = '\\s*(?:[,\\]}]|$)';
/** Whole numbers that may be more than a double holds. */
const LONG_INTEGER = new RegExp(`[:,[\\s][-0-9]${digits(15)}\\d*${END}`);
/** Any that may be more; and forms that would be written otherwise: `1.10`, `-0`, `1e3`, `0.0000001`. */
const ANY_FORM = [
  new RegExp('[0-9.]'.repeat(16) + END),
  new RegExp(`[.-]\\d*0${END}`),
  new RegExp(`\\d[eE][-+\\d]\\d*${END}`),
  /0\.000000\d/,
];

/**
 * Which numbers are kept: all whose text would change, or only whole ones that a double does not hold, where nothing but
 * keys and GraphQL's own scalars is to come.
 */
export type KeptNumbers = 'all' | 'integers';

/** Whether a JSON text may have numbers to keep. Nearly all have none, and are not looked into. */
export const mayBeExact = (text: string, kept: KeptNumbers = 'all'): boolean =>
  kept === 'integers' ? LONG_INTEGER.test(text) : ANY_FORM.some((form) => form.test(text));

/**
 * The number by its value alone, for comparisons: a double where that is the same number (1.10 is 1.1), else in a form
 * that all numbers of that value have.
 */
export function byValue(number: number | ExactNumber): number | ExactNumber {
  if (typeof number === 'number') return number;
  const double = number.valueOf();
  const text = decimalOf(number.text);
  return Number.isFinite(double) && decimalOf(String(double)) === text ? double + 0 : new ExactNumber(text);
}

/** @returns negative, zero or positive */
export function compareNumbers(a: number | ExactNumber, b: number | ExactNumber): number {
  const [one, other] = [a.valueOf(), b.valueOf()];
  // What rounds to different doubles differs in the same way.
  if (one !== other || (typeof a === 'number' && typeof b === 'number')) return one < other ? -1 : one > other ? 1 : 0;
  const [x, y] = [scaledOf(a), scaledOf(b)];
  const power = Math.min(x.power, y.power);
  const difference = x.digits * 10n ** BigInt(x.power - power) - y.digits * 10n ** BigInt(y.power - power);
  return difference < 0n ? -1 : difference > 0n ? 1 : 0;
}

function scaledOf(number: number | ExactNumber): { digits: bigint; power: number } {
  const [digits, power = '0'] = decimalOf(String(number)).split('e') as [string, string?];
  return { digits: BigInt(digits), power: Number(power) };
}

/** Whole digits and a power of ten. */
function decimalOf(text: string): string {
  const [, sign, whole = '', fraction = '', power = '0'] = /^(-?)(\d+)(?:\.(\d+))?(?:[eE](.+))?$/.exec(text)!;
  const digits = whole + fraction;
  let from = 0;
  let to = digits.length;
  while (digits.charCodeAt(from) === ZERO) from += 1;
  while (to > from && digits.charCodeAt(to - 1) === ZERO) to -= 1;
  if (from === to) return '0';
  return `${sign}${digits.slice(from, to)}e${Number(power) - fraction.length + digits.length - to}`;
}

const QUOTE = 0x22;
const PLUS = 0x2b;
const MINUS = 0x2d;
const POINT = 0x2e;
const ZERO = 0x30;
const NINE = 0x39;
const BACKSLASH = 0x5c;
const KEY_END = /\s*:/y;
/** Most digits that every double holds. */
const SURE_DIGITS = 15;

const isDigit = (code: number): boolean => code >= ZERO && code <= NINE;
const isExponent = (code: number): boolean => (code | 0x20) === 0x65;

/** A JSON text with its numbers that are not plain as strings that {@link revive} knows. What is no JSON stays none. */
export function marked(text: string): string {
  const parts: string[] = [];
  let from = 0;
  for (let at = 0; at < text.length; at++) {
    const first = text.charCodeAt(at);
    if (first === QUOTE) at = endOfString(text, at);
    if (first !== MINUS && !isDigit(first)) continue;
    let end = at + 1;
    let isInteger = true;
    for (let code = text.charCodeAt(end); ; code = text.charCodeAt(++end)) {
      if (isDigit(code)) continue;
      if (code !== POINT && code !== MINUS && code !== PLUS && !isExponent(code)) break;
      isInteger = false;
    }
    if (!(isInteger && end - at <= SURE_DIGITS && first !== MINUS)) {
      const number = text.slice(at, end);
      if (!isPlainNumber(number) && NUMBER.test(number) && !isKey(text, end)) {
        parts.push(text.slice(from, at), number);
        from = end;
      }
    }
    at = end - 1;
  }
  if (from === 0) return text;
  let written = '';
  for (let index = 0; index < parts.length; index += 2) written += `${parts[index]}"${MARK}${parts[index + 1]}"`;
  return written + text.slice(from);
}

/** Whether a string would stand in the place of a key: a number there is a fault, and stays one. */
function isKey(text: string, end: number): boolean {
  KEY_END.lastIndex = end;
  return KEY_END.test(text);
}

/** Makes numbers of the strings that {@link marked} made of them, in place. */
export function revive(value: unknown, make: (text: string) => unknown = exactly): unknown {
  if (typeof value === 'string') return revived(value, make);
  // Without recursion: a subgraph's answer may be as deep as it is long.
  const open: object[] = typeof value === 'object' && value !== null ? [value] : [];
  for (let object = open.pop(); object !== undefined; object = open.pop()) {
    if (Array.isArray(object)) {
      for (let index = 0; index < object.length; index++) {
        const item: unknown = object[index];
        if (typeof item === 'string') object[index] = revived(item, make);
        else if (typeof item === 'object' && item !== null) open.push(item);
      }
      continue;
    }
    const fields = object as Record<string, unknown>;
    for (const key in fields) {
      const field = fields[key];
      if (typeof field === 'string') {
        const number = revived(field, make);
        if (number !== field) fields[key] = number;
      } else if (typeof field === 'object' && field !== null) open.push(field);
    }
  }
  return value;
}

const exactly = (text: string): ExactNumber => new ExactNumber(text);

function revived(string: string, make: (text: string) => unknown): unknown {
  if (!string.startsWith(MARK)) return string;
  const text = string.slice(MARK.length);
  return NUMBER.test(text) ? make(text) : string;
}

/**
 * `JSON.parse` that keeps numbers as they came.
 * @param kept those that matter; where there is one, all are kept. @default 'all'
 * @param make makes a value of the text of such a number. @default an {@link ExactNumber}
 * @throws SyntaxError
 */
export function parseExactJson(text: string, kept?: KeptNumbers, make?: (text: string) => unknown): unknown {
  if (!mayBeExact(text, kept)) return JSON.parse(text);
  const ready = marked(text);
  const value: unknown = JSON.parse(ready);
  return ready === text ? value : revive(value, make);
}

/**
 * The same JSON with doubles in the place of exact numbers, for readers that know no others.
 * @param except the key below which they stay
 */
export function withPlainNumbers(value: unknown, except?: string): unknown {
  if (value instanceof ExactNumber) return value.valueOf();
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return value.map((item) => withPlainNumbers(item, except));
  return Object.fromEntries(
    Object.entries(value).map(([key, field]) => [key, key === except ? field : withPlainNumbers(field, except)]),
  );
}

/** Where the string that begins at `start` ends; the text's end where it does not. */
export function endOfString(text: string, start: number): number {
  let end = text.indexOf('"', start + 1);
  while (end !== -1 && isEscaped(text, end)) end = text.indexOf('"', end + 1);
  return end === -1 ? text.length : end;
}

function isEscaped(text: string, at: number): boolean {
  let backslashes = 0;
  while (text.charCodeAt(at - 1 - backslashes) === BACKSLASH) backslashes += 1;
  return backslashes % 2 === 1;
}
