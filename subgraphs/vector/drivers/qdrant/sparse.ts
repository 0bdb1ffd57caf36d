/**
 * Texts as sparse vectors, for Qdrant's keyword search. A term's index is a hash of it; its value is BM25's saturated,
 * length-normalised term frequency, and Qdrant multiplies it by the inverse document frequency (modifier `idf`), which
 * together is BM25.
 */
import { BM25 } from '../../keywords/bm25.ts';
import type { KeywordTerms } from '../../keywords/query.ts';
import { termsOf } from '#subgraphs/shared/terms/terms.ts';

/** Assumed, because no one store knows it while it changes. */
const AVERAGE_LENGTH = 200;
/** A sparse vector has no beginnings of words, so that some are terms of their own: the longest that is not too long is looked for. */
const PREFIXES = [8, 5, 3] as const;

export interface SparseVector {
  readonly indices: number[];
  readonly values: number[];
}

/** A stored text. */
export function sparseText(title: string, text: string): SparseVector {
  const { positions, words } = termsOf(title, text);
  const norm = BM25.k1 * (1 - BM25.b + (BM25.b * words) / AVERAGE_LENGTH);
  const values = new Map<number, number>();
  for (const [term, { length }] of positions) {
    values.set(hash(term), (length * (BM25.k1 + 1)) / (length + norm));
    for (const size of PREFIXES) if (term.length > size) values.set(hash(prefixTerm(term.slice(0, size))), 1);
  }
  return sparse(values);
}

/** A query. Empty where it has no terms. @param begun whether its last word is the beginning of one */
export function sparseQuery({ terms, words, prefix }: KeywordTerms, begun = false): SparseVector {
  const values = new Map<number, number>();
  for (const { term, weight } of terms) values.set(hash(term), weight);
  // Points of before there were stems have the words as they are.
  for (const { term, weight } of words) if (!values.has(hash(term))) values.set(hash(term), weight / 2);
  const size = begun && prefix && PREFIXES.find((each) => each <= prefix.term.length);
  if (size) values.set(hash(prefixTerm(prefix!.term.slice(0, size))), prefix!.weight);
  return sparse(values);
}

/** No term has a space. */
const prefixTerm = (beginning: string): string => `${beginning} `;

function sparse(values: ReadonlyMap<number, number>): SparseVector {
  const sorted = [...values].sort(([a], [b]) => a - b);
  return { indices: sorted.map(([index]) => index), values: sorted.map(([, value]) => value) };
}

/** FNV-1a, 32 bits, over UTF-16 code units. */
function hash(word: string): number {
  let value = 0x811c9dc5;
  for (let i = 0; i < word.length; i++) value = Math.imul(value ^ word.charCodeAt(i), 0x01000193);
  return value >>> 0;
}
