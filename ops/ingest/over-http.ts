/** The documents of a running server, through its public API. */
import { sentences } from '#subgraphs/shared/errors.ts';
import { INGEST } from './bounds.ts';
import { UPSERT_DOCUMENT, type DocumentInput } from './document-input.ts';
import { FatalIngestError } from './run.ts';

/** A document as the server has it. */
export interface StoredDocument {
  readonly id: string;
  readonly source: string;
  readonly collection: string;
  readonly updatedAt: string;
  readonly metadata: unknown;
}

/** What ingestions ask of a server. */
export interface Documents {
  /** Records one document. @throws FatalIngestError where going on is pointless; Error where it was refused */
  upsert(document: DocumentInput): Promise<Pick<StoredDocument, 'id' | 'updatedAt'>>;
  /** Documents that meet a filter (`DocumentFilter`), by their sources. */
  list(where: object): AsyncGenerator<StoredDocument>;
  /** Removes one; one that is gone already is as well. */
  remove(id: string): Promise<void>;
  /** What stores do not have of the documents with these ids, at most {@link INGEST.listed}. */
  lagging(ids: readonly string[]): Promise<Lagging[]>;
}

/** A document that a store does not have yet. */
export interface Lagging {
  /** Of the document. */
  readonly id: string;
  /** Such as `VECTOR` (`IndexedStore`). */
  readonly store: string;
  /** `FAILED`: the last attempt; it is tried again. `DISABLED`: the store is switched off. */
  readonly state: 'PENDING' | 'FAILED' | 'DISABLED';
  /** Why the last attempt failed; null where none did. */
  readonly error: string | null;
}

export interface ServerAddress {
  /** Of its GraphQL API. */
  readonly url: string;
  /** An access token or an API key; none where the server is in development mode. */
  readonly token: string | undefined;
}

/** The port of a server that nobody has told another one. */
export const DEFAULT_PORT = '4000';

/**
 * Where a command's options say that the server is, and by what token; else its environment, or where a server is by default.
 * An address without a path is that of the server, whose API is at `/graphql`.
 * @throws FatalIngestError where the address is none
 */
export function serverAddress(given: { url?: string | undefined; token?: string | undefined }): ServerAddress {
  const text = given.url ?? `http://127.0.0.1:${process.env.PORT ?? DEFAULT_PORT}`;
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined || !/^https?:$/.test(url.protocol))
    throw new FatalIngestError(
      `--url must be an address such as http://127.0.0.1:${DEFAULT_PORT}/graphql; got ${JSON.stringify(text)}.`,
    );
  if (url.pathname === '/') url.pathname = '/graphql';
  return { url: url.href, token: given.token ?? process.env.TRIBUTARY_TOKEN };
}

/** Worth another try: the store or another writer was in the way, the document was not. */
const TRANSIENT = new Set(['STORE_UNAVAILABLE', 'STORE_TIMEOUT', 'CONFLICT', 'RATE_LIMITED', 'SUBGRAPH_UNAVAILABLE']);
/** True of every document as of this one. */
const OF_THE_CALLER = new Set(['UNAUTHENTICATED', 'FORBIDDEN']);

const LIST = /* GraphQL */ `
  query IngestedDocuments($where: DocumentFilter, $first: Int, $after: String) {
    documents(where: $where, orderBy: [{ field: SOURCE, direction: ASC }], first: $first, after: $after) {
      edges {
        node {
          id
          source
          collection
          updatedAt
          metadata
        }
      }
      pageInfo {
        hasNextPage
        endCursor
      }
    }
  }
`;
const LAGGING = /* GraphQL */ `
  query DocumentsNotIndexed($where: DocumentFilter, $first: Int) {
    documents(where: $where, first: $first) {
      edges {
        node {
          id
          indexing {
            store
            state
            error
          }
        }
      }
    }
  }
`;
const REMOVE = /* GraphQL */ `
  mutation RemoveDocument($id: ID!) {
    deleteDocument(input: { id: $id }) {
      document {
        id
      }
    }
  }
`;

interface Answer {
  readonly data?: Record<string, unknown> | null;
  readonly errors?: { message: string; extensions?: { code?: string; hint?: string } }[];
}

