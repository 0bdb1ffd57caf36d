import { FolderLockedError, lockFolder, type FolderLock } from '#ops/bootstrap/folder-lock.mjs';

import { EmbeddedStoreError } from './embedded-store-error.ts';

/**
 * Makes this process the only one that works in a data folder. Take it before anything in the folder is touched; the
 * end of the process releases it in any case, and a lock whose holder is gone is taken over.
 *
 * @param hint what to do where another process has it
 * @throws EmbeddedStoreError (`DATA_FOLDER_LOCKED`) naming the process that has it.
 */
export async function lockDataFolder(
  dataDir: string,
  hint = 'Stop that process, or set DATA_DIR and PORT to run another one beside it.',
): Promise<FolderLock> {
  try {
    return await lockFolder(dataDir);
  } catch (error) {
    if (!(error instanceof FolderLockedError)) throw error;
    throw new EmbeddedStoreError('DATA_FOLDER_LOCKED', error.message, {
      hint,
      cause: error,
    });
  }
}
