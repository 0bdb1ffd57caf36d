/** A folder of files as documents: of what can be read of them; links become relations. */
import { lstat, readdir, readFile, realpath, stat } from 'node:fs/promises';
import { basename, extname, join } from 'node:path';
import { EXTRACTION } from '#subgraphs/shared/extraction/bounds.ts';
import type { Extraction } from '#subgraphs/shared/extraction/extraction.ts';
import { formatOfName } from '#subgraphs/shared/extraction/formats.ts';
import { whatItSays } from '#subgraphs/shared/extraction/what-it-says.ts';
import { UnreadableError } from '#subgraphs/shared/extraction/unreadable.ts';
import { MarkdownDocument, type FrontMatter } from '#subgraphs/shared/markdown/document.ts';
import type { DocumentInput, Skipped } from './document-input.ts';
import { FileIndex } from './links.ts';
import { INGEST } from './bounds.ts';
import { FatalIngestError } from './run.ts';

/** A file that may become a document. */
export interface FolderFile {
  /** From the folder, with `/`, in Unicode's composed form: file systems and keyboards differ in that. */
  readonly path: string;
  /** The same as it is on the disk. */
  readonly onDisk: string;
  /** Changes whenever the file does. */
  readonly state: string;
}

/** What is in a folder, before any of it is read. */
export interface Folder {
  /** Its absolute path, without links. */
  readonly root: string;
  /** What its sources begin with, and nobody else's. */
  readonly name: string;
  /** In the order of their paths. */
  readonly files: readonly FolderFile[];
  /** What is passed over; with folders in it that cannot be read, `whole` is false. */
  readonly skipped: readonly Skipped[];
  /** Whether all of it could be looked at: what is not here is gone. */
  readonly whole: boolean;
}

/**
 * Looks through a folder. Hidden files, `node_modules` and links are passed over, and so is what nothing reads by its name;
 * what cannot be read is reported and the rest goes on.
 * @param name the folder's own when absent
 * @throws FatalIngestError when there is no such folder, or it cannot be read, or has no name to go by
 */
export async function lookThrough(folder: string, name?: string): Promise<Folder> {
  const root = await rootOf(folder);
  const checked = checkName(name ?? basename(root).normalize('NFC'));
  const seen: Seen = { root, files: new Map(), skipped: [], whole: true };
  await lookInto(seen, '');
  return { root, name: checked, files: [...seen.files.values()], skipped: seen.skipped, whole: seen.whole };
}

/** What was seen so far; files by their path. */
interface Seen {
  readonly root: string;
  readonly files: Map<string, FolderFile>;
  readonly skipped: Skipped[];
  whole: boolean;
}

async function rootOf(folder: string): Promise<string> {
  try {
    const root = await realpath(folder);
    if (!(await stat(root)).isDirectory())
      throw new FatalIngestError(`${folder} is a file. Name the folder that it is in.`);
    return root;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ENOTDIR')
      throw new FatalIngestError(`There is no folder ${folder}.`, { cause: error });
    throw unreadable(folder, error);
  }
}

const unreadable = (folder: string, error: unknown): unknown =>
  (error as NodeJS.ErrnoException).code === undefined
    ? error
    : new FatalIngestError(`The folder ${folder} cannot be read: ${(error as Error).message}.`, { cause: error });

function checkName(name: string): string {
  if (/^[^/\\\p{Cc}]+$/u.test(name) && name.trim() === name && [...name].length <= INGEST.nameCharacters) return name;
  throw new FatalIngestError(
    `${JSON.stringify(name)} cannot be the name of a folder's documents. Give it one with --name: 1 to ${INGEST.nameCharacters} characters, without slashes.`,
  );
}

async function lookInto(seen: Seen, folder: string): Promise<void> {
  let entries;
  try {
    entries = await readdir(join(seen.root, folder), { withFileTypes: true });
  } catch (error) {
    if (folder === '') throw unreadable(seen.root, error);
    if (isGone(error)) return;
    seen.skipped.push({ skipped: `${folder}/`, reason: (error as Error).message });
    seen.whole = false;
    return;
  }
  for (const entry of entries.sort((a, b) => (a.name < b.name ? -1 : 1))) {
    const onDisk = folder === '' ? entry.name : `${folder}/${entry.name}`;
    const isFolder = entry.isDirectory();
    const reason = reasonToPassOver(entry.name, isFolder, entry.isFile(), entry.isSymbolicLink());
    if (reason !== undefined) seen.skipped.push({ skipped: isFolder ? `${onDisk}/` : onDisk, reason, meant: true });
    else if (isFolder) await lookInto(seen, onDisk);
    else await lookAt(seen, onDisk);
  }
}

function reasonToPassOver(name: string, isFolder: boolean, isFile: boolean, isLink: boolean): string | undefined {
  if (name.startsWith('.')) return 'hidden';
  if (isLink) return 'a link';
  if (isFolder) return name === 'node_modules' ? 'packages that are installed' : undefined;
  if (!isFile) return 'neither a file nor a folder';
  if (name.startsWith('~$')) return 'what an Office program keeps while a file is open';
  if (WRITTEN_BY_PROGRAMS.test(name)) return 'written by a program, for programs';
  if (formatOfName(name) !== undefined) return undefined;
  return extname(name) === '' ? 'a name without an ending' : `a name that ends in ${extname(name).toLowerCase()}`;
}

