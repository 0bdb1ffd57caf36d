/** The process that holds a folder. */
export interface FolderHolder {
  pid: number;
  host: string;
  /** When it took the lock, ISO 8601. */
  since: string;
}

/** Another live process holds the lock. */
export class FolderLockedError extends Error {
  readonly code: 'FOLDER_LOCKED';
  readonly holder: FolderHolder;
}

export interface FolderLock {
  /** Lets others have the folder. Idempotent. */
  release(): Promise<void>;
}

/**
 * Takes the lock of a folder, which is created when absent. The end of the process releases it, however it ends.
 *
 * @throws FolderLockedError while another process holds it, and when this one does already.
 */
export function lockFolder(path: string): Promise<FolderLock>;
