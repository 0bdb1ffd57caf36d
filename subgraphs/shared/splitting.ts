/** Dividing a text that is too long, at the best places that it has. */
import { cutBefore } from './graphemes.ts';

/** Where prose may be cut, the best places first. The pieces keep their separators, so that joining them loses nothing. */
export const PROSE_CUTS = [/(?<=\n)/, /(?<=[.!?…][)"'’”\]]?\s)|(?<=[。！？])/, /(?<=\s)/];

/** Where code and tables may be cut. */
export const CODE_CUTS = [/(?<=\n[^\S\n]*\n)/, /(?<=\n)/, /(?<=\s)/];

/** Pieces of at most `most` UTF-16 code units, cut at the best of `cuts` and, where none helps, between characters. */
export function split(text: string, most: number, cuts: readonly RegExp[]): string[] {
  if (text.length <= most) return trimmed(text);
  const [separator, ...worse] = cuts;
  if (separator === undefined) return hardCuts(text, most);
  const pieces: string[] = [];
  let piece = '';
  for (const part of text.split(separator)) {
    if (piece.length + part.length <= most) {
      piece += part;
      continue;
    }
    pieces.push(...trimmed(piece));
    piece = '';
    if (part.length <= most) piece = part;
    else pieces.push(...split(part, most, worse));
  }
  return [...pieces, ...trimmed(piece)];
}

const trimmed = (text: string): string[] => [stripped(text)].filter((piece) => piece !== '');

/**
 * Without empty lines in front and space behind; indentation stays. (No pattern: `\s+$` is quadratic in runs of space.)
 */
export const stripped = (text: string): string => text.trimEnd().replace(/^\n+/, '');

/** Cuts between characters as they are seen. */
function hardCuts(text: string, most: number): string[] {
  const pieces: string[] = [];
  for (let start = 0; start < text.length;) {
    const end = Math.max(cutBefore(text, Math.min(start + most, text.length)), start + 1);
    pieces.push(...trimmed(text.slice(start, end)));
    start = end;
  }
  return pieces;
}
