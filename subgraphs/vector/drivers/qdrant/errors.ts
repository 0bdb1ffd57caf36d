/** What the Qdrant client throws, mapped to this project's codes. It exports no class for most of it, so by status. */
import { CodedError, conflict, storeTimeout, storeUnavailable } from '#subgraphs/shared/errors.ts';

const STORE = 'Qdrant';
/** What to look at when the server does not answer. */
const ADDRESS = 'Check that Qdrant runs at QDRANT_URL.';
/** The oldest version that has the query API with fusion. */
export const OLDEST_QDRANT = '1.10';

/**
 * @param version what the server says at `GET /`; one that says nothing passes
 * @throws CodedError `STORE_UNAVAILABLE` for a version that is too old
 */
export function checkQdrantVersion(version: string | undefined): void {
  const [major, minor] = (/^(\d+)\.(\d+)/.exec(version ?? '') ?? []).slice(1).map(Number);
  const [oldMajor, oldMinor] = OLDEST_QDRANT.split('.').map(Number) as [number, number];
  if (major === undefined || major > oldMajor || (major === oldMajor && minor! >= oldMinor)) return;
  throw new CodedError('STORE_UNAVAILABLE', `Qdrant ${version} is too old.`, {
    hint: `Set QDRANT_URL to a Qdrant ${OLDEST_QDRANT} or newer.`,
  });
}

interface Thrown {
  status?: number;
  data?: { status?: { error?: string } } | string;
  retry_after?: number;
}

/** The server's own words, where it sent any. */
const messageOf = ({ data }: Thrown): string => (typeof data === 'object' ? (data?.status?.error ?? '') : (data ?? ''));

export const unknownCollection = (collection: string, cause?: unknown): CodedError =>
  conflict(`Qdrant has no collection ${JSON.stringify(collection)} yet.`, {
    cause,
    hint: 'The first document that is indexed makes it. If there should be one already, check QDRANT_URL and VECTOR_COLLECTION.',
  });

export function toQdrantError(error: unknown, collection: string): Error {
  if (error instanceof CodedError || !(error instanceof Error)) return error as Error;
  const thrown = error as Error & Thrown;
  if (thrown.retry_after !== undefined || thrown.status === 429) {
    return new CodedError('RATE_LIMITED', 'Qdrant accepts no more requests at the moment.', {
      cause: error,
      hint: 'Wait and try again, or raise the rate limits of the collection’s strict mode.',
      // The client reads one digit of the header, so this may be too short, never too long.
      extensions: { retryAfterSeconds: thrown.retry_after },
    });
  }
  if (error.constructor.name === 'QdrantClientTimeoutError') return storeTimeout(STORE, error, ADDRESS);
  const { status } = thrown;
  if (status === 401 || status === 403)
    return storeUnavailable(STORE, error, 'Qdrant refused the key: check QDRANT_API_KEY; it must allow writes.');
  if (status === 404 && /collection/i.test(messageOf(thrown))) return unknownCollection(collection, error);
  if (status === 400 && /dimension/i.test(messageOf(thrown))) {
    return conflict(`The collection ${JSON.stringify(collection)} holds vectors of other dimensions.`, {
      cause: error,
      hint: 'Set EMBEDDING_MODEL back to the model that it was embedded with, or VECTOR_COLLECTION to another collection and embed the documents again.',
    });
  }
  if (status === undefined || status >= 500) return storeUnavailable(STORE, error, ADDRESS);
  // An answer of something else: a path that Qdrant does not know.
  if (status === 404)
    return storeUnavailable(
      STORE,
      error,
      `What answers at QDRANT_URL is not Qdrant ${OLDEST_QDRANT} or newer, or not at that path.`,
    );
  return error;
}
