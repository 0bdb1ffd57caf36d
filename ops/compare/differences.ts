/** Where two answers to one operation differ, and whether it matters. */
import { isDeepStrictEqual } from 'node:util';
import { byValue, ExactNumber, writeJson } from '#subgraphs/shared/exact-number.ts';
import { COMPARE } from './bounds.ts';
import type { Answered, Outcome } from './side.ts';

export interface Differences {
  /** Places of `data` that differ, as paths; the first {@link COMPARE}.places. */
  readonly data: readonly string[];
  /** What one side calls an error and the other does not. */
  readonly errors: readonly string[];
  /** Errors that both have, in other words, codes or places: gateways word them each in their way. */
  readonly wording: readonly string[];
}

/**
 * @param unstable places that differ from one round to the next on one side: clocks, random numbers
 */
export function differencesOf(ours: Outcome, theirs: Outcome, unstable: ReadonlySet<string> = new Set()): Differences {
  if (ours.answer === undefined || theirs.answer === undefined) {
    const same = ours.answer === undefined && theirs.answer === undefined;
    const told = `${tellFailure('ours', ours)}; ${tellFailure('theirs', theirs)}`;
    return { data: [], errors: same ? [] : [told], wording: same ? [told] : [] };
  }
  const data = placesOf(ours.answer.data ?? null, theirs.answer.data ?? null)
    .filter(({ path }) => !unstable.has(path))
    .map(({ path, how }) => `${path}${how}`);
  const [our, their] = [errorsOf(ours.answer), errorsOf(theirs.answer)];
  const told = `ours: ${our.join(' | ') || 'none'}; theirs: ${their.join(' | ') || 'none'}`;
  if ((our.length === 0) !== (their.length === 0)) return { data, errors: [told], wording: [] };
  return { data, errors: [], wording: isDeepStrictEqual(our, their) ? [] : [told] };
}

const tellFailure = (side: string, { failure }: Outcome): string => `${side}: ${failure ?? 'an answer'}`;

/** In an order of their own: gateways tell them as they come. */
const errorsOf = ({ errors = [] }: Answered): string[] =>
  errors
    .map(
      ({ message, path, extensions }) =>
        `${path?.join('.') ?? '-'} ${String(extensions?.code ?? '-')} ${JSON.stringify(message)}`,
    )
    .sort();

/** Where two values differ, and how. */
interface Place {
  readonly path: string;
  readonly how: string;
}

/**
 * The places at which two values differ, in the order of the first; lists are compared item by item, objects by their
 * keys, and numbers by their value, however long: 1.10 is 1.1, and 9007199254740993 no double.
 */
export function placesOf(a: unknown, b: unknown): Place[] {
  const places: Place[] = [];
  const differ = (path: string, how: string): void => void places.push({ path: path || 'data', how });
  const walk = (x: unknown, y: unknown, path: string): void => {
    if (places.length >= COMPARE.places || isSame(x, y)) return;
    if (Array.isArray(x) && Array.isArray(y)) {
      if (x.length !== y.length) differ(path, ` has ${x.length} items, and ${y.length}`);
      for (let index = 0; index < Math.min(x.length, y.length); index++) walk(x[index], y[index], `${path}[${index}]`);
      return;
    }
    if (isObject(x) && isObject(y)) {
      for (const key of new Set([...Object.keys(x), ...Object.keys(y)]))
        walk(x[key], y[key], path === '' ? key : `${path}.${key}`);
      return;
    }
    differ(path, `: ${show(x)}, and ${show(y)}`);
  };
  walk(a, b, '');
  return places;
}

function isSame(x: unknown, y: unknown): boolean {
  if (!isNumber(x) || !isNumber(y)) return Object.is(x, y);
  const [one, other] = [byValue(x), byValue(y)];
  return one instanceof ExactNumber && other instanceof ExactNumber ? one.text === other.text : Object.is(one, other);
}

const isNumber = (value: unknown): value is number | ExactNumber =>
  typeof value === 'number' || value instanceof ExactNumber;

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value) && !isNumber(value);

/** Short: answers hold texts. */
function show(value: unknown): string {
  const text = value === undefined ? 'absent' : writeJson(value);
  return text.length > 60 ? `${text.slice(0, 59)}…` : text;
}
