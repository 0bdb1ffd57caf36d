/** Folders that are there after a crash, and that no symbolic link leads away from. */
import { mkdir, open, realpath, rmdir } from 'node:fs/promises';
import { dirname } from 'node:path';

/** Makes `folder` and those above it, so that they outlive a crash. */
export async function ensureFolder(folder: string): Promise<void> {
  const first = await mkdir(folder, { recursive: true, mode: 0o700 });
  if (first === undefined) return;
  // A new folder is durable when the one that names it is.
  for (let made = folder; ; made = dirname(made)) {
    await syncFolder(dirname(made));
    if (made === first || dirname(made) === made) return;
  }
}

/** Makes what was renamed into, or removed from, `folder` durable. */
export async function syncFolder(folder: string): Promise<void> {
  if (process.platform === 'win32') return; // Windows has no such call, and orders these writes itself.
  const handle = await open(folder, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/**
 * Fails with `ELOOP` where a symbolic link lies on the way to `folder`.
 * @param folder an absolute path below a root that has been resolved
 */
export async function refuseLinks(folder: string): Promise<void> {
  if ((await realpath(folder)) !== folder)
    throw Object.assign(new Error(`A symbolic link leads away from ${folder}.`), { code: 'ELOOP' });
}

/** Removes `folder` and those above it up to `root` as long as they are empty. */
export async function pruneFolders(folder: string, root: string): Promise<void> {
  for (let at = folder; at !== root && at.startsWith(root); at = dirname(at)) {
    try {
      await rmdir(at);
    } catch {
      return; // Not empty, or already gone: either way there is nothing to tidy.
    }
  }
}
