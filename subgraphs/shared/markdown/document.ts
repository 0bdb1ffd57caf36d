/** A Markdown document, read once: front matter, title, headings, links, blocks. */
import { beginningOf } from '../graphemes.ts';
import { MARKDOWN } from './bounds.ts';
import { blocksOf, type Block } from './blocks.ts';
import { divide, readFrontMatter, type FrontMatter, type Matter } from './front-matter.ts';
import { outlineOf, type Outline } from './outline.ts';
import { parseBlocks, parseInline, type Parsed, type Token } from './parser.ts';
import { proseOf } from './prose.ts';

export type { Block } from './blocks.ts';
export type { FrontMatter } from './front-matter.ts';
export type { Heading, Link, Outline } from './outline.ts';

/** Each part is read when it is first asked for, and all of them from the same tokens. */
export class MarkdownDocument {
  readonly #matter: Matter | undefined;
  readonly #lines: readonly string[];
  #frontMatter: FrontMatter | undefined;
  #parsed: Parsed | undefined;
  /** Whether what is in the lines has been read too. */
  #inline = false;
  #outline: Outline | undefined;

  /** @param text with any line ends; a byte order mark is no part of it */
  constructor(text: string) {
    const normal = text.replace(/^\uFEFF/, '').replace(/\r\n?/g, '\n');
    const { matter, body } = divide(normal);
    this.#matter = matter;
    this.#lines = normal.slice(body).split('\n');
  }

  /** Undefined where the document begins without any. */
  get frontMatter(): FrontMatter | undefined {
    return this.#matter === undefined ? undefined : (this.#frontMatter ??= readFrontMatter(this.#matter));
  }

  /** The front matter's `title`, else the first heading of level 1, else the first heading; in one line. */
  get title(): string | undefined {
    const named = this.frontMatter?.data['title'];
    const { headings } = this.outline;
    const found = [
      typeof named === 'string' || typeof named === 'number' ? String(named).replace(/\s+/g, ' ').trim() : '',
      ...headings.filter(({ level }) => level === 1).map(({ text }) => text),
      ...headings.map(({ text }) => text),
    ].find((text) => text !== '');
    return found === undefined ? undefined : beginningOf(found, MARKDOWN.titleCharacters).trimEnd();
  }

  get outline(): Outline {
    return (this.#outline ??= outlineOf(this.#read));
  }

  /** The paragraphs that may be quoted, see `prose.ts`. @param most where to stop */
  prose(most: number): string[] {
    return proseOf(this.#read, most);
  }

  /** Everything that is written, the front matter too. */
  get blocks(): Block[] {
    const own = blocksOf(this.#lines, this.#tokens.tokens);
    const text = this.#matter?.text.trim() ?? '';
    if (text === '') return own;
    const mark = this.#matter!.language === 'toml' ? '+++' : '---';
    return [{ text: `${mark}\n${text}\n${mark}`, level: 0, apart: true }, ...own];
  }

  /** The tokens with what is in their lines. */
  get #read(): readonly Token[] {
    const parsed = this.#tokens;
    if (!this.#inline) parseInline(parsed);
    this.#inline = true;
    return parsed.tokens;
  }

  get #tokens(): Parsed {
    return (this.#parsed ??= parseBlocks(this.#lines.slice(0, MARKDOWN.lines).join('\n')));
  }
}
