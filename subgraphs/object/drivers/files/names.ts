/**
 * Where the files driver keeps an object, and back.
 *
 * Each segment of a key becomes a name that no file system folds, forbids or normalises: ASCII lower-case letters,
 * digits, `-`, `_` and `.` stay, every other byte is written `%xx`. A prefix tells what the name is, so that an object
 * `a` and a folder `a/` are two names:
 *
 *     f~readme.md     the object whose last segment is `readme.md`
 *     d~notes         the folder of the segment `notes`
 *     c~<80 bytes>    the first 80 bytes of a longer segment, which goes on inside (file names end at 255 bytes)
 *
 * Names decode to "byte texts": one UTF-16 unit for each byte, so that `<` compares as the bytes of the keys do.
 */
import { join } from 'node:path';

const CHUNK = 80;

/** The bytes of `text` as a byte text. */
export const byteText = (text: string): string => Buffer.from(text, 'utf8').toString('latin1');

/** The text whose bytes are `bytes`. */
export const fromByteText = (bytes: string): string => Buffer.from(bytes, 'latin1').toString('utf8');

/** The path of the key's file, in parts below the tenant's folder. */
export function pathOfKey(key: string): string[] {
  const segments = byteText(key).split('/');
  return segments.flatMap((segment, at) => {
    const parts: string[] = [];
    let rest = segment;
    while (rest.length >= CHUNK) {
      parts.push(`c~${encodeBytes(rest.slice(0, CHUNK))}`);
      rest = rest.slice(CHUNK);
    }
    parts.push(`${at === segments.length - 1 ? 'f' : 'd'}~${encodeBytes(rest)}`);
    return parts;
  });
}

/** The name of a tenant's folder: tenant ids that differ in case alone are two tenants on every file system. */
export const tenantFolder = (tenantId: string): string => `t~${encodeBytes(byteText(tenantId))}`;

/** The tenant of a folder, as a byte text; undefined for a folder of none. */
export function tenantOfFolder(name: string): string | undefined {
  const bytes = /^t~((?:[a-z0-9_.-]|%[0-9a-f]{2})+)$/.exec(name)?.[1];
  return bytes === undefined ? undefined : decodeBytes(bytes);
}

/** The path of a key's file below `root`. */
export const filePath = (root: string, key: string): string => join(root, ...pathOfKey(key));

/** One entry of a folder, decoded. */
export interface DecodedName {
  readonly kind: 'object' | 'folder';
  readonly name: string;
  /**
   * What the entry adds to the key so far, as a byte text. For a folder, every key inside starts with it, and no key of
   * another entry lies between those: entries in the order of `adds` give keys in order.
   */
  readonly adds: string;
}

/** Decodes a name that {@link pathOfKey} made; undefined for any other. */
export function decodeName(name: string): DecodedName | undefined {
  const match = /^([fdc])~((?:[a-z0-9_.-]|%[0-9a-f]{2})*)$/.exec(name);
  if (!match) return undefined;
  const bytes = decodeBytes(match[2]!);
  if (match[1] === 'f') return { kind: 'object', name, adds: bytes };
  return { kind: 'folder', name, adds: match[1] === 'd' ? `${bytes}/` : bytes };
}

const decodeBytes = (name: string): string =>
  name.replace(/%([0-9a-f]{2})/g, (_, hex: string) => String.fromCharCode(parseInt(hex, 16)));

// A dot at the end is escaped too: some file systems drop it.
const encodeBytes = (bytes: string): string =>
  bytes.replace(/[^a-z0-9_.-]|\.$/g, (byte) => `%${byte.charCodeAt(0).toString(16).padStart(2, '0')}`);
