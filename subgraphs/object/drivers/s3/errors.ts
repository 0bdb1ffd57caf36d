/** What the errors of an S3 server mean for the caller. */
import { badUserInput, CodedError, storeTimeout, storeUnavailable } from '#subgraphs/shared/errors.ts';
import { faultOf, statusOf } from '#subgraphs/shared/s3/fault.ts';

const STORE = 'The S3 store';

/** The error to raise for whatever the client library threw. */
export function s3Error(error: unknown, bucket: string, signal?: AbortSignal): unknown {
  if (error instanceof CodedError) return error;
  if (signal?.aborted)
    return new CodedError('REQUEST_TIMEOUT', 'The request ended before the object store had answered.', {
      cause: error,
      hint: 'Ask for less, or check the server at S3_ENDPOINT.',
    });
  if (!(error instanceof Error)) return error;
  const unavailable = (message: string, hint: string) =>
    new CodedError('STORE_UNAVAILABLE', message, { cause: error, hint });
  switch (faultOf(error)) {
    case 'cut':
      return storeUnavailable(STORE, error, 'The connection was cut: check the server at S3_ENDPOINT.');
    case 'no bucket':
      return unavailable(
        `The bucket ${JSON.stringify(bucket)} does not exist.`,
        `Set S3_BUCKET to an existing bucket, or create it: aws s3 mb s3://${bucket} --endpoint-url <S3_ENDPOINT>`,
      );
    case 'credentials':
      return unavailable(
        `${STORE} refused the credentials.`,
        'Set S3_ACCESS_KEY and S3_SECRET_KEY to a pair that it accepts, and that may use S3_BUCKET.',
      );
    case 'denied':
      return unavailable(
        `${STORE} denied access to the bucket.`,
        'Allow the key in S3_ACCESS_KEY to list, read, write and delete in S3_BUCKET.',
      );
    case 'region':
      return unavailable(
        'The bucket is in another region.',
        "Set S3_REGION to the region of the bucket, and S3_ENDPOINT to that region's endpoint.",
      );
    case 'clock':
      return unavailable(`${STORE} refused the request's time.`, "Set this machine's clock.");
    case 'checksum':
      return badUserInput('The bytes do not have the announced checksum; nothing was stored.', { cause: error });
    case 'long key':
      return badUserInput("The key is too long for this store, which counts the tenant's prefix too.", {
        cause: error,
      });
    case 'too large':
      return new CodedError('PAYLOAD_TOO_LARGE', 'The object is larger than the store accepts.', { cause: error });
    case 'slow':
      return storeTimeout(STORE, error, 'Check the server at S3_ENDPOINT.');
    case 'refused':
      return storeUnavailable(
        STORE,
        error,
        `The server at S3_ENDPOINT answered ${error.name} (HTTP status ${statusOf(error)}).`,
      );
    case 'away':
      return storeUnavailable(STORE, error, 'Check that S3_ENDPOINT names an S3 server that is running.');
  }
}
