/**
 * A built-in embedder: signed feature hashing, after Weinberger, Dasgupta, Langford, Smola and Attenberg, "Feature
 * Hashing for Large Scale Multitask Learning", ICML 2009 (https://arxiv.org/abs/0902.2206).
 *
 * A text's features are its words, its pairs of neighbouring words and the character n-grams of its words. Each feature
 * is hashed to one of 384 dimensions and to a sign, and adds its weight (class weight times 1 + ln of its count) there;
 * the vector is then L2-normalised.
 *
 * What it is: a lexical measure. It finds texts that share words, word forms, misspellings and phrases, in any
 * language, at once and without a model. It knows no synonyms and no meaning; a trained model does (`EMBEDDING_MODEL`).
 * Equal text gives equal vectors on every machine and in every version of `hashing-384-v1`.
 */
import type { BuiltInModel } from '#subgraphs/shared/built-in-models.ts';
import { forEachWord } from './tokens.ts';
import { isStopWord } from '#subgraphs/shared/stop-words.ts';

export const HASHING_MODEL: BuiltInModel = 'hashing-384-v1';
export const HASHING_DIMENSIONS = 384;

/**
 * How much each class of features counts; part of the model's version. Found by ranking the chunks of 496 packages'
 * READMEs by the packages' descriptions (mean reciprocal rank 0.63; 0.55 with a letter missing from every other long
 * word), where n-grams of 0.4 to 0.5 did best.
 */
const WEIGHT = { word: 1, pair: 0.25, gram: 0.45, stopWord: 0.12 } as const;

/** Embeds one text at a time; keeps its working memory between texts. */
export class HashingEmbedder {
  readonly #features = new FeatureCounts();
  readonly #dimensions: number;
  #units = new Uint16Array(4_096);

  /** @param dimensions of its vectors; another number is another model, of which other embedders are made */
  constructor(dimensions = HASHING_DIMENSIONS) {
    this.#dimensions = dimensions;
  }

  /** The L2-normalised vector of `text`; a text without a letter or digit is one feature as a whole. */
  embed(text: string): Float32Array {
    // toLowerCase and NFKC depend on Unicode alone, not on the machine's language.
    const folded = text.normalize('NFKC').toLowerCase();
    if (this.#units.length < folded.length) this.#units = new Uint16Array(folded.length * 2);
    const units = this.#units;
    for (let at = 0; at < folded.length; at++) units[at] = folded.charCodeAt(at);

    this.#features.clear();
    this.#addWords(units, folded.length);
    if (this.#features.size === 0) this.#features.add(hashUnits(units, 0, folded.length, SEED.whole), WEIGHT.word);
    return this.#features.toVector(this.#dimensions);
  }

  #addWords(units: Uint16Array, length: number): void {
    const features = this.#features;
    let previous = 0;
    let previousIsStop = true;
    let previousEnd = -1;
    forEachWord(units, length, (start, end, ideographs) => {
      if (ideographs) {
        // Without spaces, one and two characters are the nearest thing to words.
        for (let at = start; at < end; at++) {
          features.add(hashUnits(units, at, at + 1, SEED.word), WEIGHT.pair);
          if (at + 2 <= end) features.add(hashUnits(units, at, at + 2, SEED.word), WEIGHT.word);
        }
        previousIsStop = true;
        return;
      }
      const word = hashUnits(units, start, end, SEED.word);
      const stop = isStopWord(units, start, end);
      features.add(word, stop ? WEIGHT.stopWord : WEIGHT.word);
      // A pair with a stop word in it says little that the other word does not say.
      if (!stop && !previousIsStop && start - previousEnd <= 3)
        features.add(mix(Math.imul(previous, 31) + word, SEED.pair), WEIGHT.pair);
      if (!stop) addGrams(features, units, start, end);
      previous = word;
      previousIsStop = stop;
      previousEnd = end;
    });
  }
}

/** The character n-grams of a word, of three and four characters, with marks at the word's ends. */
function addGrams(features: FeatureCounts, units: Uint16Array, start: number, end: number): void {
  if (end - start < 3) return; // The word itself says as much.
  for (let at = start - 1; at <= end - 2; at++) {
    const a = at < start ? BOUNDARY : units[at]!;
    const b = units[at + 1]!;
    const c = at + 2 < end ? units[at + 2]! : BOUNDARY;
    const three = fnv(fnv(fnv(SEED.gram, a), b), c);
    features.add(mix(three, SEED.gram), WEIGHT.gram);
    if (at + 3 <= end) features.add(mix(fnv(three, at + 3 < end ? units[at + 3]! : BOUNDARY), SEED.gram), WEIGHT.gram);
  }
}

const BOUNDARY = 0x5f;
/** Different classes of features hash differently: the word `ab` is not the n-gram `ab`. */
const SEED = { word: 0x811c9dc5, pair: 0x9e3779b1, gram: 0x85ebca6b, whole: 0xc2b2ae35 } as const;

/** FNV-1a over both bytes of a code unit at once. */
const fnv = (hash: number, unit: number): number => Math.imul(hash ^ unit, 0x01000193);

function hashUnits(units: Uint16Array, start: number, end: number, seed: number): number {
  let hash: number = seed;
  for (let at = start; at < end; at++) hash = fnv(hash, units[at]!);
  return mix(hash, seed);
}

/** The finaliser of MurmurHash3 (Appleby, public domain): every bit of the input reaches every bit of the output. */
function mix(value: number, seed: number): number {
  let hash = value ^ seed;
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}

/** Counts features by their 32-bit hash in a table with open addressing that is emptied without being cleared. */
class FeatureCounts {
  size = 0;
  #capacity = 8_192;
  #hashes = new Uint32Array(this.#capacity);
  #counts = new Uint32Array(this.#capacity);
  #weights = new Float64Array(this.#capacity);
  /** The text in which the slot was used last; 0 for never. */
  #texts = new Uint32Array(this.#capacity);
  #text = 0;
  /** The slots in use, in order of first occurrence: the sum below must not depend on the table's size. */
  #slots = new Uint32Array(this.#capacity);

