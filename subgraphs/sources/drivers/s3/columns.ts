/** What objects of buckets are as rows. */
import type { CatalogTable } from '../../driver.ts';
import type { StoredRow } from '../scanned/source.ts';

/** The column of an object's whole key, in whose order buckets are listed. */
export const KEY = 'key';
/** The column of the first part of a key. */
export const FOLDER = 'folder';
/** The column of what is behind that. */
export const PATH = 'path';
/** What listing a bucket does not tell. */
export const DETAILS: ReadonlySet<string> = new Set(['contentType', 'metadata']);

/** Where the objects of a table are: a bucket, or what is below a prefix in it. */
export interface Place {
  readonly bucket: string;
  readonly prefix: string;
}

/** Of `invoices`, or of `invoices/2026/`. */
export function placeOf(table: string): Place {
  const slash = table.indexOf('/');
  return slash < 0 ? { bucket: table, prefix: '' } : { bucket: table.slice(0, slash), prefix: table.slice(slash + 1) };
}

/** What a server says of an object, in a list or by itself. */
export interface Described {
  readonly size: number | undefined;
  readonly etag: string | undefined;
  readonly lastModified: Date | undefined;
  readonly storageClass: string | undefined;
}

export function rowOf(prefix: string, key: string, { size, etag, lastModified, storageClass }: Described): StoredRow {
  const below = key.slice(prefix.length);
  const slash = below.indexOf('/');
  return {
    [KEY]: key,
    ...(slash < 0 ? {} : { [FOLDER]: below.slice(0, slash) }),
    [PATH]: below.slice(slash + 1),
    size: size ?? 0,
    etag: etag?.replace(/^"(.*)"$/, '$1'),
    // Headers know whole seconds only.
    lastModified: lastModified && new Date(Math.floor(lastModified.getTime() / 1_000) * 1_000).toISOString(),
    // What is the standard, servers need not say.
    storageClass: storageClass ?? 'STANDARD',
  };
}

export function tableOf(name: string): CatalogTable {
  const { bucket, prefix } = placeOf(name);
  const where = prefix === '' ? `the bucket \`${bucket}\`` : `the bucket \`${bucket}\` below \`${prefix}\``;
  const below = prefix === '' ? '' : ` below \`${prefix}\``;
  const text = { kind: 'text', native: 'text', list: false, nullable: false } as const;
  return {
    id: name,
    schema: 's3',
    name,
    kind: 'collection',
    comment: `An object in ${where}.`,
    columns: [
      { ...text, name: KEY, comment: 'Its key: its whole name in the bucket.' },
      { ...text, name: FOLDER, nullable: true, comment: `The part of its key${below} before the first \`/\`.` },
      { ...text, name: PATH, comment: `The rest of its key, behind the first \`/\`${below}; all where there is none.` },
      { name: 'size', kind: 'bigint', native: 'size', list: false, nullable: false, comment: 'Its size, in bytes.' },
      {
        ...text,
        name: 'etag',
        nullable: true,
        comment: 'Changes with its bytes; of uploads in one part, often their MD5.',
      },
      {
        name: 'lastModified',
        kind: 'moment',
        native: 'moment',
        list: false,
        nullable: true,
        comment: 'When it was stored, to the second.',
      },
      { ...text, name: 'storageClass', nullable: true, comment: 'How the store keeps it, such as STANDARD.' },
      {
        name: 'contentType',
        kind: 'other',
        native: 'header',
        list: false,
        nullable: true,
        unfiltered: true,
        comment: 'What its bytes are, as who stored it said: a request to the store for each object.',
      },
      {
        name: 'metadata',
        kind: 'json',
        native: 'headers',
        list: false,
        nullable: true,
        unfiltered: true,
        comment: 'What else who stored it said of it: a request to the store for each object.',
      },
    ],
    key: [KEY],
    uniques: [[KEY], [FOLDER, PATH]],
    foreignKeys: [],
  };
}