/** @param server where it answers, and as whom */
export function documentsOverHttp(server: ServerAddress): Documents {
  const ask = <T>(query: string, variables: object, field: string): Promise<T> =>
    askPatiently(server, query, variables, field) as Promise<T>;
  return {
    upsert: async (input) => {
      const { document } = await ask<{ document: StoredDocument }>(UPSERT_DOCUMENT, { input }, 'upsertDocument');
      return document;
    },
    async *list(where) {
      for (let after: string | null = null; ;) {
        const { edges, pageInfo }: Page = await ask(LIST, { where, first: INGEST.listed, after }, 'documents');
        for (const { node } of edges) yield node;
        if (!pageInfo.hasNextPage) return;
        after = pageInfo.endCursor;
      }
    },
    lagging: async (ids) => {
      type Found = {
        edges: { node: { id: string; indexing: (Omit<Lagging, 'id' | 'state'> & { state: string })[] | null } }[];
      };
      const { edges } = await ask<Found>(LAGGING, { where: { id: { in: ids } }, first: ids.length }, 'documents');
      return edges.flatMap(({ node: { id, indexing } }) =>
        (indexing ?? []).flatMap(({ state, ...rest }) =>
          state === 'DONE' ? [] : [{ id, ...rest, state: state as Lagging['state'] }],
        ),
      );
    },
    remove: async (id) => {
      try {
        await ask(REMOVE, { id }, 'deleteDocument');
      } catch (error) {
        if (!(error instanceof RefusedError && error.code === 'NOT_FOUND')) throw error;
      }
    },
  };
}

interface Page {
  edges: { node: StoredDocument }[];
  pageInfo: { hasNextPage: boolean; endCursor: string | null };
}

/** What the server answered to one thing that was asked. */
class RefusedError extends Error {
  override readonly name = 'RefusedError';
  readonly code: string | undefined;
  constructor(message: string, code: string | undefined) {
    super(message);
    this.code = code;
  }
}

async function askPatiently(server: ServerAddress, query: string, variables: object, field: string): Promise<unknown> {
  for (let attempt = 1; ; attempt++) {
    const { data, errors = [] } = await post(server, query, variables);
    if (errors.length === 0 && data?.[field] != null) return data[field];
    const [{ message, extensions: { code, hint } = {} } = { message: 'the server answered nothing' }] = errors;
    if (OF_THE_CALLER.has(code ?? '')) throw new FatalIngestError(sentences(message, hint));
    if (!TRANSIENT.has(code ?? '') || attempt === INGEST.attempts) throw new RefusedError(message, code);
    await new Promise((resolve) => setTimeout(resolve, INGEST.pauseMs * 2 ** (attempt - 1) * (0.5 + Math.random())));
  }
}

async function post({ url, token }: ServerAddress, query: string, variables: object): Promise<Answer> {
  let response: Response;
  try {
    response = await fetch(url, {
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
      },
      body: JSON.stringify({ query, variables }),
      signal: AbortSignal.timeout(INGEST.requestMs),
    });
  } catch (cause) {
    throw new FatalIngestError(
      `No server answers at ${url}. Start one with "npm start", or say where it listens: PORT=… before the command, or --url.`,
      {
        cause,
      },
    );
  }
  const answer = (await response.json().catch(() => undefined)) as Answer | undefined;
  const [{ message, extensions: { hint } = {} } = { message: '' }] = answer?.errors ?? [];
  if (response.status === 401)
    throw new FatalIngestError(
      `The server refused the caller (HTTP 401)${message === '' ? '.' : `: ${message}`} ` +
        `Pass ${token === undefined ? 'an' : 'another'} API key or access token with --token, or in TRIBUTARY_TOKEN.`,
    );
  if (response.status === 403)
    throw new FatalIngestError(sentences(`The server refused the caller (HTTP 403): ${message}`, hint));
  if (answer === undefined || response.status === 404)
    throw new FatalIngestError(
      `What answers at ${url} is not this API (HTTP ${response.status}). --url takes its whole address, which ends in /graphql.`,
    );
  return answer;
}
