/** The text layer of a PDF: lines as they stand, larger ones as headings. Scans have none. */
import { getDocumentProxy } from 'unpdf';
import { EXTRACTION } from '../bounds.ts';
import { inOneLine, MarkdownText, plainText } from '../markdown-text.ts';
import { titleThatSays } from '../office.ts';
import { factsOf, type Reading } from '../reader.ts';
import { UnreadableError } from '../unreadable.ts';

type Document = Awaited<ReturnType<typeof getDocumentProxy>>;

/** Reads up to as many pages as there is room for; what is on them but text is left out. */
export async function readPdf(bytes: Uint8Array): Promise<Reading> {
  const document = await opened(bytes);
  const text = new MarkdownText();
  const pages = Math.min(document.numPages, EXTRACTION.pages);
  if (pages < document.numPages) text.leaveOut();
  const lines: Line[] = [];
  let length = 0;
  for (let number = 1; number <= pages && length <= EXTRACTION.textBytes; number++) {
    const page = await document.getPage(number);
    const own = linesOf((await page.getTextContent()).items as Item[]);
    for (const line of own) length += line.text.length + 1;
    lines.push(...own);
    page.cleanup();
  }
  if (lines.length === 0)
    throw new UnreadableError('it has no text layer, as a scan has none: recognise its text (OCR) first');
  const levels = headingLevels(lines);
  for (const block of blocksOf(lines, levels)) {
    const isMore =
      block.level === 0 ? text.add(plainText(block.text)) : text.heading(block.level, plainText(block.text));
    if (!isMore) break;
  }
  const info = (await document.getMetadata().catch(() => ({ info: {} }))).info as Record<string, unknown>;
  const told = (name: string): string | undefined => (typeof info[name] === 'string' ? info[name] : undefined);
  return {
    text,
    title: titleThatSays(told('Title')),
    facts: factsOf({
      author: told('Author'),
      subject: told('Subject'),
      keywords: told('Keywords'),
      created: isoDate(told('CreationDate')),
      modified: isoDate(told('ModDate')),
      pages: document.numPages,
    }),
  };
}

async function opened(bytes: Uint8Array): Promise<Document> {
  try {
    return await getDocumentProxy(bytes, {
      // Nothing is drawn, run or fetched.
      disableFontFace: true,
      useSystemFonts: false,
      useWasm: false,
      useWorkerFetch: false,
      maxImageSize: 1,
      stopAtErrors: false,
      enableXfa: false,
      verbosity: 0,
    });
  } catch (error) {
    if ((error as Error).name === 'PasswordException') throw new UnreadableError('it is protected by a password');
    throw error;
  }
}

/** A piece of text as the PDF places it. */
interface Item {
  readonly str?: string;
  /** Its matrix: the height of letters, and where it stands. */
  readonly transform?: readonly number[];
  readonly hasEOL?: boolean;
}

interface Line {
  readonly text: string;
  /** The height of its letters, to half a point. */
  readonly size: number;
  /** How far below the line before it stands, in heights of its letters; nothing says so of the first of a page. */
  readonly below: number;
}

function linesOf(items: readonly Item[]): Line[] {
  const lines: Line[] = [];
  let text = '';
  let size = 0;
  let y: number | undefined;
  let last: number | undefined;
  const end = (): void => {
    const line = text.replace(/\s+/g, ' ').trim();
    if (line !== '') {
      const gap = last === undefined || y === undefined ? Infinity : Math.abs(last - y);
      lines.push({ text: line, size: Math.round(size * 2) / 2, below: gap / Math.max(size, 1) });
      last = y;
    }
    text = '';
    size = 0;
    y = undefined;
  };
  for (const { str, transform, hasEOL } of items) {
    if (str === undefined) continue; // A mark of where content begins.
    text += str;
    if (str.trim() !== '' && transform !== undefined) {
      size = Math.max(size, Math.hypot(transform[2] ?? 0, transform[3] ?? 0));
      y ??= transform[5];
    }
    if (hasEOL === true) end();
  }
  end();
  return lines;
}

/** Lines are set at 1.15 to 1.5 of the height of their letters, those of a heading closer. */
const APART = 1.7;
const APART_IN_HEADINGS = 1.35;
/** How much larger than most of the text a heading is at least. */
const LARGER = 1.12;

/** Heading levels by size: the three largest that are not those of most of the text. */
function headingLevels(lines: readonly Line[]): Map<number, number> {
  const letters = new Map<number, number>();
  for (const { size, text } of lines) letters.set(size, (letters.get(size) ?? 0) + text.length);
  const [body = 0] = [...letters].sort(([, a], [, b]) => b - a)[0] ?? [];
  const sizes = new Set(
    lines.filter(({ size, text }) => size > body * LARGER && isHeadingLike(text)).map(({ size }) => size),
  );
  const levels = [...sizes].sort((a, b) => b - a).slice(0, EXTRACTION.pdfHeadings);
  return new Map(levels.map((size, at) => [size, at + 1]));
}

/** A heading has words: a large digit on a cover, or one letter that begins a chapter, is none. */
const isHeadingLike = (text: string): boolean =>
  text.length <= EXTRACTION.headingCharacters && (text.match(/\p{L}/gu)?.length ?? 0) > 2;

interface PdfBlock {
  text: string;
  /** 0 for a paragraph. */
  level: number;
}

function blocksOf(lines: readonly Line[], levels: ReadonlyMap<number, number>): PdfBlock[] {
  const blocks: PdfBlock[] = [];
  let size = 0;
  for (const line of lines) {
    const level = isHeadingLike(line.text) ? (levels.get(line.size) ?? 0) : 0;
    const block = blocks.at(-1);
    const goesOn =
      block !== undefined &&
      block.level === level &&
      (level === 0 ? line.below < APART : line.size === size && line.below < APART_IN_HEADINGS);
    size = line.size;
    if (!goesOn) blocks.push({ text: line.text, level });
    // A word that was divided at the end of a line is one word.
    else if (level === 0 && /\p{L}[-\u00ad]$/u.test(block.text) && /^\p{Ll}/u.test(line.text))
      block.text = block.text.slice(0, -1) + line.text;
    else block.text += `${level === 0 ? '\n' : ' '}${line.text}`;
  }
  return blocks.map(({ text, level }) =>
    level > 0 && text.length > EXTRACTION.headingCharacters * 2
      ? { text, level: 0 }
      : { text: level > 0 ? inOneLine(text) : text, level },
  );
}

/** `D:20240131120000+01'00'` in ISO 8601; undefined where it is none. */
function isoDate(date: string | undefined): string | undefined {
  const [, year, month, day, hour = '00', minute = '00', second = '00', zone = ''] =
    /^D:(\d{4})(\d{2})(\d{2})(\d{2})?(\d{2})?(\d{2})?([Z+-](?:\d{2}'?\d{2})?)?/.exec(date ?? '') ?? [];
  if (year === undefined) return undefined;
  const digits = zone.replace(/\D/g, '');
  const offset = digits === '' ? (zone === '' ? '' : 'Z') : `${zone[0]}${digits.slice(0, 2)}:${digits.slice(2)}`;
  return `${year}-${month}-${day}T${hour}:${minute}:${second}${offset}`;
}
