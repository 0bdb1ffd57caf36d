/**
 * API keys: what agents and services present in the place of a token, about which the store that keeps them is asked. A key has
 * scopes of its own and no roles, so that nothing is granted to it behind the back of whoever made it.
 */
import { API_KEY_MARK, readApiKey, type PresentedKey } from '#subgraphs/shared/api-key.ts';
import type { Principal } from '#subgraphs/shared/context.ts';
import type { KnownKey } from '#subgraphs/shared/ports.ts';
import { unauthenticated, type KeyAuthenticator } from './authenticator.ts';
import { KeyVerdicts, type KeyVerdictsOptions } from './key-verdicts.ts';
import { KeyWatch } from './key-watch.ts';

export interface ApiKeys extends KeyAuthenticator {
  /** Ends nothing that is open by a key any longer. */
  close(): void;
}

export function apiKeys(options: KeyVerdictsOptions): ApiKeys {
  const verdicts = new KeyVerdicts(options);
  const watch = new KeyWatch(verdicts);
  return {
    presentedBy(authorization, asked) {
      const bearer = /^Bearer +(\S+)\s*$/i.exec(authorization ?? '')?.[1];
      const header = asked?.headers['x-api-key'];
      const presented = [bearer, header].filter((text): text is string => typeof text === 'string' && isApiKey(text));
      const [key, other = key] = presented;
      if (key !== other)
        throw unauthenticated('The request presents two API keys.', 'Send one, as `Authorization: Bearer <key>`.');
      return key;
    },
    async principalOf(text) {
      const key = readApiKey(text);
      const known = key === undefined ? undefined : await verdicts.verdict(key);
      if (known === undefined || known.expiresAt <= Date.now())
        throw unauthenticated(
          'The API key is not valid.',
          'It is not whole, was not made here, is revoked or has expired. Make another (`createApiKey`, or `npm run keys`).',
        );
      return principal(key!, known, watch);
    },
    close: () => watch.close(),
  };
}

/** Whether a text means to be an API key. */
export const isApiKey = (text: string): boolean => text.startsWith(API_KEY_MARK);

const principal = (key: PresentedKey, { id, tenantId, scopes, expiresAt }: KnownKey, watch: KeyWatch): Principal =>
  Object.freeze({
    tenantId,
    subject: id,
    roles: Object.freeze([]),
    scopes: Object.freeze([...scopes]),
    expiresAt,
    session: { onEnd: (act: () => void) => watch.onEnd(key, act) },
  });
