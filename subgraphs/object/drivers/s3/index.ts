/**
 * Objects in a bucket of an S3 server (MinIO, Ceph, AWS), under `<tenant>/<key>`. Clients fetch and upload bytes at the
 * server itself, with presigned URLs.
 */
import { randomUUID } from 'node:crypto';
import { Readable } from 'node:stream';
import {
  DeleteObjectCommand,
  GetObjectCommand,
  HeadObjectCommand,
  ListObjectsV2Command,
  PutObjectCommand,
  type HeadObjectCommandOutput,
  type S3Client,
} from '@aws-sdk/client-s3';
import { getSignedUrl } from '@aws-sdk/s3-request-presigner';
import { CodedError, messageWithHint } from '#subgraphs/shared/errors.ts';
import type { StoreErasure } from '#subgraphs/shared/erasure.ts';
import type { Examination, Finding } from '#subgraphs/shared/examination.ts';
import { s3Client } from '#subgraphs/shared/s3/client.ts';
import { isAbsent } from '#subgraphs/shared/s3/fault.ts';
import { reveal } from '#subgraphs/shared/secret.ts';
import { attachment } from '../../links/content-disposition.ts';
import { OBJECT, type ObjectBounds } from '../../bounds.ts';
import type {
  ListedObject,
  ObjectDriver,
  ObjectInfo,
  ObjectScope,
  ObjectSigner,
  OpenObject,
  PutOptions,
  SignedRequest,
  SignUploadOptions,
  UploadLink,
} from '../../driver.ts';
import type { S3Config } from '../../driver.ts';
import { keyFault } from '../../input.ts';
import { mapBounded } from '#subgraphs/shared/map-bounded.ts';
import { s3Erasure } from './erase.ts';
import { s3Error } from './errors.ts';
import { SpentLinks } from './spent-links.ts';
import { uploadBytes } from './upload.ts';

/** Makes the driver; the server is first asked when something is needed of it. */
export function createS3Driver(config: S3Config): ObjectDriver & { signer: ObjectSigner } {
  return new S3Driver(config);
}

class S3Driver implements ObjectDriver {
  readonly store = 's3';
  readonly signer: ObjectSigner;
  readonly erasure: StoreErasure;
  readonly #client: S3Client;
  readonly #publicClient: S3Client;
  readonly #bucket: string;
  readonly #concurrency: number;
  readonly #spent: SpentLinks;
  readonly #upload: Pick<ObjectBounds, 'partBytes' | 'partTimeoutMs'>;

  constructor(config: S3Config) {
    const { bucket, concurrency = OBJECT.concurrency, partBytes, partTimeoutMs } = config;
    this.#bucket = bucket;
    this.#concurrency = concurrency;
    this.#upload = { partBytes, partTimeoutMs };
    this.#client = clientFor(config, config.endpoint);
    this.#publicClient = config.publicEndpoint ? clientFor(config, config.publicEndpoint) : this.#client;
    this.#spent = new SpentLinks(this.#client, bucket);
    this.erasure = s3Erasure(this.#client, bucket, concurrency);
    this.signer = {
      signDownload: (tenantId, key, expiresIn) => this.#signDownload(tenantId, key, expiresIn),
      signUpload: (tenantId, key, options) => this.#signUpload(tenantId, key, options),
    };
  }

  /** S3 has no batch of heads: each key counts as a statement. */
  async stat(scope: ObjectScope, keys: readonly string[]): Promise<Map<string, ObjectInfo>> {
    const found = new Map<string, ObjectInfo>();
    await mapBounded(keys, this.#concurrency, async (key) => {
      const head = await this.#head(scope, key);
      if (head) found.set(key, infoOf(key, head));
    });
    return found;
  }

