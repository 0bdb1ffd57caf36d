/**
 * How many tokens a model may make of a text, without its tokeniser: an estimate by script that is not below the counts
 * of those in use (byte-pair encodings as OpenAI's, SentencePiece as Llama's) for prose and code, and above them by a half
 * or more. `tests/subgraphs/tokens.test.ts` holds it against real ones. Random letters can have more.
 */

/** Letters, digits and marks of one kind at a time; a single space is part of the token behind it. */
const RUNS =
  /([A-Za-z]+)|([0-9])|(\s+)|([\u00c0-\u024f\u0370-\u08ff])|([\u3040-\u30ff\u3000-\u303f\uff00-\uffef])|(\p{sc=Han})|([ -~])|([^])/gu;

/** The most tokens that are counted for one UTF-16 code unit. */
export const MOST_TOKENS_PER_UNIT = 3;

/** An estimate of the tokens of a text. That of two texts together is no more than the sum of theirs. */
export function estimateTokens(text: string): number {
  let tokens = 0;
  for (const [run, letters, digit, space, alphabetic, kana, ideograph, ascii] of text.matchAll(RUNS)) {
    if (letters !== undefined) tokens += Math.ceil(letters.length / 3);
    else if (kana !== undefined) tokens += 1.5;
    else if (ideograph !== undefined) tokens += 2;
    // A line break is a token of its own, and so is a long indentation.
    else if (digit !== undefined || space !== undefined || alphabetic !== undefined || ascii !== undefined) tokens += 1;
    else tokens += Buffer.byteLength(run);
  }
  return Math.ceil(tokens);
}
