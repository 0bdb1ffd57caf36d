/**
 * The marks by which a model cites (`[2]`, `[1, 3]`), while it writes: those of passages that were found stay, all others are taken
 * out of the text before anybody sees it. In code they are no marks.
 */
import { ASK } from '#gateway/bounds/ask.ts';

export class CitationMarks {
  readonly #isFound: (number: number) => boolean;
  /** What may be the beginning of a mark, with the space before it. */
  #held = '';
  #inCode = false;
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

  /** @returns what of the text is certain by now */
  push(piece: string): string {
    const before = this.#text.length;
    for (const character of piece) this.#take(character);
    return this.#text.slice(before);
  }

  /** @returns what was held back */
  end(): string {
    const before = this.#text.length;
    this.#release();
    return this.#text.slice(before);
  }

  #take(character: string): void {
    if (character === '`') this.#inCode = !this.#inCode;
    const held = this.#held + character;
    if (!this.#inCode && /^[ ]?\[[\d\s,;]*\]$/.test(held)) return this.#mark(held);
    if (!this.#inCode && /^[ ]?(?:\[[\d\s,;]*)?$/.test(held) && held.length <= ASK.heldCharacters) {
      this.#held = held;
      return;
    }
    this.#release();
    if (!this.#inCode && /^[ []$/.test(character)) this.#held = character;
    else this.#text += character;
  }

  #mark(held: string): void {
    this.#held = '';
    const numbers = [...held.matchAll(/\d+/g)].map(([digits]) => Number(digits));
    if (numbers.length === 0) {
      this.#text += held; // A box to tick, or an empty list.
      return;
    }
    const known = [...new Set(numbers)].filter((number) => this.#isFound(number));
    if (known.length === 0) return;
    if (held.startsWith(' ')) this.#text += ' ';
    for (const number of known) {
      this.marks.push({ number, at: this.#text.length });
      this.#text += `[${number}]`;
    }
  }

  #release(): void {
    this.#text += this.#held;
    this.#held = '';
  }
}
