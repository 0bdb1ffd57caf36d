/** What HTML within Markdown says: headings, links, pictures. */
import { Parser } from 'htmlparser2';
import { MARKDOWN } from './bounds.ts';

/** What is told of a piece of HTML, in its order. */
export interface HtmlReader {
  onHeading(level: number): void;
  onHeadingEnd(level: number): void;
  onLink(href: string): void;
  /** The text that stands for a picture. */
  onPicture(alt: string): void;
  onText(text: string): void;
}

/** Of no interest otherwise; most HTML in documents is breaks, spans and comments. */
const OF_INTEREST = /<\/?(?:a|img|h[1-6])[\s/>]/i;
const HEADING = /^h([1-6])$/;
/** Their text is none. */
const SILENT = new Set(['script', 'style', 'template', 'svg']);

/**
 * Reads a piece of HTML, which may begin and end anywhere between two tags.
 * @param within the level of the heading that it stands in; 0 where it stands in none
 */
export function readHtml(html: string, reader: Partial<HtmlReader>, within = 0): void {
  if (within === 0 && !OF_INTEREST.test(html)) return;
  let silent = 0;
  let depth = 0;
  let begun = false;
  const parser = new Parser({
    onopentag: (name, attributes) => {
      depth += 1;
      if (SILENT.has(name)) silent += 1;
      const level = HEADING.exec(name)?.[1];
      if (!begun) return;
      if (level !== undefined) reader.onHeading?.(Number(level));
      else if (name === 'a' && attributes['href'] !== undefined) reader.onLink?.(attributes['href']);
      else if (name === 'img' && attributes['alt'] !== undefined) reader.onPicture?.(attributes['alt']);
      else if (name === 'br') reader.onText?.(' ');
    },
    ontext: (text) => {
      if (silent === 0) reader.onText?.(text);
    },
    onclosetag: (name, implied) => {
      depth -= 1;
      if (SILENT.has(name)) silent -= 1;
      const level = HEADING.exec(name)?.[1];
      // At the end of the piece, what is open is not closed: it may go on behind an empty line.
      if (level !== undefined && !implied) reader.onHeadingEnd?.(Number(level));
    },
  });
  // The parser passes over the end of what it has not seen begin.
  if (within > 0) parser.write(`<h${within}>`);
  begun = true;
  for (let at = 0; at < html.length && depth <= MARKDOWN.htmlDepth; at += MARKDOWN.htmlStep)
    parser.write(html.slice(at, at + MARKDOWN.htmlStep));
  parser.end();
}

/** Their text is no sentences. */
const NO_PROSE = new Set([...SILENT, 'pre', 'table', 'title', 'h1', 'h2', 'h3', 'h4', 'h5', 'h6']);

/** The sentences of a piece of HTML: its text, without headings, tables and code. */
export function proseOfHtml(html: string): string {
  let text = '';
  const open: string[] = [];
  let depth = 0;
  const parser = new Parser({
    onopentag: (name) => {
      depth += 1;
      if (NO_PROSE.has(name)) open.push(name);
      else if (!INLINE_ELEMENTS.has(name) || name === 'br') text += ' ';
    },
    ontext: (piece) => {
      if (open.length === 0) text += piece;
    },
    onclosetag: (name) => {
      depth -= 1;
      if (open.at(-1) === name) open.pop();
      else if (!INLINE_ELEMENTS.has(name)) text += ' ';
    },
  });
  for (let at = 0; at < html.length && depth <= MARKDOWN.htmlDepth; at += MARKDOWN.htmlStep)
    parser.write(html.slice(at, at + MARKDOWN.htmlStep));
  parser.end();
  return text;
}

/** Elements that a heading's text may be marked up with. Others in angle brackets are generics, as in `Array<String>`. */
const INLINE_ELEMENTS = new Set(
  (
    'a abbr b bdi bdo big br center cite code del dfn div em font i img input ins kbd label mark nobr object p ' +
    'picture q s samp small source span strike strong sub sup svg time tt u var video wbr'
  ).split(' '),
);
const VOID_ELEMENTS = new Set(['br', 'img', 'input', 'source', 'wbr']);
const TAG = /^<(\/?)([A-Za-z][A-Za-z0-9-]*)\s*([^>]*?)\/?>$/;

/**
 * Whether something in angle brackets is markup, rather than part of the text.
 * @param later the tags that follow in the same text
 * @param earlier those before it
 */
export function isMarkup(tag: string, earlier: readonly string[], later: readonly string[]): boolean {
  const found = TAG.exec(tag);
  if (found === null) return true; // A comment, a declaration.
  const [, closing, name = '', attributes] = found;
  const element = name.toLowerCase();
  if (!INLINE_ELEMENTS.has(element)) return false;
  if (closing === '/') return earlier.some((each) => TAG.exec(each)?.[2]?.toLowerCase() === element);
  return (
    attributes !== '' || VOID_ELEMENTS.has(element) || later.some((each) => each.toLowerCase() === `</${element}>`)
  );
}
