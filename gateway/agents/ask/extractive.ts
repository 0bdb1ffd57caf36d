/**
 * Answers made of the documents' own sentences: those that are nearest to the question by meaning and by words. Where none is nearer
 * to it than sentences that have nothing to do with anything, nothing is answered.
 */
import { ASK } from '#gateway/bounds/ask.ts';
import { beginningOf } from '#subgraphs/shared/graphemes.ts';
import { createRequestContext, type Principal } from '#subgraphs/shared/context.ts';
import { cosine } from '#subgraphs/shared/cosine.ts';
import { CodedError } from '#subgraphs/shared/errors.ts';
import type { Embedder } from '#subgraphs/shared/ports.ts';
import type { Sentence } from '#subgraphs/shared/sentences.ts';
import { isStopWordText } from '#subgraphs/shared/stop-words.ts';
import { withoutMarks } from './citation-marks.ts';
import { citationOf, sentencesOf, type Citation, type Passage } from './passages.ts';

/** An answer without a model. */
export interface Extract {
  readonly text: string;
  readonly citations: readonly Citation[];
}

/** What the question is compared with beside the passages: how near unrelated texts are differs from model to model. */
const UNRELATED = [
  'The weather was mild and the streets were quiet that evening.',
  'The committee will meet again on Thursday.',
  'He walked slowly along the river with his brother.',
  'Prices rose a little over the last year.',
  'The old bridge was painted green in spring.',
  'She put the letter on the table and left.',
  'The second half of the match was better than the first.',
  'Most of them had already gone home by then.',
];
/** By how much a sentence must be nearer to the question than any of those: cosines. */
const MARGIN = 0.1;
/** What sharing all of its words with a question is worth beside the cosine, and what the rank of its passage is. */
const BY_WORDS = 0.3;
const BY_PASSAGE = 0.1;
/** Sentences that say the same are cited once. */
const SAME = 0.93;

interface Scored {
  readonly passage: Passage;
  readonly sentence: Sentence;
  readonly vector: Float32Array | undefined;
  readonly score: number;
}

/**
 * The sentences of the passages that answer the question best.
 * @param embedder of search; without it, and where it cannot be asked, words alone count
 * @returns undefined where nothing fits the question
 */
export async function extract(
  question: string,
  passages: readonly Passage[],
  { embedder, principal, signal }: { embedder: Embedder | undefined; principal: Principal; signal: AbortSignal },
): Promise<Extract | undefined> {
  const candidates = passages
    .flatMap((passage) => sentencesOf(passage.text).map((sentence) => ({ passage, sentence })))
    .slice(0, ASK.sentences);
  if (candidates.length === 0) return undefined;
  const context = createRequestContext(principal, { signal });
  const embed = async (texts: readonly string[], as: 'QUERY' | 'PASSAGE') =>
    (await embedder!.embed(context, texts, as)).vectors;
  let vectors: readonly Float32Array[] = [];
  let asked: Float32Array | undefined;
  if (embedder !== undefined) {
    try {
      [asked] = await embed([question], 'QUERY');
      vectors = await embed([...candidates.map(({ sentence }) => sentence.text), ...UNRELATED], 'PASSAGE');
    } catch (error) {
      if (!(error instanceof CodedError) || signal.aborted) throw error;
      asked = undefined;
    }
  }
  const near = (at: number): number => (asked === undefined ? 0 : cosine(asked, vectors[at]!));
  const unrelated = Math.max(...UNRELATED.map((_, at) => near(candidates.length + at)));
  const words = wordsOf(question);
  const scored = candidates.flatMap(({ passage, sentence }, at): Scored[] => {
    const shared = shareOf(words, sentence.text);
    const fits = asked !== undefined && near(at) >= unrelated + MARGIN;
    if (!fits && shared < 1) return [];
    const score = near(at) + BY_WORDS * shared + BY_PASSAGE * passage.score;
    return [{ passage, sentence, vector: asked && vectors[at], score }];
  });
  // The order is that of the score and, of equals, that in which they were found: the same for the same documents.
  scored.sort((a, b) => b.score - a.score);
  const chosen: Scored[] = [];
  for (const each of scored) {
    if (chosen.length === ASK.answerSentences) break;
    if (!chosen.some((other) => saysTheSame(other, each))) chosen.push(each);
  }
  if (chosen.length === 0) return undefined;
  return {
    // The marks of the document's own references are not of this answer's: quotes alone have them.
    text: chosen.map(({ sentence }, at) => `${withoutMarks(sentence.text)} [${at + 1}]`).join(' '),
    citations: chosen.map(({ passage, sentence }, at) => citationOf(passage, sentence, at + 1)),
  };
}

/** The sentence of a passage that what is written with its mark says, by the words that both have; its first, where none does. */
export function quoted(passage: Passage, written: string): Citation {
  const words = wordsOf(written);
  let best: { sentence: Pick<Sentence, 'start' | 'end'>; share: number } | undefined;
  for (const sentence of sentencesOf(passage.text)) {
    const share = shareOf(words, sentence.text);
    if (best === undefined || share > best.share) best = { sentence, share };
  }
  const whole = { start: 0, end: beginningOf(passage.text, ASK.longestSentence).length };
  return citationOf(passage, best?.sentence ?? whole);
}

const wordsOf = (text: string): Set<string> =>
  new Set(
    (text.toLowerCase().match(/[\p{L}\p{N}]+/gu) ?? []).filter((word) => word.length > 1 && !isStopWordText(word)),
  );

/** Of these words, how many a text has: 0 to 1. */
function shareOf(words: ReadonlySet<string>, text: string): number {
  if (words.size === 0) return 0;
  const own = wordsOf(text);
  let shared = 0;
  for (const word of words) if (own.has(word)) shared++;
  return shared / words.size;
}

const saysTheSame = (a: Scored, b: Scored): boolean =>
  a.sentence.text === b.sentence.text ||
  (a.vector !== undefined && b.vector !== undefined && cosine(a.vector, b.vector) > SAME);
