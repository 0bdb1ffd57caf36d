/**
 * What is told beside an answer that is no error: a name that nothing bears, such as a kind of entities, gives an empty
 * list, and the caller cannot see whether there is none or he misspelt it. A resolver notes a hint; whoever executes takes
 * all of an execution and answers them as `extensions.hints`, where the gateway gives them the client's paths.
 */
import type { GraphQLResolveInfo } from 'graphql';
import { SHARED } from './bounds.ts';

export interface Hint {
  /** Of the field that it is about. */
  readonly path: readonly (string | number)[];
  /** What looks wrong, for a person or a model. */
  readonly message: string;
  /** What may have been meant, the likeliest first; empty where nothing is like it. Of the caller's own data alone. */
  readonly suggestions: readonly string[];
}

/** By what each execution has of its own: its variables. */
const noted = new WeakMap<object, Hint[]>();

/** Notes a hint about the field; those over {@link SHARED.hints} are left out. */
export function noteHint({ path, variableValues }: GraphQLResolveInfo, hint: Omit<Hint, 'path'>): void {
  let hints = noted.get(variableValues);
  if (hints === undefined) noted.set(variableValues, (hints = []));
  if (hints.length >= SHARED.hints) return;
  const at: (string | number)[] = [];
  for (let step: GraphQLResolveInfo['path'] | undefined = path; step !== undefined; step = step.prev)
    at.unshift(step.key);
  hints.push({ path: at, ...hint });
}

/** What was noted in the execution with these variables; undefined for nothing. */
export const hintsOf = (variableValues: object): readonly Hint[] | undefined => noted.get(variableValues);

/**
 * Hints that came as JSON, cut to what is accepted of one answer. What is none is left out.
 * @param value of `extensions.hints`
 */
export function readHints(value: unknown): Hint[] {
  if (!Array.isArray(value)) return [];
  const isText = (part: unknown): part is string => typeof part === 'string';
  return value.slice(0, SHARED.hints).flatMap((given: Partial<Hint> | null) => {
    const { path, message, suggestions } = given ?? {};
    if (!isText(message) || !Array.isArray(path) || !Array.isArray(suggestions)) return [];
    return [
      {
        path: path.filter((part) => isText(part) || typeof part === 'number'),
        message: message.slice(0, SHARED.hintCharacters),
        suggestions: suggestions
          .filter(isText)
          .slice(0, SHARED.suggestions)
          .map((suggestion) => suggestion.slice(0, SHARED.hintCharacters)),
      },
    ];
  });
}

/**
 * Those of `known` that somebody who wrote `name` may have meant, the likeliest first: the same but for case and what stands
 * between words, with it at its beginning or in it, or a few letters away.
 * @returns at most {@link SHARED.suggestions}
 */
export function likeliest(name: string, known: Iterable<string>): string[] {
  const meant = plain(name);
  if (meant === '') return [];
  const most = Math.floor(meant.length * 0.4) + 1;
  const ranked: [rank: number, known: string][] = [];
  for (const each of known) {
    const other = plain(each);
    if (other === meant) ranked.push([0, each]);
    else if (other !== '' && (other.startsWith(meant) || meant.startsWith(other))) ranked.push([1, each]);
    else if (meant.length > 2 && other.includes(meant)) ranked.push([2, each]);
    else {
      const edits = editDistance(meant, other, most);
      if (edits <= most) ranked.push([2 + edits, each]);
    }
  }
  return ranked
    .sort(([a, one], [b, other]) => a - b || one.length - other.length || (one < other ? -1 : 1))
    .slice(0, SHARED.suggestions)
    .map(([, each]) => each);
}

/** A hint that there is no `what` of this name. @param known those that there are, or some of them */
export function unknownName(what: string, name: string, known: readonly string[]): Omit<Hint, 'path'> {
  const suggestions = likeliest(name, known);
  const said = JSON.stringify(name.slice(0, 80));
  if (suggestions.length > 0)
    return { message: `There is no ${what} ${said}. Did you mean ${listed(suggestions)}?`, suggestions };
  const some = known.slice(0, SHARED.suggestions);
  if (some.length === 0) return { message: `There is no ${what} ${said}.`, suggestions };
  return { message: `There is no ${what} ${said}. There are, among others, ${listed(some, 'and')}.`, suggestions };
}

function listed(names: readonly string[], last = 'or'): string {
  const said = names.map((name) => JSON.stringify(name));
  return said.length < 2 ? (said[0] ?? '') : `${said.slice(0, -1).join(', ')} ${last} ${said.at(-1)}`;
}

const plain = (name: string): string =>
  name
    .normalize('NFKD')
    .toLowerCase()
    .replace(/[\p{M}\s_\-.:/]+/gu, '')
    .slice(0, SHARED.hintCharacters);

/** Levenshtein's distance, in which two letters that changed places are one edit; more than `most` where it is more. */
export function editDistance(a: string, b: string, most: number): number {
  const far = most + 1;
  if (Math.abs(a.length - b.length) > most) return far;
  let before: number[] = [];
  let row = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    let least = i;
    // What is further from the diagonal is too far anyway.
    const from = Math.max(1, i - most);
    for (let j = 1; j < from; j++) next.push(far);
    for (let j = from; j <= Math.min(b.length, i + most); j++) {
      const edits = Math.min((row[j] ?? far) + 1, next[j - 1]! + 1, row[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1));
      const isSwapped = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1];
      next.push(isSwapped ? Math.min(edits, (before[j - 2] ?? far) + 1) : edits);
      least = Math.min(least, next[j]!);
    }
    // Of a swap, what is two rows before counts.
    if (least > far) return far;
    [before, row] = [row, next];
  }
  return Math.min(row[b.length] ?? far, far);
}
