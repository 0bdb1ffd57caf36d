/**
 * The marks by which a model cites (`[2]`, `[1, 3]`), while it writes: those of passages that were found stay, all others are taken
 * out of the text before anybody sees it. In code they are no marks.
 */
import { ASK } from '#gateway/bounds/ask.ts';

const OPENS = '[［【';
const CLOSES = ']］】';
/** What stands in a mark beside brackets: numbers in any digits, what is between them, a footnote's `^`, and what nobody sees. */
const INNER = /[\s\p{Nd}\p{Cf},;、，；^\\–—-]/u;
/** Begins the label of a source in a mark: `【4†source】`. */
const LABEL = '†';
/** A mark that is open at the end of a text. */
const OPEN_AT_END = /[[［【][\s\p{Nd}\p{Cf},;、，；^\\–—-]*$/u;
/** The beginning of a line of which a fence may come: in items and quotations, too. */
const FENCE = /^[ \t>]{0,12}(`{3,}|~{3,})[^`\n]*\n/;
const MAYBE_FENCE = /^[ \t>]{0,12}(?:`{0,2}|~{0,2}|(?:`{3,}|~{3,})[^`\n]*)$/;
const FENCE_END = /^[ \t>]{0,12}(`{3,}|~{3,})[ \t]*(?:\n|$)/;
const MAYBE_FENCE_END = /^[ \t>]{0,12}(?:`*|~*)[ \t]*$/;
/** A date, or years: they are no numbers of passages. */
const DATE = /^\s*\d{4}(?:\s*[–—-]\s*\d{2,4})+\s*$/;
/** So much space in what would be a mark, were it shorter, is there to hide it. */
const HIDING = /\s{20}/;

/** What is at a place of what was written, or undefined where that shows only with what comes. */
type Read = { readonly length: number; readonly is: 'TEXT' | 'CODE' | 'MARK' | 'NOTHING' } | undefined;

export class CitationMarks {
  readonly #isFound: (number: number) => boolean;
  /** What was written and not passed on: it may be the beginning of a mark, of code, or of a fence. */
  #held = '';
  /** The fence behind which there is code until its like comes. */
  #fence: string | undefined;
  #beginsLine = true;
  #text = '';
  /** Where each mark stands: behind so many characters of the text. */
  readonly marks: { readonly number: number; readonly at: number }[] = [];

  /** @param isFound whether a passage has this number */
  constructor(isFound: (number: number) => boolean) {
    this.#isFound = isFound;
  }

  /** All that was passed on. */
  get text(): string {
    return this.#text;
  }

  /** @returns what of the text is certain by now; what comes of a text is the same in whatever pieces it is pushed */
  push(piece: string): string {
    this.#held += piece;
    return this.#pass(false);
  }

  /** @returns what was held back: code that nothing ends was none, but for that behind a fence */
  end(): string {
    return this.#pass(true);
  }

  #pass(isLast: boolean): string {
    const before = this.#text.length;
    let at = 0;
    while (at < this.#held.length) {
      const read = this.#read(at, isLast);
      if (read === undefined) break;
      const written = this.#held.slice(at, at + read.length);
      if (read.is === 'MARK') this.#mark(written);
      else if (read.is !== 'NOTHING') this.#text += written;
      this.#beginsLine = written.endsWith('\n');
      at += read.length;
    }
    this.#held = this.#held.slice(at);
    return this.#text.slice(before);
  }

  #read(at: number, isLast: boolean): Read {
    if (this.#beginsLine || this.#fence !== undefined) {
      const line = this.#fenced(at, isLast);
      if (line !== 'NO_FENCE') return line;
    }
    const character = this.#held[at]!;
    if (character === '`') return this.#code(at, isLast);
    const next = this.#held[at + 1];
    if (character === '\\' || character === ' ') {
      if (next === undefined && !isLast) return undefined;
      if (character === '\\' && next === '`') return { length: 2, is: 'TEXT' };
      const after = this.#held[at + 2];
      if (character === ' ' && next === '\\' && after === undefined && !isLast) return undefined;
      const opens = next === '\\' ? after : next;
      if (opens === undefined || !OPENS.includes(opens)) return { length: 1, is: 'TEXT' };
      return this.#bracket(at, isLast);
    }
    if (OPENS.includes(character)) return this.#bracket(at, isLast);
    return { length: 1, is: 'TEXT' };
  }

  /** A line that begins or ends a fence, or is behind one. */
  #fenced(at: number, isLast: boolean): Read | 'NO_FENCE' {
    const window = this.#held.slice(at, at + ASK.heldCharacters);
    const isAll = isLast || window.length === ASK.heldCharacters || window.includes('\n');
    if (this.#fence === undefined) {
      const [line, fence] = FENCE.exec(window) ?? [];
      if (line !== undefined) {
        this.#fence = fence;
        return { length: line.length, is: 'CODE' };
      }
      return !isAll && MAYBE_FENCE.test(window) ? undefined : 'NO_FENCE';
    }
    if (this.#beginsLine) {
      const [line, fence] = FENCE_END.exec(window) ?? [];
      if (!isAll && MAYBE_FENCE_END.test(window)) return undefined;
      if (isAll && line !== undefined && fence!.startsWith(this.#fence)) {
        this.#fence = undefined;
        return { length: line.length, is: 'CODE' };
      }
    }
    const line = this.#held.indexOf('\n', at);
    return { length: (line === -1 ? this.#held.length : line + 1) - at, is: 'CODE' };
  }

  /** Code within a paragraph: between as many backticks as it began with. Without them it was none. */
  #code(at: number, isLast: boolean): Read {
    const whole = this.#held.slice(at, at + ASK.heldCode);
    const isFull = whole.length === ASK.heldCode;
    const blank = /\n[ \t]*\n/.exec(whole);
    const window = blank === null ? whole : whole.slice(0, blank.index);
    const isCertain = blank !== null || (isLast && !isFull);
    const [opens] = /^`+/.exec(window)!;
    for (const { 0: run, index } of window.slice(opens.length).matchAll(/`+/g)) {
      const length = opens.length + index + run.length;
      if (run.length === opens.length && (length < window.length || isCertain)) return { length, is: 'CODE' };
    }
    if (!isCertain && !isFull) return undefined;
    return { length: opens.length, is: 'TEXT' };
  }

  /** From a bracket to that which closes it, where nothing is between that no mark has. */
  #bracket(at: number, isLast: boolean): Read {
    const window = this.#held.slice(at, at + ASK.heldCharacters);
    const opensAt = window.search(/[[［【]/);
    let depth = 0;
    let isLabel = false;
    for (let place = opensAt; place < window.length; place++) {
      const character = window[place]!;
      if (OPENS.includes(character)) depth += 1;
      else if (CLOSES.includes(character)) {
        depth -= 1;
        isLabel = false;
        if (depth > 0) continue;
        const inside = window.slice(opensAt + 1, place);
        return { length: place + 1, is: DATE.test(inside) ? 'TEXT' : 'MARK' };
      } else if (character === LABEL) isLabel = true;
      else if (isLabel ? character === '\n' : !INNER.test(character)) return { length: opensAt + 1, is: 'TEXT' };
    }
    if (window.length === ASK.heldCharacters)
      return { length: opensAt + 1, is: HIDING.test(window) && /\p{Nd}/u.test(window) ? 'NOTHING' : 'TEXT' };
    return isLast ? { length: opensAt + 1, is: 'TEXT' } : undefined;
  }

  #mark(written: string): void {
    const numbers = numbersOf(written);
    if (numbers === undefined) {
      this.#text += written; // A box to tick, or an empty list.
      return;
    }
    const known = [...new Set(numbers)].filter((number) => this.#isFound(number));
    if (known.length === 0) {
      // What is left on both sides must not be a mark together.
      if (OPEN_AT_END.test(this.#text.slice(-ASK.heldCharacters))) this.#text += ' ';
      return;
    }
    if (written.startsWith(' ')) this.#text += ' ';
    for (const number of known) {
      this.marks.push({ number, at: this.#text.length });
      this.#text += `[${number}]`;
    }
  }
}

/** The numbers of a mark, those between `2` and `5` of `2-5` too; undefined where it has none. */
function numbersOf(written: string): number[] | undefined {
  if (!/\p{Nd}/u.test(written)) return undefined;
  const plain = written.normalize('NFKC').replaceAll(/†[^[\]【】]*/g, '');
  return [...plain.matchAll(/(\d+)(?:\s*[-–—]\s*(\d+))?/g)].flatMap(([, first, last = first]) => {
    const from = Number(first);
    const count = Number(last) - from + 1;
    if (!(count > 1 && count <= ASK.passages)) return [from, Number(last)];
    return Array.from({ length: count }, (_, index) => from + index);
  });
}

/** A text of somebody else's, without what would be read as a mark of ours. */
export function withoutMarks(text: string): string {
  const marks = new CitationMarks(() => false);
  marks.push(text);
  marks.end();
  return marks.text.trim();
}
