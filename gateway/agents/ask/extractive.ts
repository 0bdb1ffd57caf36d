/**
 * Answers made of the documents' own sentences: those that are nearest to the question by meaning and by words. A sentence fits where
 * both together say so, and where its passage has every name and number of the question: an answer about another year, product or
 * person is worse than none. Where no sentence fits, nothing is answered. How much is enough was tried by `npm run bench:ask`.
 */
import { ASK } from '#gateway/bounds/ask.ts';
import { beginningOf } from '#subgraphs/shared/graphemes.ts';
import { createRequestContext, type Principal } from '#subgraphs/shared/context.ts';
import { cosine } from '#subgraphs/shared/cosine.ts';
import { CodedError } from '#subgraphs/shared/errors.ts';
import type { Embedder } from '#subgraphs/shared/ports.ts';
import type { Sentence } from '#subgraphs/shared/sentences.ts';
import { askedWords, isIn, shareIn, termsIn } from './asked-words.ts';
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
/** By how much a sentence is nearer than any of those that fits by its meaning alone: cosines. */
const SURELY = 0.45;
/** What the words in the sentence, those in its passage, and the cosine must come to. */
const ENOUGH = 0.8;
/** What all words are worth of that in either place, and what the cosine is. */
const BY_WORDS = 0.5;
const BY_MEANING = 0.75;
/** What is taken of it where no word of the question is in any passage that was found for it. */
const STRANGE = 0.25;
/** What the rank of its passage is worth in the order of those that fit. */
const BY_PASSAGE = 0.05;
/** What is taken of it for a sentence that only introduces what comes. */
const INTRODUCES = 0.15;
/** Further sentences fit less well than the first by no more than this. */
const BEHIND = 0.25;
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
  const words = askedWords(question);
  const names = words.filter(({ isName }) => isName);
  const within = new Map(passages.map((passage) => [passage, termsIn(`${passage.title ?? ''}\n${passage.text}`)]));
  const known = words.filter((word) => [...within.values()].some((terms) => isIn(terms, word)));
  const strange = words.length === 0 ? 0 : 1 - known.length / words.length;
  const scored = candidates.flatMap(({ passage, sentence }, at): Scored[] => {
    const around = within.get(passage)!;
    if (!names.every((name) => isIn(around, name))) return [];
    // A model that finds nothing near takes nothing from what the words say.
    const nearer = Math.max(0, near(at) - unrelated);
    const shares = shareIn(termsIn(sentence.text), words) + shareIn(around, words);
    const fit = BY_WORDS * shares + BY_MEANING * nearer - STRANGE * strange;
    // What only introduces what comes, such as a list or code, says little without it.
    const score = fit + BY_PASSAGE * passage.score - (sentence.text.endsWith(':') ? INTRODUCES : 0);
    const fits = fit >= ENOUGH || (asked !== undefined && nearer >= SURELY);
    return fits ? [{ passage, sentence, vector: asked && vectors[at], score }] : [];
  });
  // The order is that of the score and, of equals, that in which they were found: the same for the same documents.
  scored.sort((a, b) => b.score - a.score);
  const chosen: Scored[] = [];
  for (const each of scored) {
    if (chosen.length === ASK.answerSentences || each.score < scored[0]!.score - BEHIND) break;
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
  const words = askedWords(written);
  let best: { sentence: Pick<Sentence, 'start' | 'end'>; share: number } | undefined;
  for (const sentence of sentencesOf(passage.text)) {
    const share = shareIn(termsIn(sentence.text), words);
    if (best === undefined || share > best.share) best = { sentence, share };
  }
  const whole = { start: 0, end: beginningOf(passage.text, ASK.longestSentence).length };
  return citationOf(passage, best?.sentence ?? whole);
}

const saysTheSame = (a: Scored, b: Scored): boolean =>
  a.sentence.text === b.sentence.text ||
  (a.vector !== undefined && b.vector !== undefined && cosine(a.vector, b.vector) > SAME);
