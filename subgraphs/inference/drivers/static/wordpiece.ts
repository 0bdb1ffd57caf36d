/**
 * WordPiece as BERT's uncased tokeniser has it (J. Devlin, M. Chang, K. Lee and K. Toutanova: BERT. NAACL 2019; google-research/bert
 * `tokenization.py`): clean, lower-case, strip accents, cut at spaces, punctuation and ideographs, then of each word the longest pieces
 * that the vocabulary has, from the left. Linear in the text: a piece is no longer than the longest of the vocabulary, a word no longer
 * than 100 characters.
 */

/** Of a longer word BERT knows nothing. */
const WORD_CHARACTERS = 100;
const CONTINUES = '##';

/** A word's start hashes otherwise than what continues it. */
const SEED = { start: 0x811c9dc5, continuation: 0x9e3779b1 } as const;
const fnv = (hash: number, unit: number): number => Math.imul(hash ^ unit, 0x01000193);

export class WordPiece {
  /** How many tokens there are. */
  readonly size: number;
  readonly #longest: number;
  /** The tokens' characters one after another, without `##`. */
  readonly #units: Uint16Array;
  readonly #offsets: Uint32Array;
  /** Whether a token continues a word. */
  readonly #continues: Uint8Array;
  /** Ids plus one in a table with open addressing; 0 is free. */
  readonly #slots: Uint32Array;

  /** @param vocabulary one token a line, the id being the line's number from 0 */
  constructor(vocabulary: string) {
    const tokens = vocabulary.replace(/\n$/, '').split('\n');
    this.size = tokens.length;
    this.#units = new Uint16Array(vocabulary.length);
    this.#offsets = new Uint32Array(tokens.length + 1);
    this.#continues = new Uint8Array(tokens.length);
    this.#slots = new Uint32Array(1 << Math.ceil(Math.log2(tokens.length * 2)));
    let at = 0;
    let longest = 0;
    for (const [id, token] of tokens.entries()) {
      const continues = token.length > CONTINUES.length && token.startsWith(CONTINUES);
      let hash: number = continues ? SEED.continuation : SEED.start;
      for (let from = continues ? CONTINUES.length : 0; from < token.length; from++) {
        this.#units[at] = token.charCodeAt(from);
        hash = fnv(hash, this.#units[at++]!);
      }
      this.#offsets[id + 1] = at;
      this.#continues[id] = Number(continues);
      longest = Math.max(longest, at - this.#offsets[id]!);
      let slot = this.#slotOf(hash);
      while (this.#slots[slot] !== 0) slot = (slot + 1) & (this.#slots.length - 1);
      this.#slots[slot] = id + 1;
    }
    this.#longest = longest;
  }

  /**
   * Appends the ids of a word's pieces.
   * @param word as {@link basicWords} gives it
   * @returns whether the vocabulary has the word; of one that it does not have in whole nothing is appended
   */
  pieces(word: string, ids: number[]): boolean {
    const before = ids.length;
    if (word.length > WORD_CHARACTERS * 2 || [...word].length > WORD_CHARACTERS) return false;
    for (let start = 0; start < word.length;) {
      let hash: number = start === 0 ? SEED.start : SEED.continuation;
      let [found, end] = [-1, start];
      for (let at = start; at < word.length && at - start < this.#longest; at++) {
        hash = fnv(hash, word.charCodeAt(at));
        const id = this.#find(word, start, at + 1, hash);
        if (id !== -1) [found, end] = [id, at + 1];
      }
      if (found === -1) {
        ids.length = before;
        return false;
      }
      ids.push(found);
      start = end;
    }
    return true;
  }

  #find(word: string, start: number, end: number, hash: number): number {
    const continues = Number(start > 0);
    for (let slot = this.#slotOf(hash); this.#slots[slot] !== 0; slot = (slot + 1) & (this.#slots.length - 1)) {
      const id = this.#slots[slot]! - 1;
      const offset = this.#offsets[id]!;
      if (this.#continues[id] !== continues || this.#offsets[id + 1]! - offset !== end - start) continue;
      let same = true;
      for (let at = start; same && at < end; at++) same = this.#units[offset + at - start] === word.charCodeAt(at);
      if (same) return id;
    }
    return -1;
  }

  #slotOf(hash: number): number {
    const mixed = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
    return (mixed ^ (mixed >>> 13)) & (this.#slots.length - 1);
  }
}

/** BERT's punctuation: Unicode's, and every other mark of ASCII. Its ideographs: each is a word of its own. */
const WORDS =
  /[!-/:-@[-`{-~\p{P}]|[\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\u{20000}-\u{2a6df}\u{2a700}-\u{2ceaf}\u{2f800}-\u{2fa1f}]|[^\s\p{Z}!-/:-@[-`{-~\p{P}\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\u{20000}-\u{2a6df}\u{2a700}-\u{2ceaf}\u{2f800}-\u{2fa1f}]+/gu;

/** A text's words, as BERT's uncased tokeniser cuts them before it looks for pieces. */
export const basicWords = (text: string): string[] =>
  text
    .replace(/[\0\ufffd\p{Cf}\p{Co}\p{Cs}]|(?![\t\n\r])\p{Cc}/gu, '')
    .toLowerCase()
    .normalize('NFD')
    .replace(/\p{Mn}/gu, '')
    .match(WORDS) ?? [];
