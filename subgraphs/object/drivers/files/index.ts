/**
 * Objects as files below the data folder: `objects/<tenant>/<segments>`, see `files-names.ts` and `files-record.ts`.
 *
 * A put writes beside the tree, syncs, and renames into place: readers see the old object or the new one, and an
 * acknowledged one survives a crash. Several processes may share the folder. Symbolic links are never followed.
 */
import { constants } from 'node:fs';
import { access, mkdir, open, readdir, realpath, rename, stat, unlink, type FileHandle } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { randomUUID } from 'node:crypto';
import { OBJECT, type ObjectBounds } from '../../bounds.ts';
import type {
  ListedObject,
  ObjectDriver,
  ObjectInfo,
  ObjectScope,
  OpenObject,
  PutOptions,
  UploadLink,
} from '../../driver.ts';
import type { StoreErasure } from '#subgraphs/shared/erasure.ts';
import { mapBounded } from '#subgraphs/shared/map-bounded.ts';
import { filesErasure } from './erase.ts';
import { filesError, isAbsent } from './errors.ts';
import { ensureFolder, pruneFolders, refuseLinks, syncFolder } from './folders.ts';
import { walk } from './listing.ts';
import { byteText, filePath, fromByteText, tenantFolder } from './names.ts';
import { SpentLinks } from './spent-links.ts';
import { encodeTrailer, readTrailer } from './record.ts';
import { VerifiedBytes } from '../../bytes/verified.ts';

/** Opens (and makes) the store below `dataDir`. */
export async function createFilesDriver({
  dataDir,
  concurrency = OBJECT.concurrency,
}: { dataDir: string } & Pick<ObjectBounds, 'concurrency'>): Promise<ObjectDriver> {
  await mkdir(join(dataDir, 'objects', 'incoming'), { recursive: true, mode: 0o700 });
  const driver = new FilesDriver(await realpath(join(dataDir, 'objects')), concurrency);
  await driver.removeStale();
  return driver;
}

class FilesDriver implements ObjectDriver {
  readonly store = 'files';
  readonly erasure: StoreErasure;
  readonly #root: string;
  readonly #incoming: string;
  readonly #spent: SpentLinks;
  readonly #concurrency: number;

  constructor(root: string, concurrency: number) {
    this.#concurrency = concurrency;
    this.#root = root;
    this.#incoming = join(root, 'incoming');
    this.erasure = filesErasure(root);
    this.#spent = new SpentLinks(join(root, 'spent'));
  }

