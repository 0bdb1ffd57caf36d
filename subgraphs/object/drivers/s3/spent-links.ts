/**
 * Which links of uploads have been used, where bytes stream through the gateway: an empty object for each, beside the
 * tenants' own (whose ids begin with a letter or digit). Needs a server that knows `If-None-Match` of a PUT, as AWS, MinIO
 * and Ceph do; on another, links work until they end.
 */
import { DeleteObjectCommand, ListObjectsV2Command, PutObjectCommand, type S3Client } from '@aws-sdk/client-s3';
import { OBJECT } from '../../bounds.ts';
import type { ObjectScope, UploadLink } from '../../driver.ts';
import { endOfSpent, spentName } from '../../links/spent-name.ts';

const PREFIX = '.spent/';

export class SpentLinks {
  readonly #client: S3Client;
  readonly #bucket: string;
  #swept = 0;

  constructor(client: S3Client, bucket: string) {
    this.#client = client;
    this.#bucket = bucket;
  }

  /** @returns false where the link has been used before */
  async spend(link: UploadLink, { signal, statements }: ObjectScope): Promise<boolean> {
    await this.#sweep({ signal, statements });
    const command = new PutObjectCommand({ ...this.#object(keyOf(link)), Body: '', IfNoneMatch: '*' });
    try {
      await statements.timed('s3', () => this.#client.send(command, { abortSignal: signal }));
      return true;
    } catch (error) {
      const { name, $metadata } = error as Error & { $metadata?: { httpStatusCode?: number } };
      // 409: another has just begun to write it.
      if (name === 'PreconditionFailed' || [409, 412].includes($metadata?.httpStatusCode ?? 0)) return false;
      throw error;
    }
  }

  async restore(link: UploadLink, { statements }: ObjectScope): Promise<void> {
    await statements.timed('s3', () => this.#client.send(new DeleteObjectCommand(this.#object(keyOf(link)))));
  }

  /** Forgets links that have ended, a page of them at most: they are refused for that. Keys sort by when they end. */
  async #sweep({ signal, statements }: Pick<ObjectScope, 'signal' | 'statements'>): Promise<void> {
    const now = Date.now();
    if (now - this.#swept < OBJECT.spentSweepMs) return;
    this.#swept = now;
    const list = new ListObjectsV2Command({ Bucket: this.#bucket, Prefix: PREFIX, MaxKeys: OBJECT.listingPage });
    const { Contents = [] } = await statements.timed('s3', () => this.#client.send(list, { abortSignal: signal }));
    for (const { Key } of Contents) {
      if (Key === undefined || endOfSpent(Key.slice(PREFIX.length)) > now) break;
      const command = new DeleteObjectCommand(this.#object(Key));
      await statements.timed('s3', () => this.#client.send(command, { abortSignal: signal }));
    }
  }

  #object(key: string) {
    return { Bucket: this.#bucket, Key: key };
  }
}

const keyOf = (link: UploadLink): string => `${PREFIX}${spentName(link)}`;
