/**
 * Automatic persisted queries: a client sends the hash of an operation's text in the place of the text, and the text
 * itself only where the hash is not known (https://www.apollographql.com/docs/apollo-server/performance/apq).
 */
import { createHash } from 'node:crypto';
import { ADMISSION } from '#gateway/bounds/admission.ts';
import type { BoundValues } from '#subgraphs/shared/bound.ts';
import { badUserInput, CodedError } from '#subgraphs/shared/errors.ts';

export interface PersistedQueries {
  /**
   * The text that is meant.
   * @param hash in lower case
   * @param query the text, where it was sent too: then it must have that hash, before anything is done with it
   * @throws CodedError `PERSISTED_QUERY_NOT_FOUND`, `PERSISTED_QUERY_NOT_SUPPORTED`, or `BAD_USER_INPUT` for a text of
   *   another hash
   */
  textOf(hash: string, query: string | undefined): string;
  /** Keeps a text that has turned out to be valid, at the expense of the tenant who sent it. */
  keep(hash: string, text: string, tenantId: string): void;
}

/**
 * The hash in `extensions.persistedQuery`, undefined where there is none. Apollo's clients send ids of manifests there too, which
 * may be of any form.
 * @throws CodedError `BAD_USER_INPUT`
 */
export function readHash(extensions: unknown): string | undefined {
  if (typeof extensions !== 'object' || extensions === null || !Object.hasOwn(extensions, 'persistedQuery'))
    return undefined;
  const { persistedQuery } = extensions as { persistedQuery: unknown };
  if (persistedQuery === null || persistedQuery === undefined) return undefined;
  const { version, sha256Hash } = persistedQuery as { version?: unknown; sha256Hash?: unknown };
  if (version !== 1) throw badUserInput('`extensions.persistedQuery.version` must be 1.');
  if (typeof sha256Hash !== 'string' || sha256Hash === '' || sha256Hash.length > ADMISSION.persistedIdCharacters)
    throw noHash();
  return sha256Hash;
}

/** What is told where a hash is asked for. */
export const noHash = (): CodedError =>
  badUserInput('`extensions.persistedQuery.sha256Hash` must be the SHA-256 hash of `query`, as 64 digits.');

/** SHA-256 of a text, in hexadecimal: its hash to clients, and its id in manifests. */
export const hashOf = (text: string): string => createHash('sha256').update(text).digest('hex');

function checked(hash: string, query: string): string {
  if (hashOf(query) === hash) return query;
  throw badUserInput('`extensions.persistedQuery.sha256Hash` is not the hash of `query`.', {
    hint: 'It is the SHA-256 hash of the very text that is sent, in UTF-8.',
  });
}

// Of what these throw, some clients look for the message, some for the code, and some only where the status is 200.

/** For who keeps none: texts with hashes are run. */
export const noPersistedQueries: PersistedQueries = {
  textOf(hash, query) {
    if (query !== undefined) return checked(hash, query);
    throw new CodedError('PERSISTED_QUERY_NOT_SUPPORTED', 'PersistedQueryNotSupported', {
      hint: 'Send the full text.',
    });
  },
  keep: () => undefined,
};

interface Kept {
  readonly text: string;
  /** Who sent it first. */
  readonly tenantId: string;
}

/** What one tenant has brought, what was asked for longest ago first. */
interface Share {
  readonly hashes: Set<string>;
  characters: number;
}

/**
 * Texts in this process's memory. A hash says nothing but its text, so that all tenants share them; but what one has
 * brought can push out only what is his own, until all together bring too much: then what the one who has most brought
 * first.
 */
export class KeptQueries implements PersistedQueries {
  readonly #kept = new Map<string, Kept>();
  readonly #shares = new Map<string, Share>();
  readonly #limit: number;
  readonly #tenantLimit: number;
  #characters = 0;

  constructor(
    limits: Partial<Pick<BoundValues<typeof ADMISSION>, 'persistedCharacters' | 'persistedTenantCharacters'>>,
  ) {
    this.#limit = limits.persistedCharacters ?? ADMISSION.persistedCharacters;
    this.#tenantLimit = Math.min(this.#limit, limits.persistedTenantCharacters ?? ADMISSION.persistedTenantCharacters);
  }

  textOf(hash: string, query: string | undefined): string {
    if (query !== undefined) return checked(hash, query);
    const kept = this.#kept.get(hash);
    if (kept === undefined)
      throw new CodedError('PERSISTED_QUERY_NOT_FOUND', 'PersistedQueryNotFound', {
        hint: 'Send the full text with it, once.',
      });
    this.#touch(hash, kept);
    return kept.text;
  }

  keep(hash: string, text: string, tenantId: string): void {
    const known = this.#kept.get(hash);
    if (known !== undefined) return this.#touch(hash, known);
    const size = sizeOf(text);
    if (size > this.#tenantLimit) return;
    let share = this.#shares.get(tenantId);
    if (share === undefined) this.#shares.set(tenantId, (share = { hashes: new Set(), characters: 0 }));
    while (share.characters + size > this.#tenantLimit) this.#dropFirst(share);
    while (this.#characters + size > this.#limit) this.#dropFirst(this.#largestShare());
    this.#shares.set(tenantId, share); // What was dropped may have been all that it had.
    this.#kept.set(hash, { text, tenantId });
    share.hashes.add(hash);
    share.characters += size;
    this.#characters += size;
  }

  #touch(hash: string, { tenantId }: Kept): void {
    const { hashes } = this.#shares.get(tenantId)!;
    hashes.delete(hash);
    hashes.add(hash);
  }

  #dropFirst(share: Share): void {
    const [hash] = share.hashes;
    const { text, tenantId } = this.#kept.get(hash!)!;
    this.#kept.delete(hash!);
    share.hashes.delete(hash!);
    share.characters -= sizeOf(text);
    this.#characters -= sizeOf(text);
    if (share.hashes.size === 0) this.#shares.delete(tenantId);
  }

  #largestShare(): Share {
    let largest: Share | undefined;
    for (const share of this.#shares.values())
      if (largest === undefined || share.characters > largest.characters) largest = share;
    return largest!;
  }
}

/** With its hash, and what a map holds of it. */
const sizeOf = (text: string): number => text.length + ADMISSION.persistedOverhead;
