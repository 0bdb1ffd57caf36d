/** What stands in files of metadata: values of which each knows its file and line, so that whatever is said of one names it. */
import { badUserInput } from '#subgraphs/shared/errors.ts';

/** A value, and where it stands: `<file>:<line>`. */
export interface Placed {
  readonly at: string;
  readonly value: string | number | boolean | null | readonly Placed[] | ReadonlyMap<string, Placed>;
}

const HINT = 'Nothing was written. Export the metadata anew (`hasura metadata export`), or mend the file.';

/** @param message what is wrong, and what to do */
export const wrongAt = (at: string, message: string) => badUserInput(`${at}: ${message}`, { hint: HINT });

const isMap = (value: Placed['value']): value is ReadonlyMap<string, Placed> => value instanceof Map;
const isList = (value: Placed['value']): value is readonly Placed[] => Array.isArray(value);

/** The fields of a mapping; none where nothing is said. @param what it is called in messages */
export function fieldsOf(placed: Placed | undefined, what: string): ReadonlyMap<string, Placed> {
  if (placed === undefined || placed.value === null) return new Map();
  if (!isMap(placed.value)) throw wrongAt(placed.at, `${what} must be a mapping, and is ${kindOf(placed)}.`);
  return placed.value;
}

/** The items of a list; none where nothing is said. */
export function itemsOf(placed: Placed | undefined, what: string): readonly Placed[] {
  if (placed === undefined || placed.value === null) return [];
  if (!isList(placed.value)) throw wrongAt(placed.at, `${what} must be a list, and is ${kindOf(placed)}.`);
  return placed.value;
}

/** A text; undefined where nothing is said. */
export function textOf(placed: Placed | undefined, what: string): string | undefined {
  if (placed === undefined || placed.value === null) return undefined;
  // YAML has names such as `yes` and `1` as other values.
  if (typeof placed.value === 'object') throw wrongAt(placed.at, `${what} must be a text, and is ${kindOf(placed)}.`);
  return String(placed.value);
}

/** A text that must be there. @param owner what it is of */
export function neededText(placed: Placed | undefined, what: string, owner: Placed): string {
  const text = textOf(placed, what);
  if (text === undefined || text === '') throw wrongAt(owner.at, `${what} is missing.`);
  return text;
}

/** Whether a value is true, and not only said to be something else. */
export const isTrue = (placed: Placed | undefined): boolean => placed?.value === true;

/** A text, or a list of texts. */
export const textsOf = (placed: Placed | undefined, what: string): readonly string[] =>
  placed !== undefined && isList(placed.value)
    ? placed.value.map((item) => neededText(item, `an item of ${what}`, item))
    : [textOf(placed, what) ?? []].flat();

/** A value as one would write it, cut where it is long. */
export function shown(placed: Placed, characters: number): string {
  const text = JSON.stringify(plain(placed));
  return text.length <= characters ? text : `${text.slice(0, characters)}…`;
}

function plain({ value }: Placed): unknown {
  if (isList(value)) return value.map(plain);
  if (isMap(value)) return Object.fromEntries([...value].map(([key, part]) => [key, plain(part)]));
  return value;
}

function kindOf({ value }: Placed): string {
  if (isList(value)) return 'a list';
  if (isMap(value)) return 'a mapping';
  return value === null ? 'nothing' : JSON.stringify(value).slice(0, 60);
}
