/**
 * What keyword search takes for words, of texts and of queries alike, whatever store ranks them.
 *
 * A text is cut at spaces, brackets and quotes into runs, and a run into atoms: at every other character, at `_`, and where
 * camelCase changes. Each atom has a position, so that phrases are atoms in a row. Beside the atom as it is, folded, stand at
 * its position: its English stem; with the atom before it in the same run, the two written together (`noCache`, `no-cache` and
 * `no_cache` are `nocache` all three); and where they begin, the whole run, its segments and its identifiers as they are written
 * (`--no-cache=true`, `--no-cache`, `no-cache`), so that what is glued together is found in parts and ranks first as a whole.
 * Scripts that write no spaces, and Korean, have characters for atoms, and pairs of neighbours for words.
 */
import { stem } from './stem.ts';

/**
 * Of what is stored. Whoever changes which terms a text has raises it, with a migration that makes the index of old rows anew
 * (`0006_keywords.sql`): stored texts are then gone through again in the background.
 */
export const TERMS_VERSION = 1;

/** Longer ones, in UTF-16 code units, are found by their parts. */
const LONGEST_WHOLE = 80;
/** Longer atoms are cut into pieces of this: PostgreSQL takes lexemes of 2 kB at most. */
const LONGEST_ATOM = 128;

export interface Analyzed {
  /** Where each term stands: ascending, from 1. */
  readonly positions: ReadonlyMap<string, readonly number[]>;
  /** How many atoms there are. */
  readonly words: number;
}

/** The terms of a stored text. The title counts twice. */
export function termsOf(title: string, text: string): Analyzed {
  const positions = new Map<string, number[]>();
  let [next, words] = [1, 0];
  for (const part of title === '' ? [text] : [title, title, text]) {
    for (const run of writtenIn(part)) {
      // Not as a `Run`: of a long text without spaces that would be all its terms once more.
      const atoms = takeApart(run, (term, at) => {
        const own = positions.get(term);
        if (own === undefined) positions.set(term, [next + at]);
        else if (own[own.length - 1] !== next + at) own.push(next + at);
      });
      next += atoms;
      words += atoms;
    }
    next += 1; // No phrase goes from the title into the text.
  }
  return { positions, words };
}

/** What stands between two spaces, taken apart. */
export interface Run {
  /** Folded, in order. */
  readonly atoms: readonly Atom[];
  /** All terms, each with the index of the atom that it stands at. */
  readonly terms: readonly { readonly term: string; readonly at: number; readonly kind: TermKind }[];
}

/**
 * `word`: an atom as it is written; `stem`: its stem, where that is another; `joined`: two atoms written together; `whole`: what
 * is written without a space; `pair`: two neighbours of a script without spaces.
 */
export type TermKind = 'word' | 'stem' | 'joined' | 'whole' | 'pair';

export interface Atom {
  readonly term: string;
  /** Whether it is one character of a script without spaces. */
  readonly character: boolean;
}

