/** The way to an S3 server: one client library, set up for servers of every make. */
import { S3Client } from '@aws-sdk/client-s3';

export interface S3ClientOptions {
  readonly endpoint: string;
  readonly region: string;
  /** The key as it is now; asked for with each request, since files of secrets change. */
  readonly credentials: () => { readonly accessKeyId: string; readonly secretAccessKey: string };
  /** Whether buckets are named in the path, which all servers know, and not in the host. */
  readonly forcePathStyle: boolean;
  readonly requestTimeoutMs: number;
  readonly connectTimeoutMs: number;
  /** How often a request is tried. */
  readonly attempts: number;
  /** After how long without a free connection the library warns. */
  readonly socketWarningMs: number;
  /** The most connections; as many as the library has by default where it is absent. */
  readonly sockets?: number;
}

export function s3Client({
  endpoint,
  region,
  credentials,
  forcePathStyle,
  requestTimeoutMs,
  connectTimeoutMs,
  attempts,
  socketWarningMs,
  sockets,
}: S3ClientOptions): S3Client {
  return new S3Client({
    endpoint,
    region,
    forcePathStyle,
    // What has expired already is asked for anew with the next request.
    credentials: () => Promise.resolve({ ...credentials(), expiration: new Date() }),
    maxAttempts: attempts,
    requestHandler: {
      connectionTimeout: connectTimeoutMs,
      requestTimeout: requestTimeoutMs,
      throwOnRequestTimeout: true,
      socketAcquisitionWarningTimeout: socketWarningMs,
      ...(sockets === undefined ? {} : { httpAgent: { maxSockets: sockets }, httpsAgent: { maxSockets: sockets } }),
    },
    // The library's newer default adds CRC32 checksums that not every server knows, and that presigned URLs would
    // demand of clients.
    requestChecksumCalculation: 'WHEN_REQUIRED',
    responseChecksumValidation: 'WHEN_REQUIRED',
  });
}
