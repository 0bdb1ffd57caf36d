/** What the errors of an S3 server mean, whatever its make. */

export interface S3Failure extends Error {
  readonly code?: string;
  readonly $metadata?: { readonly httpStatusCode?: number };
}

export type S3Fault =
  /** The connection was cut in the middle. */
  | 'cut'
  | 'no bucket'
  /** The key is unknown, or its secret is another. */
  | 'credentials'
  /** The key is known and may not. */
  | 'denied'
  /** The bucket is in another region. */
  | 'region'
  | 'clock'
  | 'checksum'
  | 'long key'
  | 'too large'
  | 'slow'
  /** Another refusal, with an HTTP status. */
  | 'refused'
  /** No server answered. */
  | 'away';

const BY_NAME: Readonly<Record<string, S3Fault>> = {
  NoSuchBucket: 'no bucket',
  InvalidAccessKeyId: 'credentials',
  SignatureDoesNotMatch: 'credentials',
  InvalidToken: 'credentials',
  // versitygw's name for an unknown key.
  XAdminUserNotFound: 'credentials',
  AccessDenied: 'denied',
  PermanentRedirect: 'region',
  AuthorizationHeaderMalformed: 'region',
  IllegalLocationConstraintException: 'region',
  RequestTimeTooSkewed: 'clock',
  BadDigest: 'checksum',
  XAmzContentSHA256Mismatch: 'checksum',
  InvalidDigest: 'checksum',
  KeyTooLongError: 'long key',
  EntityTooLarge: 'too large',
  TimeoutError: 'slow',
  RequestTimeout: 'slow',
};

export const statusOf = (error: unknown): number | undefined => (error as S3Failure).$metadata?.httpStatusCode;

/** True where the answer means that there is no such object. */
export function isAbsent(error: unknown): boolean {
  // A HEAD has no body, so that its error is `NotFound` whatever is missing, the bucket too. Health and listing tell
  // them apart.
  return ['NoSuchKey', 'NotFound'].includes((error as S3Failure).name);
}

export function faultOf(error: Error): S3Fault {
  const { name, code } = error as S3Failure;
  const status = statusOf(error);
  // The library calls a connection that was cut a time-out too.
  if (code === 'ECONNRESET' || code === 'EPIPE') return 'cut';
  if (Object.hasOwn(BY_NAME, name)) return BY_NAME[name]!;
  if (status === 301) return 'region';
  if (status === 401 || status === 403) return 'credentials';
  if (status !== undefined && status >= 400) return 'refused';
  return code === 'ETIMEDOUT' ? 'slow' : 'away';
}
