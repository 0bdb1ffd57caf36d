/** A document's blocks as they are written, for cutting it into passages. Nothing that is written is in no block. */
import { MARKDOWN } from './bounds.ts';
import type { Token } from './parser.ts';

export interface Block {
  /** Its lines. */
  readonly text: string;
  /** 1 to 6 for a heading of the document, 0 for anything else. */
  readonly level: number;
  /** Whether an empty line stands before it. */
  readonly apart: boolean;
  /** Lines that are needed to read a part of it: a fence's marks, a table's header. */
  readonly frame?: { readonly before: string; readonly after: string };
  /** The blocks within a quote or a list. */
  readonly inside?: () => Block[];
}

/** The blocks of a document. @param tokens of `lines`, joined */
export const blocksOf = (lines: readonly string[], tokens: readonly Token[]): Block[] =>
  blocksBetween(lines, tokens, 0, lines.length, 0);

function blocksBetween(
  lines: readonly string[],
  tokens: readonly Token[],
  start: number,
  end: number,
  depth: number,
): Block[] {
  const blocks: Block[] = [];
  let line = start;
  const add = (from: number, to: number, about: Omit<Block, 'text' | 'apart'>): void => {
    let last = to;
    while (last > from && isBlank(lines[last - 1]!)) last -= 1;
    if (last === from) return;
    const apart = from === 0 || isBlank(lines[from - 1]!);
    blocks.push({ text: lines.slice(from, last).join('\n'), apart, ...about });
  };
  /** What the parser has no token for: definitions of links, what is nested too deep. */
  const addBetween = (to: number): void => {
    while (line < to) {
      if (isBlank(lines[line]!)) {
        line += 1;
        continue;
      }
      const from = line;
      while (line < to && !isBlank(lines[line]!)) line += 1;
      add(from, line, { level: 0 });
    }
  };
  for (let at = 0; at < tokens.length; at++) {
    const token = tokens[at]!;
    const closing = at + lengthOf(tokens, at);
    const [from, to] = token.map ?? [line, line];
    if (from >= line && to > from) {
      addBetween(from);
      const within = tokens.slice(at + 1, closing);
      add(from, Math.min(to, end), { ...aboutBlock(lines, token, depth), ...inside(lines, token, within, depth) });
      line = Math.max(line, Math.min(to, end));
    }
    at = closing;
  }
  addBetween(end);
  return blocks;
}

/** How many tokens follow up to the one that closes it. */
function lengthOf(tokens: readonly Token[], at: number): number {
  const { nesting, level } = tokens[at]!;
  if (nesting !== 1) return 0;
  let length = 1;
  while (at + length < tokens.length && !(tokens[at + length]!.nesting === -1 && tokens[at + length]!.level === level))
    length += 1;
  return length;
}

function aboutBlock(lines: readonly string[], token: Token, depth: number): Pick<Block, 'level' | 'frame'> {
  const [from, to] = token.map!;
  switch (token.type) {
    case 'heading_open':
      return { level: depth === 0 ? Number(token.tag.slice(1)) : 0 };
    case 'html_block':
      return { level: depth === 0 ? htmlLevel(token.content) : 0 };
    case 'table_open':
      return { level: 0, frame: { before: lines.slice(from, from + 2).join('\n'), after: '' } };
    case 'fence': {
      const before = lines[from]!;
      const last = lines[to - 1]!;
      const isClosed = to - from > 1 && last.trimEnd().endsWith(token.markup) && !/[^\s`~>]/.test(last);
      const indent = before.slice(0, Math.max(before.indexOf(token.markup), 0)).replace(/[^\s>]/g, ' ');
      return { level: 0, frame: { before, after: isClosed ? last : indent + token.markup } };
    }
    default:
      return { level: 0 };
  }
}

const HTML_HEADING = /^\s*<h([1-6])\b(?:(?!<h[1-6]\b)[^])*<\/h\1>\s*$/i;

const htmlLevel = (html: string): number =>
  html.length > MARKDOWN.headingCharacters ? 0 : Number(HTML_HEADING.exec(html)?.[1] ?? 0);

const CONTAINERS = new Set(['bullet_list_open', 'ordered_list_open', 'list_item_open', 'blockquote_open']);

function inside(
  lines: readonly string[],
  token: Token,
  within: readonly Token[],
  depth: number,
): Pick<Block, 'inside'> {
  if (!CONTAINERS.has(token.type)) return {};
  const [from, to] = token.map!;
  return { inside: () => blocksBetween(lines, within, from, to, depth + 1) };
}

const isBlank = (line: string): boolean => line.trim() === '';
