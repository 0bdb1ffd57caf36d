/** Access tokens are verified once, and all that ends a token ends what is known of it. */
import { inspect } from 'node:util';
import { afterEach, beforeEach, describe, expect, test, vi, type MockInstance } from 'vitest';
import { oidcAuthenticator, type OidcOptions } from '#gateway/auth/oidc.ts';
import { AUTH } from '#gateway/bounds/auth.ts';
import type { Principal } from '#subgraphs/shared/context.ts';
import { startIssuer, type Issuer } from './issuer.ts';

let issuer: Issuer;
let verified: MockInstance<typeof crypto.subtle.verify>;
beforeEach(async () => {
  issuer = await startIssuer();
  vi.useFakeTimers({ toFake: ['Date'] });
  verified = vi.spyOn(crypto.subtle, 'verify');
});
afterEach(async () => {
  verified.mockRestore();
  vi.useRealTimers();
  await issuer[Symbol.asyncDispose]();
});

const SKEW_SECONDS = 5;

function authenticator(more: Partial<OidcOptions> = {}) {
  const known = oidcAuthenticator({
    issuer: issuer.url,
    audience: 'tributary',
    tenantClaims: ['tenant'],
    rolesClaims: ['roles'],
    scopesClaims: ['scope'],
    clockSkewSeconds: SKEW_SECONDS,
    ...more,
  });
  const principal = (token: string): Promise<Principal> => known.authenticate(`Bearer ${token}`);
  /** The tenant, or the error's code; and how many signatures were verified for it. */
  const says = async (token: string): Promise<[string, number]> => {
    const before = verified.mock.calls.length;
    const said = await principal(token).then(
      ({ tenantId }) => tenantId,
      (error: { code: string }) => error.code,
    );
    return [said, verified.mock.calls.length - before];
  };
  return { known, principal, says };
}

const later = (ms: number) => vi.setSystemTime(Date.now() + ms);
const seconds = () => Math.floor(Date.now() / 1_000);
const of = (tenant: string) => ({ tenant, roles: ['editor'], scope: 'read write' });

test('a token is verified once, and what is known of it can be changed by nobody and opens nothing', async () => {
  const { known, principal, says } = authenticator();
  const token = await issuer.token(of('acme'));
  expect([await says(token), await says(token), await says(token)]).toEqual([
    ['acme', 1],
    ['acme', 0],
    ['acme', 0],
  ]);
  const it = await principal(token);
  expect(it).toMatchObject({ tenantId: 'acme', subject: 'alice', roles: ['editor'], scopes: ['read', 'write'] });
  expect([it, it.roles, it.scopes].every(Object.isFrozen)).toBe(true);
  expect(inspect(known, { depth: 20, showHidden: true })).not.toContain(token.split('.')[2]);
  expect(await says(await issuer.token({ ...of('acme'), sub: 'bob' }))).toEqual(['acme', 1]);
});

describe('another text is another token', () => {
  const encoded = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');
  const texts: [string, (token: string) => string, string][] = [
    [
      'other claims',
      (token) => replaced(token, 1, encoded({ ...claimsOf(token), tenant: 'other' })),
      'UNAUTHENTICATED',
    ],
    [
      'the same claims, written otherwise',
      (token) => replaced(token, 1, encoded(claimsOf(token)) + 'Cg'),
      'UNAUTHENTICATED',
    ],
    ['another header', (token) => replaced(token, 0, encoded({ alg: 'none' })), 'UNAUTHENTICATED'],
    ['no signature', (token) => replaced(token, 2, ''), 'UNAUTHENTICATED'],
    ['another signature', (token) => replaced(token, 2, 'A'.repeat(86)), 'UNAUTHENTICATED'],
    ['a part more', (token) => `${token}.e30`, 'UNAUTHENTICATED'],
    ['the claims alone', (token) => token.split('.')[1]!, 'UNAUTHENTICATED'],
  ];
  test.each(texts)('%s', async (_, change, expected) => {
    const { says } = authenticator();
    const token = await issuer.token(of('acme'));
    expect(await says(token)).toEqual(['acme', 1]);
    expect((await says(change(token)))[0]).toBe(expected);
    expect((await says(change(token)))[0]).toBe(expected);
    expect(await says(token)).toEqual(['acme', 0]);
  });

  test('a signature that is encoded otherwise is verified by itself, or refused', async () => {
    const { says } = authenticator();
    const token = await issuer.token(of('acme'));
    await says(token);
    // Of 86 characters for 64 bytes the last four bits say nothing.
    const letters = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
    const last = letters[letters.indexOf(token.at(-1)!) ^ 1]!;
    for (const other of [token.slice(0, -1) + last, `${token}=`, `${token}==`, token.replace(/-|$/, '+')]) {
      const [said, times] = await says(other);
      expect(said === 'acme' ? times === 1 : said === 'UNAUTHENTICATED').toBe(true);
    }
    expect(await says(token)).toEqual(['acme', 0]);
  });

  const replaced = (token: string, index: number, part: string): string => token.split('.').with(index, part).join('.');
  const claimsOf = (token: string) =>
    JSON.parse(Buffer.from(token.split('.')[1]!, 'base64url').toString()) as Record<string, unknown>;
});

