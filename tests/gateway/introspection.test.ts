/** Opaque access tokens: what the issuer says of them, and what is made of it when it says nothing. */
import { inspect } from 'node:util';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { oidcAuthenticator } from '#gateway/auth/oidc.ts';
import { loadConfig } from '#gateway/config/config.ts';
import { startTestServer, type TestServer } from './fixture.ts';
import { startIssuer, type Issuer } from './issuer.ts';
import { WAYS_IN } from './ways-in.ts';

const SECRET = 'pass word:é';
const WHO = '{ whoAmI { tenantId subject roles scopes } }';
const inSeconds = (seconds: number): number => Math.floor(Date.now() / 1_000) + seconds;

let issuer: Issuer;
beforeAll(async () => {
  issuer = await startIssuer();
});
afterAll(async () => await issuer[Symbol.asyncDispose]());

const active = (more: Record<string, unknown> = {}) => ({
  active: true,
  sub: 'alice',
  tenant: 'acme',
  aud: 'tributary',
  iss: issuer.url,
  exp: inSeconds(300),
  ...more,
});

type Options = Parameters<typeof oidcAuthenticator>[0];
const authenticatorOf = (more: Partial<Options> = {}, asked: Partial<NonNullable<Options['introspection']>> = {}) =>
  oidcAuthenticator({
    issuer: issuer.url,
    audience: 'tributary',
    tenantClaims: ['tenant'],
    rolesClaims: ['roles'],
    scopesClaims: ['scope'],
    clockSkewSeconds: 5,
    introspection: { tokens: 'opaque', url: undefined, clientId: 'tributary', clientSecret: () => SECRET, ...asked },
    ...more,
  });
type Known = ReturnType<typeof authenticatorOf>;
/** The tenant, or the error. */
const says = async ({ authenticate }: Known, token: string): Promise<unknown> =>
  await authenticate(`Bearer ${token}`).then(
    ({ tenantId }) => tenantId,
    (error: unknown) => error,
  );
const refusal = { code: 'UNAUTHENTICATED' };
const unavailable = (hint: string) => ({
  code: 'STORE_UNAVAILABLE',
  extensions: { hint: expect.stringContaining(hint) as string },
});

