/**
 * Access tokens of an OpenID Connect issuer, as JSON Web Tokens (RFC 9068), verified with the keys that it publishes.
 */
import {
  createRemoteJWKSet,
  errors,
  jwtVerify,
  type JWTPayload,
  type JWTVerifyGetKey,
  type JWTVerifyResult,
} from 'jose';
import { CodedError, storeUnavailable } from '#subgraphs/shared/errors.ts';
import { AUTH } from '#gateway/bounds/auth.ts';
import { bearerToken, unauthenticated, type Authenticator } from './authenticator.ts';
import { principalOf, type ClaimPaths } from './claims.ts';

export interface OidcOptions extends ClaimPaths {
  /** As the issuer writes itself in `iss`. */
  issuer: string;
  /** What `aud` must contain. */
  audience: string;
  /** By how much clocks may differ. */
  clockSkewSeconds: number;
  /** Longest time for one request to the issuer, in milliseconds. Default: `AUTH.oidcTimeoutMs`. */
  oidcTimeoutMs?: number;
  /** How long its keys are taken for current, in milliseconds. Default: `AUTH.oidcKeysMs`. */
  oidcKeysMs?: number;
}

// Symmetric algorithms are absent on purpose: a public key must never serve as a shared secret.
const ALGORITHMS = [
  'RS256',
  'RS384',
  'RS512',
  'PS256',
  'PS384',
  'PS512',
  'ES256',
  'ES384',
  'ES512',
  'EdDSA',
  'Ed25519',
];

/** Verifies tokens of one issuer. Its metadata and keys are fetched on first use and cached; a failure is not. */
export function oidcAuthenticator(options: OidcOptions): Authenticator {
  const timeoutMs = options.oidcTimeoutMs ?? AUTH.oidcTimeoutMs;
  let keys: Promise<JWTVerifyGetKey> | undefined;
  const issuerKeys = (): Promise<JWTVerifyGetKey> =>
    (keys ??= discoverKeys(options.issuer, timeoutMs, options.oidcKeysMs ?? AUTH.oidcKeysMs).catch((error: unknown) => {
      keys = undefined;
      throw error;
    }));

  return {
    async authenticate(authorization) {
      const token = bearerToken(authorization);
      let payload: JWTPayload;
      try {
        const verified = await jwtVerify(token, await issuerKeys(), {
          issuer: options.issuer,
          audience: options.audience,
          algorithms: ALGORITHMS,
          clockTolerance: options.clockSkewSeconds,
          requiredClaims: ['sub', 'exp'],
        });
        checkType(verified);
        payload = verified.payload;
      } catch (error) {
        throw toAuthenticationError(error);
      }
      return principalOf(payload, options, (payload.exp! + options.clockSkewSeconds) * 1_000);
    },
  };
}

async function discoverKeys(issuer: string, timeoutMs: number, keysMs: number): Promise<JWTVerifyGetKey> {
  const address = `${issuer.replace(/\/$/, '')}/.well-known/openid-configuration`;
  const response = await fetch(address, {
    signal: AbortSignal.timeout(timeoutMs),
    redirect: 'error',
    headers: { accept: 'application/json' },
  });
  if (!response.ok) throw new Error(`${address} answered ${response.status}.`);
  const metadata = (await response.json()) as { issuer?: unknown; jwks_uri?: unknown };
  // OpenID Connect Discovery 1.0, section 4.3: the two must be identical.
  if (metadata.issuer !== issuer)
    throw new Error(`${address} is the metadata of another issuer (${JSON.stringify(metadata.issuer)}).`);
  if (typeof metadata.jwks_uri !== 'string') throw new Error(`${address} names no jwks_uri.`);
  return createRemoteJWKSet(new URL(metadata.jwks_uri), {
    timeoutDuration: timeoutMs,
    cooldownDuration: AUTH.oidcCooldownMs,
    cacheMaxAge: keysMs,
  });
}

/**
 * An access token and nothing else that the issuer signs: ID tokens are for the client that the user signed in to, logout
 * tokens for ending sessions. RFC 9068 names the type; issuers that do not (Keycloak and others say `JWT`) are told apart by
 * what only the others have.
 */
function checkType({ protectedHeader: { typ }, payload }: JWTVerifyResult): void {
  const type = typ?.toLowerCase().replace(/^application\//, '');
  // Keycloak says it in the payload; before version 25 its access tokens had a nonce too.
  if (type === 'at+jwt' || ((type === undefined || type === 'jwt') && payload['typ'] === 'Bearer')) return;
  const isOther =
    (type !== undefined && type !== 'jwt') ||
    OF_OTHERS.some((claim) => Object.hasOwn(payload, claim)) ||
    payload['typ'] === 'ID' ||
    payload['typ'] === 'Refresh' ||
    payload['typ'] === 'Logout';
  if (isOther) throw unauthenticated('The token is no access token.', 'Send the access token, not the ID token.');
}

/** Claims of ID tokens (OpenID Connect Core, sections 2 and 3.1.3.6) and of logout tokens (Back-Channel Logout, section 2.4). */
const OF_OTHERS = ['at_hash', 'c_hash', 'nonce', 'events'];

function toAuthenticationError(error: unknown): Error {
  if (error instanceof CodedError) return error;
  if (error instanceof errors.JWTExpired)
    return unauthenticated('The access token has expired.', 'Get a new one.', error);
  if (error instanceof errors.JWTClaimValidationFailed)
    return unauthenticated(`The access token’s claim \`${error.claim}\` is not accepted here.`, undefined, error);
  if (error instanceof errors.JWKSTimeout) return storeUnavailable('The identity provider', error);
  if (error instanceof errors.JOSEError && !/Expected 200 OK|Failed to parse/.test(error.message)) {
    return unauthenticated('The access token is not valid.', undefined, error);
  }
  // Whatever is left happened between here and the issuer, and says nothing about the token.
  return storeUnavailable(
    'The identity provider',
    error,
    'Check OIDC_ISSUER and that the issuer can be reached from here.',
  );
}
