/** Makes a server's documents of a folder what the folder is, and says what has become of them. */
import { createHash } from 'node:crypto';
import type { DocumentInput, Skipped } from './document-input.ts';
import { readFiles, sourceOf, type Folder } from './folder.ts';
import type { Documents, StoredDocument } from './over-http.ts';
import { eachOf, FatalIngestError, ingest } from './run.ts';
import type { Encoding } from '#subgraphs/shared/extraction/encoding.ts';
import { Extraction } from '#subgraphs/shared/extraction/extraction.ts';

export interface FolderOptions {
  /** The collection that its documents are to be in; where they are already when absent, and `default` for a new folder. */
  readonly collection?: string;
  /** Whether documents of files that are gone are removed. */
  readonly prune: boolean;
  /** Whether documents of the folder's name that came from elsewhere are this folder's. */
  readonly adopt: boolean;
  /** Stops between two documents; then nothing is removed. */
  readonly signal?: AbortSignal;
  /** Called after each file. @param done files so far */
  readonly onProgress?: (done: number) => void;
}

export interface FolderReport {
  readonly added: number;
  readonly changed: number;
  readonly unchanged: number;
  readonly removed: number;
  /** Ids of the documents that were sent, unchanged ones too. */
  readonly recorded: readonly string[];
  /** Sources of documents whose files are gone, and which are still there. */
  readonly gone: readonly string[];
  /** Why nothing was removed where something was to be. */
  readonly unpruned?: string;
  /** Sources under the folder's name of which nobody knows the folder, and which are not in this one. */
  readonly unclaimed: readonly string[];
  readonly converted: readonly { readonly path: string; readonly encoding: Encoding }[];
  /** Files of whose text there is the beginning alone, of those that were sent. */
  readonly truncated: readonly string[];
  /** Documents whose front matter could not be read, of those that were sent. */
  readonly unread: readonly { readonly path: string; readonly problem: string }[];
  /** Their links to pages that are not in the folder, as they are written. */
  readonly missing: readonly { readonly path: string; readonly target: string }[];
  readonly skipped: readonly Skipped[];
}

/** What was read of a file last, and sent. */
interface Sent {
  /** Of the file: see `FolderFile.state`. */
  readonly state: string;
  /** Of the document that was made of it. */
  readonly digest: string;
  readonly encoding: Encoding;
  readonly truncated: boolean;
  /** Why its front matter could not be read. */
  readonly problem: string | undefined;
  readonly missing: readonly string[];
}

/** A folder's documents by source. */
type OwnDocuments = Map<string, Pick<StoredDocument, 'id' | 'updatedAt'>>;

/** One folder's documents, pass after pass. What has been told of a file, or of a document, is not told again. */
export class FolderIngestion {
  readonly #documents: Documents;
  /** Its thread ends by itself when there is nothing to read. */
  readonly #extraction = new Extraction();
  readonly #options: FolderOptions;
  /** This folder's documents by source; undefined until they were asked for. */
  #own: OwnDocuments | undefined;
  /** Sources under the folder's name that somebody else wrote. */
  readonly #foreign = new Set<string>();
  readonly #unclaimed = new Set<string>();
  readonly #sent = new Map<string, Sent>();
  #paths = '';
  #collection: string | undefined;
  /** What was told of files and documents. */
  #told = new Set<string>();

  constructor(documents: Documents, options: FolderOptions) {
    this.#documents = documents;
    this.#options = options;
    this.#collection = options.collection;
  }

  /**
   * Sends what has changed since the pass before, all of it the first time.
   * @throws FatalIngestError where the folder's name is another folder's, or going on is pointless
   */
  async pass(folder: Folder): Promise<FolderReport> {
    const own = (this.#own ??= await this.#claim(folder));
    const counts = { added: 0, changed: 0, unchanged: 0, removed: 0 };
    // Links lead to other files, so that another file may change any document.
    const paths = folder.files.map(({ path }) => path).join('\0');
    const wanted = folder.files.filter(
      ({ path, state }) => paths !== this.#paths || this.#sent.get(path)?.state !== state,
    );
    counts.unchanged = folder.files.length - wanted.length;
    const present = new Set(folder.files.map(({ path }) => sourceOf(folder, path)));
    const reading = new Map<string, Sent>();
    const recorded: string[] = [];
    let done = 0;
    const { skipped } = await ingest(this.#toSend(folder, wanted, { present, reading, counts }), {
      upsert: async (document) => {
        const { source } = document;
        const before = own.get(source);
        const after = await this.#documents.upsert(document);
        own.set(source, after);
        recorded.push(after.id);
        this.#unclaimed.delete(source);
        counts[before === undefined ? 'added' : before.updatedAt === after.updatedAt ? 'unchanged' : 'changed']++;
        const path = document.metadata['path'] as string;
        this.#sent.set(path, reading.get(path)!);
      },
      onProgress: () => this.#options.onProgress?.(++done),
      ...(this.#options.signal && { signal: this.#options.signal }),
    });
    // What failed is tried again by the next pass.
    if (skipped.every(({ meant }) => meant)) this.#paths = paths;
    const gone = [...own.keys()].filter((source) => !present.has(source));
    const unpruned = this.#options.prune && gone.length > 0 ? this.#whyNotToPrune(folder) : undefined;
    if (this.#options.prune && unpruned === undefined) {
      await eachOf(gone, async (source) => {
        await this.#documents.remove(own.get(source)!.id);
        own.delete(source);
        counts.removed++;
      });
    }
    const news = this.#newsOf({
      gone: gone.filter((source) => own.has(source)),
      unclaimed: [...this.#unclaimed],
      skipped: [...folder.skipped, ...skipped],
    });
    return {
      ...counts,
      recorded,
      ...news,
      ...(unpruned !== undefined && { unpruned }),
      converted: [...reading].flatMap(([path, { encoding }]) => (encoding === 'utf-8' ? [] : [{ path, encoding }])),
      truncated: [...reading].flatMap(([path, { truncated }]) => (truncated ? [path] : [])),
      unread: [...reading].flatMap(([path, { problem }]) => (problem === undefined ? [] : [{ path, problem }])),
      missing: [...reading].flatMap(([path, { missing }]) => missing.map((target) => ({ path, target }))),
    };
  }

