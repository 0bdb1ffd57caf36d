/**
 * Who tries tokens and API keys: past a limit, tokens from his address are not looked at any more. Others may share it (behind a proxy that is
 * not in `TRUSTED_PROXIES`, a whole office), so tokens that were good while wrong ones came stay good.
 */
import { createHash } from 'node:crypto';
import { LIMITS } from '#gateway/bounds/limits.ts';
import type { Principal } from '#subgraphs/shared/context.ts';
import { CodedError } from '#subgraphs/shared/errors.ts';
import type { Arriving } from './client-address.ts';
import type { RequestLimits } from './request-limits.ts';

/** Tells who asks, of a token and the request that has it. */
type Authenticate<Asked extends Arriving> = (authorization: string | undefined, asked?: Asked) => Promise<Principal>;

/** The same, for as long as not too many tokens from an address do not hold. */
export function limitSignIns<Asked extends Arriving>(
  authenticate: Authenticate<Asked>,
  limits: Pick<RequestLimits, 'arrivalOf' | 'signInFailed' | 'signInsRefused'>,
): Authenticate<Asked> {
  const good = new Set<string>();
  return async (authorization, asked) => {
    const arrival = asked === undefined ? undefined : limits.arrivalOf(asked);
    // A token or a key, wherever it stands.
    const presented = [authorization, asked?.headers['x-api-key']].filter(Boolean).join('\n');
    if (arrival?.signIns === undefined || presented === '') return await authenticate(authorization, asked);
    const { address, signIns } = arrival;
    if (!signIns.allowed && !good.has(digest(presented))) throw limits.signInsRefused(arrival);
    try {
      const principal = await authenticate(authorization, asked);
      if (signIns.resetMs > 0) remember(good, digest(presented));
      return principal;
    } catch (error) {
      if (error instanceof CodedError && error.code === 'UNAUTHENTICATED') await limits.signInFailed(address);
      throw error;
    }
  };
}

const digest = (token: string): string => createHash('sha256').update(token).digest('base64');

function remember(good: Set<string>, token: string): void {
  good.delete(token);
  good.add(token);
  if (good.size <= LIMITS.knownTokens) return;
  for (const oldest of good) return void good.delete(oldest);
}
