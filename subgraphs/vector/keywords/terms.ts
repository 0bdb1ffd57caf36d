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
    for (const run of runsOf(part)) {
      for (const { term, at } of run.terms) {
        const own = positions.get(term);
        if (own === undefined) positions.set(term, [next + at]);
        else if (own[own.length - 1] !== next + at) own.push(next + at);
      }
      next += run.atoms.length;
      words += run.atoms.length;
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
/** What may begin a whole: flags, paths, scopes, anchors, ranges of versions. */
const WHOLE = /[-./\\@#$~^+_]*[\p{L}\p{N}](?:.*[\p{L}\p{N}\p{M}])?[+#]{0,2}/su;
/** Between segments, and between identifiers. */
const SEGMENTS = /([/\\:=?&@#~^$%!*'’·]+)/u;
const IDENTIFIERS = /([^\p{L}\p{N}\p{M}_]+)/u;
/** A word between two characters that are no part of one. */
const PIECE = /[\p{L}\p{N}\p{M}]+|\p{Extended_Pictographic}/gu;
/** Where camelCase changes: `noCache`, `HTMLParser`. */
const CASES = /(?<=[\p{Ll}\p{N}])(?=\p{Lu})|(?<=\p{Lu})(?=\p{Lu}\p{Ll})/u;
/** Characters of scripts without spaces, and of Korean, whose words are whole phrases. With what is set above and below. */
const SCRIPTS = ['Han', 'Hiragana', 'Katakana', 'Hangul', 'Thai', 'Lao', 'Khmer', 'Myanmar']
  .map((script) => `\\p{scx=${script}}`)
  .join('');
const SPACELESS = new RegExp(`(?=[\\p{L}\\p{N}])[${SCRIPTS}]\\p{M}*`, 'gu');
/** Some letter of a script with spaces, or a digit: of others the characters are all there is. */
const SPACED = new RegExp(`(?=[\\p{L}\\p{N}])[^${SCRIPTS}]`, 'u');
const IS_ASCII = /^[\0-\x7f]*$/;

/** The runs of a text that have any atom. */
export function* runsOf(text: string): Generator<Run> {
  const plain = IS_ASCII.test(text) ? text : text.normalize('NFKC').replace(INVISIBLE, '').replace(DASHES, '-');
  for (const [run] of plain.matchAll(RUN)) {
    const made = runOf(run);
    if (made !== undefined) yield made;
  }
}

/** Most runs: a word as it is anywhere, and what is set around it. */
const PLAIN = /^[*':!?=&%]*([A-Z]?[a-z]{1,80}|[A-Z]{1,80})[^\p{L}\p{N}+#]*$/u;

function runOf(written: string): Run | undefined {
  const plain = PLAIN.exec(written);
  if (plain !== null) {
    const term = plain[1]!.toLowerCase();
    const stemmed = stem(term);
    const terms = [{ term, at: 0, kind: 'word' as const }];
    return {
      atoms: [{ term, character: false }],
      terms: stemmed === term ? terms : [...terms, { term: stemmed, at: 0, kind: 'stem' }],
    };
  }
  const atoms: Atom[] = [];
  const terms: { term: string; at: number; kind: TermKind }[] = [];
  const add = (term: string, at: number, kind: TermKind): void => {
    terms.push({ term, at, kind });
  };
  /** Where atoms begin in what is written, to know where a whole stands. */
  const starts: number[] = [];
  for (const piece of written.matchAll(PIECE)) {
    let from = piece.index;
    for (const part of piece[0].split(CASES)) {
      for (const [text, character] of scriptsOf(part)) {
        const term = fold(text);
        if (term === '') continue;
        starts.push(from);
        from += text.length;
        atoms.push({ term, character });
        const at = atoms.length - 1;
        add(term, at, 'word');
        if (character) {
          if (atoms[at - 1]?.character === true) add(atoms[at - 1]!.term + term, at - 1, 'pair');
        } else {
          const stemmed = stem(term);
          if (stemmed !== term) add(stemmed, at, 'stem');
          const before = atoms[at - 1];
          if (before !== undefined && !before.character) add(joined(before.term, term), at - 1, 'joined');
        }
      }
    }
  }
  if (atoms.length === 0) return undefined;
  const known = new Set(terms.map(({ term }) => term));
  for (const whole of wholesOf(written)) {
    const term = fold(whole.text);
    if (term.length > LONGEST_WHOLE || known.has(term)) continue;
    known.add(term);
    const at = starts.findIndex((start) => start >= whole.from);
    add(term, Math.max(at, 0), 'whole');
  }
  return { atoms, terms };
}

/** The run, its segments and identifiers, with and without what stands before them; those of no more than a word too. */
function* wholesOf(written: string): Generator<{ text: string; from: number }> {
  const whole = WHOLE.exec(written);
  if (whole === null || SPACED.exec(written) === null) return;
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
function* scriptsOf(part: string): Generator<readonly [string, boolean]> {
  if (IS_ASCII.test(part)) return yield* cut(part);
  let from = 0;
  for (const found of part.matchAll(SPACELESS)) {
    yield* cut(part.slice(from, found.index));
    yield [found[0], true];
    from = found.index + found[0].length;
  }
  yield* cut(part.slice(from));
}

function* cut(text: string): Generator<readonly [string, boolean]> {
  for (let from = 0; from < text.length; from += LONGEST_ATOM) yield [text.slice(from, from + LONGEST_ATOM), false];
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