  clear(): void {
    this.size = 0;
    this.#text++;
    if (this.#text > 0xffff_fff0) {
      this.#texts.fill(0);
      this.#text = 1;
    }
  }

  add(hash: number, weight: number): void {
    if (this.size * 2 >= this.#capacity) this.#grow();
    const slot = this.#slotOf(hash);
    if (this.#texts[slot] === this.#text) {
      this.#counts[slot]!++;
      return;
    }
    this.#texts[slot] = this.#text;
    this.#hashes[slot] = hash;
    this.#counts[slot] = 1;
    this.#weights[slot] = weight;
    this.#slots[this.size++] = slot;
  }

  toVector(dimensions: number): Float32Array {
    const sums = new Float64Array(dimensions);
    for (let at = 0; at < this.size; at++) {
      const slot = this.#slots[at]!;
      const hash = this.#hashes[slot]!;
      const count = this.#counts[slot]!;
      const weight = this.#weights[slot]! * (count === 1 ? 1 : 1 + Math.log(count));
      // The sign must not follow from the dimension, so it is drawn from a second mix.
      sums[hash % dimensions]! += mix(hash, 0x27d4eb2f) & 1 ? weight : -weight;
    }
    let squares = 0;
    for (const sum of sums) squares += sum * sum;
    const vector = new Float32Array(dimensions);
    if (squares === 0)
      vector[0] = 1; // Two features can cancel out exactly; a vector must have a direction.
    else for (let at = 0, norm = Math.sqrt(squares); at < dimensions; at++) vector[at] = sums[at]! / norm;
    return vector;
  }

  #slotOf(hash: number): number {
    const mask = this.#capacity - 1;
    let slot = hash & mask;
    while (this.#texts[slot] === this.#text && this.#hashes[slot] !== hash) slot = (slot + 1) & mask;
    return slot;
  }

  #grow(): void {
    const old = {
      hashes: this.#hashes,
      counts: this.#counts,
      weights: this.#weights,
      slots: this.#slots,
      size: this.size,
    };
    this.#capacity *= 2;
    this.#hashes = new Uint32Array(this.#capacity);
    this.#counts = new Uint32Array(this.#capacity);
    this.#weights = new Float64Array(this.#capacity);
    this.#texts = new Uint32Array(this.#capacity);
    this.#slots = new Uint32Array(this.#capacity);
    for (let at = 0; at < old.size; at++) {
      const from = old.slots[at]!;
      const slot = this.#slotOf(old.hashes[from]!);
      this.#texts[slot] = this.#text;
      this.#hashes[slot] = old.hashes[from]!;
      this.#counts[slot] = old.counts[from]!;
      this.#weights[slot] = old.weights[from]!;
      this.#slots[at] = slot;
    }
  }
}
