/** The passages that were found for one question: each has a number, by which it is cited, and no other can be. */
import { ASK } from '#gateway/bounds/ask.ts';
import { beginningOf } from '#subgraphs/shared/graphemes.ts';
import { sentencesIn, widthOf, type Sentence } from '#subgraphs/shared/sentences.ts';

/** A passage that the caller may read. */
export interface Passage {
  /** From 1. */
  readonly number: number;
  readonly chunkId: string;
  readonly documentId: string;
  readonly title: string | null;
  readonly source: string | null;
  /** Of the chunk, from its beginning. */
  readonly text: string;
  readonly score: number;
}

/** As the API tells it. */
export interface Citation extends Omit<Passage, 'text'> {
  readonly quote: string;
  readonly start: number;
  readonly end: number;
}

export const SEARCH = `query AskSearch($query: String!, $first: Int!, $where: SearchFilter) {
  search(query: $query, mode: HYBRID, first: $first, where: $where) {
    edges { score node { id text document { id title source } } }
  }
}`;

/** What {@link SEARCH} answers. */
export interface Found {
  readonly search: {
    readonly edges: readonly {
      readonly score: number;
      readonly node: {
        readonly id: string;
        readonly text: string | null;
        readonly document: {
          readonly id: string;
          readonly title: string | null;
          readonly source: string | null;
        } | null;
      };
    }[];
  } | null;
}

export class Passages {
  readonly #byChunk = new Map<string, Passage>();
  readonly #all: Passage[] = [];

  /** Takes up what a search found. @returns it, each with its number; what was found before keeps the one that it had */
  add({ search }: Found): Passage[] {
    return (search?.edges ?? []).flatMap(({ score, node: { id, text, document } }) => {
      const known = this.#byChunk.get(id);
      if (known !== undefined) return [known];
      // A chunk whose document is gone by now, or is not the caller's to read, is not there.
      if (text === null || document === null || this.#all.length >= ASK.passages) return [];
      const passage: Passage = {
        number: this.#all.length + 1,
        chunkId: id,
        documentId: document.id,
        title: document.title === null ? null : beginningOf(document.title, ASK.citationCharacters),
        source: document.source === null ? null : beginningOf(document.source, ASK.citationCharacters),
        text: beginningOf(text, ASK.passageCharacters),
        score,
      };
      this.#byChunk.set(id, passage);
      this.#all.push(passage);
      return [passage];
    });
  }

  get all(): readonly Passage[] {
    return this.#all;
  }

  get(number: number): Passage | undefined {
    return this.#all[number - 1];
  }
}

/** A citation of a part of a passage. @param number what it is called in the answer @default the passage's own */
export function citationOf(
  passage: Passage,
  { start, end }: Pick<Sentence, 'start' | 'end'>,
  number = passage.number,
): Citation {
  const { text, ...rest } = passage;
  return { ...rest, number, quote: text.slice(start, end), start, end };
}

/** What a passage says in whole sentences and in rows of tables, without headings and code; places are those of its text. */
export function sentencesOf(text: string): Sentence[] {
  const found: Sentence[] = [];
  for (const { block, at, isRow } of proseOf(text)) {
    const own = isRow
      ? [{ text: cellsOf(block).join(' – '), start: 0, end: block.length }]
      : sentencesIn(block, ASK.longestSentence);
    for (const { start, end, text: written } of own) {
      if (written.length > ASK.longestSentence) continue;
      // The end of what is emphasised is cut from it by the point before.
      const cut = /^[*_]{1,3}\s+/.exec(written)?.[0].length ?? 0;
      const shown = written.replace(IMAGE, '').replace(LINK, '$1').trim();
      const isLink = !/\p{L}/u.test(written.replace(IMAGE, '').replace(LINK, ''));
      if (widthOf(shown) >= ASK.shortestSentence && /\p{L}.*\p{L}/u.test(shown) && !isLink && !shown.includes(']('))
        found.push({ text: written.slice(cut), start: at + start + cut, end: at + end });
    }
  }
  return found;
}

/** Begins a line that is no prose: a heading, a fence, HTML. */
const NO_PROSE = /^\s*(?:#{1,6}\s|```|~~~|<|---|===)/;
const IMAGE = /!\[[^\]]*\]\([^)]*\)/g;
const LINK = /\[([^\]]*)\]\([^)]*\)/g;
/** Of a table, and what stands between its head and its rows. */
const ROW = /^\s*\|/;
const UNDER_HEAD = /^[\s|:-]+$/;
/** Begins an item or a quotation. */
const MARKER = /^\s*(?:[-*+]\s+|\d{1,3}[.)]\s+|>\s?)/;

/** What a row says, column by column; what says nothing is left out. */
const cellsOf = (row: string): string[] =>
  row
    .split(/(?<!\\)\|/)
    .map((cell) => cell.trim().replaceAll('\\|', '|'))
    .filter((cell) => /[\p{L}\p{N}]/u.test(cell));

/** Paragraphs, items and rows of tables but for their heads, and where each begins. */
function proseOf(text: string): { readonly block: string; readonly at: number; readonly isRow?: true }[] {
  const blocks: { block: string; at: number; isRow?: true }[] = [];
  let open: { block: string; at: number } | undefined;
  let fenced = false;
  let at = 0;
  for (const line of text.split('\n')) {
    const marker = MARKER.exec(line)?.[0].length ?? 0;
    const isFence = /^\s*(?:```|~~~)/.test(line);
    if (isFence) fenced = !fenced;
    if (isFence || fenced || line.trim() === '' || NO_PROSE.test(line)) open = undefined;
    else if (ROW.test(line)) {
      open = undefined;
      if (!UNDER_HEAD.test(line)) blocks.push({ block: line, at, isRow: true });
      else if (blocks.at(-1)?.isRow) blocks.pop();
    } else if (open === undefined || marker > 0) blocks.push((open = { block: line.slice(marker), at: at + marker }));
    else open.block += `\n${line}`;
    at += line.length + 1;
  }
  return blocks;
}
