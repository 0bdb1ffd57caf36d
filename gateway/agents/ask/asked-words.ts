/** What a question is about: its words, as search takes words, and which of them no answer can do without. */
import { isStopWordText } from '#subgraphs/shared/stop-words.ts';
import { runsOf, type Run } from '#subgraphs/shared/terms/terms.ts';

/** One thing that a question names. */
export interface AskedWord {
  /** Each stands for the whole. */
  readonly wholes: readonly string[];
  /** All of them together do, too: each in its forms. */
  readonly parts: readonly (readonly string[])[];
  /** Whether it is a name or a number: what does not have it is about something else. */
  readonly isName: boolean;
}

/** Words that say what kind of answer is asked for, and not of what; stems. */
const KINDS = new Set(
  'ani answer anyth call case exact exactli exist explain find get give happen help kind know let like look mani mean need often pleas possibl question someth sort tell thing understand want way work'.split(
    ' ',
  ),
);

/** What hardly any question of English does without, and no other language has. */
const IS_ENGLISH = /\b(?:the|how|what|which|who|when|where|why|is|are|does|did|can)\b/i;

/** The words of a question that say what it is about. */
export function askedWords(question: string): AskedWord[] {
  const written = question.split(/\s+/).filter((word) => /[\p{L}\p{N}]/u.test(word));
  // Where many words begin with a capital and the question is not English, they are nouns of German; where all is in capitals, none says anything.
  const later = written.slice(1).filter((word) => !isStopWordText(word.toLowerCase()));
  const areNames = IS_ENGLISH.test(question) || later.filter(isCapital).length * 3 <= later.length;
  const isShouted = !/\p{Ll}/u.test(question);
  const isName = (word: string, at: number): boolean =>
    /\p{N}/u.test(word) || (!isShouted && (/\p{L}\p{Lu}/u.test(word) || (at > 0 && areNames && isCapital(word))));
  const all = written.flatMap((word, at) => [...runsOf(word)].flatMap((run) => wordsOfRun(run, isName(word, at))));
  return all.filter(({ parts }) => parts.some((forms) => !forms.some(saysNothing)));
}

/** The terms of a text, by which words are looked for in it. */
export function termsIn(text: string): Set<string> {
  const found = new Set<string>();
  for (const { terms } of runsOf(text)) for (const { term } of terms) found.add(term);
  return found;
}

export function isIn(terms: ReadonlySet<string>, { wholes, parts }: AskedWord): boolean {
  return wholes.some((whole) => terms.has(whole)) || parts.every((forms) => forms.some((form) => terms.has(form)));
}

/** Of these words, how many a text has: 0 to 1. */
export function shareIn(terms: ReadonlySet<string>, words: readonly AskedWord[]): number {
  return words.length === 0 ? 0 : words.filter((word) => isIn(terms, word)).length / words.length;
}

const isCapital = (word: string): boolean => /^\P{L}*\p{Lu}/u.test(word);
const saysNothing = (form: string): boolean => /^[a-z]$/.test(form) || isStopWordText(form) || KINDS.has(form);

function wordsOfRun({ atoms, terms }: Run, isName: boolean): AskedWord[] {
  // Of scripts without spaces a run is a whole sentence: its words are pairs of neighbours.
  const pairs = terms.filter(({ kind }) => kind === 'pair');
  if (pairs.length > 0) return pairs.map(({ term }) => ({ wholes: [term], parts: [[term]], isName: false }));
  const forms = atoms.map((_, at) =>
    terms.filter((each) => each.at === at && (each.kind === 'word' || each.kind === 'stem')).map(({ term }) => term),
  );
  // What stands behind an apostrophe is no word.
  const telling = forms.filter((each) => !each.some((form) => form.length === 1 && /[a-z]/.test(form)));
  const whole = terms.find(
    ({ kind, at }) => at === 0 && (kind === 'whole' || (kind === 'joined' && atoms.length === 2)),
  );
  return [{ wholes: whole === undefined ? [] : [whole.term], parts: telling.length > 0 ? telling : forms, isName }];
}
