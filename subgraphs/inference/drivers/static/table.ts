/** The table of token vectors: read once, where it is first needed. What it is made of is in table/NOTICE.md. */
import { readFile } from 'node:fs/promises';

import { CodedError } from '#subgraphs/shared/errors.ts';
import { HASHING_MODEL } from '../hashing/index.ts';
import { WordPiece } from './wordpiece.ts';

export const TABLE_DIMENSIONS = 256;

export interface TokenTable {
  readonly wordPiece: WordPiece;
  /** Tokens × {@link TABLE_DIMENSIONS}, by row. */
  readonly rows: Int8Array;
  /** What each row is multiplied by. */
  readonly scales: Float32Array;
}

/** @throws CodedError `STORE_UNAVAILABLE` where the files are missing or of another size */
export async function readTable(folder = new URL('./table/', import.meta.url)): Promise<TokenTable> {
  try {
    const [vocabulary, table, halves] = await Promise.all([
      readFile(new URL('vocab.txt', folder), 'utf8'),
      readFile(new URL('table.i8', folder)),
      readFile(new URL('scales.f16', folder)),
    ]);
    const wordPiece = new WordPiece(vocabulary);
    if (table.length !== wordPiece.size * TABLE_DIMENSIONS || halves.length !== wordPiece.size * 2)
      throw new Error(
        `${wordPiece.size} tokens need ${wordPiece.size * TABLE_DIMENSIONS} and ${wordPiece.size * 2} bytes; there are ${table.length} and ${halves.length}.`,
      );
    return {
      wordPiece,
      rows: new Int8Array(table.buffer, table.byteOffset, table.length),
      scales: Float32Array.from({ length: wordPiece.size }, (_, id) => half(halves.readUInt16LE(id * 2))),
    };
  } catch (error) {
    throw new CodedError('STORE_UNAVAILABLE', 'The table of the built-in embedder cannot be read.', {
      cause: error,
      hint: `Restore ${folder.pathname.split('/').slice(-6).join('/')} from the release, or set EMBEDDING_MODEL to ${HASHING_MODEL}, which needs none.`,
    });
  }
}

/** A number of IEEE 754's binary16. */
function half(bits: number): number {
  const exponent = (bits >> 10) & 31;
  const fraction = bits & 1023;
  const size = exponent === 0 ? fraction * 2 ** -24 : (1 + fraction / 1024) * 2 ** (exponent - 15);
  return bits & 0x8000 ? -size : size;
}
