/**
 * Reciprocal rank fusion of what drivers rank. Stores that fuse themselves are not asked to: they rank ties by what comes
 * first, so that pages of equal texts would not fit together.
 *
 * G. V. Cormack, C. L. A. Clarke and S. Büttcher: Reciprocal Rank Fusion outperforms Condorcet and individual Rank
 * Learning Methods. SIGIR 2009, pages 758-759. An item's score is the sum, over the rankings that contain it, of
 * 1 / (60 + rank), ranks from 1. It needs no comparable scores, which a cosine and a keyword score are not.
 */
import type { RankedChunk, Ranking } from '../driver.ts';

/** The constant of the paper: how little the first ranks stand out. */
export const RRF_K = 60;

/** Orders by score, best first, equal scores by id, so that every replica and every page sees one order. */
export const byScoreThenId = (a: RankedChunk, b: RankedChunk): number =>
  b.score - a.score || (a.chunkId < b.chunkId ? -1 : a.chunkId > b.chunkId ? 1 : 0);

/**
 * Ranks `items` so that equal scores share the first rank among them: with ties broken by id, an id would decide the
 * fused order between texts that are equal.
 */
function ranksOf(items: readonly RankedChunk[]): number[] {
  const ranks: number[] = [];
  items.forEach((item, index) =>
    ranks.push(index > 0 && items[index - 1]!.score === item.score ? ranks[index - 1]! : index + 1),
  );
  return ranks;
}

/** Fuses rankings into one. */
export function fuse(rankings: readonly Ranking<RankedChunk>[], limit: number): Ranking<RankedChunk> {
  const fused = new Map<string, { chunkId: string; documentId: string; score: number }>();
  for (const { items } of rankings) {
    const ranks = ranksOf(items);
    items.forEach((item, index) => {
      const score = 1 / (RRF_K + ranks[index]!);
      const known = fused.get(item.chunkId);
      if (known === undefined) fused.set(item.chunkId, { chunkId: item.chunkId, documentId: item.documentId, score });
      else known.score += score;
    });
  }
  return {
    items: [...fused.values()].sort(byScoreThenId).slice(0, limit),
    approximate: rankings.some((ranking) => ranking.approximate),
  };
}
