/**
 * An access token and nothing else that an issuer gives out: ID tokens are for the client that the user signed in to, logout
 * tokens for ending sessions, refresh tokens for the issuer. RFC 9068 names the type; issuers that do not (Keycloak and
 * others say `JWT`) are told apart by what only the others have.
 */
import type { Claims } from './claims.ts';
import { unauthenticated } from './authenticator.ts';

/** Claims of ID tokens (OpenID Connect Core, sections 2 and 3.1.3.6) and of logout tokens (Back-Channel Logout, section 2.4). */
const OF_OTHERS = ['at_hash', 'c_hash', 'nonce', 'events'];

/**
 * @param typ of the token's header; undefined where it has none
 * @throws CodedError `UNAUTHENTICATED` for another token
 */
export function checkType(typ: string | undefined, claims: Claims): void {
  const type = typ?.toLowerCase().replace(/^application\//, '');
  // Keycloak says it in the payload; before version 25 its access tokens had a nonce too.
  if (type === 'at+jwt' || ((type === undefined || type === 'jwt') && claims['typ'] === 'Bearer')) return;
  const isOther =
    (type !== undefined && type !== 'jwt') ||
    OF_OTHERS.some((claim) => Object.hasOwn(claims, claim)) ||
    claims['typ'] === 'ID' ||
    claims['typ'] === 'Refresh' ||
    claims['typ'] === 'Logout';
  if (isOther) throw unauthenticated('The token is no access token.', 'Send the access token, not the ID token.');
}
