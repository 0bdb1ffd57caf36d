/** Dividing a text that is too long, at the best places that it has. */
import { cutBefore } from './graphemes.ts';

/** Where prose may be cut, the best places first. The pieces keep their separators, so that joining them loses nothing. */
export const PROSE_CUTS = [/(?<=\n)/, /(?<=[.!?…][)"'’”\]]?\s)|(?<=[。！？])/, /(?<=\s)/];

/** Where code and tables may be cut. */
export const CODE_CUTS = [/(?<=\n[^\S\n]*\n)/, /(?<=\n)/, /(?<=\s)/];

/** How large a text is; of two together no more than the sum. */
export type Size = (text: string) => number;

const lengthOf: Size = (text) => text.length;

/** Pieces of at most `most`, cut at the best of `cuts` and, where none helps, between characters. */
export function split(text: string, most: number, cuts: readonly RegExp[], size: Size = lengthOf): string[] {
  if (size(text) <= most) return trimmed(text);
  const [separator, ...worse] = cuts;
  if (separator === undefined) return hardCuts(text, most, size);
  const pieces: string[] = [];
  let piece: string[] = [];
  let room = most;
  const end = (): void => {
    pieces.push(...trimmed(piece.join('')));
    piece = [];
    room = most;
  };
  for (const part of text.split(separator)) {
    const own = size(part);
    if (own > room) end();
    if (own > most) pieces.push(...split(part, most, worse, size));
    else {
      piece.push(part);
      room -= own;
    }
  }
  end();
  return pieces;
}

const trimmed = (text: string): string[] => [stripped(text)].filter((piece) => piece !== '');

/**
 * Without empty lines in front and space behind; indentation stays. (No pattern: `\s+$` is quadratic in runs of space.)
 */
export const stripped = (text: string): string => text.trimEnd().replace(/^\n+/, '');

/** Cuts between characters as they are seen. */
function hardCuts(text: string, most: number, size: Size): string[] {
  const pieces: string[] = [];
  for (let start = 0; start < text.length;) {
    let units = Math.max(Math.min(Math.floor(most), text.length - start), 1);
    let end = Math.max(cutBefore(text, start + units), start + 1);
    for (let own = size(text.slice(start, end)); own > most && units > 1; own = size(text.slice(start, end))) {
      units = Math.max(Math.min(Math.floor((units * most) / own), units - 1), 1);
      end = Math.max(cutBefore(text, start + units), start + 1);
    }
    // One character may be more than there is room for, and half of one is none.
    if (isHighSurrogate(text.charCodeAt(end - 1)) && end < text.length) end += 1;
    pieces.push(...trimmed(text.slice(start, end)));
    start = end;
  }
  return pieces;
}

const isHighSurrogate = (unit: number): boolean => unit >= 0xd800 && unit <= 0xdbff;
