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
const OF_OTHERS = new Set(['REDIS_URI', 'DATABASE_URI', 'OTEL_BLRP_SCHEDULE_DELAY']);

/** Whose names other programs read many more of: a word more, or less, in such a name is no mistake. */
const SHARED_WORDS = new Set(
  ['DATABASE', 'POSTGRES', 'REDIS', 'S3', 'NEO4J', 'QDRANT', 'OPENAI', 'OTEL', 'TEMPORAL', 'EMBEDDING', 'LOG'].concat(
    ['AMQP', 'DRAMATIQ', 'BULLMQ', 'PGVECTOR', 'API_KEY'], // Another program's, where `API_KEYS` is set: it is none of `API_KEY_DAYS` then.
  ),
);

/** By how many letters a name may differ, by its length: what is short is near to much that is somebody else's. */
const farthest = (length: number): number => (length < 10 ? 1 : 2);

/** Those with another letter in a letter's place are other words: `POST`, `HOME`. */
const isShort = (length: number): boolean => length < 6;

/** Names as variables are written; what is longer is nobody's mistake. */
const VARIABLE = /^[A-Z][A-Z0-9_]{0,99}$/i;

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
      ? (meantOfAll(name, known, env) ?? meantOfSubgraph(name, known))
      : (nearest(name, known, env) ?? wordMoreOrLess(name, known, env) ?? notAsFile(name, known));
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
  const isSmall = name !== name.toUpperCase();
  let found: { meant: string; edits: number } | undefined;
  for (const meant of known) {
    if (isGiven(meant, env)) continue; // Then the other is somebody else's.
    // In small letters it is a mistake only where it is the very name: `http_proxy` and its like are others'.
    if (isSmall) {
      if (meant.includes('_') && name.toUpperCase() === meant) return meant;
      continue;
    }
    const shorter = Math.min(name.length, meant.length);
    const near = farthest(shorter);
    const most = found === undefined ? near : Math.min(near, found.edits - 1);
    const edits = editDistance(name, meant, most);
    if (edits <= most && !(isShort(shorter) && isReplaced(name, meant))) found = { meant, edits };
  }
  return found?.meant;
}

const isGiven = (name: string, env: Environment): boolean => Boolean(env[name] || env[`${name}_FILE`]);

/** Whether two names that are one edit apart differ by a letter in another's place. */
const isReplaced = (name: string, other: string): boolean =>
  name.length === other.length && [...name].sort().join('') !== [...other].sort().join('');

/** `RATE_LIMIT_PER_PRINCIPAL`, `SESSION_RETENTION`: a word more, or one less. The first word says whose a variable is. */
function wordMoreOrLess(name: string, known: Iterable<string>, env: Environment): string | undefined {
  const words = name.split('_');
  if (SHARED_WORDS.has(words[0]!) || SHARED_WORDS.has(name)) return undefined;
  for (const meant of known) {
    const other = meant.split('_');
    const [few, many] = words.length < other.length ? [words, other] : [other, words];
    if (few.length < 2 || many.length !== few.length + 1 || few[0] !== many[0] || isGiven(meant, env)) continue;
    if (many.some((_, at) => at > 0 && few.every((word, index) => word === many[index < at ? index : index + 1])))
      return meant;
  }
  return undefined;
}

/** `PORT_FILE`: what is neither secret nor long is not read from a file. */
function notAsFile(name: string, known: ReadonlySet<string>): string | undefined {
  const meant = /^(.+)_FILE$/.exec(name)?.[1];
  return meant !== undefined && known.has(meant) ? meant : undefined;
}

/**
 * `SUBGRAPH_SAHRE_SUBSCRIPTIONS` could be the setting of a subgraph `sahre`, but a letter makes it one that holds for all.
 * @returns undefined where such a subgraph is named besides
 */
function meantOfAll(name: string, known: ReadonlySet<string>, env: Environment): string | undefined {
  const ending = subgraphVariable(name)?.ofAll?.slice('SUBGRAPH'.length) ?? '';
  const one = name.replace(/_FILE$/, '').slice(0, -ending.length);
  if (ending !== '' && env[`${one}_URL`]) return undefined;
  return [...known].find((ours) => ours.startsWith('SUB') && !isGiven(ours, env) && editDistance(name, ours, 1) === 1);
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
