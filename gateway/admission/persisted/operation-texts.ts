/**
 * Which text a client means, and whether it may send it: by the lists of persisted operations that the operator keeps, and by
 * automatic persisted queries.
 */
import { getOperationAST, Kind, print, visit, type DocumentNode } from 'graphql';
import { LRUCache } from 'lru-cache';
import { ADMISSION } from '#gateway/bounds/admission.ts';
import type { Principal, RequestContext } from '#subgraphs/shared/context.ts';
import { badUserInput, CodedError } from '#subgraphs/shared/errors.ts';
import { MemoryRates } from '#subgraphs/shared/rates/memory.ts';
import { tenantOf } from '#subgraphs/shared/tenant-id.ts';
import { hashOf, noHash, readHash, type PersistedQueries } from './automatic.ts';
import type { ListedOperations } from './listed-operations.ts';

/**
 * What becomes of what is not listed: `accept` runs it, `learn` runs and logs it, `only` refuses it, `only-ids` refuses all
 * texts, listed or not.
 */
export const LIST_MODES = ['accept', 'learn', 'only', 'only-ids'] as const;
export type ListMode = (typeof LIST_MODES)[number];

/** Where it is said which client asks: in a verified token (`azp`, `client_id`), or in a header, which anybody can send. */
export const CLIENT_NAMES = ['token', 'header'] as const;

export interface ListOptions {
  readonly listed: { readonly current: ListedOperations };
  readonly mode: ListMode;
  readonly clientName: (typeof CLIENT_NAMES)[number];
  /** Whoever has this scope may send what is not listed. @default nobody */
  readonly freeScope?: string | undefined;
  /** Told of each operation that is not listed, once, where `mode` is `learn`. */
  readonly learned: (operation: LearnedOperation) => void;
}

/** One that is not listed. */
export interface LearnedOperation {
  /** SHA-256 of the text as it was sent, which is its id in a manifest of that text. */
  readonly id: string;
  readonly type: string | undefined;
  readonly name: string | undefined;
  readonly client: string | undefined;
  readonly tenantId: string;
  /** The text without its literals, which may be personal; at most {@link ADMISSION.learnedCharacters} long. */
  readonly text: string;
}

/** What a client sent to say which operation it means. */
export interface Meant {
  readonly query: string | undefined;
  readonly id: PersistedId | undefined;
}

export interface PersistedId {
  readonly value: string;
  /** Whether it came as automatic persisted queries do, in `extensions.persistedQuery.sha256Hash`. */
  readonly isHash: boolean;
}

/** Who sends it. */
export interface Sender {
  readonly principal: Principal;
  readonly headers?: RequestContext['headers'];
  /** Whether the server itself asks. */
  readonly own?: boolean;
}

/** Names that clients and the GraphQL-over-HTTP specification (its appendix on persisted documents) have for an id. */
const ID_PARAMETERS = ['documentId', 'doc_id'] as const;

const CLIENT_HEADERS = ['apollographql-client-name', 'graphql-client-name'] as const;

const HASH = /^[0-9a-f]{64}$/i;

/**
 * The id that a request has, where it has one.
 * @throws CodedError `BAD_USER_INPUT`
 */
export function readId(parameters: Readonly<Record<string, unknown>>): PersistedId | undefined {
  const hash = readHash(parameters['extensions']);
  if (hash !== undefined) return { value: hash, isHash: true };
  for (const name of ID_PARAMETERS) {
    const value = parameters[name];
    if (value === undefined || value === null) continue;
    if (typeof value !== 'string' || value === '' || value.length > ADMISSION.persistedIdCharacters)
      throw badUserInput(
        `\`${name}\` must be the id of a persisted operation: a text of 1 to ${ADMISSION.persistedIdCharacters} characters.`,
      );
    return { value, isHash: false };
  }
  return undefined;
}

/** What a client means, before it is looked at. */
export interface MeantText {
  readonly text: string;
  /** Whether it may be run without a look: it is listed, or the lists do not bind who sends it. */
  readonly mayRun: boolean;
}

export interface OperationTexts {
  /** @throws CodedError `PERSISTED_QUERY_…`, or `BAD_USER_INPUT` for a hash of another text */
  textOf(meant: Meant, sender: Sender): MeantText;
  /**
   * Looks whether a text that {@link textOf} does not answer for is listed, before anything is told of what it asks for.
   * @param parse gives the document of a text, within the limits of operations
   * @throws CodedError `QUERY_NOT_IN_SAFELIST`, and what `parse` throws
   */
  check(text: string, sender: Sender, parse: (text: string) => DocumentNode): void;
  /** Whether he may send nothing but what is listed. */
  binds(sender: Sender): boolean;
  /** Keeps a text that has turned out to be valid, where it came with its hash. */
  keep(meant: Meant, tenantId: string): void;
}

const freely = (text: string): MeantText => ({ text, mayRun: true });

