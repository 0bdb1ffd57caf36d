/**
 * The caller's identity between the gateway and its own subgraphs that run as servers of their own: a token signed
 * with a shared secret, for one subgraph, for one minute. It is never sent to foreign subgraphs.
 */
import { errors, jwtVerify, SignJWT, type JWTPayload } from 'jose';
import type { Principal } from '#subgraphs/shared/context.ts';
import { isTenantId } from '#subgraphs/shared/tenant-id.ts';
import { AUTH } from '#gateway/bounds/auth.ts';
import { bearerToken, unauthenticated, type Authenticator } from './authenticator.ts';

const ISSUER = 'tributary-gateway';
const audienceOf = (subgraph: string): string => `tributary-subgraph:${subgraph}`;

export interface InternalTokens {
  /** Signs what `principal` is for `subgraph`, `system` included. Valid for 60 seconds. */
  mint(principal: Principal, subgraph: string): Promise<string>;
  /** Accepts tokens that were minted for `subgraph`. */
  verifier(subgraph: string): Authenticator;
}

/**
 * @param secret at least 32 bytes, the same in every process
 * @param also another one that is accepted: what was signed with while processes are given a new one, one after the other
 */
export function internalTokens(secret: string, also?: string): InternalTokens {
  const key = new TextEncoder().encode(secret);
  const accepted = also === undefined ? [key] : [key, new TextEncoder().encode(also)];
  const verify = async (token: string, subgraph: string): Promise<JWTPayload> => {
    const options = {
      issuer: ISSUER,
      audience: audienceOf(subgraph),
      algorithms: ['HS256'],
      typ: 'tributary-internal+jwt',
      clockTolerance: AUTH.internalSkewSeconds,
      maxTokenAge: `${AUTH.internalTokenSeconds}s`,
      requiredClaims: ['sub', 'exp'],
    };
    for (const [index, candidate] of accepted.entries()) {
      try {
        return (await jwtVerify(token, candidate, options)).payload;
      } catch (error) {
        const isLast = index === accepted.length - 1;
        if (isLast || !(error instanceof errors.JWSSignatureVerificationFailed)) throw error;
      }
    }
    throw new errors.JWTInvalid('There is no secret.');
  };
  return {
    mint: (principal, subgraph) =>
      new SignJWT({
        tenant: principal.tenantId,
        roles: principal.roles,
        scopes: principal.scopes,
        ...(principal.system === true ? { system: true } : {}),
        ...(principal.anonymous === true ? { anonymous: true } : {}),
      })
        .setProtectedHeader({ alg: 'HS256', typ: 'tributary-internal+jwt' })
        .setSubject(principal.subject)
        .setIssuer(ISSUER)
        .setAudience(audienceOf(subgraph))
        .setIssuedAt()
        .setExpirationTime(`${AUTH.internalTokenSeconds}s`)
        .sign(key),
    verifier: (subgraph) => ({
      async authenticate(authorization) {
        const token = bearerToken(authorization);
        try {
          const { tenant, roles, scopes, system, anonymous, sub } = (await verify(token, subgraph)) as Record<
            string,
            unknown
          >;
          if (typeof tenant !== 'string' || !isTenantId(tenant)) throw new errors.JWTInvalid('The tenant is missing.');
          return Object.freeze({
            tenantId: tenant,
            subject: sub as string,
            roles: (roles as string[] | undefined) ?? [],
            scopes: (scopes as string[] | undefined) ?? [],
            ...(system === true ? { system: true } : {}),
            ...(anonymous === true ? { anonymous: true } : {}),
          });
        } catch (error) {
          throw unauthenticated(
            'The internal token is not valid here.',
            'Set the same INTERNAL_TOKEN_SECRET on the gateway and its subgraphs.',
            error,
          );
        }
      },
    }),
  };
}
