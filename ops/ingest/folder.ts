/** A folder of Markdown and text as documents; its links become relations. */
import { lstat, readdir, readFile, realpath } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { MarkdownDocument, type FrontMatter } from '#subgraphs/shared/markdown/document.ts';
import type { DocumentInput, Skipped } from './document-input.ts';
import { FileIndex } from './links.ts';
import { INGEST } from './bounds.ts';

const MEDIA_TYPES: Readonly<Record<string, DocumentInput['mediaType']>> = {
  md: 'text/markdown',
  markdown: 'text/markdown',
  mdx: 'text/markdown',
  txt: 'text/plain',
  text: 'text/plain',
  rst: 'text/plain',
  adoc: 'text/plain',
};

/**
 * Reads every Markdown and text file below `folder`, in the order of their paths. Hidden files, `node_modules` and
 * links are passed over; what cannot be read is reported and the rest goes on.
 * @throws Error when the folder itself cannot be read
 */
export async function* folderDocuments(folder: string): AsyncGenerator<DocumentInput | Skipped> {
  const root = await realpath(folder);
  const unreadable: Skipped[] = [];
  const paths = await textFiles(root, '', unreadable);
  yield* unreadable;
  const known = new FileIndex(paths);
  const prefix = basename(root);
  for (const path of paths) yield await readDocument(root, prefix, path, known);
}

async function textFiles(root: string, folder: string, unreadable: Skipped[]): Promise<string[]> {
  let entries;
  try {
    entries = await readdir(join(root, folder), { withFileTypes: true });
  } catch (error) {
    if (folder === '') throw error;
    unreadable.push({ skipped: folder, reason: (error as Error).message });
    return [];
  }
  const found: string[] = [];
  for (const entry of entries.sort((a, b) => (a.name < b.name ? -1 : 1))) {
    if (entry.name.startsWith('.') || entry.name === 'node_modules') continue;
    const path = folder === '' ? entry.name : `${folder}/${entry.name}`;
    if (entry.isDirectory()) found.push(...(await textFiles(root, path, unreadable)));
    else if (entry.isFile() && mediaTypeOf(entry.name) !== undefined) found.push(path);
  }
  return found;
}

const mediaTypeOf = (name: string): DocumentInput['mediaType'] | undefined =>
  MEDIA_TYPES[name.slice(name.lastIndexOf('.') + 1).toLowerCase()];

async function readDocument(
  root: string,
  prefix: string,
  path: string,
  known: FileIndex,
): Promise<DocumentInput | Skipped> {
  try {
    const { size } = await lstat(join(root, path));
    if (size > INGEST.fileBytes)
      return { skipped: path, reason: `it is ${size} bytes long; at most ${INGEST.fileBytes} are accepted` };
    const text = new TextDecoder('utf-8', { fatal: true }).decode(await readFile(join(root, path)));
    if (text.includes('\0')) return { skipped: path, reason: 'it contains NUL characters, so it is not text' };
    if (text.trim() === '') return { skipped: path, reason: 'it is empty' };
    const mediaType = mediaTypeOf(path) ?? 'text/plain';
    const markdown = mediaType === 'text/markdown' ? new MarkdownDocument(text) : undefined;
    const links = known.follow(markdown?.outline.links ?? [], path);
    const self = { name: `${prefix}/${path}`, kind: 'file' };
    return {
      title: markdown?.title ?? basename(path),
      source: `${prefix}/${path}`,
      mediaType,
      text,
      // Of the content alone: with the time of the last change, a `touch` would write everything again.
      metadata: { path, folder: prefix, sizeBytes: size, ...frontMatterOf(markdown?.frontMatter) },
      entities: [self],
      relations: [
        ...links.files
          .slice(0, INGEST.links)
          .map((file) => ({ from: self, to: { name: `${prefix}/${file}`, kind: 'file' }, type: 'LINKS_TO' })),
        ...links.sites
          .slice(0, INGEST.links)
          .map((site) => ({ from: self, to: { name: site, kind: 'site' }, type: 'REFERENCES' })),
      ],
    };
  } catch (error) {
    return { skipped: path, reason: error instanceof TypeError ? 'it is not valid UTF-8' : (error as Error).message };
  }
}

/** What a document says of itself, so that searches can be narrowed to it; or why that cannot be read. */
function frontMatterOf(frontMatter: FrontMatter | undefined): DocumentInput['metadata'] {
  if (frontMatter === undefined) return {};
  const { data, problem } = frontMatter;
  return problem === undefined ? { frontMatter: data } : { frontMatterProblem: problem };
}
