/**
 * Making a backup beside a server that goes on: objects first, then PostgreSQL's rows as they are at one moment, then what objects
 * have come since. So whatever a row of that moment refers to is there: what was removed after it was copied before.
 */
import { createHash, randomUUID } from 'node:crypto';
import { createWriteStream } from 'node:fs';
import { mkdir, open, readdir, rename, rm } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import type { FileSum } from '#ops/serve/file-sum.ts';
import type { KeptObject, KeptObjects } from '#subgraphs/shared/kept-objects.ts';
import { mapBounded } from '#subgraphs/shared/map-bounded.ts';
import type { PostgresCopy, TableSum } from '#subgraphs/shared/postgres/copy.ts';
import { BACKUP } from './bounds.ts';
import {
  BackupError,
  FORMAT,
  MANIFEST,
  pathOfBytes,
  pathOfTable,
  writtenManifest,
  type CopiedObject,
  type Manifest,
} from './manifest.ts';

export interface Sources {
  /** The variable that says which database this is, for whoever should name another. */
  readonly namedBy: 'DATABASE_URL' | 'DATA_DIR';
  readonly postgres: PostgresCopy;
  /** Undefined where objects are off. */
  readonly objects: KeptObjects | undefined;
  /** Stores that are filled again from PostgreSQL. */
  readonly rebuilt: readonly string[];
}

/**
 * Makes one.
 * @param to a folder that does not exist yet; it is there only once the backup is whole
 * @throws BackupError where it exists; CodedError of a store
 */
export async function backup(
  { postgres, objects, rebuilt }: Sources,
  to: string,
  signal: AbortSignal,
): Promise<Manifest> {
  if (await exists(to)) throw new BackupError(`${to} exists already: name a new folder.`);
  await mkdir(dirname(to), { recursive: true });
  await removeDrafts(to);
  const draft = join(dirname(to), `${draftOf(to)}${randomUUID()}`);
  await mkdir(join(draft, 'postgres'), { recursive: true, mode: 0o700 });
  try {
    const copied = new ObjectCopies(objects, draft, signal);
    // Whose objects there are is known by rows alone: each of them has been written down there.
    await postgres.beginSnapshot();
    await copied.copy(await postgres.tenantIds());
    await postgres.commit();

    const at = await postgres.beginSnapshot();
    const migrations = await postgres.migrations();
    const files: Record<string, FileSum> = {};
    const tables: Record<string, TableSum> = {};
    for (const table of postgres.tables) {
      signal.throwIfAborted();
      tables[table] = await postgres.sum(table);
      files[pathOfTable(table)] = await writeLines(join(draft, pathOfTable(table)), postgres.rows(table));
    }
    const sequences = await postgres.sequences();
    const tenantIds = await postgres.tenantIds();
    await postgres.commit();
    await copied.copy(tenantIds, at);

    const kept = [...copied.all.values()];
    files['objects.jsonl'] = await writeLines(join(draft, 'objects.jsonl'), kept);
    for (const { sha256, sizeBytes } of kept) files[pathOfBytes(sha256)] = { bytes: sizeBytes, sha256 };
    const manifest: Manifest = {
      format: FORMAT,
      at: at.toISOString(),
      migrations,
      tables,
      sequences,
      objects: kept.length,
      rebuilt,
      files,
    };
    const file = await open(join(draft, MANIFEST), 'wx', 0o600);
    try {
      await file.writeFile(writtenManifest(manifest));
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(draft, to);
    return manifest;
  } catch (error) {
    await rm(draft, { recursive: true, force: true });
    throw error;
  }
}

const draftOf = (to: string): string => `.${basename(to)}.draft-`;

/** What an attempt that was killed has left. */
async function removeDrafts(to: string): Promise<void> {
  for (const name of await readdir(dirname(to)))
    if (name.startsWith(draftOf(to))) await rm(join(dirname(to), name), { recursive: true, force: true });
}

async function exists(path: string): Promise<boolean> {
  try {
    await (await open(path)).close();
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return false;
    throw error;
  }
}

/** Each value as a line of JSON. */
async function writeLines(path: string, values: AsyncIterable<unknown> | Iterable<unknown>): Promise<FileSum> {
  const hash = createHash('sha256');
  let bytes = 0;
  await pipeline(
    async function* () {
      for await (const value of values) {
        const line = Buffer.from(`${JSON.stringify(value)}\n`);
        hash.update(line);
        bytes += line.length;
        yield line;
      }
    },
    createWriteStream(path, { flags: 'wx', mode: 0o600, flush: true }),
  );
  return { bytes, sha256: hash.digest('hex') };
}

class ObjectCopies {
  readonly all = new Map<string, CopiedObject>();
  readonly #objects: KeptObjects | undefined;
  readonly #folder: string;
  readonly #signal: AbortSignal;
  /** When what was copied had been written, by its tenant and key. */
  readonly #written = new Map<string, number>();

  constructor(objects: KeptObjects | undefined, folder: string, signal: AbortSignal) {
    this.#objects = objects;
    this.#folder = folder;
    this.#signal = signal;
  }

  /**
   * @param at the moment of the rows: of what is here already, only what was written again before it is copied again. What is new
   *   is copied whenever it came: clocks of stores differ, and bytes too many cost nothing
   */
  async copy(tenantIds: readonly string[], at?: Date): Promise<void> {
    if (this.#objects === undefined) return;
    for (const tenantId of tenantIds) {
      let batch: KeptObject[] = [];
      const flush = async (): Promise<void> => {
        await mapBounded(batch, BACKUP.objects, (object) => this.#copy(tenantId, object));
        batch = [];
      };
      for await (const object of this.#objects.list(tenantId)) {
        this.#signal.throwIfAborted();
        const before = this.#written.get(`${tenantId}\n${object.key}`);
        const writtenAt = object.updatedAt.getTime();
        if (before === writtenAt || (before !== undefined && at !== undefined && writtenAt > at.getTime())) continue;
        batch.push(object);
        if (batch.length >= BACKUP.objects) await flush();
      }
      await flush();
    }
  }

  async #copy(tenantId: string, { key, contentType, updatedAt }: KeptObject): Promise<void> {
    const bytes = await this.#objects!.read(tenantId, key);
    if (bytes === null) return; // Removed meanwhile.
    const draft = join(this.#folder, `.object-${randomUUID()}`);
    const hash = createHash('sha256');
    let sizeBytes = 0;
    await pipeline(
      async function* () {
        for await (const chunk of bytes) {
          hash.update(chunk);
          sizeBytes += chunk.length;
          yield chunk;
        }
      },
      createWriteStream(draft, { flags: 'wx', mode: 0o600, flush: true }),
    );
    const sha256 = hash.digest('hex');
    const path = join(this.#folder, pathOfBytes(sha256));
    await mkdir(dirname(path), { recursive: true, mode: 0o700 });
    await rename(draft, path);
    this.all.set(`${tenantId}\n${key}`, { tenantId, key, contentType, sizeBytes, sha256 });
    this.#written.set(`${tenantId}\n${key}`, updatedAt.getTime());
  }
}