  async list(
    scope: ObjectScope,
    { prefix, after, limit }: { prefix: string; after: string | null; limit: number },
  ): Promise<ListedObject[]> {
    const tenant = tenantPrefix(scope.tenantId);
    const found: ListedObject[] = [];
    let startAfter = after === null ? undefined : tenant + after;
    while (found.length < limit) {
      const command = new ListObjectsV2Command({
        Bucket: this.#bucket,
        Prefix: tenant + prefix,
        StartAfter: startAfter,
        MaxKeys: Math.min(limit, OBJECT.listingPage),
      });
      const page = await this.#ask(scope, () => this.#client.send(command, { abortSignal: scope.signal }));
      for (const { Key, Size, LastModified } of page.Contents ?? []) {
        if (Key === undefined) continue;
        startAfter = Key;
        const key = Key.slice(tenant.length);
        // Others may keep things in the bucket that this API cannot name, such as consoles' placeholders for folders.
        if (keyFault(key) !== undefined || found.length === limit) continue;
        found.push({ key, sizeBytes: Size ?? 0, updatedAt: wholeSeconds(LastModified) });
      }
      if (!page.IsTruncated || !page.Contents?.length) break;
    }
    return found;
  }

  /** S3 counts nothing: its keys are listed. */
  async count(scope: ObjectScope, { prefix, most }: { prefix: string; most: number }): Promise<number | null> {
    let count = 0;
    for (let after: string | null = null; ;) {
      const page: ListedObject[] = await this.list(scope, { prefix, after, limit: OBJECT.listingPage });
      count += page.length;
      if (count > most) return null;
      if (page.length < OBJECT.listingPage) return count;
      after = page.at(-1)!.key;
    }
  }

