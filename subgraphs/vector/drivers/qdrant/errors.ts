/** What the Qdrant client throws, mapped to this project's codes. It exports no class for most of it, so by status. */
import { CodedError, conflict, storeTimeout, storeUnavailable } from '#subgraphs/shared/errors.ts';

const STORE = 'Qdrant';
/** What to look at when the server does not answer. */
const ADDRESS = 'Check that Qdrant runs at QDRANT_URL.';
/**
 * The oldest version that answers rightly: `params.idf.corpus` (qdrant/qdrant#9661), without which keyword scores tell
 * what other tenants store, and `match.prefix` (qdrant/qdrant#9683) are of 1.19. Collection metadata, which say what
 * model embedded, are of 1.16. An older server ignores what it does not know at the top of a request, so it must be
 * refused by its version.
 */
export const OLDEST_QDRANT = '1.19';

/**
 * @param version what the server says at `GET /`; one that says nothing passes
 * @throws CodedError `STORE_UNAVAILABLE` for a version that is too old
 */
export function checkQdrantVersion(version: string | undefined): void {
  const [major, minor] = (/^(\d+)\.(\d+)/.exec(version ?? '') ?? []).slice(1).map(Number);
  const [oldMajor, oldMinor] = OLDEST_QDRANT.split('.').map(Number) as [number, number];
  if (major === undefined || major > oldMajor || (major === oldMajor && minor! >= oldMinor)) return;
  throw new CodedError('STORE_UNAVAILABLE', `Qdrant ${version} is too old.`, {
    hint: `Set QDRANT_URL to a Qdrant ${OLDEST_QDRANT} or newer: older ones score words by what other tenants store.`,
  });
}

interface Thrown {
  status?: number;
  data?: { status?: { error?: string } } | string;
  retry_after?: number;
}

/** The server's own words, where it sent any. */
export const sentenceOf = (error: unknown): string => {
  const { data } = error as Thrown;
  return typeof data === 'object' ? (data?.status?.error ?? '') : (data ?? '');
};

export const unknownCollection = (collection: string, cause?: unknown): CodedError =>
  conflict(`Qdrant has no collection ${JSON.stringify(collection)} yet.`, {
    cause,
    hint: 'The first document that is indexed makes it. If there should be one already, check QDRANT_URL and VECTOR_COLLECTION.',
  });

/** Whether the server refused because a payload index is missing, in each form in which 1.19 says so. */
export const lacksIndex = (error: unknown): boolean =>
  (error as Thrown).status === 400 &&
  /index required but not found|global vector indexing is disabled/i.test(sentenceOf(error));

/**
 * The project's error for what was thrown.
 * @param url where the server is, for a hint about its port
 */
export function toQdrantError(error: unknown, collection: string, url?: string): Error {
  if (error instanceof CodedError || !(error instanceof Error)) return error as Error;
  const thrown = error as Error & Thrown;
  const said = sentenceOf(thrown);
  const cause = said === '' ? error : new Error(`Qdrant answered ${thrown.status}: ${said}`, { cause: error });
  if (thrown.retry_after !== undefined || thrown.status === 429) {
    return new CodedError('RATE_LIMITED', 'Qdrant accepts no more requests at the moment.', {
      cause,
      hint: "Wait and try again, or raise the rate limits of the collection's strict mode.",
      // The client reads one digit of the header, so this may be too short, never too long.
      extensions: { retryAfterSeconds: thrown.retry_after },
    });
  }
  if (error.constructor.name === 'QdrantClientTimeoutError') return storeTimeout(STORE, error, ADDRESS);
  const { status } = thrown;
  if (status === 401 || status === 403)
    return storeUnavailable(STORE, cause, 'Qdrant refused the key: check QDRANT_API_KEY; it must allow writes.');
  if (status === 404 && /collection/i.test(said)) return unknownCollection(collection, cause);
  if (status === 400 && /dimension|vector name/i.test(said)) {
    return conflict(`The collection ${JSON.stringify(collection)} holds vectors of other dimensions or another name.`, {
      cause,
      hint: 'Set EMBEDDING_MODEL back to the model that it was embedded with, or VECTOR_COLLECTION to another collection and embed the documents again.',
    });
  }
  if (status === undefined) return storeUnavailable(STORE, error, withoutPort(url) ?? ADDRESS);
  if (status >= 500) return storeUnavailable(STORE, cause, ADDRESS);
  // An answer of something else: a path that Qdrant does not know.
  if (status === 404)
    return storeUnavailable(
      STORE,
      cause,
      withoutPort(url) ?? `What answers at QDRANT_URL is not Qdrant ${OLDEST_QDRANT} or newer, or not at that path.`,
    );
  // A limit of the collection's strict mode, or a fault of ours: for the log, with the server's sentence.
  return new CodedError('INTERNAL_SERVER_ERROR', 'Qdrant refused what the gateway asked of it.', {
    cause,
    hint: "The log has Qdrant's own words; limits of the collection's strict mode are the operator's to raise.",
  });
}

/** A server that is started without saying otherwise listens on 6333, of which a URL without a port says nothing. */
const withoutPort = (url: string | undefined): string | undefined =>
  url === undefined || new URL(url).port !== '' || /^https?:\/\/[^/]*:\d+/.test(url)
    ? undefined
    : `${ADDRESS} It names no port, which is ${new URL(url).protocol === 'https:' ? 443 : 80}; Qdrant's own is 6333.`;
