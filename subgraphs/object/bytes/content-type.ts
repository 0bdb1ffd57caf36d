/** Content types: what is accepted, and which of them hold text. */
import { badUserInput } from '#subgraphs/shared/errors.ts';
import { OBJECT } from '../bounds.ts';

const TOKEN = "[A-Za-z0-9!#$%&'*+.^_`|~-]+";
// RFC 9110, section 8.3.1, in printable ASCII. The length is bounded before, so that the pattern cannot be made to work
// hard.
const CONTENT_TYPE = new RegExp(
  `^${TOKEN}/${TOKEN}(?:\\s*;\\s*${TOKEN}=(?:${TOKEN}|"[\\x20\\x21\\x23-\\x5b\\x5d-\\x7e]*"))*$`,
);

/**
 * Returns `contentType` where it is one.
 * @throws CodedError `BAD_USER_INPUT`
 */
export function checkContentType(contentType: string): string {
  if (contentType.length > OBJECT.contentTypeCharacters || !CONTENT_TYPE.test(contentType)) {
    throw badUserInput(
      `\`mediaType\` must be a media type of at most ${OBJECT.contentTypeCharacters} characters, such as "text/markdown".`,
    );
  }
  return contentType;
}

const TEXT =
  /^(?:text\/|application\/(?:json|ld\+json|x-ndjson|xml|yaml|x-yaml|toml|javascript|ecmascript|typescript|graphql|sql|x-sh|x-httpd-php|rtf|x-tex|x-www-form-urlencoded)$|[^;]*\+(?:json|xml|yaml)$|image\/svg)/i;

/**
 * The encoding to read an object of this type with; null where the type is not text.
 * Without a `charset`, or with one that is unknown here, it is UTF-8.
 */
export function textEncoding(contentType: string): string | null {
  const [type = '', ...parameters] = contentType.split(';');
  if (!TEXT.test(type.trim())) return null;
  for (const parameter of parameters) {
    const [name, value = ''] = parameter.split('=');
    if (name?.trim().toLowerCase() !== 'charset') continue;
    const label = value.trim().replace(/^"|"$/g, '');
    try {
      return new TextDecoder(label).encoding;
    } catch {
      return 'utf-8'; // An encoding that nobody knows is no reason to show nothing; most such texts are ASCII.
    }
  }
  return 'utf-8';
}

/**
 * The start of an object as text.
 * @param bytes the object, or its first bytes
 * @param truncated whether the object goes on behind them; a character cut in two by that is left out
 * @returns null where the content type is not text. Bytes that the encoding does not have become U+FFFD.
 */
export function decodeText(bytes: Uint8Array, contentType: string, truncated: boolean): string | null {
  const encoding = textEncoding(contentType);
  return encoding === null ? null : new TextDecoder(encoding).decode(bytes, { stream: truncated });
}
