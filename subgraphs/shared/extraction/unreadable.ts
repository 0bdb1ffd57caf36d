import { EXTRACTION } from './bounds.ts';

/** A file that cannot be read. Its message is a clause that says why, to stand behind the file's name. */
export class UnreadableError extends Error {
  override readonly name = 'UnreadableError';
}

/** What a library says of a file, as a clause in one line. */
export function reasonOf(error: unknown, told: string): string {
  if (error instanceof UnreadableError) return error.message;
  if (error instanceof RangeError && /call stack/i.test(error.message)) return 'it is nested too deeply';
  const words = String((error as Error | undefined)?.message ?? error)
    .replace(/[\s\p{Cc}]+/gu, ' ')
    .trim();
  return `it cannot be read as ${told}: ${words === '' ? 'it is damaged' : words}`
    .slice(0, EXTRACTION.reasonCharacters)
    .replace(/\.$/, '');
}
