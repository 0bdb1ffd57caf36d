/**
 * The built-in embedder: 256 dimensions of meaning, from a table of token vectors, and 128 of hashed features, which know
 * identifiers, misspellings, and languages that the table does not.
 *
 * The first are the mean of the vectors of the text's WordPiece tokens, distilled from a sentence transformer
 * (ops/embedder/train.py; table/NOTICE.md). Only words of Latin letters and digits take part: of other scripts the
 * vocabulary has single characters, which say nothing. The share of a text that such words are is the share of the weight
 * that the table has: a Chinese text is hashed alone, and one with an English word in it mostly.
 *
 * What it is: it finds words of like meaning, not sentences of like meaning; the order of words counts for little. Equal
 * text gives equal vectors on every machine and in every version of `static-384-v1`.
 */
import { HashingEmbedder } from '../hashing/index.ts';
import { readTable, TABLE_DIMENSIONS, type TokenTable } from './table.ts';
import { basicWords } from './wordpiece.ts';

export const STATIC_DIMENSIONS = 384;

/**
 * What the table counts in the cosine of two texts of Latin letters; hashed features count the rest. Part of the model's version;
 * see docs/search.md for how it was found.
 */
const TABLE_WEIGHT = 0.7;

const LATIN = /^[\p{Script=Latin}\p{N}]+$/u;
const LETTERS = /[\p{L}\p{N}]/u;

/** Embeds one text at a time; keeps its working memory between texts. */
export class StaticEmbedder {
  readonly #table: TokenTable;
  readonly #hashing = new HashingEmbedder(STATIC_DIMENSIONS - TABLE_DIMENSIONS);
  readonly #ids: number[] = [];

  constructor(table: TokenTable) {
    this.#table = table;
  }

  /** @throws CodedError `STORE_UNAVAILABLE` where the table cannot be read */
  static async open(folder?: URL): Promise<StaticEmbedder> {
    return new StaticEmbedder(await readTable(folder));
  }

  /** The L2-normalised vector of `text`. */
  embed(text: string): Float32Array {
    const vector = new Float32Array(STATIC_DIMENSIONS);
    const { mean, share } = this.#meaning(text);
    const weight = mean === undefined ? 0 : TABLE_WEIGHT * share;
    // Of a cosine, each part counts with the square of its length.
    const [meant, spelt] = [Math.sqrt(weight), Math.sqrt(1 - weight)];
    if (mean !== undefined) for (let at = 0; at < TABLE_DIMENSIONS; at++) vector[at] = mean[at]! * meant;
    const hashed = this.#hashing.embed(text);
    for (let at = 0; at < hashed.length; at++) vector[TABLE_DIMENSIONS + at] = hashed[at]! * spelt;
    return vector;
  }

  /** The normalised mean of the known tokens' vectors, and the share of the text's letters and digits that are of such words. */
  #meaning(text: string): { mean: Float64Array | undefined; share: number } {
    const { wordPiece, rows, scales } = this.#table;
    const ids = this.#ids;
    ids.length = 0;
    let [known, letters] = [0, 0];
    for (const word of basicWords(text)) {
      const latin = LATIN.test(word);
      if (LETTERS.test(word)) letters += word.length;
      // Marks of ASCII took part in training, too.
      if ((latin || word.charCodeAt(0) < 128) && wordPiece.pieces(word, ids) && latin) known += word.length;
    }
    if (known === 0) return { mean: undefined, share: 0 };
    const mean = new Float64Array(TABLE_DIMENSIONS);
    for (const id of ids) {
      const scale = scales[id]!;
      for (let at = 0, from = id * TABLE_DIMENSIONS; at < TABLE_DIMENSIONS; at++) mean[at]! += rows[from + at]! * scale;
    }
    let squares = 0;
    for (const value of mean) squares += value * value;
    if (squares === 0) return { mean: undefined, share: 0 };
    for (let at = 0, norm = Math.sqrt(squares); at < TABLE_DIMENSIONS; at++) mean[at]! /= norm;
    return { mean, share: known / letters };
  }
}
