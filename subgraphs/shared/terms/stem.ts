/**
 * English words that differ in their endings alone come to one stem, which need not be a word: `retries` and `retry` to `retri`.
 * M. F. Porter: An algorithm for suffix stripping. Program 14 (3), 1980, pages 130-137.
 */
import { stemmer } from 'stemmer';
import { SHARED } from '../bounds.ts';

/** Texts are made of few words. Begun anew when it is full. */
const known = new Map<string, string>();

/** @param word of the letters a to z; others come back as they are */
export function stem(word: string): string {
  if (word.length < 3 || word.length > 40 || !/^[a-z]+$/.test(word)) return word;
  const found = known.get(word);
  if (found !== undefined) return found;
  if (known.size === SHARED.stems) known.clear();
  const made = stemmer(word);
  known.set(word, made);
  return made;
}
