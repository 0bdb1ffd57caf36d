/**
 * Who a caller is, by the claims of a verified token: of a JSON Web Token, or of what the issuer tells about an opaque one.
 */
import { TENANT_ID, type Principal } from '#subgraphs/shared/context.ts';
import { unauthenticated } from './authenticator.ts';

/**
 * Where claims are, as paths: names joined by dots. A name may itself have dots (`https://example.com/tenant`, or
 * Keycloak’s `resource_access.my.client.roles`): the longest name that is there is taken.
 */
export interface ClaimPaths {
  /** The first of them that the token has names the tenant: a text, or a list of one. */
  readonly tenantClaims: readonly string[];
  /** Roles of all of them: lists, whose items are taken as they are, or texts with spaces between roles. */
  readonly rolesClaims: readonly string[];
  /** Scopes of all of them: texts with spaces between scopes (RFC 6749, section 3.3), or lists. */
  readonly scopesClaims: readonly string[];
}

export type Claims = Readonly<Record<string, unknown>>;

/**
 * @param expiresAt when the principal is nobody any longer, in milliseconds since 1970
 * @throws CodedError `UNAUTHENTICATED` when subject or tenant cannot be told
 */
export function principalOf(claims: Claims, paths: ClaimPaths, expiresAt?: number): Principal {
  return Object.freeze({
    tenantId: tenantOf(claims, paths.tenantClaims),
    subject: subjectOf(claims['sub']),
    roles: Object.freeze(unique(paths.rolesClaims.flatMap((path) => rolesOf(claimAt(claims, path))))),
    scopes: Object.freeze(unique(paths.scopesClaims.flatMap((path) => scopesOf(claimAt(claims, path))))),
    ...(expiresAt === undefined ? {} : { expiresAt }),
  });
}

/**
 * Subjects that begin with `system:` are ours: what the gateway does itself, and callers who have not said who they are.
 * @throws CodedError `UNAUTHENTICATED`
 */
function subjectOf(sub: unknown): string {
  if (typeof sub !== 'string' || sub.trim() === '' || /^\s*system:/i.test(sub))
    throw unauthenticated('The access token’s claim `sub` is not accepted here.');
  return sub;
}

function tenantOf(claims: Claims, paths: readonly string[]): string {
  const value = paths.map((path) => claimAt(claims, path)).find((found) => found !== undefined && found !== null);
  // Keycloak’s attributes and organizations are lists, also of one.
  const tenant: unknown = Array.isArray(value) && value.length === 1 ? value[0] : value;
  if (typeof tenant !== 'string' || !TENANT_ID.test(tenant))
    throw unauthenticated(
      `The access token names no valid tenant in its claim ${paths.map((path) => `\`${path}\``).join(' or ')}.`,
    );
  return tenant;
}

/** @returns undefined where nothing is there */
function claimAt(value: unknown, path: string): unknown {
  if (typeof value !== 'object' || value === null) return undefined;
  if (Object.hasOwn(value, path)) return (value as Claims)[path];
  for (let dot = path.lastIndexOf('.'); dot > 0; dot = path.lastIndexOf('.', dot - 1)) {
    const name = path.slice(0, dot);
    const found = Object.hasOwn(value, name) ? claimAt((value as Claims)[name], path.slice(dot + 1)) : undefined;
    if (found !== undefined) return found;
  }
  return undefined;
}

const rolesOf = (value: unknown): string[] => (typeof value === 'string' ? words(value) : textsOf(value));
const scopesOf = (value: unknown): string[] =>
  typeof value === 'string' ? words(value) : textsOf(value).flatMap(words);

const words = (text: string): string[] => text.split(/\s+/).filter((word) => word !== '');
const textsOf = (value: unknown): string[] =>
  Array.isArray(value) ? value.filter((text): text is string => typeof text === 'string' && text !== '') : [];
const unique = (texts: string[]): string[] => [...new Set(texts)];
