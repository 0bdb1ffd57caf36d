/**
 * Access tokens of an OpenID Connect issuer: JSON Web Tokens (RFC 9068), verified with the keys that it publishes, and
 * others, about which it is asked.
 */
import { createRemoteJWKSet, decodeProtectedHeader, errors, jwtVerify } from 'jose';
import { CodedError, storeUnavailable } from '#subgraphs/shared/errors.ts';
import { AUTH } from '#gateway/bounds/auth.ts';
import type { BoundValues } from '#subgraphs/shared/bound.ts';
import { checkType } from './access-token-type.ts';
import { EndedToken, bearerToken, unauthenticated, type Authenticator } from './authenticator.ts';
import { principalOf, type ClaimPaths } from './claims.ts';
import { introspection } from './introspection.ts';
import { issuerMetadata } from './issuer-metadata.ts';
import { VerifiedTokens } from './verified-tokens.ts';

/** Bounds are said in `AUTH` (gateway/bounds/auth.ts), with their defaults. */
export interface OidcOptions extends ClaimPaths, Partial<BoundValues<typeof AUTH>> {
  /** As the issuer writes itself in `iss`. */
  issuer: string;
  /** What `aud` must contain. */
  audience: string;
  /** By how much clocks may differ. */
  clockSkewSeconds: number;
  /** Which tokens the issuer is asked about (RFC 7662). @default none: all must be signed */
  introspection?: {
    /** Those that are no signed JSON Web Tokens, or all. */
    readonly tokens: 'opaque' | 'all';
    /** Where to ask; undefined for where its metadata say. */
    readonly url: string | undefined;
    readonly clientId: string;
    clientSecret(): string;
  };
}

export interface OidcAuthenticator extends Authenticator {
  /** Ends its connections to the issuer. */
  close(): Promise<void>;
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
export function oidcAuthenticator(options: OidcOptions): OidcAuthenticator {
  const timeoutMs = options.oidcTimeoutMs ?? AUTH.oidcTimeoutMs;
  const metadata = issuerMetadata(options.issuer, timeoutMs);
  const { introspection: asked } = options;
  const introspected = asked === undefined ? undefined : introspection({ ...options, ...asked, metadata });
  const verifiedTokens = new VerifiedTokens(options.verifiedTokens ?? AUTH.verifiedTokens, options.clockSkewSeconds);
  let keys: ReturnType<typeof createRemoteJWKSet> | undefined;
  const issuerKeys = async (): Promise<NonNullable<typeof keys>> => {
    const { jwksUri } = await metadata();
    return (keys ??= createRemoteJWKSet(new URL(jwksUri), {
      timeoutDuration: timeoutMs,
      cooldownDuration: AUTH.oidcCooldownMs,
      cacheMaxAge: options.oidcKeysMs ?? AUTH.oidcKeysMs,
    }));
  };

  return {
    async authenticate(authorization) {
      const token = bearerToken(authorization);
      if (introspected !== undefined && (asked!.tokens === 'all' || !isSigned(token)))
        return await introspected.principal(token);
      try {
        const currentKey = await issuerKeys();
        const known = await verifiedTokens.principal(token, currentKey);
        if (known !== undefined) return known;
        const verified = await jwtVerify(token, currentKey, {
          issuer: options.issuer,
          audience: options.audience,
          algorithms: ALGORITHMS,
          clockTolerance: options.clockSkewSeconds,
          requiredClaims: ['sub', 'exp'],
        });
        const { protectedHeader, payload } = verified;
        checkType(protectedHeader.typ, payload);
        const principal = principalOf(payload, options, (payload.exp! + options.clockSkewSeconds) * 1_000);
        verifiedTokens.keep(token, principal, verified);
        return principal;
      } catch (error) {
        throw endedToken(error, options) ?? toAuthenticationError(error);
      }
    },
    close: async () => await introspected?.close(),
  };
}

/** A token that says itself what it is: a signed JSON Web Token. Encrypted ones are the issuer’s to read. */
const isSigned = (token: string): boolean => {
  try {
    return token.split('.').length === 3 && decodeProtectedHeader(token).alg !== undefined;
  } catch {
    return false;
  }
};

/** Of a token whose time is over all else has been verified before. */
function endedToken(error: unknown, options: OidcOptions): EndedToken | undefined {
  if (!(error instanceof errors.JWTExpired) || error.claim !== 'exp') return undefined;
  try {
    return new EndedToken(principalOf(error.payload, options, 0), error);
  } catch {
    return undefined; // It says of nobody whose it was.
  }
}

function toAuthenticationError(error: unknown): Error {
  if (error instanceof CodedError) return error;
  if (error instanceof errors.JWTExpired)
    return unauthenticated('The access token has expired.', 'Get a new one.', error);
  if (error instanceof errors.JWTClaimValidationFailed)
    return unauthenticated(`The access token's claim \`${error.claim}\` is not accepted here.`, undefined, error);
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
