/** The operator's lists of persisted operations: read at the start, and again whenever a file changes. */
import { createHash } from 'node:crypto';
import { readdir, readFile, stat } from 'node:fs/promises';
import { extname, join } from 'node:path';
import type { Logger } from '#gateway/telemetry/logger.ts';
import type { ADMISSION } from '#gateway/bounds/admission.ts';
import type { BoundValues } from '#subgraphs/shared/bound.ts';
import { ANY, watchFiles, type FileWatch } from '#gateway/supergraph/watch.ts';
import { ListedOperations, type ListedTextsLimits } from './listed-operations.ts';
import { readManifest, type ManifestOperation } from './manifest.ts';

/** What is wrong with a list, for whoever starts the server. */
export class ListError extends Error {
  override readonly name = 'ListError';
}

export interface ListedFiles {
  /** The lists that hold. */
  readonly current: ListedOperations;
  /** For `GET /health/ready`: how many there are, since when, and what is wrong with the last change. */
  readonly state: { readonly operations: number; readonly since: string; readonly failure: string | undefined };
  close(): Promise<void>;
}

export interface ListedFilesOptions
  extends ListedTextsLimits, Pick<BoundValues<typeof ADMISSION>, 'listedOperations' | 'listedBytes'> {
  /** Manifests, and folders of them (`*.json`). */
  readonly paths: readonly string[];
  readonly log: Logger;
  /** How often the files are looked at although nothing reported a change, in milliseconds. */
  readonly pollMs: number;
}

/** @throws ListError when a file cannot be read or is no manifest */
export async function openListedFiles(options: ListedFilesOptions): Promise<ListedFiles> {
  const files = new Files(options);
  await files.start();
  return files;
}

class Files implements ListedFiles {
  readonly #options: ListedFilesOptions;
  #current: ListedOperations;
  /** Of all texts that it was made of. */
  #version = '';
  #since = '';
  #failure: string | undefined;
  #watch: FileWatch | undefined;
  /** One after the other. */
  #looking: Promise<void> = Promise.resolve();
  #closed = false;

  constructor(options: ListedFilesOptions) {
    this.#options = options;
    this.#current = new ListedOperations(options);
  }

  get current(): ListedOperations {
    return this.#current;
  }

  get state(): ListedFiles['state'] {
    return { operations: this.#current.size, since: this.#since, failure: this.#failure };
  }

  async start(): Promise<void> {
    this.#watch = watchFiles(() => this.#look(), this.#options.pollMs);
    try {
      await this.#load();
    } catch (error) {
      this.#watch.close();
      throw error;
    }
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#watch?.close();
    await this.#looking;
  }

  #look(): void {
    const { log } = this.#options;
    this.#looking = this.#looking.then(async () => {
      if (this.#closed) return;
      try {
        if (await this.#load()) log.info({ operations: this.#current.size }, 'New lists of persisted operations hold.');
        this.#failure = undefined;
      } catch (error) {
        const { message } = error as Error;
        if (message !== this.#failure)
          log.error(
            error instanceof ListError ? { reason: message } : { err: error },
            'The lists of persisted operations were not replaced; those before go on to hold.',
          );
        this.#failure = message;
      }
    });
  }

  /** @returns whether there was anything new */
  async #load(): Promise<boolean> {
    const { listedOperations, paths } = this.#options;
    // What is named is watched even if it is faulty, and of a folder what is not there yet.
    this.#watch?.set(paths.flatMap((path) => [path, join(path, ANY)]));
    const files = await manifestsIn(paths);
    const texts = await this.#read(files);
    const hash = createHash('sha256');
    for (const [index, text] of texts.entries()) hash.update(`${files[index]}\0${text.length}\0`).update(text);
    const version = hash.digest('base64');
    if (version === this.#version) return false;
    const operations: ManifestOperation[] = [];
    for (const [index, text] of texts.entries()) {
      try {
        for (const operation of readManifest(text)) operations.push(operation);
      } catch (error) {
        throw new ListError(`${files[index]}: ${(error as Error).message}.`, { cause: error });
      }
    }
    // Whoever empties a list by mistake would refuse all clients.
    if (operations.length === 0) throw new ListError(`There is no operation in ${paths.join(', ')}.`);
    if (operations.length > listedOperations)
      throw new ListError(
        `There are ${operations.length} persisted operations; at most ${listedOperations} are read (LISTED_OPERATIONS).`,
      );
    try {
      this.#current = await ListedOperations.of(operations, this.#options);
    } catch (error) {
      throw new ListError(`${files.join(', ')}: ${(error as Error).message}.`, { cause: error });
    }
    this.#version = version;
    this.#since = new Date().toISOString();
    return true;
  }

  async #read(files: readonly string[]): Promise<string[]> {
    const { listedBytes } = this.#options;
    const texts: string[] = [];
    let left = listedBytes;
    for (const file of files) {
      const found = await orListError(file, stat(file));
      // A pipe would be waited for without end, and a device has no size.
      if (!found.isFile()) throw new ListError(`${file} is neither a file nor a folder.`);
      left -= found.size;
      if (left < 0)
        throw new ListError(
          `The lists of persisted operations have more than ${listedBytes} bytes at ${file} (LISTED_OPERATIONS_BYTES).`,
        );
      texts.push(await orListError(file, readFile(file, 'utf8')));
    }
    return texts;
  }
}

/** Files as they are named, and those of folders in their order. */
async function manifestsIn(paths: readonly string[]): Promise<string[]> {
  const files = await Promise.all(
    paths.map(async (path) => {
      if (!(await orListError(path, stat(path))).isDirectory()) return [path];
      const names = await orListError(path, readdir(path));
      return names
        .filter((name) => extname(name) === '.json')
        .sort()
        .map((name) => join(path, name));
    }),
  );
  return files.flat();
}

async function orListError<Value>(path: string, reading: Promise<Value>): Promise<Value> {
  try {
    return await reading;
  } catch (error) {
    throw new ListError(`${path} cannot be read: ${(error as Error).message}`, { cause: error });
  }
}
