/**
 * A summary made of the document's own sentences, without a model: TextRank (Mihalcea and Tarau, "TextRank: Bringing
 * Order into Texts", EMNLP 2004), with a preference for sentences near the start, where texts say what they are about.
 */
import { MarkdownDocument } from '#subgraphs/shared/markdown/document.ts';
import { INFERENCE } from '../bounds.ts';
import { sentencesIn } from '#subgraphs/shared/sentences.ts';
import { isStopWordText } from '#subgraphs/shared/stop-words.ts';

const DAMPING = 0.85;
const ITERATIONS = 30;

/**
 * Up to `maxSentences` sentences of `text`, in their order, joined by spaces. Markdown and HTML are reduced to their
 * prose first. A text without a sentence (a list of names, code only) gives the start of what it has; an empty one
 * gives the empty text.
 */
export function summarizeExtractively(text: string, maxSentences: number): string {
  const sentences = sentencesOf(text.slice(0, INFERENCE.extractiveCharacters)).slice(0, INFERENCE.extractiveSentences);
  if (sentences.length <= maxSentences) return sentences.join(' ');
  const ranks = rank(sentences.map(wordsOf));
  return ranks
    .map((score, at) => ({ score, at }))
    .sort((a, b) => b.score - a.score || a.at - b.at)
    .slice(0, maxSentences)
    .sort((a, b) => a.at - b.at)
    .map(({ at }) => sentences[at]!)
    .join(' ');
}

/** The sentences of a text's prose, without repetitions; fragments are left out as long as there are sentences. */
export function sentencesOf(text: string): string[] {
  const all = new Set<string>();
  for (const paragraph of new MarkdownDocument(text).prose(INFERENCE.extractiveParagraphs)) {
    for (const { text: sentence } of sentencesIn(paragraph, INFERENCE.sentenceCharacters)) all.add(sentence);
  }
  const candidates = [...all].filter((sentence) => sentence.length <= INFERENCE.sentenceCharacters);
  const whole = candidates.filter(
    (sentence) => sentence.length >= 20 && /\p{L}/u.test(sentence) && /[.!?…。！？]["'”’)\]]*$/u.test(sentence),
  );
  if (whole.length > 0) return whole;
  return (
    candidates.length > 0 ? candidates : [...all].map((sentence) => sentence.slice(0, INFERENCE.sentenceCharacters))
  ).filter((sentence) => sentence !== '');
}

function wordsOf(sentence: string): Set<string> {
  const words = sentence.toLowerCase().match(/[\p{L}\p{N}]+/gu) ?? [];
  return new Set(words.filter((word) => word.length > 1 && !isStopWordText(word)));
}

/**
 * TextRank's score of each sentence; the similarity of two is the words they share over the logarithms of their
 * lengths.
 */
function rank(sentences: readonly ReadonlySet<string>[]): number[] {
  const count = sentences.length;
  const similarity = Array.from({ length: count }, () => new Float64Array(count));
  const sums = new Float64Array(count);
  for (let a = 0; a < count; a++) {
    for (let b = a + 1; b < count; b++) {
      const [small, large] =
        sentences[a]!.size < sentences[b]!.size ? [sentences[a]!, sentences[b]!] : [sentences[b]!, sentences[a]!];
      let shared = 0;
      for (const word of small) if (large.has(word)) shared++;
      if (shared === 0) continue;
      const weight = shared / (Math.log(small.size + 1) + Math.log(large.size + 1));
      similarity[a]![b] = similarity[b]![a] = weight;
      sums[a]! += weight;
      sums[b]! += weight;
    }
  }
  // The chance of starting at a sentence, instead of the same one for each.
  const start = Array.from({ length: count }, (_, at) => 1 / (1 + at / 3));
  const total = start.reduce((sum, value) => sum + value, 0);
  let scores = start.map((value) => value / total);
  for (let iteration = 0; iteration < ITERATIONS; iteration++) {
    scores = scores.map((_, at) => {
      let incoming = 0;
      for (let from = 0; from < count; from++) {
        const weight = similarity[at]![from]!;
        if (weight > 0) incoming += (weight / sums[from]!) * scores[from]!;
      }
      return (1 - DAMPING) * (start[at]! / total) + DAMPING * incoming;
    });
  }
  return scores;
}