describe('what the issuer says', () => {
  const cases: [string, () => Record<string, unknown>, unknown][] = [
    ['it is active', () => active(), 'acme'],
    ['several audiences', () => active({ aud: ['account', 'tributary'] }), 'acme'],
    ['no issuer, since it answers itself', () => active({ iss: undefined }), 'acme'],
    ['as Keycloak does', () => active({ typ: 'Bearer', token_type: 'Bearer', nonce: 'n', client_id: 'x' }), 'acme'],
    ['as Hydra does', () => active({ token_type: 'bearer', token_use: 'access_token', ext: {} }), 'acme'],
    ['it is not active, whatever else', () => active({ active: false }), refusal],
    ['it is for others', () => active({ aud: ['account'] }), refusal],
    ['for nobody', () => active({ aud: undefined }), refusal],
    ['of another issuer', () => active({ iss: 'https://else' }), refusal],
    ['it has ended', () => active({ exp: inSeconds(-60) }), refusal],
    ['it does not end', () => active({ exp: undefined }), refusal],
    ['it ends in words', () => active({ exp: '2999-01-01' }), refusal],
    ['it has not begun', () => active({ nbf: inSeconds(60) }), refusal],
    ["it is Keycloak's refresh token", () => active({ typ: 'Refresh' }), refusal],
    ["it is Hydra's refresh token", () => active({ token_use: 'refresh_token' }), refusal],
    ['it is bound to a key', () => active({ token_type: 'DPoP' }), refusal],
    ['it is an ID token', () => active({ at_hash: 'x' }), refusal],
    ['of a subject of ours', () => active({ sub: 'system:indexing' }), refusal],
    ['of no subject', () => active({ sub: undefined }), refusal],
    ['of no tenant', () => active({ tenant: undefined }), refusal],
  ];
  test.each(cases)('%s', async (name, answer, expected) => {
    await using known = disposable(authenticatorOf());
    const token = `opaque-${Buffer.from(name).toString('hex')}`;
    issuer.opaque.set(token, answer());
    const said = await says(known, token);
    if (typeof expected === 'string') expect(said).toBe(expected);
    else expect(said).toMatchObject(expected as object);
  });

  const failures: [string, { status: number; body: string }][] = [
    ['500', { status: 500, body: 'secret stuff' }],
    ['401 to us', { status: 401, body: '{"error":"invalid_client"}' }],
    ['a redirection', { status: 302, body: '' }],
    ['what is not JSON', { status: 200, body: '<html>' }],
    ['null', { status: 200, body: 'null' }],
    ['a list', { status: 200, body: '[]' }],
    ['active as a text', { status: 200, body: '{"active":"true"}' }],
    ['more than anybody reads', { status: 200, body: `{"active":true,"x":"${'x'.repeat(300_000)}"}` }],
  ];
  test.each(failures)("%s is no answer, is not remembered, and is not the token's fault", async (name, answer) => {
    await using known = disposable(authenticatorOf());
    const token = `failing-${Buffer.from(name).toString('hex')}`;
    issuer.opaque.set(token, answer);
    const error = await says(known, token);
    expect(error).toMatchObject(unavailable('OIDC_CLIENT_SECRET'));
    expect(inspect(error, { depth: 9 })).not.toMatch(new RegExp(`${token}|${SECRET}|secret stuff`));
    issuer.opaque.set(token, active());
    expect(await says(known, token)).toBe('acme');
  });

  test('a wrong secret of ours is no reason to call a token invalid', async () => {
    issuer.opaque.set('with-wrong-secret', active());
    await using known = disposable(authenticatorOf({}, { clientSecret: () => 'wrong' }));
    expect(await says(known, 'with-wrong-secret')).toMatchObject({ code: 'STORE_UNAVAILABLE' });
  });

  test('one that does not answer is waited for no longer than OIDC_TIMEOUT_MS', async () => {
    const { createServer } = await import('node:net');
    const silent = createServer(() => undefined).listen(0, '127.0.0.1');
    await new Promise((resolve) => silent.once('listening', resolve));
    const { port } = silent.address() as { port: number };
    await using known = disposable(authenticatorOf({ oidcTimeoutMs: 100 }, { url: `http://127.0.0.1:${port}/x` }));
    expect(await says(known, 'waiting')).toMatchObject({ code: 'STORE_UNAVAILABLE' });
    silent.close();
  });

  test('the secret goes into the form where the issuer takes it only there, and never in the clear from an issuer by https', async () => {
    issuer.opaque.set('posted', active());
    issuer.metadata = { token_endpoint_auth_methods_supported: ['client_secret_post', 'private_key_jwt'] };
    await using known = disposable(authenticatorOf());
    expect(await says(known, 'posted')).toBe('acme');
    expect(issuer.questions.at(-1)?.get('client_secret')).toBe(SECRET);
    issuer.metadata = {};
    const asked = issuer.questions.length;
    const clear = { url: `${issuer.url}/introspect` };
    await using https = disposable(authenticatorOf({ issuer: 'https://id.example.com' }, clear));
    expect(await says(https, 'posted')).toMatchObject({ code: 'STORE_UNAVAILABLE' });
    expect(issuer.questions.length).toBe(asked);
  });
});

