/** Who a request comes from: the one way to a `Principal`. */
import type { Principal } from '#subgraphs/shared/context.ts';
import { CodedError } from '#subgraphs/shared/errors.ts';

export interface Authenticator {
  /**
   * Verifies what a caller presents.
   * @param authorization the `Authorization` header's value (over WebSocket: `connectionParams.authorization`)
   * @throws CodedError `UNAUTHENTICATED`; `STORE_UNAVAILABLE` when the identity provider cannot be asked
   */
  authenticate(authorization: string | undefined): Promise<Principal>;
}

/** Whom the server takes everybody for in development mode, where only this machine can reach it. */
export const DEVELOPER: Principal = Object.freeze({ tenantId: 'default', subject: 'developer', roles: [], scopes: [] });

/** Development mode: nobody is asked. The listener is bound to loopback, and pages of other origins are refused. */
export const developmentAuthenticator: Authenticator = { authenticate: async () => DEVELOPER };

/** Takes whoever presents nothing for nobody in particular of `tenantId`; what is presented must be valid all the same. */
export function orAnonymous(known: Authenticator, tenantId: string): Authenticator {
  const anonymous: Principal = Object.freeze({
    tenantId,
    subject: 'system:anonymous',
    roles: [],
    scopes: [],
    anonymous: true,
  });
  return {
    authenticate: async (authorization) =>
      authorization === undefined || authorization === '' ? anonymous : await known.authenticate(authorization),
  };
}

/**
 * The token of `Authorization: Bearer <token>`.
 * @throws CodedError `UNAUTHENTICATED` when there is none
 */
export function bearerToken(authorization: string | undefined): string {
  if (authorization === undefined || authorization === '') {
    throw unauthenticated('No access token was sent.', 'Send `Authorization: Bearer <access token>`.');
  }
  const token = /^Bearer +([A-Za-z0-9._~+/-]+=*)$/i.exec(authorization)?.[1];
  if (token === undefined)
    throw unauthenticated('The authorization is not a bearer token.', 'Send `Authorization: Bearer <access token>`.');
  return token;
}

export const unauthenticated = (message: string, hint?: string, cause?: unknown): CodedError =>
  new CodedError('UNAUTHENTICATED', message, { hint, cause });
