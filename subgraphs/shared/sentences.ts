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
const ABBREVIATION =
  /(?:^|[\s(])(?:e\.g|i\.e|etc|vs|cf|approx|Mr|Mrs|Dr|No|St|bzw|ca|evtl|ggf|inkl|vgl|Nr|Abs|Prof|Hr|Fr|Mio|Mrd)\.\s*$/;
/** A letter (`z. B.`, `J. Smith`) or an ordinal (`am 3. Mai`) with its point: an end only where no word follows. */
const LETTER_OR_ORDINAL = /(?:^|[\s(.])(?:[\p{Script=Latin}\p{Script=Greek}\p{Script=Cyrillic}]|\p{Nd}{1,2})\.\s+$/u;
/** The marks of references that stand behind the point of a sentence (`red.[1][3]`), with the space behind them. */
const REFERENCES = /(?:\[\d{1,3}(?:[\s,;–-]+\d{1,3})*\])+(?:\s+|$)/y;
/** Characters that say as much as two Latin letters. */
const WIDE = /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Hangul}\u3000-\u303f\uff01-\uff60]/gu;

/** How long a sentence is in letters: characters of Chinese, Japanese and Korean count twice. */
export const widthOf = (text: string): number => text.length + (text.match(WIDE)?.length ?? 0);

/**
 * The sentences of a paragraph, without the space around them. Line breaks count as spaces.
 * @param longest up to which length one goes on behind an abbreviation, a single letter or an ordinal
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
  const goesOn = (at: number): boolean => {
    const last = line.slice(Math.max(start, at - 12), at);
    return ABBREVIATION.test(last) || (LETTER_OR_ORDINAL.test(last) && /^\p{L}/u.test(line.slice(at, at + 2)));
  };
  for (const { segment, index } of segmenter.segment(line)) {
    let at = index + segment.length;
    if (at <= start) continue;
    if (goesOn(at) && at - start < longest) continue;
    // The segmenter ends a sentence within `red.[1]`, behind the bracket.
    REFERENCES.lastIndex = at - 1;
    if (segment.endsWith('[') && REFERENCES.test(line)) at = REFERENCES.lastIndex;
    end(at);
  }
  end(line.length);
  return found;
}
