import { bounds, type BoundValues } from '#subgraphs/shared/bound.ts';

/** Bounds of objects: what clients may ask for, and the work of a store for it. */
export const OBJECT = bounds('subgraphs/object', 'object', {
  uploadBytes: {
    what: 'The largest object that `requestUpload` signs an upload for.',
    unit: 'bytes',
    default: 5 * 1024 ** 3,
    variable: 'OBJECT_MAX_UPLOAD_BYTES',
    min: 1,
    max: 5 * 1024 ** 3,
  },
  linkSeconds: {
    what: 'The longest time that clients may ask signed URLs to work for.',
    unit: 's',
    default: 24 * 60 * 60,
    variable: 'OBJECT_MAX_LINK_SECONDS',
    min: 300,
    max: 24 * 60 * 60,
  },
  textBytes: {
    what: 'How much all `text` fields of one request may read together. Past it they fail with `QUERY_TOO_COSTLY`.',
    unit: 'bytes',
    default: 32 * 1024 * 1024,
    variable: 'OBJECT_TEXT_BYTES',
    min: 1_024,
    max: 10_000_000_000,
  },
  concurrency: {
    what: 'How many objects of one batch are asked for at once: requests to S3, or open files.',
    unit: 'objects',
    default: 16,
    variable: 'OBJECT_CONCURRENCY',
    min: 1,
    max: 1_000,
  },
  requestTimeoutMs: {
    what: 'How long S3 may take to answer one attempt of a request. Past the last one the field fails with `STORE_TIMEOUT`.',
    unit: 'ms',
    default: 10_000,
    variable: 'S3_TIMEOUT_MS',
    min: 100,
    max: 600_000,
  },
  attempts: {
    what: 'How often a request to S3 is tried. Two attempts end before `REQUEST_TIMEOUT_MS` does, so that the other fields of an operation are still answered.',
    unit: 'times',
    default: 2,
    variable: 'S3_ATTEMPTS',
    min: 1,
    max: 20,
  },
  connectTimeoutMs: {
    what: 'The longest wait for a new connection to S3.',
    unit: 'ms',
    default: 3_000,
    variable: 'S3_CONNECT_TIMEOUT_MS',
    min: 100,
    max: 600_000,
  },
  partBytes: {
    what: 'How much of an object goes to S3 in one request, and is held in memory for it. S3 takes no part under 5 MiB, and 10,000 of them.',
    unit: 'bytes',
    default: 8 * 1024 * 1024,
    variable: 'S3_PART_BYTES',
    min: 5 * 1024 * 1024,
    max: 1024 ** 3,
  },
  partTimeoutMs: {
    what: 'How long S3 may take to take one part: 8 MiB on a slow line of 1 Mbit/s.',
    unit: 'ms',
    default: 70_000,
    variable: 'S3_PART_TIMEOUT_MS',
    min: 1_000,
    max: 3_600_000,
  },
  singlePutBytes: {
    what: "The most that `OBJECT_MAX_UPLOAD_BYTES` may say: S3's bound for one PUT.",
    unit: 'bytes',
    default: 5 * 1024 ** 3,
  },
  signedSeconds: {
    what: 'For how long a signed URL of the gateway is accepted, whoever signed it.',
    unit: 's',
    default: 24 * 60 * 60,
  },
  clockSeconds: {
    what: 'How much further ahead the end of such a URL may lie: clocks of replicas differ.',
    unit: 's',
    default: 300,
  },
  sharedLinkSeconds: {
    what: 'How long URLs work of bytes that another project shared, which may be revoked.',
    unit: 's',
    default: 60,
  },
  defaultLinkSeconds: { what: 'How long URLs work where `expiresIn` is absent.', unit: 's', default: 300 },
  putBytes: {
    what: 'The largest content of `putObject`; larger ones go through `requestUpload`.',
    unit: 'bytes',
    default: 8 * 1024 * 1024,
  },
  defaultTextBytes: { what: 'How much `text` reads where `maxBytes` is absent.', unit: 'bytes', default: 64 * 1024 },
  mostTextBytes: { what: 'The most that it may be asked for.', unit: 'bytes', default: 1024 * 1024 },
  textBatchBytes: {
    what: 'How much one batch of `text` may hold in memory; one batch is read after the other.',
    unit: 'bytes',
    default: 8 * 1024 * 1024,
  },
  batch: { what: 'The most keys in one batch of the store.', unit: 'keys', default: 500 },
  keyBytes: {
    what: "The longest key, as UTF-8: S3's own bound, which the tenant's prefix comes on top of.",
    unit: 'bytes',
    default: 1_024,
  },
  contentTypeCharacters: { what: 'The longest content type.', unit: 'characters', default: 200 },
  listingPage: {
    what: 'The most keys that S3 is asked for in one request: it tells of no more.',
    unit: 'keys',
    default: 1_000,
  },
  probeTimeoutMs: { what: 'How long S3 may take to answer a health probe.', unit: 'ms', default: 1_000 },
  socketWarningMs: {
    what: 'After how long the client library logs that requests wait for a free connection.',
    unit: 'ms',
    default: 60_000,
  },
  namesKept: {
    what: 'The fewest names of a folder that a listing of files keeps at a time, however short its page.',
    unit: 'names',
    default: 64,
  },
  namesRead: { what: 'How many names it reads of a folder at once.', unit: 'names', default: 512 },
  spentSweepMs: {
    what: "How often uploads' links that have ended are forgotten: they work once, so that used ones are kept in mind until then.",
    unit: 'ms',
    default: 60 * 60 * 1_000,
  },
  staleMs: {
    what: 'A temporary file that nothing has written to for so long belongs to a process that is gone, and is removed.',
    unit: 'ms',
    default: 60 * 60 * 1_000,
  },
});

/** What an operator may set of them; their defaults hold where they are absent. */
export type ObjectBounds = Partial<BoundValues<typeof OBJECT>>;