describe('its time', () => {
  test('ends it, and its end is told as that of any other', async () => {
    const { principal, says } = authenticator();
    const token = await issuer.token(of('acme'), { expiresInSeconds: 60 });
    await says(token);
    later(60_000 + SKEW_SECONDS * 1_000 - 1_001);
    expect(await says(token)).toEqual(['acme', 0]);
    later(1_001);
    expect(await says(token)).toEqual(['UNAUTHENTICATED', 1]);
    await expect(principal(token)).rejects.toMatchObject({ of: { tenantId: 'acme', subject: 'alice' } });
    later(-30_000);
    expect(await says(token)).toEqual(['acme', 0]);
  });

  test('has a beginning, also where the clock is set back', async () => {
    const { says } = authenticator();
    const token = await issuer.token({ ...of('acme'), nbf: seconds() + 60 });
    expect(await says(token)).toEqual(['UNAUTHENTICATED', 1]);
    later(60_000);
    expect([await says(token), await says(token)]).toEqual([
      ['acme', 1],
      ['acme', 0],
    ]);
    later(-60_000);
    expect(await says(token)).toEqual(['UNAUTHENTICATED', 1]);
  });
});

describe("the issuer's keys", () => {
  test('are fetched anew in their time; then a token is verified once again, and not one of a key that is gone', async () => {
    const { says } = authenticator();
    const token = await issuer.token(of('acme'), { expiresInSeconds: 3_600 });
    await says(token);
    later(AUTH.oidcKeysMs - 1_000);
    expect(await says(token)).toEqual(['acme', 0]);
    expect(issuer.fetched.get('/keys')).toBe(1);
    later(1_000);
    expect([await says(token), await says(token)]).toEqual([
      ['acme', 1],
      ['acme', 0],
    ]);
    expect(issuer.fetched.get('/keys')).toBe(2);
    await issuer.rotate();
    later(AUTH.oidcKeysMs);
    expect(await says(token)).toEqual(['UNAUTHENTICATED', 0]);
    expect(issuer.fetched.get('/keys')).toBe(3);
  });

  test('that another token has fetched count for all', async () => {
    const { says } = authenticator();
    const token = await issuer.token(of('acme'));
    await says(token);
    await issuer.rotate();
    later(AUTH.oidcCooldownMs + 1);
    // Not fetched yet: who is known is no reason to.
    expect(await says(token)).toEqual(['acme', 0]);
    expect(await says(await issuer.token(of('other')))).toEqual(['other', 1]);
    expect(await says(token)).toEqual(['UNAUTHENTICATED', 0]);
  });

  test('of an issuer that is away hold for their time and no longer, and so do tokens', async () => {
    const { says } = authenticator();
    const token = await issuer.token(of('acme'), { expiresInSeconds: 3_600 });
    await says(token);
    issuer.down = true;
    later(AUTH.oidcKeysMs - 1_000);
    expect(await says(token)).toEqual(['acme', 0]);
    later(1_000);
    expect([await says(token), await says(token)]).toEqual([
      ['STORE_UNAVAILABLE', 0],
      ['STORE_UNAVAILABLE', 0],
    ]);
    issuer.down = false;
    expect([await says(token), await says(token)]).toEqual([
      ['acme', 1],
      ['acme', 0],
    ]);
  });

  test('a key that takes the name of another ends the tokens of the other', async () => {
    const { says } = authenticator();
    const old = await issuer.token(of('acme'), { expiresInSeconds: 3_600 });
    await says(old);
    await issuer.rotate({ kid: 'k0' });
    later(AUTH.oidcKeysMs);
    expect(await says(old)).toEqual(['UNAUTHENTICATED', 1]);
    expect(await says(old)).toEqual(['UNAUTHENTICATED', 1]);
  });
});

test('what is refused is asked again each time, and nothing of it is kept', async () => {
  const { says } = authenticator();
  for (const claims of [
    { aud: 'else' },
    { iss: 'https://else' },
    { nonce: 'n' },
    { tenant: '' },
    { sub: 'system:x' },
  ]) {
    const token = await issuer.token({ ...of('acme'), ...claims });
    expect([await says(token), await says(token)]).toEqual([
      ['UNAUTHENTICATED', 1],
      ['UNAUTHENTICATED', 1],
    ]);
  }
});

test('no more are kept than OIDC_VERIFIED_TOKENS: those that were used longest ago go first', async () => {
  const { says } = authenticator({ verifiedTokens: 2 });
  const [one, two, three] = await Promise.all(['one', 'two', 'three'].map((tenant) => issuer.token(of(tenant))));
  await says(one!);
  await says(two!);
  expect(await says(one!)).toEqual(['one', 0]);
  expect(await says(three!)).toEqual(['three', 1]);
  expect(await says(one!)).toEqual(['one', 0]);
  expect(await says(two!)).toEqual(['two', 1]);
});
