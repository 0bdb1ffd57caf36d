/** A Markdown document, read once: front matter, title, headings, links, blocks. */
import { beginningOf } from '../graphemes.ts';
import { MARKDOWN } from './bounds.ts';
import { blocksOf, type Block } from './blocks.ts';
import { divide, readFrontMatter, type FrontMatter } from './front-matter.ts';
import { outlineOf, type Outline } from './outline.ts';
import { parseBlocks, parseInline, type Parsed } from './parser.ts';

export type { Block } from './blocks.ts';
export type { FrontMatter } from './front-matter.ts';
export type { Heading, Link, Outline } from './outline.ts';

/** Each part is read when it is first asked for, and all of them from the same tokens. */
export class MarkdownDocument {
  readonly #yaml: string | undefined;
  readonly #lines: readonly string[];
  #frontMatter: FrontMatter | undefined;
  #parsed: Parsed | undefined;
  #outline: Outline | undefined;

  /** @param text with any line ends; a byte order mark is no part of it */
  constructor(text: string) {
    const normal = text.replace(/^\uFEFF/, '').replace(/\r\n?/g, '\n');
    const { yaml, body } = divide(normal);
    this.#yaml = yaml;
    this.#lines = normal.slice(body).split('\n');
  }

  /** Undefined where the document begins without any. */
  get frontMatter(): FrontMatter | undefined {
    return this.#yaml === undefined ? undefined : (this.#frontMatter ??= readFrontMatter(this.#yaml));
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
    if (this.#outline === undefined) {
      const parsed = this.#tokens;
      parseInline(parsed);
      this.#outline = outlineOf(parsed.tokens);
    }
    return this.#outline;
  }

  /** Everything that is written, the front matter too. */
  get blocks(): Block[] {
    const own = blocksOf(this.#lines, this.#tokens.tokens);
    const yaml = this.#yaml?.trim() ?? '';
    return yaml === '' ? own : [{ text: `---\n${yaml}\n---`, level: 0, apart: true }, ...own];
  }

  get #tokens(): Parsed {
    return (this.#parsed ??= parseBlocks(this.#lines.slice(0, MARKDOWN.lines).join('\n')));
  }
}
