/** How far an erasure is, in a file that outlives whoever is killed: what was found, and what is gone. */
import { mkdir, open, readFile, rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Counts } from '#subgraphs/shared/erasure.ts';

export interface Progress {
  readonly startedAt: string;
  /** What anything was kept under when it began: once rows are gone, nothing else may know a project. */
  readonly tenantIds: readonly string[];
  /** By store, before anything was removed. */
  readonly found: Readonly<Record<string, Counts>>;
  /** By store, by all attempts together. What an attempt that was killed had removed since it last wrote is not counted. */
  readonly erased: Readonly<Record<string, Counts>>;
}

export class Journal {
  readonly #path: string;

  /** @param tenant a tenant, or a project of one */
  constructor(dataDir: string, tenant: string) {
    // Names that differ in case alone are two on every file system.
    this.#path = join(dataDir, 'erasures', `${Buffer.from(tenant).toString('hex')}.json`);
  }

  /** Of an attempt that did not come to its end; undefined where there was none. */
  async read(): Promise<Progress | undefined> {
    try {
      return JSON.parse(await readFile(this.#path, 'utf8')) as Progress;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
      throw error;
    }
  }

  async write(progress: Progress): Promise<void> {
    await mkdir(dirname(this.#path), { recursive: true, mode: 0o700 });
    await writeWhole(this.#path, `${JSON.stringify(progress)}\n`);
  }

  async remove(): Promise<void> {
    await rm(this.#path, { force: true });
  }
}

/** Writes a file so that it is there as a whole or not at all, and stays. */
export async function writeWhole(path: string, text: string): Promise<void> {
  const draft = `${path}.${process.pid}.draft`;
  const file = await open(draft, 'w', 0o600);
  try {
    await file.writeFile(text);
    await file.sync();
  } finally {
    await file.close();
  }
  await rename(draft, path);
}
