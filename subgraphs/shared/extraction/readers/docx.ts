/** Word documents: `mammoth` makes HTML of them, by their styles, and that becomes Markdown. */
import { zipSync } from 'fflate';
import mammoth from 'mammoth';
import { unpack } from '../archive.ts';
import { addHtml } from '../html-to-markdown.ts';
import { MarkdownText } from '../markdown-text.ts';
import { corePropertiesOf } from '../office.ts';
import type { Reading } from '../reader.ts';
import { UnreadableError } from '../unreadable.ts';

/** Titles are no headings to `mammoth`, which knows those by their numbers. */
const STYLES = ["p[style-name='Title'] => h1:fresh", "p[style-name='Subtitle'] => p:fresh"];

/** Reads a document. Pictures are left out: `mammoth` sees an archive without them, of what was unpacked within bounds. */
export async function readDocx(bytes: Uint8Array): Promise<Reading> {
  const archive = unpack(bytes, (name) => /\.(?:xml|rels)$/i.test(name));
  if (![...archive.keys()].some((name) => name.startsWith('word/')))
    throw new UnreadableError('it holds no Word document');
  const bounded = Buffer.from(zipSync(Object.fromEntries(archive), { level: 0 }));
  const { value: html } = await mammoth.convertToHtml(
    { buffer: bounded },
    {
      styleMap: STYLES,
      includeEmbeddedStyleMap: false,
      externalFileAccess: false,
      convertImage: mammoth.images.imgElement(() => Promise.resolve({ src: '' })),
    },
  );
  const text = new MarkdownText();
  addHtml(text, html);
  return { text, ...corePropertiesOf(archive) };
}
