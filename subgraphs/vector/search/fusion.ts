/**
 * Fusion of what drivers rank, by relative scores. Stores that fuse themselves are not asked to: they rank ties by what
 * comes first, so that pages of equal texts would not fit together.
 *
 * Each ranking's scores are put between 0 and 1, what is not in it has 0, and the fused score is their weighted sum. Words
 * have a zero of their own, a text with none of them: BM25's scores are divided by the best. Cosines have none, and some
 * models give nothing below 0.7: of theirs the last that is ranked is 0, and the best 1. Reciprocal ranks (Cormack, Clarke
 * and Büttcher, SIGIR 2009), which were used before, throw away by how much one is better than the next; docs/search.md has
 * what both find.
 */
import type { RankedChunk, Ranking } from '../driver.ts';

/** What the ranking by meaning counts of the whole; that by words the rest. Found on the tuning set of `npm run bench:search`. */
export const VECTOR_WEIGHT = 0.4;

/** Orders by score, best first, equal scores by id, so that every replica and every page sees one order. */
export const byScoreThenId = (a: RankedChunk, b: RankedChunk): number =>
  b.score - a.score || (a.chunkId < b.chunkId ? -1 : a.chunkId > b.chunkId ? 1 : 0);

/** Scores of one ranking, best first, as parts of the best. @param zero the score that is worth nothing */
function relative(items: readonly RankedChunk[], zero: number): number[] {
  const best = items[0]?.score ?? 0;
  // Where all are alike, all are the best.
  if (best <= zero) return items.map(() => (items.at(-1)!.score === best && best > 0 ? 1 : 0));
  return items.map(({ score }) => Math.max(score - zero, 0) / (best - zero));
}

/** Fuses what was ranked by meaning and by words, each best first, into one ranking with scores from 0 to 1. */
export function fuse(vector: Ranking<RankedChunk>, keyword: Ranking<RankedChunk>, limit: number): Ranking<RankedChunk> {
  const fused = new Map<string, { chunkId: string; documentId: string; score: number }>();
  const add = ({ items }: Ranking<RankedChunk>, scores: readonly number[], weight: number): void =>
    items.forEach(({ chunkId, documentId }, at) => {
      const score = weight * scores[at]!;
      const known = fused.get(chunkId);
      if (known === undefined) fused.set(chunkId, { chunkId, documentId, score });
      else known.score += score;
    });
  add(vector, relative(vector.items, vector.items.at(-1)?.score ?? 0), VECTOR_WEIGHT);
  add(keyword, relative(keyword.items, 0), 1 - VECTOR_WEIGHT);
  return {
    items: [...fused.values()].sort(byScoreThenId).slice(0, limit),
    approximate: vector.approximate || keyword.approximate,
  };
}
