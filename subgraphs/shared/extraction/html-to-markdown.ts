/**
 * HTML as Markdown: headings, lists, tables, links and code stay what they are; emphasis, pictures and what nobody reads are
 * left out. As the HTML comes and in time that grows with its length, which the libraries that were tried for it do not
 * (docs/dependencies.md).
 */
import { Parser } from 'htmlparser2';
import { EXTRACTION } from './bounds.ts';
import { fenced, inOneLine, plainText, type MarkdownText } from './markdown-text.ts';
import { addTable, rowOf, type Row } from './table.ts';
import { UnreadableError } from './unreadable.ts';

/**
 * Adds a page, or a piece of one, to a text.
 * @throws UnreadableError where it is nested more deeply than any page: the parser takes ever longer for each level
 */
export function addHtml(text: MarkdownText, html: string): void {
  const writer = new HtmlWriter(text);
  const parser = new Parser({
    onopentag: (name, attributes) => writer.open(name, attributes),
    ontext: (piece) => writer.text(piece),
    onclosetag: (name) => writer.close(name),
  });
  for (let at = 0; at < html.length && !writer.isFull; at += EXTRACTION.htmlStep)
    parser.write(html.slice(at, at + EXTRACTION.htmlStep));
  parser.end();
  writer.end();
}

const set = (names: string): ReadonlySet<string> => new Set(names.split(' '));

/** Elements whose text is none of the page's. */
const SILENT = set('script style noscript template svg math iframe object canvas head title nav select audio video');
/** Elements that stand in a line; all others begin a new block. */
const INLINE = set(
  'a abbr acronym b bdi bdo big br cite code data del dfn em font i img input ins kbd label map mark nobr output picture q ' +
    'rp rt ruby s samp small source span strike strong sub sup time tt u var wbr button',
);
const CODE = set('code kbd samp tt');
const HEADING = /^h([1-6])$/;

interface List {
  readonly kind: 'list';
  /** The number of the next item; undefined where they have none. */
  next: number | undefined;
}
interface Item {
  readonly kind: 'item';
  readonly mark: string;
  isBegun: boolean;
}
/** What a block stands in, from the outside. */
type Container = List | Item | { readonly kind: 'quote' };

interface Table {
  readonly rows: Row[];
  cells: string[];
  cell: string | undefined;
  /** How many columns the cell takes besides its own. */
  further: number;
  /** It arranges the page, and its cells are parts of that: tables and headings are in them. */
  isLayout: boolean;
}

interface Link {
  /** Where its text begins in the line. */
  from: number;
  readonly href: string;
}

class HtmlWriter {
  readonly #text: MarkdownText;
  #depth = 0;
  #silent = 0;
  /** The line so far, and its links that are open. */
  #line: string[] = [];
  readonly #links: Link[] = [];
  readonly #containers: Container[] = [];
  readonly #tables: Table[] = [];
  /** Lines of lists and quotes that are open. */
  #lines: string[] = [];
  #linesLength = 0;
  #heading = 0;
  /** Code that is open, as it is written, and the language that it is in. */
  #code: { text: string[]; language: string } | undefined;
  #isFull = false;

  constructor(text: MarkdownText) {
    this.#text = text;
  }

  /** Whether there is no room for more. */
  get isFull(): boolean {
    return this.#isFull;
  }

