/**
 * M. F. Porter: An algorithm for suffix stripping. Program 14 (3), 1980, pages 130-137. English words that differ in their
 * endings alone come to one stem, which need not be a word: `retries` and `retry` to `retri`.
 */

import { VECTOR } from '../bounds.ts';

const C = '[^aeiou]';
const V = '[aeiouy]';
const CC = `${C}[^aeiouy]*`;
const VV = `${V}[aeiou]*`;
/** The measure of the paper: how many times a vowel is followed by a consonant. */
const ABOVE_0 = new RegExp(`^(?:${CC})?${VV}${CC}`);
const IS_1 = new RegExp(`^(?:${CC})?${VV}${CC}(?:${VV})?$`);
const ABOVE_1 = new RegExp(`^(?:${CC})?${VV}${CC}${VV}${CC}`);
const HAS_VOWEL = new RegExp(`^(?:${CC})?${V}`);
/** Consonant, vowel, consonant, the last none of w, x and y. */
const ENDS_CVC = new RegExp(`^${CC}${V}[^aeiouwxy]$`);

const STEP_2: readonly (readonly [string, string])[] = [
  ['ational', 'ate'],
  ['tional', 'tion'],
  ['enci', 'ence'],
  ['anci', 'ance'],
  ['izer', 'ize'],
  ['bli', 'ble'],
  ['alli', 'al'],
  ['entli', 'ent'],
  ['eli', 'e'],
  ['ousli', 'ous'],
  ['ization', 'ize'],
  ['ation', 'ate'],
  ['ator', 'ate'],
  ['alism', 'al'],
  ['iveness', 'ive'],
  ['fulness', 'ful'],
  ['ousness', 'ous'],
  ['aliti', 'al'],
  ['iviti', 'ive'],
  ['biliti', 'ble'],
  ['logi', 'log'],
];
const STEP_3: readonly (readonly [string, string])[] = [
  ['icate', 'ic'],
  ['ative', ''],
  ['alize', 'al'],
  ['iciti', 'ic'],
  ['ical', 'ic'],
  ['ful', ''],
  ['ness', ''],
];
const STEP_4 = /^(.+?)(al|ance|ence|er|ic|able|ible|ant|ement|ment|ent|ou|ism|ate|iti|ous|ive|ize|(?<=[st])ion)$/;

/** Texts are made of few words. Begun anew when it is full. */
const known = new Map<string, string>();

/** @param word of the letters a to z; others come back as they are */
export function stem(word: string): string {
  if (word.length < 3 || word.length > 40 || !/^[a-z]+$/.test(word)) return word;
  const found = known.get(word);
  if (found !== undefined) return found;
  if (known.size === VECTOR.stems) known.clear();
  const made = stemOf(word);
  known.set(word, made);
  return made;
}

function stemOf(word: string): string {
  // A `y` that begins a word is a consonant.
  const firstIsY = word.startsWith('y');
  let w = firstIsY ? `Y${word.slice(1)}` : word;

  if (/(ss|i)es$/.test(w)) w = w.slice(0, -2);
  else if (/[^s]s$/.test(w)) w = w.slice(0, -1);

  if (w.endsWith('eed')) {
    if (ABOVE_0.test(w.slice(0, -3))) w = w.slice(0, -1);
  } else {
    const cut = /^(.+?)(ed|ing)$/.exec(w)?.[1];
    if (cut !== undefined && HAS_VOWEL.test(cut)) {
      w = cut;
      if (/(at|bl|iz)$/.test(w)) w += 'e';
      else if (/([^aeiouylsz])\1$/.test(w)) w = w.slice(0, -1);
      else if (ENDS_CVC.test(w)) w += 'e';
    }
  }

  if (w.endsWith('y') && HAS_VOWEL.test(w.slice(0, -1))) w = `${w.slice(0, -1)}i`;
  w = replaced(w, STEP_2);
  w = replaced(w, STEP_3);
  const cut = STEP_4.exec(w)?.[1];
  if (cut !== undefined && ABOVE_1.test(cut)) w = cut;

  if (w.endsWith('e')) {
    const rest = w.slice(0, -1);
    if (ABOVE_1.test(rest) || (IS_1.test(rest) && !ENDS_CVC.test(rest))) w = rest;
  }
  if (w.endsWith('ll') && ABOVE_1.test(w)) w = w.slice(0, -1);
  return firstIsY ? `y${w.slice(1)}` : w;
}

function replaced(word: string, endings: readonly (readonly [string, string])[]): string {
  const found = endings
    .filter(([ending]) => word.endsWith(ending))
    .reduce<readonly [string, string] | undefined>(
      (a, b) => (a !== undefined && a[0].length > b[0].length ? a : b),
      undefined,
    );
  if (found === undefined) return word;
  const rest = word.slice(0, -found[0].length);
  return ABOVE_0.test(rest) ? rest + found[1] : word;
}
