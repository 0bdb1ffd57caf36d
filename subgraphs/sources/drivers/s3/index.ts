/** Buckets of an S3 server, and what is below prefixes in them, as a source: objects are rows. Read only. */
import { compareCodePoints } from '#subgraphs/shared/code-points.ts';
import type { RequestContext } from '#subgraphs/shared/context.ts';
import { CodedError } from '#subgraphs/shared/errors.ts';
import { mapBounded } from '#subgraphs/shared/map-bounded.ts';
import { SOURCES } from '../../bounds.ts';
import type { Catalog, Relation, SourceDriver, SourceOptions } from '../../driver.ts';
import { healthOf } from '../health.ts';
import { scannedSource, type Scan, type StoredRow } from '../scanned/source.ts';
import { DETAILS, KEY, placeOf, rowOf, tableOf } from './columns.ts';
import { isAmbiguous, listedOf, plainPrefix, reachOf, type Reach } from './reach.ts';
import { S3Server } from './server.ts';

/** @throws CodedError `STORE_UNAVAILABLE` for what is no such URL */
export function createS3Source(options: SourceOptions): SourceDriver {
  const server = new S3Server(options);
  /** The first table that it was asked about, by which its health is told. */
  let first: string | undefined;
  const introspect = async (schemas: readonly string[]): Promise<Catalog> => {
    const named = schemas.length > 0 ? schemas : server.bucket === '' ? undefined : [server.bucket];
    const names = named === undefined ? await server.buckets() : await there(server, named);
    first ??= names[0];
    return { tables: names.map(tableOf), enums: [] };
  };
  const probe = async (): Promise<void> => {
    if (first === undefined && server.bucket === '') await server.buckets();
    else await server.list({ Bucket: placeOf(first ?? server.bucket).bucket, MaxKeys: 1 });
  };
  return scannedSource(
    {
      ordered: KEY,
      introspect,
      pages: (context, scan, size) => pages(server, options, context, scan, size),
      details: {
        columns: DETAILS,
        add: async (context, relation, rows) => {
          const added = await mapBounded(rows, options.poolSize, async (row) =>
            // Read by its key already, or not to be read by it.
            'contentType' in row || isAmbiguous(String(row[KEY]))
              ? row
              : await described(server, context, relation, String(row[KEY])),
          );
          // One that was removed in the meantime is as it was.
          return added.map((row, index) => row ?? rows[index]!);
        },
      },
      health: () => healthOf(options.name, probe),
      close: () => Promise.resolve(server.close()),
    },
    options,
  );
}

/** Those of these buckets and prefixes that there are; of a prefix, its bucket. */
async function there(server: S3Server, names: readonly string[]): Promise<string[]> {
  const found: string[] = [];
  for (const name of new Set(names))
    try {
      await server.list({ Bucket: placeOf(name).bucket, MaxKeys: 1 });
      found.push(name);
    } catch (error) {
      // What the file says of one that is not there is told with its line.
      if (!(error instanceof CodedError && (error.cause as Error | undefined)?.name === 'NoSuchBucket')) throw error;
    }
  return found;
}

async function* pages(
  server: S3Server,
  { poolSize }: SourceOptions,
  context: RequestContext,
  { relation, where, after }: Scan,
  size: number,
): AsyncGenerator<readonly StoredRow[]> {
  const reach = reachOf(relation, context.principal.tenantId, where);
  const { keys } = reach;
  if (keys === undefined || keys.length > SOURCES.asked) {
    yield* listed(server, context, relation, keys === undefined ? reach : listedOf(reach), after, size);
    return;
  }
  const behind = keys
    .filter((key) => key !== '' && Buffer.byteLength(key) <= SOURCES.keyBytes && !key.includes('\0'))
    .filter((key) => after === undefined || compareCodePoints(key, after) > 0)
    .sort(compareCodePoints);
  const rows = await mapBounded(behind, poolSize, (key) => described(server, context, relation, key));
  yield rows.filter((row) => row !== undefined);
}

async function* listed(
  server: S3Server,
  context: RequestContext,
  { table }: Relation,
  { prefix, from, to }: Reach,
  after: string | undefined,
  size: number,
): AsyncGenerator<readonly StoredRow[]> {
  const place = placeOf(table);
  const begin = from === undefined ? undefined : justBefore(from);
  const StartAfter =
    begin === undefined || (after !== undefined && compareCodePoints(after, begin) > 0) ? after : begin;
  let ContinuationToken: string | undefined;
  do {
    const page = await server.list(
      {
        Bucket: place.bucket,
        Prefix: plainPrefix(prefix),
        MaxKeys: Math.min(size, SOURCES.scannedPage),
        ...(ContinuationToken === undefined ? { StartAfter } : { ContinuationToken }),
      },
      context,
    );
    const contents = page.Contents ?? [];
    const past = to === undefined ? -1 : contents.findIndex(({ Key = '' }) => compareCodePoints(Key, to) > 0);
    yield (past < 0 ? contents : contents.slice(0, past)).map(({ Key = '', Size, ETag, LastModified, StorageClass }) =>
      rowOf(place.prefix, Key, { size: Size, etag: ETag, lastModified: LastModified, storageClass: StorageClass }),
    );
    ContinuationToken = past < 0 && page.IsTruncated === true ? page.NextContinuationToken : undefined;
  } while (ContinuationToken !== undefined);
}

/** A key that none but a few are between: lists begin behind one. */
function justBefore(key: string): string | undefined {
  // Half of a character, or one that has none before it that every server takes.
  if (!/["-\ud7ff]$/.test(key)) return key.length < 2 ? undefined : justBefore(key.slice(0, -1));
  return key.slice(0, -1) + String.fromCharCode(key.charCodeAt(key.length - 1) - 1);
}

/** The object of a key; undefined where there is none. */
async function described(
  server: S3Server,
  context: RequestContext,
  relation: Relation,
  key: string,
): Promise<StoredRow | undefined> {
  if (isAmbiguous(key)) {
    for await (const rows of listed(server, context, relation, listedOf({ prefix: '', keys: [key] }), undefined, 2)) {
      const found = rows.find((row) => row[KEY] === key);
      if (found !== undefined) return found;
    }
    return undefined;
  }
  const { bucket, prefix } = placeOf(relation.table);
  const head = await server.head(bucket, key, context);
  if (head === undefined) return undefined;
  const { ContentLength, ETag, LastModified, StorageClass, ContentType, Metadata } = head;
  return {
    ...rowOf(prefix, key, { size: ContentLength, etag: ETag, lastModified: LastModified, storageClass: StorageClass }),
    contentType: ContentType,
    metadata: { ...Metadata },
  };
}
