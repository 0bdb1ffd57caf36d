/** What the Qdrant client throws, mapped to this project's codes. It exports no class for most of it, so by status. */
import { CodedError, conflict, storeTimeout, storeUnavailable } from '#subgraphs/shared/errors.ts';

const STORE = 'Qdrant';

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
    hint: 'The first document that is indexed makes it. If there should be one already, check QDRANT_URL.',
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
  if (error.constructor.name === 'QdrantClientTimeoutError') return storeTimeout(STORE, error);
  const { status } = thrown;
  if (status === 401 || status === 403) return storeUnavailable(STORE, error, 'Qdrant refused the key: check QDRANT_API_KEY; it must allow writes.');
  if (status === 404 && /collection/i.test(messageOf(thrown))) return unknownCollection(collection, error);
  if (status === 400 && /dimension/i.test(messageOf(thrown))) {
    return conflict(`The collection ${JSON.stringify(collection)} holds vectors of other dimensions.`, {
      cause: error,
      hint: 'Set EMBEDDING_MODEL back to the model that it was embedded with, or embed the documents again into another collection.',
    });
  }
  if (status !== undefined && status >= 500) return storeUnavailable(STORE, error);
  if (status === undefined) return storeUnavailable(STORE, error, 'Check that Qdrant runs at QDRANT_URL.');
  return error;
}