  open(name: string, attributes: Readonly<Record<string, string>>): void {
    if (++this.#depth > EXTRACTION.htmlDepth) throw new UnreadableError('it is nested too deeply');
    if (SILENT.has(name)) this.#silent += 1;
    if (this.#silent > 0) return;
    if (this.#code !== undefined) {
      this.#code.language ||= languageIn(attributes);
      if (name === 'br') this.#code.text.push('\n');
      return;
    }
    if (INLINE.has(name)) {
      if (name === 'br') this.#line.push('\n');
      else if (name === 'img') this.#line.push(' ', attributes['alt'] ?? '', ' ');
      else if (name === 'a') this.#links.push({ from: this.#line.length, href: attributes['href'] ?? '' });
      else if (CODE.has(name)) this.#line.push('`');
      return;
    }
    this.#endBlock();
    const level = HEADING.exec(name)?.[1];
    if (level !== undefined) {
      this.#heading = Number(level);
      this.#toLayout();
    } else if (name === 'pre') this.#code = { text: [], language: languageIn(attributes) };
    else if (name === 'blockquote') this.#containers.push({ kind: 'quote' });
    else if (name === 'ul' || name === 'menu') this.#containers.push({ kind: 'list', next: undefined });
    else if (name === 'ol')
      this.#containers.push({ kind: 'list', next: Number.parseInt(attributes['start'] ?? '', 10) || 1 });
    else if (name === 'li') {
      // One that was never closed ends where the next begins.
      if (this.#containers.at(-1)?.kind === 'item') this.#containers.pop();
      this.#containers.push({ kind: 'item', mark: this.#nextMark(), isBegun: false });
    } else if (name === 'table') {
      this.#toLayout();
      this.#tables.push({ rows: [], cells: [], cell: undefined, further: 0, isLayout: false });
    } else if (name === 'td' || name === 'th') this.#openCell(attributes);
  }

  text(piece: string): void {
    if (this.#silent > 0) return;
    if (this.#code !== undefined) this.#code.text.push(piece);
    else this.#line.push(piece.replace(/\s+/g, ' '));
  }

  close(name: string): void {
    this.#depth -= 1;
    if (SILENT.has(name)) {
      this.#silent -= 1;
      return;
    }
    if (this.#silent > 0) return;
    if (this.#code !== undefined) {
      if (name === 'pre') this.#endCode();
      return;
    }
    if (INLINE.has(name)) {
      if (name === 'a') this.#endLink(this.#links.pop());
      else if (CODE.has(name)) this.#line.push('`');
      return;
    }
    this.#endBlock();
    if (HEADING.test(name)) this.#heading = 0;
    else if (name === 'td' || name === 'th') this.#endCell();
    else if (name === 'tr') this.#endRow();
    else if (name === 'table') this.#endTable();
    else if (name === 'blockquote') this.#leave('quote');
    else if (name === 'ul' || name === 'ol' || name === 'menu') this.#leave('list');
    else if (name === 'li') this.#leave('item');
  }

  /** Writes what is left. */
  end(): void {
    this.#endBlock();
    while (this.#tables.length > 0) this.#endTable();
    this.#containers.length = 0;
    this.#endLines();
  }

  #nextMark(): string {
    const list = this.#containers.findLast((each): each is List => each.kind === 'list');
    return list?.next === undefined ? '- ' : `${list.next++}. `;
  }

  #leave(kind: Container['kind']): void {
    if (this.#containers.at(-1)?.kind === kind) this.#containers.pop();
    if (this.#containers.length === 0) this.#endLines();
  }

  #endLink(link: Link | undefined): void {
    if (link === undefined) return;
    const text = inOneLine(this.#line.splice(link.from).join(''));
    // Where it leads within the page says nothing, and scripts lead nowhere.
    const href = link.href.trim().replace(/[\s\p{Cc}]/gu, '%20');
    const isLink =
      text !== '' &&
      /^(?!#|(?:javascript|data|vbscript|about):)./i.test(href) &&
      href.length <= EXTRACTION.hrefCharacters;
    this.#line.push(isLink ? `[${text.replace(/[[\]]/g, '\\$&')}](${href.replace(/[()<>]/g, inPercent)})` : text);
  }

  /** A block ends wherever another begins. */
  #endBlock(): void {
    for (const link of this.#links.toReversed()) {
      this.#endLink(link);
      link.from = 0;
    }
    const line = this.#line.join('');
    this.#line = [];
    if (line.trim() === '') return;
    const text = plainText(
      line
        .replace(/[\u00a0\u202f]/g, ' ')
        .replace(/ *\n */g, '\n')
        .replace(/ {2,}/g, ' '),
    ).replace(/^</gm, '\\<');
    if (this.#heading > 0 && this.#containers.length === 0) this.#full(this.#text.heading(this.#heading, text));
    else this.#emit(text);
  }

  #endCode(): void {
    const { text, language } = this.#code!;
    this.#code = undefined;
    const code = text.join('').replace(/\r\n?/g, '\n').replace(/\0/g, '\ufffd').replace(/^\n/, '');
    if (code.trim() === '') return;
    if (this.#cell === undefined) this.#emit(fenced(code, language));
    else this.#emit(code);
  }

  /** The table whose cell is open. */
  get #cell(): Table | undefined {
    const table = this.#tables.at(-1);
    return table?.cell === undefined ? undefined : table;
  }

  #emit(block: string): void {
    const table = this.#cell;
    if (table !== undefined) {
      table.cell += ` ${block}`;
      return;
    }
    if (this.#containers.length === 0) {
      this.#full(this.#text.add(block));
      return;
    }
    for (const line of block.split('\n')) {
      let prefix = '';
      for (const container of this.#containers) {
        if (container.kind === 'quote') prefix += '> ';
        else if (container.kind === 'item') {
          prefix += container.isBegun ? ' '.repeat(container.mark.length) : container.mark;
          container.isBegun = true;
        }
      }
      this.#lines.push(prefix + line);
      this.#linesLength += prefix.length + line.length;
    }
    if (this.#linesLength > EXTRACTION.htmlStep) this.#endLines();
  }

  #endLines(): void {
    if (this.#lines.length > 0) this.#full(this.#text.add(this.#lines.join('\n')));
    this.#lines = [];
    this.#linesLength = 0;
  }

  #full(isMore: boolean): void {
    if (!isMore) this.#isFull = true;
  }

  #openCell({ colspan }: Readonly<Record<string, string>>): void {
    const table = this.#tables.at(-1);
    if (table === undefined || table.isLayout) return;
    if (table.cell !== undefined) this.#endCell();
    table.cell = '';
    table.further = Math.min(Number.parseInt(colspan ?? '', 10) || 1, EXTRACTION.columns) - 1;
  }

  #endCell(): void {
    const table = this.#tables.at(-1);
    if (table?.cell === undefined) return;
    table.cells.push(table.cell);
    for (let at = 0; at < table.further && table.cells.length < EXTRACTION.columns; at++) table.cells.push('');
    table.cell = undefined;
  }

  #endRow(): void {
    const table = this.#tables.at(-1);
    if (table === undefined) return;
    this.#endCell();
    const row = rowOf(table.cells);
    if (row.size > 0) table.rows.push(row);
    table.cells = [];
  }

  #endTable(): void {
    this.#endRow();
    const table = this.#tables.pop();
    if (table === undefined || table.rows.length === 0) return;
    if (this.#containers.length === 0 && this.#cell === undefined) this.#full(addTable(this.#text, table.rows));
    else for (const row of table.rows) this.#emit(inOneLine([...row.values()].join(' | ')));
  }

  /** A table in whose cells there are tables or headings arranges the page: what it has so far is written as it stands. */
  #toLayout(): void {
    const table = this.#cell;
    if (table === undefined) return;
    const parts = [...table.rows.flatMap((row) => [...row.values()]), ...table.cells, table.cell ?? ''];
    table.rows.length = 0;
    Object.assign(table, { cells: [], cell: undefined, isLayout: true });
    for (const part of parts) if (part.trim() !== '') this.#emit(part.trim());
  }
}

/** The language of code, as highlighters want it said. */
const languageIn = ({ class: names = '' }: Readonly<Record<string, string>>): string =>
  /(?:^|\s)(?:language|lang|highlight-source)-([\w+#-]{1,30})/.exec(names)?.[1] ?? '';

const inPercent = (character: string): string => `%${character.charCodeAt(0).toString(16)}`;
