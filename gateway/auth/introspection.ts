/**
 * Tokens that say nothing by themselves: the issuer is asked what they stand for (OAuth 2.0 Token Introspection, RFC 7662).
 */
import { LRUCache } from 'lru-cache';
import { Pool } from 'undici';
import type { Principal } from '#subgraphs/shared/context.ts';
import { CodedError, storeUnavailable } from '#subgraphs/shared/errors.ts';
import { AUTH } from '#gateway/bounds/auth.ts';
import type { BoundValues } from '#subgraphs/shared/bound.ts';
import { checkType } from './access-token-type.ts';
import { unauthenticated } from './authenticator.ts';
import { principalOf, type ClaimPaths, type Claims } from './claims.ts';
import type { IssuerMetadata } from './issuer-metadata.ts';
import { tokenHash } from './token-hash.ts';

/** Bounds are said in `AUTH` (gateway/bounds/auth.ts), with their defaults. */
export interface IntrospectionOptions extends ClaimPaths, Partial<BoundValues<typeof AUTH>> {
  readonly issuer: string;
  readonly audience: string;
  readonly clockSkewSeconds: number;
  readonly clientId: string;
  /** The secret as it is now. */
  clientSecret(): string;
  /** Where to ask; undefined for where the issuer's metadata say. */
  readonly url: string | undefined;
  metadata(): Promise<IssuerMetadata>;
}

export interface Introspection {
  /** @throws CodedError `UNAUTHENTICATED`; `STORE_UNAVAILABLE` when the issuer cannot be asked */
  principal(token: string): Promise<Principal>;
  close(): Promise<void>;
}

export function introspection(options: IntrospectionOptions): Introspection {
  const { introspectionCacheMs: cacheMs = AUTH.introspectionCacheMs } = options;
  const { introspectionNegativeMs: negativeMs = AUTH.introspectionNegativeMs } = options;
  const max = options.introspectionEntries ?? AUTH.introspectionEntries;
  // By hash: what is in memory, and in a dump of it, lets nobody in. Apart, so that made-up tokens drive out no others.
  const known = new LRUCache<string, Kept<Principal>>({ max });
  const refused = new LRUCache<string, Kept<CodedError>>({ max });
  const asking = new Map<string, Promise<Principal>>();
  const endpoint = new Endpoint(options);

  const ask = async (token: string, key: string): Promise<Principal> => {
    try {
      const principal = toPrincipal(await endpoint.ask(token), options);
      known.set(key, { value: principal, until: Math.min(Date.now() + cacheMs, principal.expiresAt!) });
      return principal;
    } catch (error) {
      if (!(error instanceof CodedError)) {
        throw storeUnavailable(
          'The identity provider',
          error,
          'Check that its introspection endpoint can be reached from here, and OIDC_CLIENT_ID and OIDC_CLIENT_SECRET.',
        );
      }
      refused.set(key, { value: error, until: Date.now() + negativeMs });
      throw error;
    } finally {
      asking.delete(key);
    }
  };

  return {
    async principal(token) {
      if (token.length > AUTH.introspectedCharacters) throw notValid();
      const key = tokenHash(token);
      const principal = current(known.get(key));
      if (principal !== undefined) return principal;
      const refusal = current(refused.get(key));
      // Each request its own: whoever throws an error may add to it.
      if (refusal !== undefined) throw unauthenticated(refusal.message, refusal.extensions.hint);
      let answer = asking.get(key);
      if (answer === undefined) {
        if (asking.size >= AUTH.introspections)
          throw storeUnavailable('The identity provider', new Error('Too many tokens are being asked about.'));
        asking.set(key, (answer = ask(token, key)));
      }
      return await answer;
    },
    close: () => endpoint.close(),
  };
}

interface Kept<T> {
  readonly value: T;
  /** In milliseconds since 1970, as tokens say when they end. */
  readonly until: number;
}

const current = <T>(kept: Kept<T> | undefined): T | undefined =>
  kept !== undefined && Date.now() < kept.until ? kept.value : undefined;

