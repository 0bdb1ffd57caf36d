/** Variables that are set, that no program here reads, and whose names are nearly those of variables that are read. */
import { editDistance } from '#subgraphs/shared/hints.ts';
import { subgraphVariable } from './subgraph-variables.ts';
import { variableTable } from './variables.ts';

export interface UnknownVariable {
  readonly name: string;
  /** What may have been meant. */
  readonly meant: string;
}

/** What is read besides the table: by commands, and by Node. */
const READ_ELSEWHERE = ['TRIBUTARY_TOKEN', 'TRIBUTARY_URL', 'NODE_ENV'];

/** Variables of other programs that happen to be near. */
const OF_OTHERS = new Set(['API_KEY', 'REDIS_URI', 'DATABASE_URI']);

/** By how many letters a name may differ, by its length: what is short is near to much that is somebody else's. */
const farthest = (length: number): number => (length < 6 ? 0 : length < 10 ? 1 : 2);

/** Names as variables are written; what is longer is nobody's mistake. */
const VARIABLE = /^[A-Z][A-Z0-9_]{0,99}$/;

type Environment = Readonly<Record<string, string | undefined>>;

/** Every name that is read, those of files too. */
function knownNames(): Set<string> {
  return new Set([
    ...variableTable().flatMap(({ name, meta }) =>
      meta.secret === true || meta.file === true ? [name, `${name}_FILE`] : [name],
    ),
    ...READ_ELSEWHERE,
  ]);
}

/** Those that are set and read by nothing. */
function* unread(env: Environment, known: ReadonlySet<string>): Generator<string> {
  for (const [name, value] of Object.entries(env))
    if (value && VARIABLE.test(name) && !known.has(name) && !OF_OTHERS.has(name)) yield name;
}

/** @returns names alone, never what they hold */
export function unknownVariables(env: Environment): UnknownVariable[] {
  const known = knownNames();
  return [...unread(env, known)].flatMap((name) => {
    const meant = name.startsWith('SUBGRAPH_')
      ? meantOfSubgraph(name, known)
      : (nearest(name, known, env) ?? notAsFile(name, known));
    return meant === undefined ? [] : [{ name, meant }];
  });
}

/**
 * Variables that are set and not read, that begin like ours and say more, or less: `S3_BUCKET_NAME` for `S3_BUCKET`. They may
 * well be another program's, so that a server does not speak of them; whoever checks his configuration is told.
 * @returns names alone, never what they hold
 */
export function similarVariables(env: Environment): UnknownVariable[] {
  const known = knownNames();
  const told = new Set(unknownVariables(env).map(({ name }) => name));
  return [...unread(env, known)].flatMap((name) => {
    if (told.has(name) || subgraphVariable(name) !== undefined) return [];
    const words = name.split('_');
    const alike = [...known].filter((ours) => !env[ours] && !env[`${ours}_FILE`] && saysMoreOrLess(words, ours));
    const [meant] = alike.sort((a, b) => Math.abs(a.length - name.length) - Math.abs(b.length - name.length));
    return meant === undefined ? [] : [{ name, meant }];
  });
}

function saysMoreOrLess(words: readonly string[], ours: string): boolean {
  const other = ours.split('_');
  if (words.length < 2 || other.length < 2 || words[0] !== other[0]) return false;
  const within = (few: readonly string[], many: readonly string[]): boolean => few.every((word) => many.includes(word));
  return within(words, other) || within(other, words) || ours.startsWith(words.join('_'));
}

function nearest(name: string, known: Iterable<string>, env: Environment): string | undefined {
  let found: { meant: string; edits: number } | undefined;
  for (const meant of known) {
    if (env[meant]) continue; // Then the other is somebody else's.
    const near = farthest(Math.min(name.length, meant.length));
    const most = found === undefined ? near : Math.min(near, found.edits - 1);
    const edits = editDistance(name, meant, most);
    if (edits <= most) found = { meant, edits };
  }
  return found?.meant;
}

/** `PORT_FILE`: what is neither secret nor long is not read from a file. */
function notAsFile(name: string, known: ReadonlySet<string>): string | undefined {
  const meant = /^(.+)_FILE$/.exec(name)?.[1];
  return meant !== undefined && known.has(meant) ? meant : undefined;
}

/** What begins with `SUBGRAPH_` is of a subgraph of any name, so that its ending alone says what was meant. */
function meantOfSubgraph(name: string, known: ReadonlySet<string>): string | undefined {
  const said = subgraphVariable(name);
  if (said !== undefined) return said.isFile && !said.takesFile ? name.replace(/_FILE$/, '') : undefined;
  const words = name.split('_');
  for (let first = 1; first < words.length; first += 1) {
    const ending = words.slice(first).join('_');
    const endings = [...known]
      .filter((ours) => ours.startsWith('SUBGRAPH_'))
      .map((ours) => ours.slice('SUBGRAPH_'.length));
    const meant = nearest(ending, endings, {}) ?? endings.find((ours) => ours.startsWith(`${ending}_`));
    if (meant !== undefined) return [...words.slice(0, first), meant].join('_');
  }
  return undefined;
}
