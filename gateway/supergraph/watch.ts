/**
 * Notices changes of files. Folders are watched, since editors replace files; a slow poll covers file systems that
 * report nothing.
 */
import { watch, type FSWatcher } from 'node:fs';
import { basename, dirname } from 'node:path';
import { SUPERGRAPH } from '#gateway/bounds/supergraph.ts';

/** Every file of a folder. */
export const ANY = '*';

export interface FileWatch {
  /** Replaces the set of files watched; `<folder>/*` stands for every file of a folder. */
  set(files: readonly string[]): void;
  close(): void;
}

/** @param onChange told that something may have changed, also at every `pollMs` */
export function watchFiles(onChange: () => void, pollMs: number): FileWatch {
  const watchers = new Map<string, FSWatcher>();
  let names = new Map<string, Set<string>>();
  let settling: NodeJS.Timeout | undefined;
  const changed = (): void => {
    clearTimeout(settling);
    settling = setTimeout(onChange, SUPERGRAPH.settleMs);
  };
  const poll = setInterval(onChange, pollMs);
  poll.unref();

  const unwatch = (folder: string): void => {
    watchers.get(folder)?.close();
    watchers.delete(folder);
  };
  return {
    set(files) {
      names = new Map();
      for (const file of files) {
        const folder = dirname(file);
        names.set(folder, (names.get(folder) ?? new Set()).add(basename(file)));
      }
      for (const folder of watchers.keys()) if (!names.has(folder)) unwatch(folder);
      for (const folder of names.keys()) {
        if (watchers.has(folder)) continue;
        try {
          const watcher = watch(folder, { persistent: false }, (_, name) => {
            const watched = names.get(folder);
            if (name === null || watched?.has(name) === true || watched?.has(ANY) === true) changed();
          });
          // A folder that goes away; the poll notices when it is back.
          watcher.on('error', () => unwatch(folder));
          watchers.set(folder, watcher);
        } catch {
          // Watching is a convenience: where the system refuses, the poll has to do.
        }
      }
    },
    close() {
      clearTimeout(settling);
      clearInterval(poll);
      for (const folder of [...watchers.keys()]) unwatch(folder);
    },
  };
}