describe('what it said is kept', () => {
  test('for a while, by hash alone; equal questions at a time are one, and made-up tokens drive out none that hold', async () => {
    issuer.opaque.set('kept-token', active());
    await using known = disposable(authenticatorOf({ introspectionEntries: 2 }));
    const asked = (): number => issuer.questions.filter((form) => form.get('token') === 'kept-token').length;
    expect(await Promise.all(Array.from({ length: 20 }, () => says(known, 'kept-token')))).toEqual(
      Array.from({ length: 20 }, () => 'acme'),
    );
    expect(asked()).toBe(1);
    for (let index = 0; index < 5; index++) expect(await says(known, `made-up-${index}`)).toMatchObject(refusal);
    expect(await says(known, 'kept-token')).toBe('acme');
    expect(asked()).toBe(1);
    expect(inspect(known, { depth: 20, showHidden: true })).not.toContain('kept-token');
  });

  test("no longer than the token holds, nor than the cache's time; a refusal for less", async () => {
    vi.useFakeTimers({ toFake: ['Date'] });
    try {
      await using known = disposable(authenticatorOf({ introspectionCacheMs: 60_000, introspectionNegativeMs: 2_000 }));
      issuer.opaque.set('short', active({ exp: inSeconds(10) }));
      issuer.opaque.set('long', active({ exp: inSeconds(3_600) }));
      expect([await says(known, 'short'), await says(known, 'long'), await says(known, 'late')]).toEqual([
        'acme',
        'acme',
        expect.objectContaining(refusal),
      ]);
      issuer.opaque.set('late', active());
      issuer.opaque.delete('long'); // Revoked.
      expect(await says(known, 'late')).toMatchObject(refusal);
      vi.setSystemTime(Date.now() + 2_001);
      expect([await says(known, 'late'), await says(known, 'long')]).toEqual(['acme', 'acme']);
      vi.setSystemTime(Date.now() + 14_000);
      expect([await says(known, 'short'), await says(known, 'long')]).toEqual([
        expect.objectContaining(refusal),
        'acme',
      ]);
      vi.setSystemTime(Date.now() + 45_000);
      expect(await says(known, 'long')).toMatchObject(refusal);
    } finally {
      vi.useRealTimers();
    }
  });

  test('nothing is asked about tokens that are too long', async () => {
    await using known = disposable(authenticatorOf());
    const asked = issuer.questions.length;
    expect(await says(known, 'x'.repeat(20_000))).toMatchObject(refusal);
    expect(issuer.questions.length).toBe(asked);
  });
});

describe('which tokens', () => {
  test('signed ones are not asked about, unless all are; then one that is revoked opens nothing', async () => {
    const token = await issuer.token({ tenant: 'acme' });
    const asked = issuer.questions.length;
    await using some = disposable(authenticatorOf());
    expect(await says(some, token)).toBe('acme');
    expect(issuer.questions.length).toBe(asked);
    await using all = disposable(authenticatorOf({ introspectionNegativeMs: 0 }, { tokens: 'all' }));
    expect(await says(all, token)).toMatchObject(refusal);
    issuer.opaque.set(token, active({ tenant: 'light' }));
    expect(await says(all, token)).toBe('light');
    const { authenticate } = authenticatorOf({ introspection: undefined });
    await expect(authenticate('Bearer opaque')).rejects.toMatchObject(refusal);
  });

  test('asking takes an issuer, a client and a secret', () => {
    expect(() => loadConfig({ OIDC_INTROSPECTION: 'opaque' })).toThrow(
      /OIDC_ISSUER.*OIDC_CLIENT_ID.*OIDC_CLIENT_SECRET/s,
    );
    const some = { OIDC_ISSUER: 'https://id.example.com', OIDC_AUDIENCE: 'x' };
    expect(() => loadConfig({ ...some, OIDC_INTROSPECTION_URL: 'https://id.example.com/i' })).toThrow(/has no effect/);
  });
});

describe('an opaque token', () => {
  let it: TestServer;
  beforeAll(async () => {
    it = await startTestServer({
      OIDC_ISSUER: issuer.url,
      OIDC_AUDIENCE: 'tributary',
      OIDC_CLIENT_ID: 'tributary',
      OIDC_CLIENT_SECRET: SECRET,
      OIDC_INTROSPECTION: 'opaque',
    });
    issuer.opaque.set('of-alice', active({ roles: ['editor'], scope: 'read write' }));
  });
  afterAll(async () => await it[Symbol.asyncDispose]());

  test.each(Object.entries(WAYS_IN))('opens what its owner may see: %s', async (way, send) => {
    const { answer } = await send(it.url, { query: WHO }, 'Bearer of-alice');
    const whoAmI = { tenantId: 'acme', subject: 'alice', roles: ['editor'], scopes: ['read', 'write'] };
    expect(answer).toEqual({ data: { whoAmI } });
    const refused = send(it.url, { query: WHO }, 'Bearer of-nobody').then(
      ({ answer: { errors } }) => JSON.stringify(errors),
      (error: Error) => error.message,
    );
    // A socket is closed, and a message of MCP is not read.
    expect(await refused).toMatch(way === 'MCP' ? /./ : /UNAUTHENTICATED/);
    expect(await refused).not.toContain('of-nobody');
    expect(it.log.join()).not.toMatch(/of-alice|of-nobody/);
  });
});

function disposable(known: Known): Known & AsyncDisposable {
  return Object.assign(known, { [Symbol.asyncDispose]: () => known.close() });
}
