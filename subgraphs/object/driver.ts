/** The interface of the object store: bytes under keys, one name space per tenant. */
import type { Readable } from 'node:stream';
import type { StatementCounter } from '#subgraphs/shared/context.ts';
import type { Secret } from '#subgraphs/shared/secret.ts';
import type { StoreErasure } from '#subgraphs/shared/erasure.ts';
import type { Examination } from '#subgraphs/shared/examination.ts';
import type { StoreHealth } from '#subgraphs/shared/subgraph.ts';
import type { ObjectBounds } from './bounds.ts';

/** Whose objects a call works on, and where its round trips are counted. */
export interface ObjectScope {
  readonly tenantId: string;
  readonly statements: StatementCounter;
  /** Ends reads and writes that are under way. */
  readonly signal?: AbortSignal;
}

/** What every listing knows of an object. */
export interface ObjectSummary {
  readonly key: string;
  readonly sizeBytes: number;
  readonly updatedAt: Date;
}

/** What a listing tells of an object: of some stores all that is known. */
export type ListedObject = ObjectSummary & Partial<ObjectInfo>;

/** What the store knows of an object. */
export interface ObjectInfo extends ObjectSummary {
  readonly contentType: string;
  /** SHA-256 of the bytes in lower-case hexadecimal; null where the store was filled by somebody who left none. */
  readonly checksum: string | null;
}

/**
 * An object opened for reading: what it is and its bytes, consistent with each other even when it is replaced
 * meanwhile.
 */
export interface OpenObject {
  readonly info: ObjectInfo;
  /**
   * The bytes from `start` to `end`, both inclusive and within the object. Call it at most once, or {@link close}.
   * The stream fails with the driver's errors; destroying it releases what it holds.
   */
  stream(range: { start: number; end: number }): Readable;
  close(): Promise<void>;
}

export interface PutOptions {
  readonly contentType: string;
  /** The number of bytes that must arrive; any other number stores nothing and raises `BAD_USER_INPUT`. */
  readonly sizeBytes?: number;
  /**
   * SHA-256 in lower-case hexadecimal that the bytes must have; another one stores nothing and raises `BAD_USER_INPUT`.
   */
  readonly sha256?: string;
}

/** A request that the holder may send without further credentials. */
export interface SignedRequest {
  readonly url: string;
  readonly method: 'GET' | 'PUT';
  /** Headers that must be sent with exactly these values. */
  readonly headers: readonly { readonly name: string; readonly value: string }[];
}

export interface SignUploadOptions {
  readonly contentType: string;
  readonly sizeBytes: number;
  readonly sha256?: string;
  /** Seconds for which the request is accepted. */
  readonly expiresIn: number;
}

/** A link of the gateway's own that an object may be uploaded by, once. */
export interface UploadLink {
  /** Letters, digits, `-` and `_`. */
  readonly id: string;
  /** When it ends, in seconds since 1970: nobody need remember it after that. */
  readonly expires: number;
}

/** Makes signed requests. Making one does not tell whether the object exists. */
export interface ObjectSigner {
  signDownload(tenantId: string, key: string, expiresIn: number): Promise<string>;
  signUpload(tenantId: string, key: string, options: SignUploadOptions): Promise<SignedRequest>;
}

/**
 * One backend. Keys are valid (see `keys.ts`) when they arrive here. Every method raises `STORE_UNAVAILABLE`,
 * `STORE_TIMEOUT` or `STORE_DISABLED` where the store does not do its part.
 */
export interface ObjectDriver {
  /** The name under which statements are counted and health is shown: `files` or `s3`. */
  readonly store: string;
  /** Signed requests that the store itself answers; without it the gateway's own routes answer them. */
  readonly signer?: ObjectSigner;
  /** What the store knows of each key; keys that do not exist are absent from the map. */
  stat(scope: ObjectScope, keys: readonly string[]): Promise<Map<string, ObjectInfo>>;
  /**
   * Objects whose keys start with `prefix` and sort behind `after`, in the order of their keys' UTF-8 bytes.
   * @param options.limit at most so many; fewer only where no more exist
   */
  list(scope: ObjectScope, options: { prefix: string; after: string | null; limit: number }): Promise<ListedObject[]>;
  /** How many objects have keys that start with `prefix`; null where there are more than `most`. */
  count(scope: ObjectScope, options: { prefix: string; most: number }): Promise<number | null>;
  /** The first `maxBytes` bytes of each key; keys that do not exist are absent from the map. */
  readStart(
    scope: ObjectScope,
    keys: readonly string[],
    maxBytes: number,
  ): Promise<Map<string, { info: ObjectInfo; bytes: Uint8Array }>>;
  /** Opens one object; null where it does not exist. */
  open(scope: ObjectScope, key: string): Promise<OpenObject | null>;
  /** Stores the bytes, replacing what is there at one stroke. Acknowledged bytes survive a crash. */
  put(scope: ObjectScope, key: string, body: AsyncIterable<Uint8Array>, options: PutOptions): Promise<ObjectInfo>;
  /** Removes an object. @returns whether the store held it */
  delete(scope: ObjectScope, key: string): Promise<boolean>;
  /**
   * Notes that an upload's link is being used; of several processes that ask at once, one is told that it may.
   * @returns false where it has been used before
   */
  spend(scope: ObjectScope, link: UploadLink): Promise<boolean>;
  /** Takes that back: nothing came of its use. */
  restore(scope: ObjectScope, link: UploadLink): Promise<void>;
  /** Probes the store; never throws. */
  health(): Promise<StoreHealth>;
  /** Removes everything of a tenant. */
  readonly erasure?: StoreErasure;
  /** Stores, reads and removes an object of no tenant, and says what of that failed. @throws CodedError */
  examine?(): Promise<Examination>;
  /** Ends clients and timers. Idempotent. */
  close(): Promise<void>;
}

/** Objects as files below the data folder. */
export interface FilesConfig extends Pick<ObjectBounds, 'concurrency'> {
  kind: 'files';
  /** The data folder; objects live in `objects` below it. Made when absent. */
  dataDir: string;
  /** Signs URLs: at least 16 bytes, equal in all replicas that share the folder. */
  signingKey: Uint8Array;
  /**
   * Where clients reach the gateway, such as `http://127.0.0.1:4000`; asked for each URL, since the port may be known
   * late.
   */
  publicBaseUrl: () => string;
}

/** Objects in a bucket of an S3 server. */
export interface S3Config extends ObjectBounds {
  kind: 's3';
  /** Where the gateway reaches the store, such as `https://s3.eu-central-1.amazonaws.com`. */
  endpoint: string;
  /** Asked for with each request, like the secret key. */
  accessKey: Secret;
  secretKey: Secret;
  bucket: string;
  region: string;
  /**
   * Where clients reach the store, when that differs: signed URLs name it. `off` where they cannot reach it at all:
   * then signed URLs name the gateway, through which the bytes stream; needs `gateway`. Default: `endpoint`.
   */
  publicEndpoint?: string;
  /** Signs URLs of the gateway's own; see `publicEndpoint`. */
  gateway?: Pick<FilesConfig, 'signingKey' | 'publicBaseUrl'>;
  /** `https://host/bucket/key` instead of `https://bucket.host/key`. Default: true, which every server understands. */
  forcePathStyle?: boolean;
}
