/** The text of bytes: UTF-8, UTF-16 that says so, what the file itself says, or what its letters are most likely written in. */
import { analyse } from 'chardet';
import { EXTRACTION } from './bounds.ts';

/** What a text was written in, by the name that the Encoding Standard gives it, such as `windows-1252`. */
export type Encoding = string;

/** A text, and how it was written. */
export interface TextFile {
  /** Without a byte order mark. */
  readonly text: string;
  readonly encoding: Encoding;
}

/** Where it differs from Latin-1. Not by `TextDecoder`, which in some versions of Node takes the two for the same. */
const FROM_0X80 = '€\u0081‚ƒ„…†‡ˆ‰Š‹Œ\u008dŽ\u008f\u0090‘’“”•–—˜™š›œ\u009džŸ';
// eslint-disable-next-line no-control-regex -- control characters are what tells bytes from text
const CONTROLS = /[\u0001-\u0008\u000e-\u001a\u001c-\u001f\u007f-\u009f]/;
/** What begins a shift in ISO-2022, whose bytes are all valid UTF-8. */
// eslint-disable-next-line no-control-regex -- an escape character is what begins one
const SHIFT = /\u001b[$(][@A-J]/;

/**
 * Reads the bytes of a text. What is neither UTF-8 nor says that it is UTF-16 is read as `declared`, else as what its
 * letters are likely to be (`chardet`), where that is likely enough; else as Windows-1252 where it may be that: it has no
 * control characters, and no more letters beyond ASCII than within, as no text in Western languages has.
 * @param declared what the file says of itself, as HTML may
 * @returns the text, or a clause that says why there is none
 */
export function readText(bytes: Uint8Array, declared?: string): TextFile | string {
  const encoding = markedEncoding(bytes);
  const text = decoded(bytes, encoding);
  if (text === undefined && encoding !== 'utf-8') return 'it begins as UTF-16 and is not valid UTF-16';
  if (text?.includes('\0') ?? bytes.includes(0)) return 'it contains NUL characters, so it is not text';
  if (text !== undefined && !SHIFT.test(text)) return { text, encoding };
  return (
    (declared === undefined ? undefined : readAs(bytes, declared)) ??
    likely(bytes) ??
    (text === undefined
      ? 'it is not valid UTF-8, nor in another encoding that can be told: save it as UTF-8'
      : { text, encoding })
  );
}

/** UTF-16 where the bytes begin with its mark, else UTF-8. */
export const markedEncoding = (bytes: Uint8Array): 'utf-8' | 'utf-16le' | 'utf-16be' =>
  bytes[0] === 0xff && bytes[1] === 0xfe ? 'utf-16le' : bytes[0] === 0xfe && bytes[1] === 0xff ? 'utf-16be' : 'utf-8';

/** Reads it in an encoding by its name; undefined where there is no such, or it is none of it. */
function readAs(bytes: Uint8Array, label: string): TextFile | undefined {
  try {
    const { encoding } = new TextDecoder(label);
    if (encoding === 'windows-1252') return { text: western(bytes), encoding };
    const text = decoded(bytes, encoding);
    return text === undefined || CONTROLS.test(text) ? undefined : { text, encoding };
  } catch (error) {
    if (error instanceof RangeError) return undefined; // A label that nobody knows.
    throw error;
  }
}

function likely(bytes: Uint8Array): TextFile | undefined {
  const text = western(bytes);
  const beyond = text.match(/[\u00c0-\u00ff]/g)?.length ?? 0;
  const asWestern =
    !CONTROLS.test(text) && beyond <= (text.match(/[a-z]/gi)?.length ?? 0)
      ? { text, encoding: 'windows-1252' }
      : undefined;
  // Of a few letters any language may be the likeliest.
  const letters = text.match(/[\u0080-\uffff]/g)?.length ?? 0;
  if (asWestern !== undefined && letters > 0 && letters < EXTRACTION.detectedLetters) return asWestern;
  for (const { name, confidence } of analyse(bytes.subarray(0, EXTRACTION.detectedBytes))) {
    if (confidence < EXTRACTION.detectedConfidence) break;
    if (/^(?:ASCII|UTF-|ISO-8859-1$|windows-1252$)/i.test(name)) {
      if (asWestern !== undefined) return asWestern;
      continue;
    }
    const found = readAs(bytes, name);
    if (found !== undefined) return found;
  }
  return asWestern;
}

const western = (bytes: Uint8Array): string =>
  Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    .toString('latin1')
    .replace(/[\u0080-\u009f]/g, (character) => FROM_0X80[character.charCodeAt(0) - FIRST_OTHER]!);

const FIRST_OTHER = '\u0080'.charCodeAt(0);

function decoded(bytes: Uint8Array, encoding: Encoding): string | undefined {
  try {
    return new TextDecoder(encoding, { fatal: true }).decode(bytes);
  } catch (error) {
    if (error instanceof TypeError) return undefined;
    throw error;
  }
}
