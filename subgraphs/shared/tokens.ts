/**
 * How many tokens a model may make of a text, without its tokeniser: an estimate that is not below the counts of those in
 * use (BERT's word pieces, byte-pair encodings as OpenAI's, SentencePiece as Llama's) for any kind of text but ideographs,
 * of which rare ones may be half as many tokens again. It is above them by a quarter to double for prose and code.
 * `tests/subgraphs/tokens.test.ts` holds it to real ones, and docs/documents.md says what was measured.
 */

/**
 * Changes with the estimate: what was cut for a limit of tokens by another one is then cut again, as with the way of cutting
 * itself.
 */
export const ESTIMATE = 2;

/** The most tokens that are counted for one UTF-16 code unit. */
export const MOST_TOKENS_PER_UNIT = 3;

/** The most UTF-16 code units that are counted for one token: spaces in a row. */
export const MOST_UNITS_PER_TOKEN = 16;

/**
 * Pairs of letters that stand within a piece of words, as the first letter and all that may follow it: those that at
 * least 150 of the 30,522 pieces of BERT's English vocabulary hold. A tokeniser seldom joins others, so that random
 * letters (base64, hashes, sequences of DNA) are more tokens than words of their length.
 */
const COMMON_PAIRS = `
  abcdgiklmnprstuvy baeiloru caehiklortu daeiorsu eacdefgilmnprstvxy faefiloru gaehioru haeiotu iabcdefglmnoprstv
  kei ladeilostuy mabeimopu nacdeginost oabcdgilmnoprstuvw paehiloprtu qu racdegimnorstuy sacehilopstu taehilorstuy
  uabcdegilmnprst vaeio waei`;

/** Tokens of a code unit by the block that it is of; of all others, as many as it has bytes in UTF-8. */
const BLOCKS: readonly (readonly [from: number, to: number, tokens: number])[] = [
  [0x00c0, 0x024f, 1.5], // Latin letters with marks
  [0x0370, 0x03ff, 1.25], // Greek
  [0x0400, 0x052f, 1.1], // Cyrillic
  [0x0590, 0x05ff, 1.5], // Hebrew
  [0x0600, 0x06ff, 1.3], // Arabic
  [0x3000, 0x30ff, 1.5], // Kana and the marks around it
  [0x4e00, 0x9fff, 2], // Ideographs: one for the common ones, up to three for the rare ones
  [0xd800, 0xdfff, 2], // Half of a pair that has four bytes
];

const TOKENS = Float32Array.from({ length: 0x10000 }, (_, unit) => {
  const block = BLOCKS.find(([from, to]) => unit >= from && unit <= to);
  if (block !== undefined) return block[2];
  if (unit < 0x80) return 1;
  return unit < 0x800 ? 2 : 3;
});

const A = 0x61;
const SPACE = 0x20;

const isCommon = new Uint8Array(26 * 26);
for (const row of COMMON_PAIRS.trim().split(/\s+/)) {
  for (const next of row.slice(1)) isCommon[(row.charCodeAt(0) - A) * 26 + next.charCodeAt(0) - A] = 1;
}

/** The place of a Latin letter without marks in the alphabet, whatever its case; negative, or beyond it, for all else. */
const letterOf = (unit: number): number => (unit < 0x80 ? (unit | 0x20) - A : -1);
const isLetter = (unit: number): boolean => letterOf(unit) >= 0 && letterOf(unit) < 26;

/** An estimate of the tokens of a text. That of two texts together is no more than the sum of theirs. */
export function estimateTokens(text: string): number {
  let tokens = 0;
  for (let at = 0; at < text.length;) {
    const unit = text.charCodeAt(at);
    let end = at + 1;
    if (isLetter(unit)) {
      while (end < text.length && isJoined(text, at, end)) end += 1;
      // Three small letters to a token, but two capitals.
      const capitals = unit >= A ? 0 : text.charCodeAt(end - 1) >= A ? 1 : end - at;
      tokens += Math.ceil((end - at + capitals / 2) / 3);
    } else if (unit === SPACE) {
      while (end < text.length && text.charCodeAt(end) === SPACE) end += 1;
      // One that stands before a word is part of its first token with many tokenisers, but not with all.
      const single = end === at + 1;
      tokens += single ? (isLetter(text.charCodeAt(end)) ? 0.5 : 1) : Math.ceil((end - at) / MOST_UNITS_PER_TOKEN);
    } else tokens += TOKENS[unit]!;
    at = end;
  }
  return Math.ceil(tokens);
}

/** Whether the letter at `at` may be in one piece with those from `start` to it: a common pair, and no change of case within. */
function isJoined(text: string, start: number, at: number): boolean {
  const unit = text.charCodeAt(at);
  const before = text.charCodeAt(at - 1);
  if (!isLetter(unit) || isCommon[letterOf(before) * 26 + letterOf(unit)] === 0) return false;
  return unit < A === before < A || (before < A && at - 1 === start);
}