/** Lists of packages with their checksums, and code that nobody is to read: thousands of passages that answer nothing. */
const WRITTEN_BY_PROGRAMS = /^(?:package-lock\.json|npm-shrinkwrap\.json|pnpm-lock\.yaml)$|\.min\.(?:js|mjs|css)$/i;

async function lookAt(seen: Seen, onDisk: string): Promise<void> {
  const { root, files, skipped } = seen;
  const path = onDisk.normalize('NFC');
  if (files.has(path)) {
    skipped.push({ skipped: onDisk, reason: 'another file has this name in another form of Unicode' });
    return;
  }
  try {
    const { size, mtimeNs, ctimeNs, ino } = await lstat(join(root, onDisk), { bigint: true });
    files.set(path, { path, onDisk, state: [size, mtimeNs, ctimeNs, ino].join(':') });
  } catch (error) {
    // Node gives names that are no Unicode with replacement characters, and finds no such file.
    if (onDisk.includes('\ufffd')) skipped.push({ skipped: onDisk, reason: 'its name is not valid UTF-8' });
    else if (!isGone(error)) {
      skipped.push({ skipped: path, reason: (error as Error).message });
      seen.whole = false; // It is there, though nobody knows what it is: its document is not gone.
    }
  }
}

const isGone = (error: unknown): boolean => (error as NodeJS.ErrnoException).code === 'ENOENT';

/** What a file is read as: a document, or why it is none; undefined where it is gone. */
export interface FileRead {
  readonly file: FolderFile;
  readonly read: DocumentInput | Skipped | undefined;
  /** Links to pages of the folder that are not there, as they are written. */
  readonly missing: readonly string[];
}

/**
 * Reads a folder's files, in their order.
 * @param extraction reads those that are no text
 * @param wanted which; all when absent
 */
export async function* readFiles(
  folder: Folder,
  extraction: Extraction,
  wanted = folder.files,
): AsyncGenerator<FileRead> {
  const known = new FileIndex(folder.files.map(({ path }) => path));
  for (const file of wanted) yield { file, ...(await readDocument(folder, file, { known, extraction })) };
}

/** The source of a file's document. */
export const sourceOf = ({ name }: Pick<Folder, 'name'>, path: string): string => `${name}/${path}`;

async function readDocument(
  folder: Folder,
  { path, onDisk }: FolderFile,
  { known, extraction }: { known: FileIndex; extraction: Extraction },
): Promise<Omit<FileRead, 'file'>> {
  const none = (read: Skipped | undefined) => ({ read, missing: [] });
  try {
    const { size } = await stat(join(folder.root, onDisk));
    if (size > EXTRACTION.fileBytes) return none(tooLong(path, size));
    if (size === 0) return none({ skipped: path, reason: 'empty', meant: true });
    const bytes = await readFile(join(folder.root, onDisk));
    const read = await extraction.read({ bytes, name: path }, { tenantId: READER });
    const { text } = read;
    if (text.trim() === '') return none({ skipped: path, reason: 'empty', meant: true });
    const markdown = read.mediaType === 'text/markdown' ? new MarkdownDocument(text) : undefined;
    const links = known.follow(markdown?.outline.links ?? [], path);
    const self = { name: sourceOf(folder, path), kind: 'file' };
    const document: DocumentInput = {
      title: (read.format === 'markdown' ? markdown?.title : read.title) ?? basename(path),
      source: sourceOf(folder, path),
      mediaType: read.mediaType,
      text,
      // Of the content alone: with the time of the last change, a `touch` would write everything again.
      metadata: {
        path,
        folder: folder.name,
        root: folder.root,
        sizeBytes: size,
        ...whatItSays(read),
        ...(read.format === 'markdown' ? frontMatterOf(markdown?.frontMatter) : {}),
      },
      entities: [self],
      relations: [
        ...links.files
          .slice(0, INGEST.links)
          .map((file) => ({ from: self, to: { name: sourceOf(folder, file), kind: 'file' }, type: 'LINKS_TO' })),
        ...links.sites
          .slice(0, INGEST.links)
          .map((site) => ({ from: self, to: { name: site, kind: 'site' }, type: 'REFERENCES' })),
      ],
    };
    return { read: document, missing: links.missing };
  } catch (error) {
    if (error instanceof UnreadableError) return none({ skipped: path, reason: error.message });
    return none(isGone(error) ? undefined : { skipped: path, reason: (error as Error).message });
  }
}

/** There are no other tenants to take turns with. */
const READER = 'ingest';

const tooLong = (path: string, bytes: number): Skipped => ({
  skipped: path,
  reason: `it is ${bytes} bytes long; at most ${EXTRACTION.fileBytes} are accepted`,
});

/** What a document says of itself, so that searches can be narrowed to it; or why that cannot be read. */
function frontMatterOf(frontMatter: FrontMatter | undefined): DocumentInput['metadata'] {
  if (frontMatter === undefined) return {};
  const { data, problem } = frontMatter;
  return problem === undefined ? { frontMatter: data } : { frontMatterProblem: problem };
}
