/** What the errors of an S3 server mean for the caller. */
import { badUserInput, CodedError, storeTimeout, storeUnavailable } from '#subgraphs/shared/errors.ts';

const STORE = 'The S3 store';

interface S3Failure extends Error {
  readonly code?: string;
  readonly $metadata?: { readonly httpStatusCode?: number };
}

/** True where the answer means that there is no such object. */
export function isAbsent(error: unknown): boolean {
  // A HEAD has no body, so that its error is `NotFound` whatever is missing, the bucket too. Health and listing tell
  // them apart.
  return ['NoSuchKey', 'NotFound'].includes((error as S3Failure).name);
}

/** The error to raise for whatever the client library threw. */
export function s3Error(error: unknown, bucket: string, signal?: AbortSignal): unknown {
  if (error instanceof CodedError) return error;
  if (signal?.aborted)
    return new CodedError('REQUEST_TIMEOUT', 'The request ended before the object store had answered.', {
      cause: error,
      hint: 'Ask for less, or check the server at S3_ENDPOINT.',
    });
  if (!(error instanceof Error)) return error;
  const { name, code, $metadata } = error as S3Failure;
  const status = $metadata?.httpStatusCode;
  // The library calls a connection that was cut a time-out too.
  if (code === 'ECONNRESET' || code === 'EPIPE')
    return storeUnavailable(STORE, error, 'The connection was cut: check the server at S3_ENDPOINT.');
  const unavailable = (message: string, hint: string) =>
    new CodedError('STORE_UNAVAILABLE', message, { cause: error, hint });
  switch (name) {
    case 'NoSuchBucket':
      return unavailable(
        `The bucket ${JSON.stringify(bucket)} does not exist.`,
        `Set S3_BUCKET to an existing bucket, or create it: aws s3 mb s3://${bucket} --endpoint-url <S3_ENDPOINT>`,
      );
    case 'InvalidAccessKeyId':
    case 'SignatureDoesNotMatch':
    case 'InvalidToken':
    case 'XAdminUserNotFound': // versitygw's name for an unknown key.
      return unavailable(
        `${STORE} refused the credentials.`,
        'Set S3_ACCESS_KEY and S3_SECRET_KEY to a pair that it accepts.',
      );
    case 'AccessDenied':
      return unavailable(
        `${STORE} denied access to the bucket.`,
        'Allow the key in S3_ACCESS_KEY to list, read, write and delete in S3_BUCKET.',
      );
    case 'PermanentRedirect':
    case 'AuthorizationHeaderMalformed':
    case 'IllegalLocationConstraintException':
      return unavailable(
        'The bucket is in another region.',
        "Set S3_REGION to the region of the bucket, and S3_ENDPOINT to that region's endpoint.",
      );
    case 'RequestTimeTooSkewed':
      return unavailable(`${STORE} refused the request's time.`, "Set this machine's clock.");
    case 'BadDigest':
    case 'XAmzContentSHA256Mismatch':
    case 'InvalidDigest':
      return badUserInput('The bytes do not have the announced checksum; nothing was stored.', { cause: error });
    case 'KeyTooLongError':
      return badUserInput("The key is too long for this store, which counts the tenant's prefix too.", {
        cause: error,
      });
    case 'EntityTooLarge':
      return new CodedError('PAYLOAD_TOO_LARGE', 'The object is larger than the store accepts.', { cause: error });
    case 'TimeoutError':
    case 'RequestTimeout':
      return storeTimeout(STORE, error, 'Check the server at S3_ENDPOINT.');
  }
  if (status === 301)
    return unavailable('The bucket is in another region.', 'Set S3_REGION to the region of the bucket.');
  if (status === 401 || status === 403) {
    return unavailable(
      `${STORE} refused the credentials.`,
      'Check S3_ACCESS_KEY and S3_SECRET_KEY, and what they may do in S3_BUCKET.',
    );
  }
  if (status !== undefined && status >= 400)
    return storeUnavailable(STORE, error, `The server at S3_ENDPOINT answered ${name} (HTTP status ${status}).`);
  if (code === 'ETIMEDOUT') return storeTimeout(STORE, error, 'Check the server at S3_ENDPOINT.');
  return storeUnavailable(STORE, error, 'Check that S3_ENDPOINT names an S3 server that is running.');
}
