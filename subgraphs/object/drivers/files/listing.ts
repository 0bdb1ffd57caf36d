/** Walks a tenant's folder in the order of its keys, holding a bounded number of names however many a folder has. */
import { opendir } from 'node:fs/promises';
import { join } from 'node:path';
import { OBJECT } from '../../bounds.ts';
import { decodeName, type DecodedName } from './names.ts';

export interface ListedFile {
  /** The key as a byte text (see `files-names.ts`). */
  readonly key: string;
  readonly path: string;
}

/**
 * The files whose keys start with `prefix` and sort behind `after` (byte texts), in order, one at a time.
 * Every folder on the way is scanned once for each `batch` of its names that are needed.
 */
export async function* walk(
  root: string,
  prefix: string,
  after: string | null,
  batch: number,
): AsyncGenerator<ListedFile> {
  yield* walkFolder(root, '', prefix, after, batch);
}

async function* walkFolder(
  folder: string,
  base: string,
  prefix: string,
  after: string | null,
  batch: number,
): AsyncGenerator<ListedFile> {
  let behind: string | null = null;
  for (;;) {
    const { names, more } = await nextNames(folder, behind, batch, (entry) =>
      mayHold(base + entry.adds, entry.kind, prefix, after),
    );
    for (const entry of names) {
      const key = base + entry.adds;
      const path = join(folder, entry.name);
      if (entry.kind === 'object') yield { key, path };
      else yield* walkFolder(path, key, prefix, after, batch);
    }
    if (!more) return;
    behind = names.at(-1)!.adds;
  }
}

function mayHold(key: string, kind: DecodedName['kind'], prefix: string, after: string | null): boolean {
  if (kind === 'object') return key.startsWith(prefix) && (after === null || key > after);
  if (!key.startsWith(prefix) && !prefix.startsWith(key)) return false;
  // All keys inside start with `key`: they are behind `after` when `key` is, and may be when `after` is one of them.
  return after === null || key > after || after.startsWith(key);
}

/** The `batch` smallest wanted names behind `behind`; `more` tells whether others were left out. */
async function nextNames(
  folder: string,
  behind: string | null,
  batch: number,
  wanted: (entry: DecodedName) => boolean,
): Promise<{ names: DecodedName[]; more: boolean }> {
  let names: DecodedName[] = [];
  let more = false;
  const cut = (): void => {
    names.sort((a, b) => (a.adds < b.adds ? -1 : 1));
    if (names.length > batch) {
      names = names.slice(0, batch);
      more = true;
    }
  };
  let bound: string | undefined;
  try {
    for await (const entry of await opendir(folder, { bufferSize: OBJECT.namesRead })) {
      const decoded = decodeName(entry.name);
      if (!decoded || (behind !== null && decoded.adds <= behind)) continue;
      // Symbolic links are neither: they are never followed.
      if (decoded.kind === 'object' ? !entry.isFile() : !entry.isDirectory()) continue;
      if (!wanted(decoded)) continue;
      if (bound !== undefined && decoded.adds > bound) {
        more = true;
        continue;
      }
      names.push(decoded);
      if (names.length >= batch * 4) {
        cut();
        bound = names.at(-1)!.adds;
      }
    }
  } catch (error) {
    // A folder that went while it was walked holds nothing any more.
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
  }
  cut();
  return { names, more };
}
