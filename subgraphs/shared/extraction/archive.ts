/** Files of a ZIP archive, within bounds of their number, their length and how well they are packed. */
import { unzipSync, type UnzipFileInfo } from 'fflate';
import { EXTRACTION } from './bounds.ts';
import { UnreadableError } from './unreadable.ts';

/** Unpacked files by their names. */
export type Archive = ReadonlyMap<string, Uint8Array>;

/**
 * Unpacks what is wanted of an archive. Nothing becomes longer than the archive says that it is, and what it says is bounded.
 * @param wanted by its name
 * @throws UnreadableError past the bounds; Error where it is no archive, or a damaged one
 */
export function unpack(bytes: Uint8Array, wanted: (name: string) => boolean): Archive {
  let entries = 0;
  let total = 0;
  const filter = ({ name, size, originalSize }: UnzipFileInfo): boolean => {
    if (++entries > EXTRACTION.archiveEntries)
      throw new UnreadableError(`it is an archive of more than ${EXTRACTION.archiveEntries} files`);
    if (!wanted(name)) return false;
    total += originalSize;
    if (total > EXTRACTION.archiveBytes)
      throw new UnreadableError(`it unpacks to more than ${EXTRACTION.archiveBytes} bytes`);
    if (originalSize > EXTRACTION.archiveRatioBytes && originalSize > size * EXTRACTION.archiveRatio)
      throw new UnreadableError(
        `${name} in it unpacks to more than ${EXTRACTION.archiveRatio} times its length, as no document does`,
      );
    return true;
  };
  return new Map(Object.entries(unzipSync(bytes, { filter })));
}
