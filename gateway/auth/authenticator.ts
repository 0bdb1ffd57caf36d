/** Who a request comes from: the one way to a `Principal`. */
import type { IncomingMessage } from 'node:http';
import type { Principal } from '#subgraphs/shared/context.ts';
import { CodedError } from '#subgraphs/shared/errors.ts';
import { ALL_SCOPES } from '#subgraphs/shared/scopes.ts';
import { scopesOfRoles, type RoleScopes } from './role-scopes.ts';

/** A request, for what its connection and a proxy in front tell of who asks. Of a WebSocket, the one that opened it. */
export type Asked = Pick<IncomingMessage, 'headers' | 'rawHeaders'> & {
  readonly socket: Pick<IncomingMessage['socket'], 'remoteAddress'>;
};

export interface Authenticator {
  /**
   * Verifies what a caller presents.
   * @param authorization the `Authorization` header's value (over WebSocket: `connectionParams.authorization`)
   * @param asked the request; absent for what no request is behind, such as a page's own questions
   * @throws CodedError `UNAUTHENTICATED`; `STORE_UNAVAILABLE` when the identity provider cannot be asked
   */
  authenticate(authorization: string | undefined, asked?: Asked): Promise<Principal>;
}

/** Whom the server takes everybody for in development mode, where only this machine can reach it. */
export const DEVELOPER: Principal = Object.freeze({
  tenantId: 'default',
  subject: 'developer',
  roles: [],
  scopes: ALL_SCOPES,
});

/** Development mode: nobody is asked. The listener is bound to loopback, and pages of other origins are refused. */
function developmentAuthenticator(onIgnored: (() => void) | undefined): Authenticator {
  let told = false;
  return {
    async authenticate(authorization) {
      if (authorization && !told) {
        told = true;
        onIgnored?.();
      }
      return DEVELOPER;
    },
  };
}

/** Tells whose API keys are. */
export interface KeyAuthenticator {
  /**
   * The key that a request presents, whether or not it holds: as a bearer token, else as `X-API-Key`. What has not the form
   * of one is no key: a proxy may have keys of its own.
   * @throws CodedError `UNAUTHENTICATED` for two that differ
   */
  presentedBy(authorization: string | undefined, asked: Asked | undefined): string | undefined;
  /** @throws CodedError `UNAUTHENTICATED`; `STORE_UNAVAILABLE`, `STORE_TIMEOUT` when it cannot be looked up */
  principalOf(key: string): Promise<Principal>;
}

/** Ways in which it can be told who asks. Without tokens and proxies everybody is the developer who presents no key. */
export interface WaysToTell {
  /** Of those who present an API key, whatever else they present. */
  readonly keys?: KeyAuthenticator | undefined;
  /** Whether nobody is told by anything else, and nobody is the developer. @default false */
  readonly onlyKeys?: boolean;
  /** Of those who send a token. */
  readonly tokens?: Authenticator | undefined;
  /** Of those for whom a proxy speaks; gives undefined where none does. */
  readonly forwarded?: ((asked: Asked | undefined) => Principal | undefined) | undefined;
  /** The tenant of those of whom nothing is told; without one they are refused. */
  readonly anonymousTenant?: string | undefined;
  /** What roles are granted besides the scopes of a token. @default nothing */
  readonly roleScopes?: RoleScopes;
  /** Told once, in development mode, that somebody presents what nobody looks at. */
  readonly onIgnored?: (() => void) | undefined;
}

/**
 * Tells by an API key or a bearer token where one is sent, since that is what the client chose; else by the word of
 * a proxy. Whoever presents nothing is nobody in particular of `anonymousTenant`; what is presented must hold all the same.
 */
export function authenticatorBy({ keys, ...ways }: WaysToTell): Authenticator {
  const others = withoutKeys(ways);
  if (keys === undefined) return others;
  return {
    async authenticate(authorization, asked) {
      const key = keys.presentedBy(authorization, asked);
      // Without what roles and everybody are granted: a key has what its maker gave it.
      return key === undefined ? await others.authenticate(authorization, asked) : await keys.principalOf(key);
    },
  };
}

function withoutKeys({
  tokens,
  forwarded,
  anonymousTenant,
  roleScopes = {},
  onlyKeys = false,
  onIgnored,
}: Omit<WaysToTell, 'keys'>): Authenticator {
  if (tokens === undefined && forwarded === undefined && !onlyKeys) return developmentAuthenticator(onIgnored);
  const anonymous = anonymousTenant === undefined ? undefined : anonymousOf(anonymousTenant);
  return {
    async authenticate(authorization, asked) {
      const isBearer = authorization !== undefined && /^Bearer /i.test(authorization);
      const principal = tokens !== undefined && isBearer ? undefined : forwarded?.(asked);
      if (principal !== undefined) return scopesOfRoles(principal, roleScopes);
      const isNothing = authorization === undefined || authorization === '';
      if (anonymous !== undefined && isNothing) return anonymous;
      if (tokens !== undefined) return scopesOfRoles(await tokens.authenticate(authorization, asked), roleScopes);
      if (onlyKeys)
        throw unauthenticated(
          isNothing ? 'No API key was sent.' : 'What was sent is no API key.',
          'Send `Authorization: Bearer <key>`, or `X-API-Key: <key>`; keys begin with `trk_`.',
        );
      throw unauthenticated(
        'The request does not come by a proxy that has signed its user in.',
        'Ask by the address of that proxy. Its word counts where TRUSTED_PROXIES has the address that it connects from.',
      );
    },
  };
}

const anonymousOf = (tenantId: string): Principal =>
  Object.freeze({ tenantId, subject: 'system:anonymous', roles: [], scopes: [], anonymous: true });

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

/** A token that holds but for its time: whose it was is known. */
export class EndedToken extends CodedError {
  readonly of: Pick<Principal, 'tenantId' | 'subject'>;

  constructor({ tenantId, subject }: Pick<Principal, 'tenantId' | 'subject'>, cause: unknown) {
    super('UNAUTHENTICATED', 'The access token has expired.', { hint: 'Get a new one.', cause });
    this.of = { tenantId, subject };
  }
}

export const unauthenticated = (message: string, hint?: string, cause?: unknown): CodedError =>
  new CodedError('UNAUTHENTICATED', message, { hint, cause });
