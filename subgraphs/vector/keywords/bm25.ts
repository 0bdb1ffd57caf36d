/**
 * BM25's constants: S. Robertson and H. Zaragoza, The Probabilistic Relevance Framework: BM25 and Beyond, 2009. How soon a word
 * that comes again stops counting, and how much long texts pay for their length.
 */
export const BM25 = { k1: 1.2, b: 0.75 } as const;
