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
import type { PutOptions } from '../../driver.ts';
import { VerifiedBytes } from '../../bytes/verified.ts';

/** Bytes in one part: over S3's minimum of 5 MiB, and 10,000 of them are enough for 80 GB. */
const PART_BYTES = 8 * 1024 * 1024;
/** A part may take its time on a slow line: 8 MiB at 1 Mbit/s. */
const REQUEST_TIMEOUT_MS = 70_000;

/** Where to write, and how each request is sent. */
export interface UploadTarget {
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
  const parts = partsOf(body, verified);
  const first = await parts.next();
  const second = first.done ? first : await parts.next();
  if (second.done) return putWhole(target, first.done ? new Uint8Array() : first.value, verified.finish(), options);
  return putParts(target, first.value!, second.value, parts, verified, options);
}

async function putWhole(
  { client, bucket, key, signal, count }: UploadTarget,
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
    { abortSignal: signal, requestTimeout: bytes.byteLength < PART_BYTES / 8 ? undefined : REQUEST_TIMEOUT_MS },
  );
  return done;
}

async function putParts(
  { client, bucket, key, signal, count }: UploadTarget,
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
        { abortSignal: signal, requestTimeout: REQUEST_TIMEOUT_MS },
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

/** The body in pieces of {@link PART_BYTES}, the last one shorter. */
async function* partsOf(body: AsyncIterable<Uint8Array>, verified: VerifiedBytes): AsyncGenerator<Uint8Array> {
  let pieces: Uint8Array[] = [];
  let size = 0;
  for await (let chunk of body) {
    verified.add(chunk);
    while (size + chunk.byteLength >= PART_BYTES) {
      const taken = chunk.subarray(0, PART_BYTES - size);
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