/** Joiners, soft hyphens and variation selectors: inside of words, and no part of them. */
const INVISIBLE = /(?!\u200b)\p{Default_Ignorable_Code_Point}/gu;
const RUN = /[^\s"“”„«»‹›()[\]{}<>|;,`、。，；「」『』【】（）…\u200b]+/gu;
const DASHES = /[\u2010-\u2015\u2212]/g;
/**
 * What may begin a whole: flags, paths, scopes, anchors, ranges of versions. Looked for where such marks begin alone: from each of
 * many in a row it would be looked for to their end.
 */
const WHOLE = /(?<![-./\\@#$~^+_])[-./\\@#$~^+_]*[\p{L}\p{N}](?:.*[\p{L}\p{N}\p{M}])?[+#]{0,2}/su;
/** Between segments, and between identifiers. */
const SEGMENTS = /([/\\:=?&@#~^$%!*'’·]+)/u;
const IDENTIFIERS = /([^\p{L}\p{N}\p{M}_]+)/u;
/** A word between two characters that are no part of one. */
const PIECE = /[\p{L}\p{N}\p{M}]+|\p{Extended_Pictographic}/gu;
const CAPITAL = /\p{Lu}/u;
/** Where camelCase changes: `noCache`, `HTMLParser`. */
const CASES = /(?<=[\p{Ll}\p{N}])(?=\p{Lu})|(?<=\p{Lu})(?=\p{Lu}\p{Ll})/u;
/** Characters of scripts without spaces, and of Korean, whose words are whole phrases. With what is set above and below. */
const SCRIPTS = ['Han', 'Hiragana', 'Katakana', 'Hangul', 'Thai', 'Lao', 'Khmer', 'Myanmar']
  .map((script) => `\\p{scx=${script}}`)
  .join('');
const SPACELESS = new RegExp(`(?:(?=[\\p{L}\\p{N}])[${SCRIPTS}]\\p{M}*)+`, 'gu');
const CHARACTER = /\P{M}\p{M}*/gu;
/** Some letter of a script with spaces, or a digit: of others the characters are all there is. */
const SPACED = new RegExp(`(?=[\\p{L}\\p{N}])[^${SCRIPTS}]`, 'u');
const IS_ASCII = /^[\0-\x7f]*$/;

/** The runs of a text that have any atom. */
export function* runsOf(text: string): Generator<Run> {
  for (const run of writtenIn(text)) {
    const atoms: Atom[] = [];
    const terms: { term: string; at: number; kind: TermKind }[] = [];
    takeApart(run, (term, at, kind, character) => {
      if (kind === 'word') atoms.push({ term, character });
      terms.push({ term, at, kind });
    });
    if (atoms.length > 0) yield { atoms, terms };
  }
}

/** Terms of a text, and where they stand in it as it is written: in UTF-16 code units, `end` behind the last. */
export interface TermsWithin {
  readonly start: number;
  readonly end: number;
  readonly terms: readonly string[];
}

/**
 * The terms of a text with their places: those of a run from its first letter to its last, those of scripts without spaces by
 * character and by pair, which overlap.
 */
export function* termsWithin(text: string): Generator<TermsWithin> {
  for (const { 0: run, index } of text.matchAll(RUN)) {
    if (!SPACED.test(run)) {
      yield* charactersWithin(run, index);
      continue;
    }
    const first = run.search(/[\p{L}\p{N}]/u);
    const terms: string[] = [];
    takeApart(inOneForm(run), (term) => terms.push(term));
    yield { start: index + first, end: index + endOfWord(run), terms };
  }
}

function* charactersWithin(run: string, index: number): Generator<TermsWithin> {
  let before: RegExpExecArray | undefined;
  for (const found of run.matchAll(/[\p{L}\p{N}]\p{M}*/gu)) {
    const [start, end] = [index + found.index, index + found.index + found[0].length];
    const term = fold(inOneForm(found[0]));
    yield { start, end, terms: [term] };
    if (before !== undefined && before.index + before[0].length === found.index)
      yield { start: index + before.index, end, terms: [fold(inOneForm(before[0])) + term] };
    before = found;
  }
}

/** Where a run's last word ends; `C++` and `C#` are one. */
function endOfWord(run: string): number {
  let end = run.length;
  while (!/[\p{L}\p{N}\p{M}+#\udc00-\udfff]/u.test(run[end - 1]!)) end -= 1;
  return end;
}

/** The runs as they are written, in one form of Unicode. */
function* writtenIn(text: string): Generator<string> {
  for (const [run] of inOneForm(text).matchAll(RUN)) yield run;
}

const inOneForm = (text: string): string =>
  IS_ASCII.test(text) ? text : text.normalize('NFKC').replace(INVISIBLE, '').replace(DASHES, '-');

/** Most runs: a word as it is anywhere, and what is set around it. */
const PLAIN = /^[*':!?=&%]*([A-Z]?[a-z]{1,80}|[A-Z]{1,80})[^\p{L}\p{N}+#]*$/u;

/**
 * Takes a run apart.
 * @param add told of each term, the index of the atom that it stands at, and whether that is one character of a script without spaces
 * @returns how many atoms it has
 */
function takeApart(
  written: string,
  add: (term: string, at: number, kind: TermKind, character: boolean) => void,
): number {
  const plain = PLAIN.exec(written);
  if (plain !== null) {
    const term = plain[1]!.toLowerCase();
    const stemmed = stem(term);
    add(term, 0, 'word', false);
    if (stemmed !== term) add(stemmed, 0, 'stem', false);
    return 1;
  }
  // Texts in scripts without spaces have no wholes to compare with, and as many terms as they have characters.
  const hasWholes = SPACED.test(written);
  const known = new Set<string>();
  const addKnown = (term: string, at: number, kind: TermKind, character: boolean): void => {
    if (hasWholes) known.add(term);
    add(term, at, kind, character);
  };
  /** Where atoms begin in what is written, to know where a whole stands. */
  const starts: number[] = [];
  let [before, beforeIsCharacter] = ['', false];
  for (const piece of written.matchAll(PIECE)) {
    let from = piece.index;
    for (const part of CAPITAL.test(piece[0]) ? piece[0].split(CASES) : [piece[0]]) {
      for (const { texts, character } of scriptsOf(part)) {
        for (const text of texts) {
          // A character without marks is what it is.
          const term = character && text.length === 1 ? text : fold(text);
          if (term === '') continue;
          const at = starts.push(from) - 1;
          from += text.length;
          addKnown(term, at, 'word', character);
          if (character) {
            if (beforeIsCharacter) addKnown(before + term, at - 1, 'pair', true);
          } else {
            const stemmed = stem(term);
            if (stemmed !== term) addKnown(stemmed, at, 'stem', false);
            if (before !== '' && !beforeIsCharacter) addKnown(joined(before, term), at - 1, 'joined', false);
          }
          [before, beforeIsCharacter] = [term, character];
        }
      }
    }
  }
  if (starts.length === 0 || !hasWholes) return starts.length;
  for (const whole of wholesOf(written)) {
    const term = fold(whole.text);
    if (term.length > LONGEST_WHOLE || known.has(term)) continue;
    known.add(term);
    add(term, placeOf(starts, whole.from), 'whole', false);
  }
  return starts.length;
}

/** The index of the first start that is not before `from`, of ascending ones; 0 where there is none. */
function placeOf(starts: readonly number[], from: number): number {
  let [low, high] = [0, starts.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (starts[middle]! >= from) high = middle;
    else low = middle + 1;
  }
  return low === starts.length ? 0 : low;
}

/** The run, its segments and identifiers, with and without what stands before them; those of no more than a word too. */
function* wholesOf(written: string): Generator<{ text: string; from: number }> {
  const whole = WHOLE.exec(written);
  if (whole === null) return;
  const trimmed = { text: whole[0], from: whole.index };
  yield* bareAndNot(trimmed);
  for (const segment of splitAt(trimmed, SEGMENTS)) {
    yield* bareAndNot(segment);
    for (const identifier of splitAt(segment, IDENTIFIERS)) yield* bareAndNot(identifier);
  }
}

function* bareAndNot({ text, from }: { text: string; from: number }): Generator<{ text: string; from: number }> {
  const ends = WHOLE.exec(text);
  if (ends === null) return;
  yield { text: ends[0], from: from + ends.index };
  const bare = ends[0].search(/[\p{L}\p{N}]/u);
  if (bare > 0) yield { text: ends[0].slice(bare), from: from + ends.index + bare };
  // `v1.2.3` is found as `1.2.3`.
  if (/^v\d/i.test(ends[0].slice(bare))) yield { text: ends[0].slice(bare + 1), from: from + ends.index + bare };
}

function* splitAt(
  { text, from }: { text: string; from: number },
  at: RegExp,
): Generator<{ text: string; from: number }> {
  let place = from;
  for (const part of text.split(at)) {
    if (/[\p{L}\p{N}]/u.test(part)) yield { text: part, from: place };
    place += part.length;
  }
}

/** Numbers stay apart: `1.2` is not `12`. A version’s `v` is no part of its number. */
function joined(a: string, b: string): string {
  const first = /^v\d+$/.test(a) ? a.slice(1) : a;
  return /\d$/.test(first) && /^\d/.test(b) ? `${first}.${b}` : first + b;
}

/** A part, cut into characters of scripts without spaces and what is between them. */
function scriptsOf(part: string): { texts: readonly string[]; character: boolean }[] {
  if (IS_ASCII.test(part)) return [{ texts: cut(part), character: false }];
  const pieces: { texts: readonly string[]; character: boolean }[] = [];
  let from = 0;
  for (const found of part.matchAll(SPACELESS)) {
    pieces.push({ texts: cut(part.slice(from, found.index)), character: false });
    pieces.push({ texts: found[0].match(CHARACTER)!, character: true });
    from = found.index + found[0].length;
  }
  pieces.push({ texts: cut(part.slice(from)), character: false });
  return pieces;
}

function cut(text: string): string[] {
  const pieces: string[] = [];
  for (let from = 0; from < text.length; from += LONGEST_ATOM) pieces.push(text.slice(from, from + LONGEST_ATOM));
  return pieces;
}

/** Accents of Latin, Greek and Cyrillic, points of Hebrew, vowels of Arabic: many leave them out. Not the vowels of Indic scripts. */
const ACCENTS = /[\u0300-\u036f\u0591-\u05c7\u064b-\u0655\u0670\u0640]/g;
/** Letters that have no accent to take off, and are written without their stroke all the same. */
const LETTERS: Readonly<Record<string, string>> = {
  ß: 'ss',
  æ: 'ae',
  œ: 'oe',
  ø: 'o',
  đ: 'd',
  ð: 'd',
  þ: 'th',
  ł: 'l',
  ħ: 'h',
  ı: 'i',
  ς: 'σ',
  ى: 'ي',
  ة: 'ه',
  '’': "'",
};
const STROKED = new RegExp(`[${Object.keys(LETTERS).join('')}]`, 'g');

/** One form of what is written in capitals or not, with accents or without. */
export function fold(text: string): string {
  const lower = text.toLowerCase();
  if (IS_ASCII.test(lower)) return lower;
  return lower
    .normalize('NFD')
    .replace(ACCENTS, '')
    .normalize('NFC')
    .replace(STROKED, (letter) => LETTERS[letter]!);
}