/** @param lists of the operator. @default none */
export function operationTexts(automatic: PersistedQueries, lists?: ListOptions): OperationTexts {
  const keep: OperationTexts['keep'] = ({ query, id }, tenantId) => {
    if (query !== undefined && id?.isHash === true) automatic.keep(hashIn(id), query, tenantId);
  };
  if (lists === undefined) {
    return {
      textOf({ query, id }) {
        if (id === undefined) return freely(query!);
        if (id.isHash) return freely(automatic.textOf(hashIn(id), query));
        throw notSupported();
      },
      check: () => undefined,
      binds: () => false,
      keep,
    };
  }
  const { listed, mode, freeScope, clientName } = lists;
  const learned = new LRUCache<string, true>({ max: ADMISSION.learnedOperations });
  // Whoever sends ever new operations would fill the log: what his tenant has no room for is learned when it comes again later.
  const room = new MemoryRates({ entries: ADMISSION.learnedOperations });
  const lines = {
    count: ADMISSION.learnedTenantOperations,
    burst: ADMISSION.learnedTenantOperations,
    windowMs: ADMISSION.learnedWindowMs,
  };
  const learn = (text: string, client: string | undefined, tenantId: string, document: DocumentNode): void => {
    const id = hashOf(text);
    // A client's name may be as long as a header.
    const key = hashOf(`${client ?? ''}\0${id}`);
    if (learned.has(key)) return;
    if (!room.take([{ key: tenantOf(tenantId), rate: lines, weight: 1 }])[0]!.allowed) return;
    learned.set(key, true);
    const operation = getOperationAST(document);
    lists.learned({
      id,
      type: operation?.operation,
      name: operation?.name?.value,
      client: client?.slice(0, ADMISSION.persistedIdCharacters),
      tenantId,
      text: withoutLiterals(document).slice(0, ADMISSION.learnedCharacters),
    });
  };
  /** Whether the lists do not bind him. */
  const isFree = ({ principal, own = false }: Sender): boolean =>
    own || (freeScope !== undefined && principal.scopes.includes(freeScope));
  const binds = (sender: Sender): boolean => (mode === 'only' || mode === 'only-ids') && !isFree(sender);
  const clientOf = ({ principal, headers }: Sender): string | undefined =>
    clientName === 'token' ? principal.client : clientInHeaders(headers);

  return {
    textOf({ query, id }, sender) {
      const free = isFree(sender);
      const text = id === undefined ? undefined : listed.current.textOf(id.value, clientOf(sender));
      if (query === undefined) {
        if (text !== undefined) return freely(text);
        // A client with automatic persisted queries sends the text next.
        if (!binds(sender) && id!.isHash && HASH.test(id!.value))
          return { text: automatic.textOf(hashIn(id!), undefined), mayRun: free || mode === 'accept' };
        throw notInList();
      }
      if (id?.isHash === true) automatic.textOf(hashIn(id), query);
      else if (id !== undefined)
        throw badUserInput('The request has both a text and the id of a persisted operation; send one of them.');
      if (free || text === query) return freely(query);
      if (mode === 'only-ids') throw idRequired();
      return { text: query, mayRun: mode === 'accept' };
    },
    binds,
    check(text, sender, parse) {
      const client = clientOf(sender);
      let document: DocumentNode | undefined;
      const parseOnce = (): DocumentNode => (document ??= parse(text));
      if (listed.current.has(text, client, parseOnce)) return;
      if (mode === 'only') throw notInSafelist();
      learn(text, client, sender.principal.tenantId, parseOnce());
    },
    keep,
  };
}

function clientInHeaders(headers: RequestContext['headers']): string | undefined {
  const value = CLIENT_HEADERS.map((name) => headers?.[name]).find((each) => each !== undefined);
  return typeof value === 'string' ? value : undefined;
}

/** @throws CodedError `BAD_USER_INPUT` for what is no hash */
function hashIn({ value }: PersistedId): string {
  if (HASH.test(value)) return value.toLowerCase();
  throw noHash();
}

const withoutLiterals = (document: DocumentNode): string =>
  print(
    visit(document, {
      StringValue: (node) => ({ ...node, value: '', block: false }),
      [Kind.INT]: (node) => ({ ...node, value: '0' }),
      [Kind.FLOAT]: (node) => ({ ...node, value: '0' }),
    }),
  );

const notSupported = (): CodedError =>
  new CodedError('PERSISTED_QUERY_NOT_SUPPORTED', 'PersistedQueryNotSupported', {
    hint: 'This server has no list of persisted operations (PERSISTED_OPERATIONS). Send the full text.',
  });

const notInList = (): CodedError =>
  new CodedError('PERSISTED_QUERY_NOT_IN_LIST', 'No operation of this id is listed for this client.', {
    hint: "Publish the client's manifest (`npm run persist`) before the client itself.",
  });

/** What is told of what is not listed; of the schema too, which tells of what is not. */
export const notInSafelist = (): CodedError =>
  new CodedError(
    'QUERY_NOT_IN_SAFELIST',
    'This server runs only operations that are listed, and this is none for this client.',
    {
      hint: 'Add it to the files that PERSISTED_OPERATIONS names (`npm run persist` writes them).',
    },
  );

const idRequired = (): CodedError =>
  new CodedError('PERSISTED_QUERY_ID_REQUIRED', 'This server runs only operations that are listed, by their ids.', {
    hint: 'Send `extensions.persistedQuery.sha256Hash` or `documentId` in the place of `query`.',
  });
