/** The prose of a document: what may be quoted of it. */
import { proseOfHtml } from './html.ts';
import { inOneLine, textOf } from './inline-text.ts';
import type { Token } from './parser.ts';

/** What says of a quote which kind of note it is, as GitHub writes it. */
const ALERT = /^\[![A-Z]+\]\s*/;
/** Lines of these are no sentences. */
const NO_PROSE: Readonly<Record<string, string>> = { heading_open: 'heading_close', table_open: 'table_close' };

/**
 * The paragraphs, each in one line: without headings, code, tables, pictures, marks of emphasis and the targets of
 * links. The items of a list are paragraphs of their own.
 * @param tokens whose inline content has been parsed
 * @param most where to stop
 */
export function proseOf(tokens: readonly Token[], most: number): string[] {
  const paragraphs: string[] = [];
  let until: string | undefined;
  for (const token of tokens) {
    if (paragraphs.length >= most) break;
    if (until !== undefined) {
      if (token.type === until) until = undefined;
      continue;
    }
    until = NO_PROSE[token.type];
    const text =
      token.type === 'inline'
        ? inOneLine(textOf(token.children ?? [], false)).replace(ALERT, '')
        : token.type === 'html_block'
          ? inOneLine(proseOfHtml(token.content))
          : '';
    if (text !== '') paragraphs.push(text);
  }
  return paragraphs;
}
