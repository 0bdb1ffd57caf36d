/** Checksums of files, by which it is known that they are whole. */
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { pipeline } from 'node:stream/promises';

export interface FileSum {
  readonly bytes: number;
  /** SHA-256, in hexadecimal. */
  readonly sha256: string;
}

/** Of what is in a file, however large. */
export async function sumOf(path: string): Promise<FileSum> {
  const hash = createHash('sha256');
  const file = createReadStream(path);
  let bytes = 0;
  file.on('data', (chunk) => (bytes += chunk.length));
  await pipeline(file, hash);
  return { bytes, sha256: hash.digest('hex') };
}
