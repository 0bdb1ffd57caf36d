/**
 * The text of files that are none: each is read in a thread, within bounds of time and memory, as Markdown whose headings are
 * those of the file. Markdown and plain text are read at once.
 */
import type { JsonValue } from '../json.ts';
import type { RequestContext } from '../context.ts';
import { CodedError } from '../errors.ts';
import { WorkEndedError, WorkPool, type WorkFor } from '../work/work-pool.ts';
import { EXTRACTION } from './bounds.ts';
import { readText, type Encoding } from './encoding.ts';
import { FORMATS, formatOfMediaType, formatOfName, signatureOf, type Format } from './formats.ts';
import { fittingBeginning } from './markdown-text.ts';
import { UnreadableError } from './unreadable.ts';

/** A file whose text is wanted. */
export interface FileToRead {
  readonly bytes: Uint8Array;
  /** Its name or path, by whose ending its format is told where nothing else tells it. */
  readonly name: string;
  /** What whoever sends it says that it is. @default as its name and its first bytes say */
  readonly mediaType?: string | undefined;
}

/** What was read of a file. */
export interface ExtractedText {
  readonly format: Format;
  readonly text: string;
  readonly mediaType: 'text/markdown' | 'text/plain';
  /** What the file says that it is called, else its first heading; absent where it has neither. */
  readonly title?: string;
  /** What it says of itself besides, such as its author. */
  readonly facts: { readonly [name: string]: JsonValue };
  /** What it was written in; absent of formats that are bytes. */
  readonly encoding?: Encoding;
  /** Its text is longer than `EXTRACTION.textBytes`, or had more tables or pages than are read: this is the beginning. */
  readonly truncated?: true;
}

/** What is sent to a thread. */
export interface ExtractionTask {
  readonly bytes: Uint8Array;
  readonly name: string;
  readonly format: Format;
}

export interface ExtractionOptions {
  /** The longest time for one file. @default EXTRACTION.ms */
  readonly ms?: number | undefined;
}

/** Reads files, one after the other: tenants take turns. */
export class Extraction {
  readonly #work: WorkPool;
  readonly #ms: number;

  constructor({ ms = EXTRACTION.ms }: ExtractionOptions = {}) {
    this.#ms = ms;
    this.#work = new WorkPool({
      threads: 1,
      waiting: EXTRACTION.waiting,
      pieceMs: ms,
      idleMs: EXTRACTION.idleMs,
      resourceLimits: { maxOldGenerationSizeMb: EXTRACTION.heapMb },
    });
  }

  /**
   * Reads a file.
   * @throws UnreadableError that says why it cannot be read; the signal's reason; CodedError `RATE_LIMITED` where too many of
   *   the tenant's files wait
   */
  async read(file: FileToRead, who: WorkFor): Promise<ExtractedText> {
    const format = formatOf(file);
    const { isText, told } = FORMATS[format];
    const most = isText ? EXTRACTION.textFileBytes : EXTRACTION.fileBytes;
    if (file.bytes.length > most)
      throw new UnreadableError(`it is ${file.bytes.length} bytes long; at most ${most} are accepted of ${told}`);
    if (format === 'markdown' || format === 'text') return asItIs(file.bytes, format);
    try {
      const task: ExtractionTask = { bytes: file.bytes, name: file.name, format };
      const read = await this.#work.run<ExtractedText | string>(new URL('./task.ts', import.meta.url), task, who);
      if (typeof read === 'string') throw new UnreadableError(read);
      return read;
    } catch (error) {
      if (error instanceof CodedError && error.code === 'RATE_LIMITED')
        throw new CodedError('RATE_LIMITED', `${EXTRACTION.waiting} files of this tenant wait to be read already.`, {
          hint: 'Send fewer at once.',
          cause: error,
        });
      if (!(error instanceof WorkEndedError)) throw error;
      throw new UnreadableError(
        error.because === 'TIME'
          ? `it took longer than ${this.#ms} ms to read`
          : `it takes more than ${EXTRACTION.heapMb} MiB of memory to read`,
        { cause: error },
      );
    }
  }

  /** Ends its thread. Idempotent. */
  close(): Promise<void> {
    return this.#work.close();
  }
}

/** For whom a request reads files. */
export const readerOf = ({ principal, signal }: RequestContext): WorkFor => ({ tenantId: principal.tenantId, signal });

/**
 * What a file is read as. Its first bytes are believed where they say it; else the media type, else the name.
 * @throws UnreadableError where nothing reads it
 */
function formatOf({ bytes, name, mediaType }: FileToRead): Format {
  const said =
    mediaType === undefined ? formatOfName(name) : (formatOfMediaType(mediaType) ?? ofUnknownType(mediaType, name));
  const signature = signatureOf(bytes);
  if (signature === 'ole')
    throw new UnreadableError(
      'it is protected by a password, or of a version of Office before 2007: save it as DOCX, PPTX or XLSX without one',
    );
  if (signature === 'zip')
    return said !== undefined && !FORMATS[said].isText && said !== 'pdf' ? said : officeFormatOf(bytes);
  // A message may hold the beginning of a PDF as text.
  if (signature === 'pdf' || (signature === 'pdf later' && (said === undefined || !FORMATS[said].isText))) return 'pdf';
  if (said === undefined)
    throw new UnreadableError(
      `nothing reads files of its kind; these are read: ${Object.values(FORMATS)
        .map(({ told }) => told)
        .join(', ')}`,
    );
  if (!FORMATS[said].isText && signature === undefined)
    throw new UnreadableError(`it is no ${FORMATS[said].told}: it does not begin as one`);
  return said;
}

/** Types that say nothing leave it to the name; a type of text is text. */
function ofUnknownType(mediaType: string, name: string): Format | undefined {
  const byName = formatOfName(name);
  if (byName !== undefined) return byName;
  return /^text\//i.test(mediaType) ? 'text' : undefined;
}

/** Which Office document an archive is, by the names of its parts, which stand in it as they are. */
function officeFormatOf(bytes: Uint8Array): Format {
  const archive = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const found = OFFICE.find(([, part]) => archive.includes(part));
  if (found === undefined) throw new UnreadableError('it is an archive, of which no document is known: unpack it');
  return found[0];
}

const OFFICE = [
  ['docx', 'word/document.xml'],
  ['pptx', 'ppt/presentation.xml'],
  ['xlsx', 'xl/workbook.xml'],
] as const;

function asItIs(bytes: Uint8Array, format: 'markdown' | 'text'): ExtractedText {
  const read = readText(bytes);
  if (typeof read === 'string') throw new UnreadableError(read);
  const beginning = fittingBeginning(read.text);
  return {
    ...{ format, mediaType: format === 'markdown' ? 'text/markdown' : 'text/plain', facts: {}, ...read },
    ...(beginning !== undefined && { text: beginning, truncated: true }),
  };
}
