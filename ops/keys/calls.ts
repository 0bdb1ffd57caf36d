/** What `npm run keys` asks the relational subgraph: the public API's fields, as the system in the name of a tenant. */
import { parse } from 'graphql';
import type { SubgraphCall } from '#gateway/indexing/subgraph-call.ts';
import { KEYS } from './bounds.ts';

export interface ListedKey {
  readonly id: string;
  readonly name: string;
  readonly prefix: string;
  readonly scopes: readonly string[];
  readonly createdBy: string;
  readonly createdAt: string;
  readonly expiresAt: string;
  readonly revokedAt: string | null;
  readonly lastUsedAt: string | null;
  readonly previousSecrets: readonly Pick<ListedKey, 'prefix' | 'expiresAt' | 'lastUsedAt'>[];
}

const CREATE = parse(/* GraphQL */ `
  mutation CreateKey($input: CreateApiKeyInput!) {
    createApiKey(input: $input) {
      key {
        id
        expiresAt
      }
      secret
    }
  }
`);
const ROTATE = parse(/* GraphQL */ `
  mutation RotateKey($input: RotateApiKeyInput!) {
    rotateApiKey(input: $input) {
      key {
        id
        expiresAt
        previousSecrets {
          prefix
          expiresAt
          lastUsedAt
        }
      }
      secret
    }
  }
`);
const REVOKE = parse(/* GraphQL */ `
  mutation RevokeKey($id: ID!) {
    revokeApiKey(input: { id: $id }) {
      revokedIds
    }
  }
`);
const LIST = parse(/* GraphQL */ `
  query ListKeys($where: ApiKeyFilter, $first: Int!, $after: String) {
    apiKeys(where: $where, first: $first, after: $after) {
      edges {
        node {
          id
          name
          prefix
          scopes
          createdBy
          createdAt
          expiresAt
          revokedAt
          lastUsedAt
          previousSecrets {
            prefix
            expiresAt
            lastUsedAt
          }
        }
      }
      pageInfo {
        hasNextPage
        endCursor
      }
    }
  }
`);
const TENANTS = parse(/* GraphQL */ `
  query KeyTenants($first: Int!, $after: ID) {
    tenantIds(first: $first, after: $after)
  }
`);

const DAY_MS = 24 * 60 * 60 * 1_000;

/** Makes a key. */
export async function createKey(
  call: SubgraphCall,
  tenantId: string,
  { name, scopes, days }: { name: string; scopes: readonly string[]; days: number | undefined },
): Promise<{ key: Pick<ListedKey, 'id' | 'expiresAt'>; secret: string }> {
  const expiresAt = days === undefined ? undefined : new Date(Date.now() + days * DAY_MS).toISOString();
  const input = { name, scopes, ...(expiresAt === undefined ? {} : { expiresAt }) };
  type Made = { createApiKey: { key: Pick<ListedKey, 'id' | 'expiresAt'>; secret: string } };
  return (await call<Made>('relational', CREATE, { input }, tenantId)).createApiKey;
}

export type RotatedKey = Pick<ListedKey, 'id' | 'expiresAt' | 'previousSecrets'>;

/** Gives a key another secret. */
export async function rotateKey(
  call: SubgraphCall,
  tenantId: string,
  input: { id: string; overlapSeconds?: number | undefined },
): Promise<{ key: RotatedKey; secret: string }> {
  type Rotated = { rotateApiKey: { key: RotatedKey; secret: string } };
  return (await call<Rotated>('relational', ROTATE, { input }, tenantId)).rotateApiKey;
}

/** @returns the ids of all that were revoked */
export async function revokeKey(call: SubgraphCall, tenantId: string, id: string): Promise<string[]> {
  type Revoked = { revokeApiKey: { revokedIds: string[] } };
  return (await call<Revoked>('relational', REVOKE, { id }, tenantId)).revokeApiKey.revokedIds;
}

/** The tenant that is named, or all that ever wrote, and so all that ever had a key. */
export async function* tenantsOf(call: SubgraphCall, named: string | undefined): AsyncGenerator<string> {
  if (named !== undefined) return yield named;
  for (let after: string | undefined; ;) {
    const { tenantIds } = await call<{ tenantIds: string[] }>('relational', TENANTS, { first: KEYS.page, after });
    yield* tenantIds;
    after = tenantIds.at(-1);
    if (tenantIds.length < KEYS.page) return;
  }
}

/**
 * Keys of a tenant, newest first.
 * @param which `all`: those that hold no longer, too; `named`: only that of an id or a prefix
 */
export async function* keysOf(
  call: SubgraphCall,
  tenantId: string,
  { all, named }: { all: boolean; named?: string },
): AsyncGenerator<ListedKey> {
  const where = {
    ...(all ? {} : { revokedAt: { eq: null }, expiresAt: { gt: new Date().toISOString() } }),
    ...(named === undefined ? {} : { or: [{ id: { eq: named } }, { prefix: { eq: named } }] }),
  };
  type Page = {
    apiKeys: { edges: { node: ListedKey }[]; pageInfo: { hasNextPage: boolean; endCursor: string | null } };
  };
  for (let after: string | null = null; ;) {
    const variables: Record<string, unknown> = { where, first: KEYS.page, after };
    const { apiKeys }: Page = await call<Page>('relational', LIST, variables, tenantId);
    for (const { node } of apiKeys.edges) yield node;
    if (!apiKeys.pageInfo.hasNextPage) return;
    after = apiKeys.pageInfo.endCursor;
  }
}

/**
 * The key that somebody names by its id, or by the prefix of one of its secrets, those before the present one too.
 * @returns undefined where there is none
 */
export async function keyNamed(
  call: SubgraphCall,
  tenant: string | undefined,
  named: string,
): Promise<{ tenantId: string; key: ListedKey } | undefined> {
  for await (const tenantId of tenantsOf(call, tenant))
    for await (const key of keysOf(call, tenantId, { all: true, named })) return { tenantId, key };
  for await (const tenantId of tenantsOf(call, tenant))
    for await (const key of keysOf(call, tenantId, { all: true }))
      if (key.previousSecrets.some(({ prefix }) => prefix === named)) return { tenantId, key };
  return undefined;
}
