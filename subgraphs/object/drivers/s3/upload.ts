/**
 * Writes bytes of any length to S3: small ones in one request, large ones in parts, of which one at a time is held in
 * memory.
 */
import { createHash } from 'node:crypto';
import {
  AbortMultipartUploadCommand,
  CompleteMultipartUploadCommand,
  CreateMultipartUploadCommand,
  PutObjectCommand,
  UploadPartCommand,
  type CompletedPart,
  type S3Client,
} from '@aws-sdk/client-s3';
import { OBJECT, type ObjectBounds } from '../../bounds.ts';
import type { PutOptions } from '../../driver.ts';
import { VerifiedBytes } from '../../bytes/verified.ts';

/** Where to write, and how each request is sent. */
export interface UploadTarget extends Pick<ObjectBounds, 'partBytes' | 'partTimeoutMs'> {
  readonly client: S3Client;
  readonly bucket: string;
  readonly key: string;
  readonly signal?: AbortSignal;
  /** Called before each request. */
  readonly count: () => void;
}

/**
 * Stores the bytes; they become visible at once and only when size and checksum are as promised.
 * @throws CodedError see {@link VerifiedBytes}; otherwise the client library's errors
 */
export async function uploadBytes(
  target: UploadTarget,
  body: AsyncIterable<Uint8Array>,
  options: PutOptions,
): Promise<{ sizeBytes: number; sha256: string }> {
  const verified = new VerifiedBytes(options);
  const parts = partsOf(body, verified, target.partBytes);
  const first = await parts.next();
  const second = first.done ? first : await parts.next();
  if (second.done) return putWhole(target, first.done ? new Uint8Array() : first.value, verified.finish(), options);
  return putParts(target, first.value!, second.value, parts, verified, options);
}

async function putWhole(
  {
    client,
    bucket,
    key,
    signal,
    count,
    partBytes = OBJECT.partBytes,
    partTimeoutMs = OBJECT.partTimeoutMs,
  }: UploadTarget,
  bytes: Uint8Array,
  done: { sizeBytes: number; sha256: string },
  options: PutOptions,
) {
  count();
  await client.send(
    new PutObjectCommand({
      Bucket: bucket,
      Key: key,
      Body: bytes,
      ContentLength: bytes.byteLength,
      ContentType: options.contentType,
      ChecksumSHA256: Buffer.from(done.sha256, 'hex').toString('base64'),
      // For servers that verify checksums but do not keep them.
      Metadata: { sha256: done.sha256 },
    }),
    { abortSignal: signal, requestTimeout: bytes.byteLength < partBytes / 8 ? undefined : partTimeoutMs },
  );
  return done;
}

async function putParts(
  { client, bucket, key, signal, count, partTimeoutMs = OBJECT.partTimeoutMs }: UploadTarget,
  first: Uint8Array,
  second: Uint8Array,
  rest: AsyncGenerator<Uint8Array>,
  verified: VerifiedBytes,
  options: PutOptions,
) {
  const object = { Bucket: bucket, Key: key };
  count();
  const { UploadId } = await client.send(
    new CreateMultipartUploadCommand({
      ...object,
      ContentType: options.contentType,
      ...(options.sha256 ? { Metadata: { sha256: options.sha256 } } : {}),
    }),
    { abortSignal: signal },
  );
  try {
    const completed: CompletedPart[] = [];
    const send = async (bytes: Uint8Array): Promise<void> => {
      const PartNumber = completed.length + 1;
      count();
      const { ETag } = await client.send(
        // Every server knows this checksum; that of the whole is known at the end only.
        new UploadPartCommand({
          ...object,
          UploadId,
          PartNumber,
          Body: bytes,
          ContentLength: bytes.byteLength,
          ContentMD5: createHash('md5').update(bytes).digest('base64'),
        }),
        { abortSignal: signal, requestTimeout: partTimeoutMs },
      );
      completed.push({ ETag, PartNumber });
    };
    await send(first);
    await send(second);
    for await (const part of rest) await send(part);
    const done = verified.finish();
    count();
    await client.send(
      new CompleteMultipartUploadCommand({ ...object, UploadId, MultipartUpload: { Parts: completed } }),
      { abortSignal: signal },
    );
    return done;
  } catch (error) {
    count();
    // Parts that stay behind cost their owner money; the bucket's lifecycle rule is the second net.
    await client.send(new AbortMultipartUploadCommand({ ...object, UploadId })).catch(() => undefined);
    throw error;
  }
}

/** The body in pieces of `partBytes`, the last one shorter. */
async function* partsOf(
  body: AsyncIterable<Uint8Array>,
  verified: VerifiedBytes,
  partBytes: number = OBJECT.partBytes,
): AsyncGenerator<Uint8Array> {
  let pieces: Uint8Array[] = [];
  let size = 0;
  for await (let chunk of body) {
    verified.add(chunk);
    while (size + chunk.byteLength >= partBytes) {
      const taken = chunk.subarray(0, partBytes - size);
      yield Buffer.concat([...pieces, taken]);
      chunk = chunk.subarray(taken.byteLength);
      pieces = [];
      size = 0;
    }
    if (chunk.byteLength > 0) {
      // The giver may use its buffer again.
      pieces.push(Uint8Array.from(chunk));
      size += chunk.byteLength;
    }
  }
  if (size > 0) yield Buffer.concat(pieces);
}