  #newsOf({ gone, unclaimed, skipped }: Pick<FolderReport, 'gone' | 'unclaimed' | 'skipped'>) {
    const before = this.#told;
    const entries = [
      ...gone.map((source) => `gone ${source}`),
      ...unclaimed.map((source) => `unclaimed ${source}`),
      ...skipped.map((each) => keyOf(each)),
    ];
    // Of what is so no more it is told again once it is so again.
    this.#told = new Set(entries);
    return {
      gone: gone.filter((source) => !before.has(`gone ${source}`)),
      unclaimed: unclaimed.filter((source) => !before.has(`unclaimed ${source}`)),
      skipped: skipped.filter((each) => !before.has(keyOf(each))),
    };
  }

  /** Asks which documents are this folder's. */
  async #claim(folder: Folder): Promise<OwnDocuments> {
    const own: OwnDocuments = new Map();
    const elsewhere = new Map<string, number>();
    for await (const { id, source, collection, updatedAt, metadata } of this.#documents.list({
      source: { startsWith: sourceOf(folder, '') },
    })) {
      const { folder: name, root } = metadata as { folder?: unknown; root?: unknown };
      if (name !== folder.name) this.#foreign.add(source);
      else if (root === folder.root || this.#options.adopt) {
        own.set(source, { id, updatedAt });
        this.#collection ??= collection;
      }
      // Of a version that did not keep which folder it was.
      else if (typeof root !== 'string') this.#unclaimed.add(source);
      else elsewhere.set(root, (elsewhere.get(root) ?? 0) + 1);
    }
    const [other] = elsewhere;
    if (other !== undefined)
      throw new FatalIngestError(
        `The name ${JSON.stringify(folder.name)} is that of ${other[0]}, of which ${other[1] === 1 ? '1 document is' : `${other[1]} documents are`} stored: under one name, each of the two folders would overwrite or remove what is the other's. ` +
          `Give ${folder.root} a name of its own with --name, or say with --adopt that it is the same folder in another place.`,
      );
    return own;
  }

  /** What is to be sent; what is not, is counted. */
  async *#toSend(
    folder: Folder,
    wanted: Folder['files'],
    pass: { present: Set<string>; reading: Map<string, Sent>; counts: { unchanged: number } },
  ): AsyncGenerator<DocumentInput | Skipped> {
    for await (const {
      file: { path, state },
      read: made,
      missing,
    } of readFiles(folder, this.#extraction, wanted)) {
      const read =
        made === undefined || 'skipped' in made || this.#collection === undefined
          ? made
          : { ...made, collection: this.#collection };
      // An empty file is one whose text is gone.
      if (read === undefined || ('skipped' in read && read.meant)) pass.present.delete(sourceOf(folder, path));
      if (read === undefined) continue;
      if ('skipped' in read) {
        yield read;
        continue;
      }
      const digest = createHash('sha256').update(JSON.stringify(read)).digest('base64url');
      const sent = {
        state,
        digest,
        encoding: (read.metadata['encoding'] ?? 'utf-8') as Encoding,
        truncated: read.metadata['truncated'] === true,
        problem: read.metadata['frontMatterProblem'] as string | undefined,
        missing,
      };
      if (this.#foreign.has(read.source))
        yield {
          skipped: path,
          reason: `a document of the source ${JSON.stringify(read.source)} is there that this command did not write; give the folder another --name`,
        };
      else if (this.#sent.get(path)?.digest === digest && this.#own!.has(read.source)) {
        this.#sent.set(path, sent);
        pass.counts.unchanged++;
      } else {
        pass.reading.set(path, sent);
        yield read;
      }
    }
  }

  #whyNotToPrune({ whole, files }: Folder): string | undefined {
    if (this.#options.signal?.aborted === true) return 'it was stopped before all was read';
    if (!whole) return 'not all of the folder could be read';
    if (files.length === 0) return 'the folder holds no text at all, as one on a drive that is not there';
    return undefined;
  }
}

const keyOf = ({ skipped, reason }: Skipped): string => `${skipped}: ${reason}`;
