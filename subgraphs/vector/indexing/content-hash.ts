/** What is stored of how a chunk's vector came about: a digest of all that it depends on, and in how many parts. */
import { createHash } from 'node:crypto';

/** Of a vector that was made here. @param parts in how many parts the model took the text */
export const contentHash = (model: string, title: string, text: string, parts = 1): string =>
  `${digest(model, title, text)}${parts > 1 ? `*${parts}` : ''}`;

/** Of a caller's vector, which is of no text that could be compared: indexing the document embeds it anew. */
export const callersHash = (text: string): string => `own:${digest(text)}`;

/** Whether two are of the same model, title and text, in whatever parts. */
export const isSameContent = (a: string | undefined, b: string): boolean =>
  a !== undefined && withoutParts(a) === withoutParts(b);

const withoutParts = (hash: string): string => hash.split('*', 1)[0]!;

/** In how many parts the text was embedded; null where a caller gave its vector. */
export const partsIn = (hash: string): number | null =>
  hash.startsWith('own:') ? null : Number(hash.split('*')[1] ?? 1);

function digest(...parts: string[]): string {
  const hash = createHash('sha256');
  for (const part of parts) hash.update(`${Buffer.byteLength(part)}:`).update(part);
  return hash.digest('base64url');
}
