/**
 * Access tokens of an OpenID Connect issuer, as JSON Web Tokens (RFC 9068), verified with the keys that it publishes.
 */
import { createRemoteJWKSet, errors, jwtVerify, type JWTPayload, type JWTVerifyGetKey } from 'jose';
import { TENANT_ID, type Principal } from '#subgraphs/shared/context.ts';
import { storeUnavailable } from '#subgraphs/shared/errors.ts';
import { AUTH } from '#gateway/bounds/auth.ts';
import { bearerToken, unauthenticated, type Authenticator } from './authenticator.ts';

export interface OidcOptions {
  /** As the issuer writes itself in `iss`. */
  issuer: string;
  /** What `aud` must contain. */
  audience: string;
  /** The claim that names the tenant: a claim's name, or names joined by dots into objects. */
  tenantClaim: string;
  rolesClaim: string;
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
        ({ payload } = await jwtVerify(token, await issuerKeys(), {
          issuer: options.issuer,
          audience: options.audience,
          algorithms: ALGORITHMS,
          clockTolerance: options.clockSkewSeconds,
          requiredClaims: ['sub', 'exp'],
        }));
      } catch (error) {
        throw toAuthenticationError(error);
      }
      return principalOf(payload, options);
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

function toAuthenticationError(error: unknown): Error {
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

function principalOf(payload: JWTPayload, options: OidcOptions): Principal {
  const tenantId = claim(payload, options.tenantClaim);
  if (typeof tenantId !== 'string' || !TENANT_ID.test(tenantId)) {
    throw unauthenticated(`The access token names no valid tenant in its claim \`${options.tenantClaim}\`.`);
  }
  return Object.freeze({
    tenantId,
    subject: payload.sub!,
    roles: texts(claim(payload, options.rolesClaim)),
    scopes: texts(payload['scope'] ?? payload['scp']),
    expiresAt: (payload.exp! + options.clockSkewSeconds) * 1_000,
  });
}

/** Claims may themselves have dots in their names (`https://example.com/tenant`), so the whole name is tried first. */
function claim(payload: JWTPayload, name: string): unknown {
  if (Object.hasOwn(payload, name)) return payload[name];
  let value: unknown = payload;
  for (const part of name.split('.')) {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, part)) return undefined;
    value = (value as Record<string, unknown>)[part];
  }
  return value;
}

function texts(value: unknown): readonly string[] {
  if (typeof value === 'string') return value.split(' ').filter((text) => text !== '');
  return Array.isArray(value) ? value.filter((text): text is string => typeof text === 'string') : [];
}
