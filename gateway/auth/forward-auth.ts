/**
 * Who a caller is by the word of a proxy that has signed him in and says so in headers, as Authelia
 * (`Remote-User`, `Remote-Groups`) and oauth2-proxy (`X-Auth-Request-User`, `X-Auth-Request-Groups`) do.
 */
import type { Principal } from '#subgraphs/shared/context.ts';
import { badUserInput } from '#subgraphs/shared/errors.ts';
import { isSubject } from '#subgraphs/shared/subject.ts';
import { TENANT_NAME, tenantIdOf } from '#subgraphs/shared/tenant-id.ts';
import { unauthenticated, type Asked } from './authenticator.ts';
import { unique } from './claims.ts';
import type { TrustedProxies } from './trusted-proxies.ts';

export interface ForwardAuthOptions {
  readonly proxies: TrustedProxies;
  /** The header that names the user, in lower case. */
  readonly userHeader: string;
  /** The header that lists roles (groups), with commas between them. */
  readonly rolesHeader: string | undefined;
  /** Where the tenant is from. */
  readonly tenant: ForwardedTenant;
  /** The header that names the project, in lower case; who comes without it is of none. */
  readonly projectHeader?: string | undefined;
  /** After how long a stream must come again, in milliseconds: the proxy tells nobody when a session ends. */
  readonly sessionMs: number;
}

/** A header that names it, the role that is its name behind a prefix, or the same for everybody. */
export type ForwardedTenant =
  { readonly header: string } | { readonly rolePrefix: string } | { readonly always: string };

/**
 * Tells who a trusted proxy says that it is.
 * @returns undefined where no trusted proxy says anything
 * @throws CodedError `BAD_USER_INPUT` for a header that is there twice, `UNAUTHENTICATED` for a user, tenant or project that is none
 */
export function forwardAuth(options: ForwardAuthOptions): (request: Asked | undefined) => Principal | undefined {
  const { proxies, userHeader, rolesHeader, tenant, projectHeader, sessionMs } = options;
  return (request) => {
    if (request === undefined || !proxies.trusts(request.socket.remoteAddress)) return undefined;
    const subject = headerOf(request, userHeader);
    if (subject === undefined) return undefined;
    if (!isSubject(subject)) throw unauthenticated('The user that the proxy names is not accepted here.');
    const listed = rolesHeader === undefined ? '' : (headerOf(request, rolesHeader) ?? '');
    const roles = unique(listed.split(',').map((role) => role.trim())).filter((role) => role !== '');
    const [name, ...others] = tenantsOf(tenant, roles, request);
    if (name === undefined || others.length > 0 || !TENANT_NAME.test(name))
      throw unauthenticated(
        others.length > 0
          ? 'The proxy names more than one tenant for the user.'
          : 'The proxy names no valid tenant for the user.',
      );
    const project = projectHeader === undefined ? undefined : headerOf(request, projectHeader);
    if (project !== undefined && !TENANT_NAME.test(project))
      throw unauthenticated('The proxy names no valid project for the user.');
    return Object.freeze({
      tenantId: tenantIdOf(name, project),
      subject,
      roles: Object.freeze(roles),
      scopes: Object.freeze([]),
      expiresAt: Date.now() + sessionMs,
    });
  };
}

const tenantsOf = (tenant: ForwardedTenant, roles: readonly string[], request: Asked): readonly string[] => {
  if ('always' in tenant) return [tenant.always];
  if ('header' in tenant) return [headerOf(request, tenant.header) ?? ''];
  const { rolePrefix } = tenant;
  return roles.filter((role) => role.startsWith(rolePrefix)).map((role) => role.slice(rolePrefix.length));
};

/** @returns undefined where it is not there, or empty, as proxies send it of somebody who has not signed in */
function headerOf({ headers, rawHeaders }: Asked, name: string): string | undefined {
  const value = headers[name];
  if (value === undefined || value === '') return undefined;
  let count = 0;
  for (let index = 0; index < rawHeaders.length; index += 2)
    if (rawHeaders[index]!.length === name.length && rawHeaders[index]!.toLowerCase() === name) count += 1;
  // The client's own beside the proxy's: nobody can tell which is which.
  if (count > 1) throw badUserInput(`The request has two \`${name}\` headers.`);
  return decoded(String(value));
}

/** Node reads headers as Latin-1, without the spaces around them; proxies write names in UTF-8. Every character counts: of one less it were another's name. */
function decoded(value: string): string {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(Buffer.from(value, 'latin1'));
  } catch {
    return value;
  }
}
