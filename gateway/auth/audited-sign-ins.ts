/** Telling who asks, and taking down who presents what no longer holds. */
import { readApiKey } from '#subgraphs/shared/api-key.ts';
import { createRequestContext } from '#subgraphs/shared/context.ts';
import { CodedError } from '#subgraphs/shared/errors.ts';
import type { KeyStore } from '#subgraphs/shared/ports.ts';
import { AUTH } from '#gateway/bounds/auth.ts';
import { EndedToken, type Asked, type Authenticator, type KeyAuthenticator } from './authenticator.ts';
import type { RefusedActions } from './refused-actions.ts';

type Authenticate = Authenticator['authenticate'];

export interface AuditedSignInsOptions {
  readonly refused: Pick<RefusedActions, 'note'>;
  readonly keys: Pick<KeyAuthenticator, 'presentedBy'> | undefined;
  /** Who knows whose a key was. */
  store(): KeyStore | undefined;
  addressOf(asked: Asked): string | undefined;
  /** Told what could not be found out. */
  log(message: string, error: unknown): void;
}

/**
 * The same authentication. Of tokens and keys that have ended it is known whose they were, since their signature or their hash
 * holds; what was made up has no tenant in whose log it could stand.
 */
export function auditedSignIns(
  authenticate: Authenticate,
  { refused, keys, store, addressOf, log }: AuditedSignInsOptions,
): Authenticate {
  let looking = 0;
  const noteKey = async (text: string, address: string | undefined): Promise<void> => {
    const key = readApiKey(text);
    const known = store();
    if (key === undefined || known === undefined || looking >= AUTH.auditLookUps) return;
    looking += 1;
    try {
      const principal = { tenantId: 'system', subject: 'system:audit', roles: [], scopes: [], system: true };
      const signal = AbortSignal.timeout(AUTH.auditTimeoutMs);
      const ended = await known.ended(createRequestContext(principal, { signal }), key);
      if (ended === undefined) return;
      const { tenantId, id, reason } = ended;
      refused.note({ tenantId, subject: id, action: SIGN_IN, code: 'UNAUTHENTICATED', reason, address });
    } catch (error) {
      log('It could not be found out whose an API key was.', error);
    } finally {
      looking -= 1;
    }
  };
  return async (authorization, asked) => {
    try {
      return await authenticate(authorization, asked);
    } catch (error) {
      if (!(error instanceof CodedError) || error.code !== 'UNAUTHENTICATED') throw error;
      const address = asked === undefined ? undefined : addressOf(asked);
      if (error instanceof EndedToken)
        refused.note({ ...error.of, action: SIGN_IN, code: error.code, reason: 'expired', address });
      else {
        const key = presentedKey(keys, authorization, asked);
        if (key !== undefined) void noteKey(key, address);
      }
      throw error;
    }
  };
}

const SIGN_IN = 'sign-in';

function presentedKey(
  keys: AuditedSignInsOptions['keys'],
  authorization: string | undefined,
  asked: Asked | undefined,
): string | undefined {
  try {
    return keys?.presentedBy(authorization, asked);
  } catch {
    return undefined; // Two that differ: refused for that.
  }
}
