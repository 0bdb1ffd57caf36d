/** What a thread does for extraction.ts: reads one file by its format. */
import './allocation-limit.ts';
import { MarkdownDocument } from '../markdown/document.ts';
import { beginningOf } from '../graphemes.ts';
import { EXTRACTION } from './bounds.ts';
import { readText } from './encoding.ts';
import type { ExtractionTask, ExtractedText } from './extraction.ts';
import { FORMATS, type Format } from './formats.ts';
import { inOneLine } from './markdown-text.ts';
import type { BytesReader, Reading, TextReader } from './reader.ts';
import { reasonOf, UnreadableError } from './unreadable.ts';

type Reader = { readonly ofBytes: BytesReader } | { readonly ofText: TextReader };

/** Readers by format, each loaded with its library when it is first needed. */
const READERS: Readonly<Partial<Record<Format, () => Promise<Reader>>>> = {
  html: async () => ({ ofText: (await import('./readers/html.ts')).readHtml }),
  pdf: async () => ({ ofBytes: (await import('./readers/pdf.ts')).readPdf }),
  docx: async () => ({ ofBytes: (await import('./readers/docx.ts')).readDocx }),
  pptx: async () => ({ ofBytes: (await import('./readers/pptx.ts')).readPptx }),
  xlsx: async () => ({ ofBytes: (await import('./readers/xlsx.ts')).readXlsx }),
  csv: async () => ({ ofText: (await import('./readers/csv.ts')).readCsv }),
  json: async () => ({ ofText: (await import('./readers/json.ts')).readJson }),
  'json-lines': async () => ({ ofText: (await import('./readers/json.ts')).readJsonLines }),
  // Each part of a message says what it is written in.
  email: async () => ({ ofBytes: (await import('./readers/email.ts')).readEmail }),
  source: async () => ({ ofText: (await import('./readers/source.ts')).readSource }),
};

/** Formats whose first heading is their title: the first of a workbook is a sheet, of code a declaration. */
const HEADED: ReadonlySet<Format> = new Set(['html', 'pdf', 'docx', 'pptx']);

/** @returns the text, or a clause that says why there is none */
export default async function extract({ bytes, name, format }: ExtractionTask): Promise<ExtractedText | string> {
  try {
    const reader = await READERS[format]!();
    if ('ofBytes' in reader) return madeOf(await reader.ofBytes(bytes), format);
    const declared = format === 'html' ? (await import('./readers/html.ts')).declaredEncoding(bytes) : undefined;
    const read = readText(bytes, declared);
    if (typeof read === 'string') return read;
    return { ...madeOf(await reader.ofText(read.text, name), format), encoding: read.encoding };
  } catch (error) {
    return reasonOf(error, FORMATS[format].told);
  }
}

function madeOf({ text, title, facts = {} }: Reading, format: Format): ExtractedText {
  const written = text.toString();
  if (written.trim() === '') throw new UnreadableError('it holds no text');
  const called = inOneLine(title ?? '') || (HEADED.has(format) ? (new MarkdownDocument(written).title ?? '') : '');
  return {
    format,
    text: written,
    mediaType: 'text/markdown',
    facts,
    ...(called !== '' && { title: beginningOf(called, EXTRACTION.titleCharacters).trimEnd() }),
    ...(text.truncated && { truncated: true as const }),
  };
}
