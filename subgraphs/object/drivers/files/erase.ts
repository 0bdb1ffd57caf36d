/** Removing everything of a tenant from the files of the data folder: its folder, whatever is in it. */
import { randomUUID } from 'node:crypto';
import { readdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { addCounts, isOf, type StoreErasure } from '#subgraphs/shared/erasure.ts';
import { filesError, isAbsent } from './errors.ts';
import { syncFolder } from './folders.ts';
import { fromByteText, tenantFolder, tenantOfFolder } from './names.ts';

/** Folders that are on their way out; no tenant's is called so. */
const ERASED = 'erased-';

/** @param root the folder of all tenants */
export function filesErasure(root: string): StoreErasure {
  const attempt = async <T>(work: () => Promise<T>): Promise<T> => {
    try {
      return await work();
    } catch (error) {
      throw filesError(error);
    }
  };
  const filesIn = async (folder: string): Promise<number> => {
    try {
      const entries = await readdir(folder, { recursive: true, withFileTypes: true });
      return entries.filter((entry) => !entry.isDirectory()).length;
    } catch (error) {
      if (isAbsent(error)) return 0;
      throw error;
    }
  };
  /** Removes a folder that nobody writes to. @returns how many files were in it */
  const removeFolder = async (folder: string): Promise<number> => {
    const files = await filesIn(folder);
    await rm(folder, { recursive: true, force: true });
    return files;
  };
  return {
    store: 'files',
    tenantIds: (tenant) =>
      attempt(async () =>
        (await readdir(root))
          .flatMap((name) => tenantOfFolder(name) ?? [])
          .map(fromByteText)
          .filter((id) => isOf(tenant, id))
          .sort(),
      ),
    count: (tenantIds) =>
      attempt(async () => {
        const files = await Promise.all(tenantIds.map((tenantId) => filesIn(join(root, tenantFolder(tenantId)))));
        return addCounts({ objects: files.reduce((sum, each) => sum + each, 0) });
      }),
    erase: (tenantIds) =>
      attempt(async () => {
        let objects = 0;
        for (const tenantId of tenantIds) {
          // Moved out of the way first: whoever writes meanwhile begins another folder, which the next look finds.
          const aside = join(root, `${ERASED}${randomUUID()}`);
          await rename(join(root, tenantFolder(tenantId)), aside).catch((error: unknown) => {
            if (!isAbsent(error)) throw error;
          });
        }
        // Those of whoever was killed, too.
        for (const name of await readdir(root))
          if (name.startsWith(ERASED)) objects += await removeFolder(join(root, name));
        await syncFolder(root);
        return addCounts({ objects });
      }),
  };
}
