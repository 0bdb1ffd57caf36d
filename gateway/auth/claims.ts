/**
 * Who a caller is, by the claims of a verified token: of a JSON Web Token, or of what the issuer tells about an opaque one.
 */
import type { Principal } from '#subgraphs/shared/context.ts';
import { isSubject } from '#subgraphs/shared/subject.ts';
import { TENANT_NAME, tenantIdOf } from '#subgraphs/shared/tenant-id.ts';
import { unauthenticated } from './authenticator.ts';

/**
 * Where claims are, as paths: names joined by dots. A name may itself have dots (`https://example.com/tenant`, or
 * Keycloak’s `resource_access.my.client.roles`): the longest name that is there is taken.
 */
export interface ClaimPaths {
  /** The first of them that the token has names the tenant: a text, or a list of one. */
  readonly tenantClaims: readonly string[];
  /** The first of them that the token has names the project, as a tenant is named. A token without any is of none. @default [] */
  readonly projectClaims?: readonly string[];
  /** Roles of all of them: lists, whose items are taken as they are, or texts with spaces between roles. */
  readonly rolesClaims: readonly string[];
  /** Scopes of all of them: texts with spaces between scopes (RFC 6749, section 3.3), or lists. */
  readonly scopesClaims: readonly string[];
}

export type Claims = Readonly<Record<string, unknown>>;

/**
 * @param expiresAt when the principal is nobody any longer, in milliseconds since 1970
 * @throws CodedError `UNAUTHENTICATED` when subject, tenant or project cannot be told
 */
export function principalOf(claims: Claims, paths: ClaimPaths, expiresAt?: number): Principal {
  const client = claims['azp'] ?? claims['client_id'];
  return Object.freeze({
    ...(typeof client === 'string' && CLIENT.test(client) ? { client } : {}),
    tenantId: tenantIdOf(tenantNamed(claims, paths.tenantClaims), projectNamed(claims, paths.projectClaims ?? [])),
    subject: subjectOf(claims['sub']),
    roles: Object.freeze(unique(paths.rolesClaims.flatMap((path) => rolesOf(claimAt(claims, path))))),
    scopes: Object.freeze(unique(paths.scopesClaims.flatMap((path) => scopesOf(claimAt(claims, path))))),
    ...(expiresAt === undefined ? {} : { expiresAt }),
  });
}

/** RFC 6749, appendix A.1: VSCHAR. */
const CLIENT = /^[\x20-\x7e]+$/;

/**
 * Subjects that begin with `system:` are ours: what the gateway does itself, and callers who have not said who they are. So are
 * ids of API keys.
 * @throws CodedError `UNAUTHENTICATED`
 */
function subjectOf(sub: unknown): string {
  if (!isSubject(sub)) throw unauthenticated("The access token's claim `sub` is not accepted here.");
  return sub;
}

function tenantNamed(claims: Claims, paths: readonly string[]): string {
  const tenant = valueOf(claims, paths);
  if (!isName(tenant)) throw unauthenticated(`The access token names no valid tenant in its claim ${either(paths)}.`);
  return tenant;
}

/** Never of the tenant itself what names a project badly: that would be other data than its issuer meant. */
function projectNamed(claims: Claims, paths: readonly string[]): string | undefined {
  const project = valueOf(claims, paths);
  if (project === undefined || project === null) return undefined;
  if (!isName(project))
    throw unauthenticated(
      `The access token names no valid project in its claim ${either(paths)}.`,
      'A token is of one project, or without the claim of none. Names have letters, digits, `_` and `-`: 63 at most.',
    );
  return project;
}

function valueOf(claims: Claims, paths: readonly string[]): unknown {
  const value = paths.map((path) => claimAt(claims, path)).find((found) => found !== undefined && found !== null);
  // Keycloak’s attributes and organizations are lists, also of one.
  const [only] = Array.isArray(value) && value.length === 1 ? (value as unknown[]) : [];
  return typeof only === 'string' ? only : value;
}

const isName = (value: unknown): value is string => typeof value === 'string' && TENANT_NAME.test(value);
const either = (paths: readonly string[]): string => paths.map((path) => `\`${path}\``).join(' or ');

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
/** Each once, in the order in which they come. */
export const unique = (texts: readonly string[]): string[] => [...new Set(texts)];
