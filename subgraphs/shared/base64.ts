/** Bytes that callers write as text. */
import { badUserInput } from './errors.ts';

/** @throws CodedError `BAD_USER_INPUT` where it is no base64. @param name of the field, for the message */
export function decodeBase64(name: string, text: string): Buffer {
  if (!/^[A-Za-z0-9+/]*={0,2}$/.test(text) || text.length % 4 !== 0)
    throw badUserInput(`\`${name}\` is not base64 (RFC 4648, with padding and without line breaks).`);
  return Buffer.from(text, 'base64');
}

/** The longest base64 of so many bytes: it has four characters for three of them. */
export const base64Length = (bytes: number): number => Math.ceil(bytes / 3) * 4;
