import { randomBytes } from 'node:crypto';
import { mkdir, readdir, rename, rm, stat } from 'node:fs/promises';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';

import { FolderLockedError, lockFolder, type FolderLock } from '#ops/bootstrap/folder-lock.mjs';

/** Where a run of the store tests keeps things. */
export interface Workplace {
  /** Downloads and builds, which later runs find again; outside the checkout. */
  readonly cache: string;
  /** Data of this run; gone with it. Users other than this one can pass through it, but not list it. */
  readonly data: string;
  /** Tells people what is going on. */
  say(line: string): void;
  /** Removes the data of this run. */
  close(): Promise<void>;
}

const DATA = 'tributary-stores-';

/** The folder for downloads and builds: `$XDG_CACHE_HOME/tributary/stores`, by default under `~/.cache`. */
export function cacheFolder(): string {
  return join(process.env['XDG_CACHE_HOME'] || join(homedir(), '.cache'), 'tributary', 'stores');
}

/** Opens a place for a run, and removes what runs that were killed left of theirs. */
export async function openWorkplace(say: (line: string) => void): Promise<Workplace> {
  const cache = cacheFolder();
  await mkdir(cache, { recursive: true });
  for (const name of await readdir(tmpdir())) {
    if (name.startsWith(DATA)) await removeAbandoned(join(tmpdir(), name));
  }
  const data = join(tmpdir(), `${DATA}${randomBytes(6).toString('hex')}`);
  // PostgreSQL runs as another user where this one is root.
  await mkdir(data, { mode: 0o711 });
  const lock = await lockFolder(join(data, 'lock'));
  const close = async (): Promise<void> => {
    await lock.release();
    // A process that was killed a moment ago may still be writing.
    await rm(data, { recursive: true, force: true, maxRetries: 5 });
  };
  return { cache, data, say, close };
}

async function removeAbandoned(folder: string): Promise<void> {
  const found = await stat(folder).catch(() => undefined);
  if (!found || found.uid !== process.getuid?.()) return;
  // One that is being made has no lock for a moment.
  if (Date.now() - found.mtimeMs < 60_000) return;
  try {
    const lock = await lockFolder(join(folder, 'lock'));
    await lock.release();
    await rm(folder, { recursive: true, force: true });
  } catch (error) {
    if (!(error instanceof FolderLockedError)) throw error;
  }
}

/**
 * A folder of the cache that appears only whole: `make` fills it the first time, and runs that need it at the same time
 * take turns.
 *
 * @param name of the folder; whatever its content depends on must be in it, such as versions.
 */
export async function cached(
  workplace: Pick<Workplace, 'cache'>,
  name: string,
  make: (folder: string) => Promise<void>,
): Promise<string> {
  const folder = join(workplace.cache, name);
  if (await isThere(folder)) return folder;
  const lock = await takeTurn(join(workplace.cache, `${name}.lock`));
  try {
    if (await isThere(folder)) return folder;
    const temporary = `${folder}.new`;
    await rm(temporary, { recursive: true, force: true });
    await mkdir(temporary);
    await make(temporary);
    await rename(temporary, folder);
    return folder;
  } finally {
    await lock.release();
  }
}

/** Whether {@link cached} would find this folder. */
export async function isCached(workplace: Workplace, name: string): Promise<boolean> {
  return await isThere(join(workplace.cache, name));
}

async function isThere(path: string): Promise<boolean> {
  try {
    await stat(path);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return false;
    throw error;
  }
}

async function takeTurn(folder: string): Promise<FolderLock> {
  for (;;) {
    try {
      return await lockFolder(folder);
    } catch (error) {
      if (!(error instanceof FolderLockedError)) throw error;
      await delay(250);
    }
  }
}
