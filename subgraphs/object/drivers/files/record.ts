/**
 * What a file of the files driver holds: the object's bytes as they are, then one line of JSON padded to {@link
 * TRAILER_BYTES} that says what they are. One file, so that bytes and description appear, change and go together; at
 * the end, because size and checksum are known only when the bytes have been written.
 */
import type { FileHandle } from 'node:fs/promises';
import type { ObjectInfo } from '../../driver.ts';

/** Enough for the longest content type in JSON escapes, a checksum, a size and a date. */
export const TRAILER_BYTES = 768;

interface Trailer {
  readonly tributaryObject: 1;
  readonly sizeBytes: number;
  readonly sha256: string;
  readonly contentType: string;
  readonly updatedAt: string;
}

/** The bytes that follow the object's own. */
export function encodeTrailer(info: Omit<ObjectInfo, 'key'>): Buffer {
  const trailer: Trailer = {
    tributaryObject: 1,
    sizeBytes: info.sizeBytes,
    sha256: info.checksum!,
    contentType: info.contentType,
    updatedAt: info.updatedAt.toISOString(),
  };
  const text = `\n${JSON.stringify(trailer)}`;
  return Buffer.from(`${text.padEnd(TRAILER_BYTES - 1)}\n`);
}

/** Reads what the open file says of its object; null where it is not a file of this driver, or not a whole one. */
export async function readTrailer(handle: FileHandle, key: string): Promise<ObjectInfo | null> {
  const { size } = await handle.stat();
  const sizeBytes = size - TRAILER_BYTES;
  if (sizeBytes < 0) return null;
  const buffer = Buffer.allocUnsafe(TRAILER_BYTES);
  const { bytesRead } = await handle.read(buffer, 0, TRAILER_BYTES, sizeBytes);
  if (bytesRead !== TRAILER_BYTES || buffer[0] !== 0x0a) return null;
  let trailer: Partial<Trailer>;
  try {
    trailer = JSON.parse(buffer.toString('utf8')) as Partial<Trailer>;
  } catch {
    return null; // A file that something else put here.
  }
  if (trailer.tributaryObject !== 1 || trailer.sizeBytes !== sizeBytes || !trailer.contentType || !trailer.updatedAt)
    return null;
  return {
    key,
    sizeBytes,
    contentType: trailer.contentType,
    checksum: trailer.sha256 ?? null,
    updatedAt: new Date(trailer.updatedAt),
  };
}
