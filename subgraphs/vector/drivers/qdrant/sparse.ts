/**
 * Texts as sparse vectors, for Qdrant's keyword search. A word's index is a hash of it; its value is BM25's saturated,
 * length-normalised term frequency, and Qdrant multiplies it by the inverse document frequency (modifier `idf`), which
 * together is BM25: S. Robertson and H. Zaragoza, The Probabilistic Relevance Framework: BM25 and Beyond, 2009.
 */

/** BM25's constants; the average length is assumed, because no one store knows it while it changes. */
const BM25 = { k1: 1.2, b: 0.75, averageLength: 200 } as const;

export interface SparseVector {
  readonly indices: number[];
  readonly values: number[];
}

/** A stored text. */
export function sparseText(title: string, text: string): SparseVector {
  // The title counts twice.
  const words = [...wordsOf(title), ...wordsOf(title), ...wordsOf(text)];
  const norm = BM25.k1 * (1 - BM25.b + (BM25.b * words.length) / BM25.averageLength);
  return sparse(words, (frequency) => (frequency * (BM25.k1 + 1)) / (frequency + norm));
}

/** A query: every word once. Empty where it has no words. */
export const sparseQuery = (text: string): SparseVector => sparse(wordsOf(text), () => 1);

function sparse(words: readonly string[], weigh: (frequency: number) => number): SparseVector {
  const frequencies = new Map<number, number>();
  for (const word of words) {
    const index = hash(word);
    frequencies.set(index, (frequencies.get(index) ?? 0) + 1);
  }
  const sorted = [...frequencies].sort(([a], [b]) => a - b);
  return { indices: sorted.map(([index]) => index), values: sorted.map(([, frequency]) => weigh(frequency)) };
}

const wordsOf = (text: string): string[] =>
  text
    .normalize('NFKC')
    .toLowerCase()
    .match(/[\p{L}\p{N}]+/gu) ?? [];

/** FNV-1a, 32 bits, over UTF-16 code units. */
function hash(word: string): number {
  let value = 0x811c9dc5;
  for (let i = 0; i < word.length; i++) value = Math.imul(value ^ word.charCodeAt(i), 0x01000193);
  return value >>> 0;
}
