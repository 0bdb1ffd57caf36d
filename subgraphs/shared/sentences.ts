/** Sentences of a text, with the places where they stand. */

/** A part of a text. */
export interface Sentence {
  readonly text: string;
  /** Where it begins, in UTF-16 code units. */
  readonly start: number;
  /** Behind its last character. */
  readonly end: number;
}

const segmenter = new Intl.Segmenter('en', { granularity: 'sentence' });

/** Behind which the segmenter takes `e.g. This` for an end. */
const ABBREVIATION = /(?:^|[\s(])(?:e\.g|i\.e|etc|vs|cf|approx|Mr|Mrs|Dr|No|St)\.\s*$/;

/**
 * The sentences of a paragraph, without the space around them. Line breaks count as spaces.
 * @param longest up to which length one goes on behind an abbreviation
 */
export function sentencesIn(paragraph: string, longest: number): Sentence[] {
  // As long as it was, so that places are the same.
  const line = paragraph.replace(/\s/g, ' ');
  const found: Sentence[] = [];
  let start = 0;
  const end = (at: number): void => {
    const text = line.slice(start, at);
    const from = start + (text.length - text.trimStart().length);
    if (text.trim() !== '') found.push({ text: text.trim(), start: from, end: from + text.trim().length });
    start = at;
  };
  for (const { segment, index } of segmenter.segment(line)) {
    const at = index + segment.length;
    if (ABBREVIATION.test(line.slice(Math.max(start, at - 12), at)) && at - start < longest) continue;
    end(at);
  }
  end(line.length);
  return found;
}
