/** Headings and links of a document, from its tokens. */
import { readHtml, type HtmlReader } from './html.ts';
import { inOneLine, textOf } from './inline-text.ts';
import type { Token } from './parser.ts';

export interface Heading {
  /** 1 to 6. */
  readonly level: number;
  /** As it is read: without marks, in one line. Where it has none, what stands for its pictures. */
  readonly text: string;
}

export interface Link {
  /** As it is written, with characters of URLs escaped; for a wiki link the page's name. */
  readonly target: string;
  readonly kind: 'URL' | 'WIKI';
}

export interface Outline {
  readonly headings: readonly Heading[];
  readonly links: readonly Link[];
}

/** Reads tokens whose inline content has been parsed. Headings within quotes and lists are none of the document. */
export function outlineOf(tokens: readonly Token[]): Outline {
  const headings: Heading[] = [];
  const links: Link[] = [];
  const html = new Headings(headings, (target) => links.push({ target, kind: 'URL' }));
  let level = 0;
  for (const token of tokens) {
    if (token.type === 'heading_open') level = Number(token.tag.slice(1));
    else if (token.type === 'html_block') html.read(token.content, token.level === 0);
    else if (token.type === 'inline') {
      const children = token.children ?? [];
      if (level > 0 && token.level === 1) html.push(level, headingText(children));
      else html.add(children);
      for (const child of children) readLink(child, links, html);
      level = 0;
    }
  }
  return { headings, links };
}

function readLink(token: Token, links: Link[], html: Headings): void {
  if (token.type === 'link_open') links.push({ target: String(token.attrGet('href') ?? ''), kind: 'URL' });
  else if (token.type === 'wiki_link') links.push({ target: String(token.meta?.['target']), kind: 'WIKI' });
  else if (token.type === 'html_inline') html.readLinks(token.content);
}

/** The headings so far, and one in HTML that is open: it may go on over several blocks of Markdown. */
class Headings implements HtmlReader {
  readonly #headings: Heading[];
  readonly onLink: (href: string) => void;
  #level = 0;
  #text = '';
  #pictures = '';
  #counts = true;

  constructor(headings: Heading[], onLink: (href: string) => void) {
    this.#headings = headings;
    this.onLink = onLink;
  }

  /** A block of HTML. @param counts whether its headings are the document's */
  read(html: string, counts: boolean): void {
    this.#counts = counts;
    readHtml(html, this, this.#level);
  }

  /** HTML within a line. */
  readLinks(html: string): void {
    readHtml(html, { onLink: this.onLink });
  }

  /** Markdown between two blocks of HTML. */
  add(children: readonly Token[]): void {
    if (this.#level === 0) return;
    this.#text += ` ${textOf(children, false)}`;
    this.#pictures += ` ${textOf(children, true)}`;
  }

  onHeading(level: number): void {
    this.#level = level;
    this.#text = '';
    this.#pictures = '';
  }

  onHeadingEnd(level: number): void {
    if (this.#level !== level) return;
    this.#level = 0;
    if (this.#counts) this.push(level, inOneLine(this.#text) || inOneLine(this.#pictures));
  }

  /** Adds a heading; one that says nothing is none. */
  push(level: number, text: string): void {
    if (text !== '') this.#headings.push({ level, text });
  }

  onText(text: string): void {
    if (this.#level > 0) this.#text += text;
  }

  onPicture(alt: string): void {
    if (this.#level > 0) this.#pictures += ` ${alt}`;
  }
}

/** Badges behind a name are no part of it; a name that is a picture is what stands for the picture. */
const headingText = (children: readonly Token[]): string =>
  inOneLine(textOf(children, false)) || inOneLine(textOf(children, true));
