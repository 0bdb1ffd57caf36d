/** The text of a file: UTF-8, UTF-16 that says so, or Windows-1252, of which Latin-1 is a part. */

export type Encoding = 'utf-8' | 'utf-16le' | 'utf-16be' | 'windows-1252';

export interface TextFile {
  /** Without a byte order mark. */
  readonly text: string;
  readonly encoding: Encoding;
}

/** Where it differs from Latin-1. Not by `TextDecoder`, which in some versions of Node takes the two for the same. */
const FROM_0X80 = '€\u0081‚ƒ„…†‡ˆ‰Š‹Œ\u008dŽ\u008f\u0090‘’“”•–—˜™š›œ\u009džŸ';

/**
 * Reads the bytes of a text. What is neither UTF-8 nor says that it is UTF-16 is taken for Windows-1252 where it may be:
 * it has no control characters, and no more letters beyond ASCII than within, as no text in Western languages has.
 * @returns the text, or a clause that says why there is none
 */
export function readText(bytes: Buffer): TextFile | string {
  const encoding =
    bytes[0] === 0xff && bytes[1] === 0xfe ? 'utf-16le' : bytes[0] === 0xfe && bytes[1] === 0xff ? 'utf-16be' : 'utf-8';
  const text = decoded(bytes, encoding);
  if (text === undefined && encoding !== 'utf-8') return 'it begins as UTF-16 and is not valid UTF-16';
  if (text?.includes('\0') ?? bytes.includes(0)) return 'it contains NUL characters, so it is not text';
  if (text !== undefined) return { text, encoding };
  const western = bytes
    .toString('latin1')
    .replace(/[\u0080-\u009f]/g, (character) => FROM_0X80[character.charCodeAt(0) - FIRST_OTHER]!);
  // eslint-disable-next-line no-control-regex -- control characters are what tells bytes from text
  const isText = !/[\u0001-\u0008\u000e-\u001a\u001c-\u001f\u007f-\u009f]/.test(western);
  const beyond = western.match(/[\u00c0-\u00ff]/g)?.length ?? 0;
  if (isText && beyond <= (western.match(/[a-z]/gi)?.length ?? 0)) return { text: western, encoding: 'windows-1252' };
  return 'it is not valid UTF-8, nor in another encoding that can be told: save it as UTF-8';
}

const FIRST_OTHER = '\u0080'.charCodeAt(0);

function decoded(bytes: Buffer, encoding: Encoding): string | undefined {
  try {
    return new TextDecoder(encoding, { fatal: true }).decode(bytes);
  } catch (error) {
    if (error instanceof TypeError) return undefined;
    throw error;
  }
}
