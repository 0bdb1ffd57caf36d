/** Where the words of a query stand in a text, and what stands around them. */
import { VECTOR } from '../bounds.ts';
import { parseKeywords } from '../keywords/query.ts';
import { termsWithin } from '#subgraphs/shared/terms/terms.ts';

/** A place in a text, in UTF-16 code units, as JavaScript and GraphQL clients in browsers count; `end` is behind the last one. */
export interface Span {
  readonly start: number;
  readonly end: number;
}

export interface Highlight extends Span {
  readonly text: string;
  readonly matches: readonly Span[];
}

/** What a query looks for in a text, made once for all texts. */
export type Highlighter = (text: string, most: number, around: number) => readonly Highlight[];

/**
 * A query's words are found as keyword search finds them: in any form, inside of what is glued together, whatever their accents. Of
 * all pieces of a text those are the best that have most of the different words, the first of equal ones.
 */
export function highlighter(query: string): Highlighter {
  const { terms, words, prefix } = parseKeywords(query, VECTOR.keywordTerms);
  const wanted = new Set([...terms, ...words].map(({ term }) => term));
  const isWanted = (term: string): boolean =>
    wanted.has(term) || (prefix !== undefined && term.startsWith(prefix.term));

  return (text, most, around) => {
    const looked = text.slice(0, VECTOR.highlightCharacters);
    const matches: { start: number; end: number; terms: string[] }[] = [];
    for (const { start, end, terms: own } of termsWithin(looked)) {
      const found = own.filter(isWanted);
      if (found.length === 0) continue;
      const last = matches.at(-1);
      if (last !== undefined && start < last.end) {
        last.end = end;
        last.terms.push(...found);
      } else matches.push({ start, end, terms: found });
    }
    // Each match begins a piece; what follows closely belongs to it.
    const pieces: { from: number; to: number; terms: Set<string> }[] = [];
    for (const [at, match] of matches.entries()) {
      const last = pieces.at(-1);
      const isNear = last !== undefined && match.end - matches[last.from]!.start <= 2 * around;
      if (isNear) {
        last.to = at;
        for (const term of match.terms) last.terms.add(term);
      } else pieces.push({ from: at, to: at, terms: new Set(match.terms) });
    }
    return pieces
      .map((piece, at) => ({ ...piece, at }))
      .sort((a, b) => b.terms.size - a.terms.size || a.at - b.at)
      .slice(0, most)
      .map(({ from, to }) => {
        const start = spaceBehind(text, matches[from]!.start - around, matches[from]!.start);
        const end = spaceBefore(text, matches[to]!.end + around, matches[to]!.end);
        return {
          start,
          end,
          text: text.slice(start, end),
          // Whatever stands in what is shown.
          matches: matches
            .filter((match) => match.start >= start && match.end <= end)
            .map((match) => ({ start: match.start, end: match.end })),
        };
      });
  };
}

/** Cut between words: the first place behind `from` where one begins, `last` where there is none. */
function spaceBehind(text: string, from: number, last: number): number {
  if (from <= 0) return 0;
  const space = text.slice(from, last).search(/\s/u);
  return space === -1 ? whole(text, from) : from + space + 1;
}

function spaceBefore(text: string, to: number, first: number): number {
  if (to >= text.length) return text.length;
  const space = text.slice(first, to).search(/\s\S*$/u);
  return space === -1 ? whole(text, to) : first + space;
}

/** Not between the halves of a character. */
const whole = (text: string, at: number): number => (/[\udc00-\udfff]/.test(text[at] ?? '') ? at + 1 : at);
