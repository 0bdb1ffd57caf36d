/** What callers send: keys, prefixes, links, checksums and small contents. */
import { base64Length, decodeBase64 } from '#subgraphs/shared/base64.ts';
import { badUserInput, CodedError } from '#subgraphs/shared/errors.ts';
import { OBJECT, type ObjectBounds } from './bounds.ts';

export interface PutRequest {
  key: string;
  mediaType?: string | null;
  contentType?: string | null;
  content: string;
  encoding: 'UTF8' | 'BASE64';
}

const CONTROL = /\p{Cc}/u;
const LONE_SURROGATE = /\p{Cs}/u;

/**
 * Why `key` cannot be the key of an object, as a sentence; undefined when it can.
 *
 * A key is one or more segments joined by `/`, such as `documents/readme.md`: no empty segment (so no leading, trailing
 * or double slash), no `.` or `..`, no backslash, no control character, at most `OBJECT.keyBytes` bytes. Keys are
 * compared byte by byte: no case is folded and no Unicode form is changed, so that what was written is what is listed.
 */
export function keyFault(key: string): string | undefined {
  if (key === '') return 'A key cannot be empty.';
  const fault = textFault(key);
  if (fault) return fault;
  if (key.startsWith('/')) return 'A key cannot be an absolute path.';
  for (const segment of key.split('/')) {
    if (segment === '') return 'A key cannot have an empty segment.';
    if (segment === '.' || segment === '..') return 'A key cannot have a segment `.` or `..`.';
  }
  return undefined;
}

/**
 * Returns `key` where it may be a key.
 * @throws CodedError `BAD_USER_INPUT` that says what is wrong with it
 */
export function checkKey(key: string): string {
  const fault = keyFault(key);
  if (fault) throw badUserInput(fault, { hint: 'Use segments joined by "/", such as "notes/today.md".' });
  return key;
}

/**
 * Returns `prefix` where a key may start with it; the empty prefix means all keys.
 * @throws CodedError `BAD_USER_INPUT`
 */
export function checkPrefix(prefix: string): string {
  const fault = prefixFault(prefix);
  if (fault) throw badUserInput(fault);
  return prefix;
}

/** Why no key can start with `prefix`, as a sentence; undefined where one can. */
export function prefixFault(prefix: string): string | undefined {
  const fault = textFault(prefix);
  if (fault) return fault.replace('key', 'prefix');
  const segments = prefix.split('/');
  // The last segment may be the start of a longer one: `.` may begin `.well-known`.
  const complete = segments.slice(0, -1);
  return complete.some((segment) => segment === '' || segment === '.' || segment === '..')
    ? 'A prefix cannot have a segment that is empty, `.` or `..`.'
    : undefined;
}

function textFault(text: string): string | undefined {
  // Four bytes a character at most; the cheap check first spares measuring a text of megabytes.
  if (text.length > OBJECT.keyBytes || Buffer.byteLength(text) > OBJECT.keyBytes)
    return `A key is at most ${OBJECT.keyBytes} bytes long.`;
  if (LONE_SURROGATE.test(text)) return 'A key must be well-formed Unicode.';
  if (CONTROL.test(text)) return 'A key cannot contain control characters.';
  if (text.includes('\\')) return 'A key cannot contain a backslash.';
  return undefined;
}

/** The seconds of a link, its default where `null`. @throws CodedError `BAD_USER_INPUT` past the bound */
export function checkExpiresIn(
  expiresIn: number | null | undefined,
  { linkSeconds = OBJECT.linkSeconds }: ObjectBounds = {},
): number {
  const seconds = expiresIn ?? OBJECT.defaultLinkSeconds;
  if (seconds < 1 || seconds > linkSeconds)
    throw badUserInput(`\`expiresIn\` must be from 1 to ${linkSeconds} seconds; got ${seconds}.`);
  return seconds;
}

/** A checksum in lower case. @throws CodedError `BAD_USER_INPUT` */
export function checkSha256(sha256: string): string {
  if (!/^[0-9a-f]{64}$/i.test(sha256)) throw badUserInput('`sha256` must be 64 hexadecimal digits.');
  return sha256.toLowerCase();
}

/** The bytes that a mutation carries as text. @throws CodedError `BAD_USER_INPUT`, `PAYLOAD_TOO_LARGE` */
export function decodeContent({ content, encoding }: PutRequest): Uint8Array {
  const hint = 'Use `requestUpload` for larger objects.';
  // Before decoding.
  if (content.length > base64Length(OBJECT.putBytes)) throw tooLarge(hint);
  let bytes: Buffer;
  if (encoding === 'BASE64') {
    bytes = decodeBase64('content', content);
  } else {
    if (/\p{Cs}/u.test(content))
      throw badUserInput('`content` must be well-formed Unicode.', { hint: 'Send bytes that are not text as BASE64.' });
    bytes = Buffer.from(content, 'utf8');
  }
  if (bytes.byteLength > OBJECT.putBytes) throw tooLarge(hint);
  return bytes;
}

const tooLarge = (hint: string) =>
  new CodedError('PAYLOAD_TOO_LARGE', `\`content\` is at most ${OBJECT.putBytes} bytes (8 MiB).`, { hint });
