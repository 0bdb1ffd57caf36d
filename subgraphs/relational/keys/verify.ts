/** Which API keys hold. */
import type { PresentedKey } from '#subgraphs/shared/api-key.ts';
import type { RequestContext } from '#subgraphs/shared/context.ts';
import type { KeyStore, KnownKey } from '#subgraphs/shared/ports.ts';
import { RELATIONAL } from '../bounds.ts';
import type { KeptApiKey, RelationalDriver } from '../driver.ts';
import { isKept, pepperOf, type Peppers } from './secret.ts';

/**
 * Looks keys up: those that were made here in one statement, all others in none. When one was used last is noted once in
 * `RELATIONAL.keyUseSeconds`.
 * @param log told when that could not be noted, which is no reason to refuse a key
 */
export function keyStore(
  driver: RelationalDriver,
  peppers: Peppers,
  log: (message: string, error: unknown) => void,
): KeyStore {
  const noteUse = async (context: RequestContext, keys: readonly KeptApiKey[]): Promise<void> => {
    const before = Date.now() - RELATIONAL.keyUseSeconds * 1_000;
    const stale = keys.filter(({ lastUsedAt }) => (lastUsedAt?.getTime() ?? 0) < before);
    if (stale.length === 0) return;
    try {
      await driver.useApiKeys(
        context,
        stale.map(({ prefix }) => prefix),
      );
    } catch (error) {
      log('It could not be noted that API keys are used.', error);
    }
  };

  return {
    async verify(context, presented) {
      const made = presented.map((key) => ({ key, pepper: pepperOf(key, peppers) }));
      const prefixes = [...new Set(made.flatMap(({ key, pepper }) => (pepper === undefined ? [] : [key.prefix])))];
      if (prefixes.length === 0) return presented.map(() => undefined);
      const kept = new Map((await driver.apiKeysOf(context, prefixes)).map((row) => [row.prefix, row]));
      const holding = made.map(({ key, pepper }) => holdingOf(key, pepper, kept.get(key.prefix)));
      await noteUse(context, [...new Set(holding.flatMap((row) => row ?? []))]);
      return holding.map((row) => (row === undefined ? undefined : knownOf(row)));
    },

    async ended(context, key) {
      const pepper = pepperOf(key, peppers);
      const [row] = pepper === undefined ? [] : await driver.apiKeysOf(context, [key.prefix]);
      if (row === undefined || !isKept(key, row.hash, pepper!)) return undefined;
      const { id, tenantId } = row;
      if (row.revokedAt !== null) return { id, tenantId, reason: 'revoked' };
      if (row.expiresAt.getTime() > Date.now()) return undefined;
      return { id, tenantId, reason: row.replaced ? 'replaced' : 'expired' };
    },
  };
}

function holdingOf(key: PresentedKey, pepper: string | undefined, row: KeptApiKey | undefined): KeptApiKey | undefined {
  if (pepper === undefined || row === undefined || !isKept(key, row.hash, pepper)) return undefined;
  return row.revokedAt === null && row.expiresAt.getTime() > Date.now() ? row : undefined;
}

const knownOf = ({ id, tenantId, scopes, expiresAt }: KeptApiKey): KnownKey => ({
  id,
  tenantId,
  scopes,
  expiresAt: expiresAt.getTime(),
});