  /**
   * A batch counts as one statement, whatever its size: it is one round trip to the disk's queue, and no network is
   * crossed.
   */
  async stat(scope: ObjectScope, keys: readonly string[]): Promise<Map<string, ObjectInfo>> {
    scope.statements.add(this.store);
    const found = new Map<string, ObjectInfo>();
    await mapBounded(keys, this.#concurrency, async (key) => {
      const info = await this.#with(scope, key, (_handle, known) => Promise.resolve(known));
      if (info) found.set(key, info);
    });
    return found;
  }

  async readStart(
    scope: ObjectScope,
    keys: readonly string[],
    maxBytes: number,
  ): Promise<Map<string, { info: ObjectInfo; bytes: Uint8Array }>> {
    scope.statements.add(this.store);
    const found = new Map<string, { info: ObjectInfo; bytes: Uint8Array }>();
    await mapBounded(keys, this.#concurrency, async (key) => {
      const read = await this.#with(scope, key, async (handle, info) => {
        const bytes = Buffer.alloc(Math.min(maxBytes, info.sizeBytes));
        let length = 0;
        while (length < bytes.length) {
          const { bytesRead } = await handle.read(bytes, length, bytes.length - length, length);
          if (bytesRead === 0) break;
          length += bytesRead;
        }
        return { info, bytes: bytes.subarray(0, length) };
      });
      if (read) found.set(key, read);
    });
    return found;
  }

  async list(
    scope: ObjectScope,
    { prefix, after, limit }: { prefix: string; after: string | null; limit: number },
  ): Promise<ListedObject[]> {
    scope.statements.add(this.store);
    const found: ListedObject[] = [];
    const files = walk(
      this.#tenantRoot(scope),
      byteText(prefix),
      after === null ? null : byteText(after),
      Math.max(limit, OBJECT.namesKept),
    );
    try {
      while (found.length < limit) {
        scope.signal?.throwIfAborted();
        const next = await take(files, limit - found.length);
        if (next.length === 0) break;
        const infos = await mapBounded(next, this.#concurrency, (file) =>
          this.#infoAt(file.path, fromByteText(file.key)),
        );
        // One that went since its name was read is passed over.
        for (const info of infos) if (info) found.push(info);
      }
    } catch (error) {
      throw filesError(error);
    } finally {
      await files.return(undefined);
    }
    if (found.length === 0) await this.#expectRoot();
    return found;
  }

  /** By their names alone. */
  async count(scope: ObjectScope, { prefix, most }: { prefix: string; most: number }): Promise<number | null> {
    scope.statements.add(this.store);
    let count = 0;
    try {
      for await (const _ of walk(this.#tenantRoot(scope), byteText(prefix), null, OBJECT.namesRead)) {
        scope.signal?.throwIfAborted();
        if (++count > most) return null;
      }
    } catch (error) {
      throw filesError(error);
    }
    if (count === 0) await this.#expectRoot();
    return count;
  }

  async open(scope: ObjectScope, key: string): Promise<OpenObject | null> {
    scope.statements.add(this.store);
    const opened = await this.#open(scope, key);
    if (!opened) return null;
    const { handle, info } = opened;
    return {
      info,
      // The stream closes the handle when it ends, fails or is destroyed.
      stream: ({ start, end }) => handle.createReadStream({ start, end }),
      close: () => handle.close(),
    };
  }

  async put(
    scope: ObjectScope,
    key: string,
    body: AsyncIterable<Uint8Array>,
    options: PutOptions,
  ): Promise<ObjectInfo> {
    scope.statements.add(this.store);
    const temporary = join(this.#incoming, randomUUID());
    try {
      const info = await this.#write(temporary, scope, key, body, options);
      await this.#place(temporary, this.#path(scope, key));
      return info;
    } catch (error) {
      await unlink(temporary).catch(() => undefined); // What remains is removed as stale.
      throw filesError(error);
    }
  }

  async delete(scope: ObjectScope, key: string): Promise<boolean> {
    scope.statements.add(this.store);
    const path = this.#path(scope, key);
    const folder = dirname(path);
    try {
      await refuseLinks(folder);
      await unlink(path);
    } catch (error) {
      await this.#expectAbsence(error);
      return false;
    }
    await this.#syncIfThere(folder);
    await pruneFolders(folder, this.#tenantRoot(scope));
    return true;
  }

  async spend(scope: ObjectScope, link: UploadLink): Promise<boolean> {
    scope.statements.add(this.store);
    return await this.#spent.spend(link);
  }

  async restore(scope: ObjectScope, link: UploadLink): Promise<void> {
    scope.statements.add(this.store);
    await this.#spent.restore(link);
  }

  async health() {
    const started = performance.now();
    try {
      await access(this.#incoming, constants.R_OK | constants.W_OK);
      return { store: this.store, state: 'ok' as const, latencyMs: performance.now() - started };
    } catch (error) {
      return {
        store: this.store,
        state: 'down' as const,
        detail: `DATA_DIR is not readable and writable: ${(error as NodeJS.ErrnoException).code}.`,
      };
    }
  }

  async close(): Promise<void> {}

  /** Removes what interrupted puts left behind. */
  async removeStale(): Promise<void> {
    for (const name of await readdir(this.#incoming)) {
      const path = join(this.#incoming, name);
      try {
        if (Date.now() - (await stat(path)).mtimeMs > OBJECT.staleMs) await unlink(path);
      } catch (error) {
        if (!isAbsent(error)) throw error; // Absent: its writer has just finished.
      }
    }
  }

  #tenantRoot(scope: ObjectScope): string {
    return join(this.#root, tenantFolder(scope.tenantId));
  }

  #path(scope: ObjectScope, key: string): string {
    return filePath(this.#tenantRoot(scope), key);
  }

  async #with<T>(
    scope: ObjectScope,
    key: string,
    use: (handle: FileHandle, info: ObjectInfo) => Promise<T>,
  ): Promise<T | null> {
    scope.signal?.throwIfAborted();
    const opened = await this.#open(scope, key);
    if (!opened) return null;
    try {
      return await use(opened.handle, opened.info);
    } catch (error) {
      throw filesError(error);
    } finally {
      await opened.handle.close();
    }
  }

  async #open(scope: ObjectScope, key: string): Promise<{ handle: FileHandle; info: ObjectInfo } | null> {
    const path = this.#path(scope, key);
    let handle: FileHandle | undefined;
    try {
      await refuseLinks(dirname(path));
      handle = await open(path, constants.O_RDONLY | (constants.O_NOFOLLOW ?? 0));
      const info = await readTrailer(handle, key);
      if (info) return { handle, info };
      await handle.close();
      return null;
    } catch (error) {
      await handle?.close().catch(() => undefined); // The first error is the one that matters.
      await this.#expectAbsence(error);
      return null;
    }
  }

  /** Returns where `error` means that there is no such object; raises it, mapped, where it means anything else. */
  async #expectAbsence(error: unknown): Promise<void> {
    if (!isAbsent(error)) throw filesError(error);
    await this.#expectRoot();
  }

  /** When the whole folder is gone (not mounted, removed), that nothing is found says nothing about objects. */
  async #expectRoot(): Promise<void> {
    try {
      await access(this.#incoming);
    } catch (error) {
      throw filesError(error);
    }
  }

  async #infoAt(path: string, key: string): Promise<ObjectInfo | null> {
    let handle: FileHandle | undefined;
    try {
      handle = await open(path, constants.O_RDONLY | (constants.O_NOFOLLOW ?? 0));
      return await readTrailer(handle, key);
    } catch (error) {
      if (isAbsent(error)) return null;
      throw error;
    } finally {
      await handle?.close();
    }
  }

  async #write(
    temporary: string,
    scope: ObjectScope,
    key: string,
    body: AsyncIterable<Uint8Array>,
    options: PutOptions,
  ): Promise<ObjectInfo> {
    const bytes = new VerifiedBytes(options);
    const handle = await open(temporary, 'wx', 0o600);
    try {
      for await (const chunk of body) {
        scope.signal?.throwIfAborted();
        bytes.add(chunk);
        await writeAll(handle, chunk);
      }
      const { sizeBytes, sha256 } = bytes.finish();
      const info: ObjectInfo = {
        key,
        sizeBytes,
        contentType: options.contentType,
        checksum: sha256,
        updatedAt: new Date(),
      };
      await writeAll(handle, encodeTrailer(info));
      await handle.sync();
      return info;
    } finally {
      await handle.close();
    }
  }

  async #place(temporary: string, path: string): Promise<void> {
    const folder = dirname(path);
    for (let attempt = 1; ; attempt++) {
      try {
        await ensureFolder(folder);
        await refuseLinks(folder);
        await rename(temporary, path);
        break;
      } catch (error) {
        // A delete beside us may tidy the folder away between making and using it.
        if ((error as NodeJS.ErrnoException).code !== 'ENOENT' || attempt === 20) throw error;
      }
    }
    await this.#syncIfThere(folder);
  }

  async #syncIfThere(folder: string): Promise<void> {
    try {
      await syncFolder(folder);
    } catch (error) {
      if (!isAbsent(error)) throw filesError(error); // Absent: a delete has tidied it away already.
    }
  }
}

/** The next `count` items, or as many as there are; leaves the iterator open. */
async function take<T>(items: AsyncGenerator<T>, count: number): Promise<T[]> {
  const taken: T[] = [];
  while (taken.length < count) {
    const { done, value } = await items.next();
    if (done) break;
    taken.push(value as T);
  }
  return taken;
}

async function writeAll(handle: FileHandle, chunk: Uint8Array): Promise<void> {
  for (let offset = 0; offset < chunk.byteLength;) {
    const { bytesWritten } = await handle.write(chunk, offset, chunk.byteLength - offset);
    offset += bytesWritten;
  }
}
