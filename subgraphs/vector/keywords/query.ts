/** What a keyword query asks for, in the terms of `terms.ts`, whatever store ranks. */
import { runsOf, termsOf, type Run } from '#subgraphs/shared/terms/terms.ts';
import { stem } from '#subgraphs/shared/terms/stem.ts';
import { STOP_WORDS } from './stop-words.ts';

/** A term to rank by, and how much it counts beside others. */
export interface WeightedTerm {
  readonly term: string;
  readonly weight: number;
}

/** Terms in a row, of which a chunk has each at the place of the one before plus one. */
export type Phrase = readonly string[];

/** What a chunk must have, and what it must not, however chunks are ranked. */
export interface RequiredWords {
  /** What was put between quotes: every one must stand in a chunk. */
  readonly phrases: readonly Phrase[];
  /** None of them may. */
  readonly without: readonly Phrase[];
}

export interface KeywordTerms extends RequiredWords {
  /** Any of them counts; none twice. Empty where nothing is asked for. */
  readonly terms: readonly WeightedTerm[];
  /** The words as they are written whose stems are among the terms. */
  readonly words: readonly WeightedTerm[];
  /** The last word, which may be the beginning of one, where it was not put between quotes. */
  readonly prefix: (WeightedTerm & { /** What it is where it is a word. */ readonly known: string }) | undefined;
}

/** A word that is left off at the last letters says less than a whole one. */
const PREFIX_WEIGHT = 0.5;
const SHORTEST_PREFIX = 2;
/** A quoted phrase or a run, each after its minus where there is one. A dash that begins two or more is a flag's. */
const PART = /(-?)"([^"]*)"|(\S+)/gu;
/** `-cache`: a word of three letters or more, so that the `-g` of a command is looked for. */
const EXCLUSION = /^-(?=\p{L}[\p{L}\p{N}_.'-]{2})/u;

/**
 * @param most terms at most; the first count
 */
export function parseKeywords(query: string, most: number): KeywordTerms {
  const text = query.normalize('NFKC').replace(/[“”„]/g, '"');
  const phrases: Phrase[] = [];
  const without: Phrase[] = [];
  const excluded: string[] = [];
  const quoted: string[] = [];
  const plain: string[] = [];
  for (const [, minus, phrase, written] of text.matchAll(PART)) {
    if (phrase !== undefined) {
      const row = rowOf(phrase);
      if (row.length === 0) continue;
      if (minus === '-') without.push(row);
      else {
        phrases.push(row);
        quoted.push(phrase);
      }
    } else if (EXCLUSION.test(written!)) excluded.push(written!);
    else plain.push(written!);
  }
  // What is left out must be left out of something.
  if (plain.length + quoted.length === 0) plain.push(...excluded);
  else without.push(...excluded.map((written) => rowOf(written.slice(1))).filter((row) => row.length > 0));

  const runs = [...runsOf(plain.join(' '))];
  const ofQuotes = quoted.flatMap((phrase) => [...runsOf(phrase)]);
  const telling = runs.filter((run) => !isStopWord(run));
  const weights = new Map<string, number>();
  const asked = [...(telling.length + ofQuotes.length > 0 ? telling : runs), ...ofQuotes];
  for (const run of asked)
    for (const { term, weight } of weighed(run)) {
      if (!weights.has(term) && weights.size === most) continue;
      weights.set(term, Math.max(weights.get(term) ?? 0, weight));
    }
  return {
    terms: [...weights].map(([term, weight]) => ({ term, weight })),
    words: asked
      .flatMap(({ atoms }) => atoms.map(({ term }) => ({ term, weight: 1 / atoms.length })))
      .filter(({ term }) => stem(term) !== term)
      .slice(0, most),
    prefix: prefixOf(text, telling.at(-1)),
    phrases,
    without,
  };
}

/** Each word of a query weighs one; so does all that is glued together, by its atoms, by those next to each other, and as a whole. */
function weighed({ atoms, terms }: Run): WeightedTerm[] {
  const stems = new Map(terms.filter(({ kind }) => kind === 'stem').map(({ term, at }) => [at, term]));
  const words = terms
    .filter(({ kind, at }) => kind === 'word' && (atoms.length === 1 || !atoms[at]!.character))
    // Every form of a word has the stem, so that the word itself need not be looked for.
    .map(({ term, at }) => stems.get(at) ?? term);
  const ofKind = (wanted: string): string[] => terms.filter(({ kind }) => kind === wanted).map(({ term }) => term);
  const spread = (own: readonly string[]): WeightedTerm[] => own.map((term) => ({ term, weight: 1 / own.length }));
  return [
    ...spread(words),
    ...ofKind('pair').map((term) => ({ term, weight: 1 })),
    ...spread(ofKind('joined')),
    ...spread(ofKind('whole')),
  ];
}

const isStopWord = ({ atoms }: Run): boolean => atoms.every(({ term }) => STOP_WORDS.has(term));

/** The atoms of a phrase in a row; of scripts without spaces their pairs. */
function rowOf(phrase: string): string[] {
  return [...runsOf(phrase)].flatMap(({ atoms }) => atoms.map(({ term }) => term));
}

/** The last word, where the query ends with it and it is one word. */
function prefixOf(text: string, last: Run | undefined): KeywordTerms['prefix'] {
  if (last === undefined || last.atoms.length !== 1 || !/[\p{L}\p{N}\p{M}]$/u.test(text)) return undefined;
  const [{ term, character }] = last.atoms as [Run['atoms'][number]];
  if (character || term.length < SHORTEST_PREFIX) return undefined;
  const final = [...runsOf(text)].at(-1)!.atoms.at(-1)!.term;
  return final === term ? { term, weight: PREFIX_WEIGHT, known: stem(term) } : undefined;
}

/** What a query asks of every chunk; undefined where that is nothing. @param most as for {@link parseKeywords} */
export function requiredWords(query: string, most: number): RequiredWords | undefined {
  const { phrases, without } = parseKeywords(query, most);
  return phrases.length + without.length === 0 ? undefined : { phrases, without };
}

/** Whether a text has every phrase and none of what it may not have; for stores that cannot tell. */
export function holds({ phrases, without }: RequiredWords, title: string, text: string): boolean {
  const { positions } = termsOf(title, text);
  const has = ([first, ...rest]: Phrase): boolean =>
    (positions.get(first!) ?? []).some((start) =>
      rest.every((term, index) => positions.get(term)?.includes(start + index + 1) === true),
    );
  return phrases.every(has) && !without.some(has);
}
