/** Cutting texts where a reader would: between characters as they are seen, never within one. */
import { SHARED } from './bounds.ts';

const segmenter = new Intl.Segmenter(undefined, { granularity: 'grapheme' });

/**
 * The last place at or before `end` where `text` may be cut, in UTF-16 code units: behind a whole grapheme cluster, or
 * behind a whole code point where a cluster is longer than `SHARED.clusterCharacters`.
 */
export function cutBefore(text: string, end: number): number {
  if (end >= text.length) return text.length;
  // A cluster's limits depend on what is around it, and no further than this.
  const from = Math.max(end - 2 * SHARED.clusterCharacters, 0);
  const window = text.slice(from, end + SHARED.clusterCharacters);
  const start = from + (segmenter.segment(window).containing(end - from)?.index ?? 0);
  if (start > from || from === end) return start;
  return isLowSurrogate(text.charCodeAt(end)) ? end - 1 : end;
}

const isLowSurrogate = (unit: number): boolean => unit >= 0xdc00 && unit <= 0xdfff;

/** The beginning of a text that is longer than `most`; a shorter one is whole. */
export const beginningOf = (text: string, most: number): string => text.slice(0, cutBefore(text, most));
