/** Writing Markdown from what is no Markdown, up to the longest text that a document may have. */
import { cutBefore } from '../graphemes.ts';
import { EXTRACTION } from './bounds.ts';

/** A text that grows by blocks, with an empty line between them. */
export class MarkdownText {
  readonly #blocks: string[] = [];
  #bytes = 0;
  #truncated = false;

  /** Whether something was left out because the text would have become too long. */
  get truncated(): boolean {
    return this.#truncated;
  }

  /** Says that something was left out. */
  leaveOut(): void {
    this.#truncated = true;
  }

  /** Adds a block, or as much of it as there is room for. @returns whether there is room for more */
  add(block: string): boolean {
    if (this.#truncated && this.#bytes >= EXTRACTION.textBytes) return false;
    if (block.trim() === '') return true;
    const between = this.#blocks.length === 0 ? 0 : 2;
    const room = EXTRACTION.textBytes - this.#bytes - between;
    const bytes = Buffer.byteLength(block);
    if (bytes <= room) {
      this.#blocks.push(block);
      this.#bytes += between + bytes;
      return true;
    }
    const fitting = cutToBytes(block, room).trimEnd();
    if (fitting !== '') this.#blocks.push(fitting);
    this.#bytes = EXTRACTION.textBytes;
    this.#truncated = true;
    return false;
  }

  /** Adds a heading, in one line. @param level 1 to 6 */
  heading(level: number, text: string): boolean {
    const line = inOneLine(text);
    return line === '' ? true : this.add(`${'#'.repeat(Math.min(Math.max(level, 1), 6))} ${line}`);
  }

  toString(): string {
    return this.#blocks.join('\n\n');
  }
}

/** The beginning of a text that has at most so many bytes. */
function cutToBytes(text: string, most: number): string {
  if (most <= 0) return '';
  // A character that the cut has broken becomes one that stands for none.
  const whole = Buffer.from(text)
    .subarray(0, most)
    .toString('utf8')
    .replace(/\ufffd$/, '');
  return text.slice(0, cutBefore(text, whole.length));
}

/**
 * The beginning of a text that is longer than a document's may be, as it is written: it ends with a line where one ends in the
 * second half of what there is room for, else with a character as it is seen.
 * @returns undefined where it fits
 */
export function fittingBeginning(text: string): string | undefined {
  if (Buffer.byteLength(text) <= EXTRACTION.textBytes) return undefined;
  const fitting = cutToBytes(text, EXTRACTION.textBytes);
  const lineEnd = fitting.lastIndexOf('\n');
  return lineEnd > fitting.length / 2 ? fitting.slice(0, lineEnd + 1) : fitting;
}

/** With single spaces, and without line breaks. */
export const inOneLine = (text: string): string => text.replace(/[\s\p{Cc}]+/gu, ' ').trim();

/** What begins a line of Markdown that plain text does not mean: a heading, a fence, a line beneath a heading, front matter. */
const MARKS = /^([^\S\n]*)(#{1,6}(?=\s|$)|```|~~~|[=\-+]{2,}(?=[^\S\n]*$))/gm;

/** Plain text as Markdown that says the same: what would be marks is escaped, and nothing is indented to code. */
export const plainText = (text: string): string =>
  text
    .replace(/\r\n?/g, '\n')
    .replace(/\0/g, '\ufffd')
    .replace(/^[^\S\n]{4,}/gm, '   ')
    .replace(MARKS, '$1\\$2')
    .replace(/[^\S\n]+$/gm, '')
    .replace(/\n{3,}/g, '\n\n')
    .trim();

/** A fence around code that may hold fences itself. */
export function fenced(code: string, language = ''): string {
  let longest = 0;
  for (const [run] of code.matchAll(/`{3,}/g)) longest = Math.max(longest, run.length);
  const mark = '`'.repeat(Math.max(3, longest + 1));
  return `${mark}${language}\n${code.replace(/\n+$/, '')}\n${mark}`;
}