  async readStart(
    scope: ObjectScope,
    keys: readonly string[],
    maxBytes: number,
  ): Promise<Map<string, { info: ObjectInfo; bytes: Uint8Array }>> {
    const found = new Map<string, { info: ObjectInfo; bytes: Uint8Array }>();
    await mapBounded(keys, this.#concurrency, async (key) => {
      const read = await this.#readStart(scope, key, maxBytes);
      if (read) found.set(key, read);
    });
    return found;
  }

  async open(scope: ObjectScope, key: string): Promise<OpenObject | null> {
    const head = await this.#head(scope, key);
    if (!head) return null;
    return {
      info: infoOf(key, head),
      stream: ({ start, end }) => Readable.from(this.#bytes(scope, key, head.ETag, start, end), { objectMode: false }),
      close: () => Promise.resolve(),
    };
  }

  async put(
    scope: ObjectScope,
    key: string,
    body: AsyncIterable<Uint8Array>,
    options: PutOptions,
  ): Promise<ObjectInfo> {
    try {
      const { sizeBytes, sha256 } = await uploadBytes(
        {
          ...this.#upload,
          client: this.#client,
          bucket: this.#bucket,
          key: tenantPrefix(scope.tenantId) + key,
          signal: scope.signal,
          count: () => scope.statements.add(this.store),
        },
        body,
        options,
      );
      return { key, sizeBytes, contentType: options.contentType, checksum: sha256, updatedAt: new Date() };
    } catch (error) {
      throw s3Error(error, this.#bucket, scope.signal);
    }
  }

  /** Two requests: a DELETE does not tell whether there was something. */
  async delete(scope: ObjectScope, key: string): Promise<boolean> {
    if (!(await this.#head(scope, key))) return false;
    // Some servers say so when another deleted it in between.
    const command = new DeleteObjectCommand(this.#object(scope, key));
    return (
      (await this.#ask(scope, () =>
        this.#client.send(command, { abortSignal: scope.signal }).catch(nullWhereAbsent),
      )) !== null
    );
  }

  async spend(scope: ObjectScope, link: UploadLink): Promise<boolean> {
    try {
      return await this.#spent.spend(link, scope);
    } catch (error) {
      throw s3Error(error, this.#bucket, scope.signal);
    }
  }

  async restore(scope: ObjectScope, link: UploadLink): Promise<void> {
    await this.#spent.restore(link, scope);
  }

  async health() {
    const started = performance.now();
    try {
      // Not HeadBucket, whose errors do not say what is wrong.
      await this.#client.send(new ListObjectsV2Command({ Bucket: this.#bucket, MaxKeys: 1 }), {
        abortSignal: AbortSignal.timeout(OBJECT.probeTimeoutMs),
      });
      return { store: this.store, state: 'ok' as const, latencyMs: performance.now() - started };
    } catch (error) {
      return { store: this.store, state: 'down' as const, detail: messageWithHint(s3Error(error, this.#bucket)) };
    }
  }

  async examine(): Promise<Examination> {
    const key = { Bucket: this.#bucket, Key: `.tributary-examination/${randomUUID()}` };
    const abortSignal = AbortSignal.timeout(OBJECT.examineTimeoutMs);
    const findings: Finding[] = [];
    const attempt = async (does: string, send: () => Promise<unknown>): Promise<boolean> => {
      try {
        await send();
        return true;
      } catch (error) {
        const told = s3Error(error, this.#bucket);
        const remedy = told instanceof CodedError ? told.extensions.hint : undefined;
        findings.push({
          level: 'fault',
          what: `The bucket ${JSON.stringify(this.#bucket)} cannot be ${does}: ${(told as Error).message}`,
          ...(remedy === undefined ? {} : { remedy }),
        });
        return false;
      }
    };
    const written = await attempt('written to', () =>
      this.#client.send(new PutObjectCommand({ ...key, Body: key.Key }), { abortSignal }),
    );
    if (written) {
      await attempt('read from', async () => {
        const { Body } = await this.#client.send(new GetObjectCommand(key), { abortSignal });
        if ((await Body?.transformToString()) !== key.Key)
          throw new CodedError('STORE_UNAVAILABLE', 'what was written a moment ago is not there.', {
            hint: 'What answers at S3_ENDPOINT is no S3 server, or something stands before it that alters answers.',
          });
      });
      await attempt('deleted from', () => this.#client.send(new DeleteObjectCommand(key), { abortSignal }));
    }
    // The client corrects its clock once a server has refused its time.
    const offset = this.#client.config.systemClockOffset;
    return { findings, ...(offset === 0 ? {} : { clockAheadMs: offset }) };
  }

  close(): Promise<void> {
    this.#client.destroy();
    this.#publicClient.destroy();
    return Promise.resolve();
  }

  #object({ tenantId }: Pick<ObjectScope, 'tenantId'>, key: string) {
    return { Bucket: this.#bucket, Key: tenantPrefix(tenantId) + key };
  }

  async #ask<T>(scope: ObjectScope, send: () => Promise<T>): Promise<T> {
    try {
      return await scope.statements.timed(this.store, send);
    } catch (error) {
      throw s3Error(error, this.#bucket, scope.signal);
    }
  }

  async #head(scope: ObjectScope, key: string): Promise<HeadObjectCommandOutput | null> {
    const command = new HeadObjectCommand({ ...this.#object(scope, key), ChecksumMode: 'ENABLED' });
    return this.#ask(scope, () => this.#client.send(command, { abortSignal: scope.signal }).catch(nullWhereAbsent));
  }

  async #readStart(
    scope: ObjectScope,
    key: string,
    maxBytes: number,
  ): Promise<{ info: ObjectInfo; bytes: Uint8Array } | null> {
    const command = new GetObjectCommand({
      ...this.#object(scope, key),
      Range: `bytes=0-${maxBytes - 1}`,
      ChecksumMode: 'ENABLED',
    });
    return this.#ask(scope, async () => {
      try {
        const answer = await this.#client.send(command, { abortSignal: scope.signal });
        const bytes = (await answer.Body?.transformToByteArray()) ?? new Uint8Array();
        const total = Number(/\/(\d+)$/.exec(answer.ContentRange ?? '')?.[1] ?? bytes.byteLength);
        return { info: { ...infoOf(key, answer), sizeBytes: total }, bytes };
      } catch (error) {
        if (isAbsent(error)) return null;
        // An empty object has no first byte.
        if (
          (error as Error).name !== 'InvalidRange' &&
          (error as { $metadata?: { httpStatusCode?: number } }).$metadata?.httpStatusCode !== 416
        )
          throw error;
      }
      const head = await this.#head(scope, key);
      return head && { info: infoOf(key, head), bytes: new Uint8Array() };
    });
  }

  async *#bytes(
    scope: ObjectScope,
    key: string,
    etag: string | undefined,
    start: number,
    end: number,
  ): AsyncGenerator<Uint8Array> {
    // The version that was described, or none.
    const command = new GetObjectCommand({
      ...this.#object(scope, key),
      Range: `bytes=${start}-${end}`,
      IfMatch: etag,
    });
    const answer = await this.#ask(scope, () => this.#client.send(command, { abortSignal: scope.signal }));
    yield* answer.Body as Readable;
  }

  async #signDownload(tenantId: string, key: string, expiresIn: number): Promise<string> {
    const command = new GetObjectCommand({
      ...this.#object({ tenantId }, key),
      ResponseContentDisposition: attachment(key),
      ResponseCacheControl: 'private, no-store',
    });
    return getSignedUrl(this.#publicClient, command, { expiresIn });
  }

  async #signUpload(
    tenantId: string,
    key: string,
    { contentType, sizeBytes, sha256, expiresIn }: SignUploadOptions,
  ): Promise<SignedRequest> {
    const checksum = sha256 === undefined ? undefined : Buffer.from(sha256, 'hex').toString('base64');
    const command = new PutObjectCommand({
      ...this.#object({ tenantId }, key),
      ContentType: contentType,
      ContentLength: sizeBytes,
      ...(checksum ? { ChecksumSHA256: checksum } : {}),
    });
    const url = await getSignedUrl(this.#publicClient, command, {
      expiresIn,
      // Left out of the signature by default, and then anything could be sent.
      signableHeaders: new Set(['host', 'content-type', 'content-length', 'x-amz-checksum-sha256']),
      unhoistableHeaders: new Set(['x-amz-checksum-sha256']),
    });
    const headers = [{ name: 'Content-Type', value: contentType }];
    if (checksum) headers.push({ name: 'x-amz-checksum-sha256', value: checksum });
    return { url, method: 'PUT', headers };
  }
}

const tenantPrefix = (tenantId: string): string => `${tenantId}/`;

function nullWhereAbsent(error: unknown): null {
  if (isAbsent(error)) return null;
  throw error;
}

function infoOf(
  key: string,
  head: Pick<HeadObjectCommandOutput, 'ContentLength' | 'ContentType' | 'LastModified' | 'ChecksumSHA256' | 'Metadata'>,
): ObjectInfo {
  return {
    key,
    sizeBytes: head.ContentLength ?? 0,
    contentType: head.ContentType ?? 'application/octet-stream',
    checksum: checksumOf(head.ChecksumSHA256) ?? metadataChecksum(head.Metadata),
    updatedAt: head.LastModified ?? new Date(0),
  };
}

/** Some servers list more than that, and a HEAD tells no more: what is compared must not depend on which was asked. */
const wholeSeconds = (date: Date | undefined): Date => new Date(Math.floor((date?.getTime() ?? 0) / 1_000) * 1_000);

/** A checksum with a hyphen is one of the parts' checksums, not of the bytes. */
const checksumOf = (base64: string | undefined): string | null =>
  base64 === undefined || base64.includes('-') ? null : Buffer.from(base64, 'base64').toString('hex');

function metadataChecksum(metadata: Record<string, string> | undefined): string | null {
  const sha256 = metadata?.sha256;
  return sha256 !== undefined && /^[0-9a-f]{64}$/.test(sha256) ? sha256 : null;
}

const clientFor = (
  {
    region,
    accessKey,
    secretKey,
    forcePathStyle = true,
    requestTimeoutMs = OBJECT.requestTimeoutMs,
    connectTimeoutMs = OBJECT.connectTimeoutMs,
    attempts = OBJECT.attempts,
  }: S3Config,
  endpoint: string,
): S3Client =>
  s3Client({
    endpoint,
    region,
    credentials: () => ({ accessKeyId: reveal(accessKey) ?? '', secretAccessKey: reveal(secretKey) ?? '' }),
    forcePathStyle,
    requestTimeoutMs,
    connectTimeoutMs,
    attempts,
    socketWarningMs: OBJECT.socketWarningMs,
  });