/** What is known of a token that is active. */
function toPrincipal(claims: Claims, options: IntrospectionOptions): Principal {
  if (claims['active'] !== true) throw notValid();
  const { token_type: type, token_use: use, iss, aud, exp, nbf } = claims;
  checkType(undefined, claims);
  // A token that is bound to a key (`DPoP`) is worth nothing without a proof; some answer for refresh tokens too.
  if ((type !== undefined && String(type).toLowerCase() !== 'bearer') || (use ?? 'access_token') !== 'access_token')
    throw unauthenticated('The token is no bearer access token.');
  // Optional, since it is the issuer who answers.
  if (iss !== undefined && iss !== options.issuer) throw notAccepted('iss');
  if (!(Array.isArray(aud) ? aud : [aud]).includes(options.audience)) throw notAccepted('aud');
  if (typeof exp !== 'number' || !Number.isFinite(exp)) throw notAccepted('exp');
  const skewMs = options.clockSkewSeconds * 1_000;
  const expiresAt = exp * 1_000 + skewMs;
  if (expiresAt <= Date.now()) throw unauthenticated('The access token has expired.', 'Get a new one.');
  if (nbf !== undefined && !(typeof nbf === 'number' && nbf * 1_000 - skewMs <= Date.now())) throw notAccepted('nbf');
  return principalOf(claims, options, expiresAt);
}

const notValid = (): CodedError => unauthenticated('The access token is not valid.');
const notAccepted = (claim: string): CodedError =>
  unauthenticated(`The access token's claim \`${claim}\` is not accepted here.`);

/** Asks the issuer. Throws what is no `CodedError` where there is no answer. */
class Endpoint {
  readonly #options: IntrospectionOptions;
  #pool: Pool | undefined;

  constructor(options: IntrospectionOptions) {
    this.#options = options;
  }

  async ask(token: string): Promise<Claims> {
    const { clientId, url: configured, oidcTimeoutMs = AUTH.oidcTimeoutMs } = this.#options;
    const metadata = configured === undefined ? await this.#options.metadata() : undefined;
    const address = configured ?? metadata?.introspectionEndpoint;
    if (address === undefined)
      throw new Error("The issuer's metadata name no introspection_endpoint; set OIDC_INTROSPECTION_URL.");
    const url = new URL(address);
    const form = new URLSearchParams({ token, token_type_hint: 'access_token' });
    const headers: Record<string, string> = {
      'content-type': 'application/x-www-form-urlencoded',
      accept: 'application/json',
    };
    const secret = this.#options.clientSecret();
    const methods = metadata?.introspectionAuthMethods;
    if (methods?.includes('client_secret_post') === true && !methods.includes('client_secret_basic')) {
      form.set('client_id', clientId);
      form.set('client_secret', secret);
    } else headers['authorization'] = basic(clientId, secret);
    const { statusCode, body } = await this.#poolOf(url).request({
      method: 'POST',
      path: `${url.pathname}${url.search}`,
      headers,
      body: form.toString(),
      signal: AbortSignal.timeout(oidcTimeoutMs),
    });
    const text = await body.text();
    // Its error may repeat what it was sent.
    if (statusCode !== 200) throw new Error(`The introspection endpoint answered ${statusCode}.`);
    const claims = parsed(text);
    if (typeof claims !== 'object' || claims === null || typeof (claims as Claims)['active'] !== 'boolean')
      throw new Error('The introspection endpoint did not say whether the token is active.');
    return claims as Claims;
  }

  // One endpoint, and so one pool, for as long as it is asked.
  #poolOf({ origin, protocol }: URL): Pool {
    if (protocol !== 'https:' && this.#options.issuer.startsWith('https:'))
      throw new Error('The introspection endpoint is not https, as the issuer is; no secret is sent there.');
    return (this.#pool ??= new Pool(origin, {
      connections: this.#options.introspectionConnections ?? AUTH.introspectionConnections,
      maxResponseSize: AUTH.introspectionAnswerBytes,
    }));
  }

  async close(): Promise<void> {
    await this.#pool?.destroy();
  }
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new Error("The introspection endpoint's answer is not JSON.");
  }
}

/** RFC 6749, section 2.3.1: both are form-encoded first. */
function basic(clientId: string, secret: string): string {
  const encoded = [clientId, secret].map((text) => new URLSearchParams([['', text]]).toString().slice(1)).join(':');
  return `Basic ${Buffer.from(encoded).toString('base64')}`;
}
