/**
 * Removing everything of a tenant from a bucket: objects, their earlier versions where the bucket keeps them, and uploads that were
 * never finished.
 */
import {
  AbortMultipartUploadCommand,
  DeleteObjectCommand,
  ListMultipartUploadsCommand,
  ListObjectsV2Command,
  ListObjectVersionsCommand,
  type S3Client,
} from '@aws-sdk/client-s3';
import { addCounts, isOf, type Counts, type StoreErasure } from '#subgraphs/shared/erasure.ts';
import { mapBounded } from '#subgraphs/shared/map-bounded.ts';
import { OBJECT } from '../../bounds.ts';
import { s3Error } from './errors.ts';

interface Found {
  readonly kind: 'objects' | 'versions' | 'uploads';
  readonly remove: () => Promise<unknown>;
}

export function s3Erasure(client: S3Client, bucket: string, concurrency: number = OBJECT.concurrency): StoreErasure {
  const asked = async <T>(send: () => Promise<T>): Promise<T> => {
    try {
      return await send();
    } catch (error) {
      throw s3Error(error, bucket);
    }
  };

  /** Pages of what is under a prefix. What a page names may be gone before the next is asked for. */
  async function* under(prefix: string): AsyncGenerator<Found[]> {
    for (let token: string | undefined; ;) {
      const page = await asked(() =>
        client.send(new ListObjectsV2Command({ Bucket: bucket, Prefix: prefix, ContinuationToken: token })),
      );
      yield (page.Contents ?? []).map(({ Key }) => ({
        kind: 'objects',
        remove: () => client.send(new DeleteObjectCommand({ Bucket: bucket, Key })),
      }));
      token = page.NextContinuationToken;
      if (page.IsTruncated !== true || token === undefined) break;
    }
    for (let marker: { KeyMarker?: string | undefined; VersionIdMarker?: string | undefined } = {}; ;) {
      const command = new ListObjectVersionsCommand({ Bucket: bucket, Prefix: prefix, ...marker });
      // A server that knows no versions keeps none.
      const page = await client.send(command).catch(() => undefined);
      const versions = [...(page?.Versions ?? []), ...(page?.DeleteMarkers ?? [])];
      yield versions
        .filter(({ VersionId }) => VersionId !== undefined && VersionId !== 'null')
        .map(({ Key, VersionId }) => ({
          kind: 'versions',
          remove: () => client.send(new DeleteObjectCommand({ Bucket: bucket, Key, VersionId })),
        }));
      if (page?.IsTruncated !== true) break;
      marker = { KeyMarker: page.NextKeyMarker, VersionIdMarker: page.NextVersionIdMarker };
    }
    for (let marker: { KeyMarker?: string | undefined; UploadIdMarker?: string | undefined } = {}; ;) {
      const command = new ListMultipartUploadsCommand({ Bucket: bucket, Prefix: prefix, ...marker });
      const page = await client.send(command).catch(() => undefined);
      yield (page?.Uploads ?? []).map(({ Key, UploadId }) => ({
        kind: 'uploads',
        remove: () => client.send(new AbortMultipartUploadCommand({ Bucket: bucket, Key, UploadId })),
      }));
      if (page?.IsTruncated !== true) break;
      marker = { KeyMarker: page.NextKeyMarker, UploadIdMarker: page.NextUploadIdMarker };
    }
  }

  const each = async (
    tenantIds: readonly string[],
    done: (found: Found[]) => Promise<unknown>,
    signal?: AbortSignal,
  ): Promise<Counts> => {
    const counts: Counts[] = [];
    for (const tenantId of tenantIds)
      for await (const found of under(`${tenantId}/`)) {
        signal?.throwIfAborted();
        await done(found);
        for (const { kind } of found) counts.push({ [kind]: 1 });
      }
    return addCounts(...counts);
  };

  return {
    store: 's3',
    async tenantIds(tenant) {
      const found: string[] = [];
      for (let token: string | undefined; ;) {
        const page = await asked(() =>
          client.send(
            new ListObjectsV2Command({ Bucket: bucket, Prefix: tenant, Delimiter: '/', ContinuationToken: token }),
          ),
        );
        for (const { Prefix = '' } of page.CommonPrefixes ?? [])
          if (isOf(tenant, Prefix.slice(0, -1))) found.push(Prefix.slice(0, -1));
        token = page.NextContinuationToken;
        if (page.IsTruncated !== true || token === undefined) return found.sort();
      }
    },
    count: (tenantIds) => each(tenantIds, () => Promise.resolve()),
    erase: (tenantIds, signal) =>
      each(tenantIds, (found) => asked(() => mapBounded(found, concurrency, ({ remove }) => remove())), signal),
  };
}
