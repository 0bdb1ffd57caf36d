/** Tokens of a real Keycloak (`TEST_KEYCLOAK_URL`), as it issues them. */
import { createHash, randomBytes } from 'node:crypto';
import { decodeJwt, decodeProtectedHeader } from 'jose';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { issuerMetadata } from '#gateway/auth/issuer-metadata.ts';
import { oidcAuthenticator, type OidcOptions } from '#gateway/auth/oidc.ts';
import { AUTH } from '#gateway/bounds/auth.ts';
import { startTestServer, type TestServer } from './fixture.ts';
import { WAYS_IN } from './ways-in.ts';

const url = process.env['TEST_KEYCLOAK_URL'];

/** What a client sends of itself, and what it is. */
const SECRET = 'secret-of-the-tests';
const mapper = (name: string, protocolMapper: string, config: Record<string, string>) => ({
  name,
  protocol: 'openid-connect',
  protocolMapper,
  config: { ...config, 'access.token.claim': 'true', 'introspection.token.claim': 'true' },
});
const client = (clientId: string, more: object = {}, lightweight = false) => ({
  clientId,
  secret: SECRET,
  directAccessGrantsEnabled: true,
  serviceAccountsEnabled: true,
  redirectUris: ['http://127.0.0.1/*'],
  defaultClientScopes: ['basic', 'roles'],
  optionalClientScopes: ['offline_access'],
  attributes: { 'client.use.lightweight.access.token.enabled': String(lightweight) },
  // The ID token is for us as well, so that nothing but what it is keeps it out.
  protocolMappers: [
    mapper('audience', 'oidc-audience-mapper', { 'included.client.audience': 'tributary', 'id.token.claim': 'true' }),
    mapper('tenant', 'oidc-hardcoded-claim-mapper', {
      'claim.name': 'tenant',
      'claim.value': 'acme',
      'jsonType.label': 'String',
      'id.token.claim': 'true',
    }),
  ],
  ...more,
});

describe.skipIf(!url)('tokens of Keycloak (TEST_KEYCLOAK_URL)', () => {
  const realm = `tests-${randomBytes(6).toString('hex')}`;
  const issuer = `${url}/realms/${realm}`;
  const endpoint = `${issuer}/protocol/openid-connect`;

  interface Tokens {
    access_token: string;
    refresh_token: string;
    id_token: string;
  }

  async function form(address: string, fields: Record<string, string>): Promise<Response> {
    return await fetch(address, { method: 'POST', body: new URLSearchParams(fields) });
  }
  async function tokens(fields: Record<string, string>): Promise<Tokens> {
    const response = await form(`${endpoint}/token`, { client_id: 'app', client_secret: SECRET, ...fields });
    expect([response.status, response.ok ? '' : await response.text()]).toEqual([200, '']);
    return (await response.json()) as Tokens;
  }
  const ofAlice = { grant_type: 'password', username: 'alice', password: 'alice', scope: 'openid' };

  async function admin(method: string, path: string, body?: object): Promise<Response> {
    const signIn = { grant_type: 'password', client_id: 'admin-cli', username: 'admin' };
    const password = process.env['TEST_KEYCLOAK_PASSWORD']!;
    const signedIn = await form(`${url}/realms/master/protocol/openid-connect/token`, { ...signIn, password });
    const { access_token } = (await signedIn.json()) as Tokens;
    const response = await fetch(`${url}/admin/realms${path}`, {
      method,
      headers: { authorization: `Bearer ${access_token}`, 'content-type': 'application/json' },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    expect([path, response.status, response.ok ? '' : await response.text()]).toEqual([path, response.status, '']);
    return response;
  }

  const OPTIONS = {
    issuer,
    audience: 'tributary',
    tenantClaims: ['tenant'],
    rolesClaims: ['realm_access.roles', 'resource_access.tributary.roles'],
    scopesClaims: ['scope'],
    clockSkewSeconds: 5,
  };
  const known = (more: Partial<OidcOptions> = {}) => {
    const { authenticate, close } = oidcAuthenticator({ ...OPTIONS, ...more });
    const who = async (token: string) => await authenticate(`Bearer ${token}`);
    return { who, [Symbol.asyncDispose]: close };
  };
  const asking = (more: Partial<OidcOptions> = {}) =>
    known({
      ...more,
      introspectionCacheMs: 0,
      introspection: { tokens: 'all', url: undefined, clientId: 'tributary', clientSecret: () => SECRET },
    });
  const refusal = { code: 'UNAUTHENTICATED' };

  let server: TestServer;
  beforeAll(async () => {
    await admin('POST', '', {
      realm,
      enabled: true,
      roles: { realm: [{ name: 'editor' }], client: { tributary: [{ name: 'curator' }] } },
      clients: [
        client('tributary', { protocolMappers: [] }),
        client('app'),
        client('light', {}, true),
        client('for-others', { protocolMappers: [] }),
        client('page', { publicClient: true, attributes: { 'pkce.code.challenge.method': 'S256' } }),
      ],
      users: [
        {
          username: 'alice',
          enabled: true,
          email: 'alice@example.com',
          firstName: 'Alice',
          lastName: 'A',
          credentials: [{ type: 'password', value: 'alice', temporary: false }],
          realmRoles: ['editor', 'offline_access'],
          clientRoles: { tributary: ['curator'] },
        },
      ],
    });
    server = await startTestServer({
      OIDC_ISSUER: issuer,
      OIDC_AUDIENCE: 'tributary',
      OIDC_ROLES_CLAIM: OPTIONS.rolesClaims.join(','),
    });
  }, 60_000);
  afterAll(async () => {
    await server[Symbol.asyncDispose]();
    await admin('DELETE', `/${realm}`);
  });

  test.each(Object.keys(WAYS_IN))('say who asks, with roles of the realm and of the client, by %s', async (way) => {
    const { access_token: token } = await tokens(ofAlice);
    const query = '{ whoAmI { tenantId subject roles } }';
    const { answer } = await WAYS_IN[way]!(server.url, { query }, `Bearer ${token}`);
    expect(answer.data).toMatchObject({
      whoAmI: {
        tenantId: 'acme',
        subject: decodeJwt(token).sub,
        roles: expect.arrayContaining(['editor', 'curator']) as string[],
      },
    });
  });

  test('of a service account are those of its client', async () => {
    await using it = known();
    const { access_token: token } = await tokens({ grant_type: 'client_credentials' });
    const { roles, ...who } = await it.who(token);
    expect(who).toMatchObject({ client: 'app', tenantId: 'acme', subject: decodeJwt(token).sub });
    expect(roles).not.toContain('editor');
  });

  test('that are no access tokens, or for others, are refused', async () => {
    await using it = known();
    const offline = await tokens({ ...ofAlice, scope: 'openid offline_access' });
    const { id_token, refresh_token } = await tokens(ofAlice);
    expect([decodeJwt(id_token)['typ'], decodeJwt(id_token).aud]).toEqual([
      'ID',
      expect.arrayContaining(['tributary']) as string[],
    ]);
    expect(decodeJwt(offline.refresh_token)['typ']).toBe('Offline');
    const others = await tokens({ ...ofAlice, client_id: 'for-others' });
    for (const token of [id_token, refresh_token, offline.id_token, offline.refresh_token, others.access_token])
      await expect(it.who(token)).rejects.toMatchObject(refusal);
    expect((await it.who(offline.access_token)).tenantId).toBe('acme');
    await using asks = asking();
    for (const token of [id_token, refresh_token, offline.refresh_token])
      await expect(asks.who(token)).rejects.toMatchObject(refusal);
  });

  test('that say little are told about by it, and end with their session', async () => {
    await using reads = known();
    await using asks = asking();
    const light = await tokens({ ...ofAlice, client_id: 'light' });
    const { sub, realm_access: roles } = decodeJwt(light.access_token);
    expect([sub, roles]).toEqual([undefined, undefined]);
    await expect(reads.who(light.access_token)).rejects.toMatchObject(refusal);
    expect((await asks.who(light.access_token)).roles).toEqual(expect.arrayContaining(['editor', 'curator']));
    const { refresh_token } = light;
    const out = await form(`${endpoint}/logout`, { client_id: 'light', client_secret: SECRET, refresh_token });
    expect(out.status).toBe(204);
    await expect(asks.who(light.access_token)).rejects.toMatchObject(refusal);
  });

  test('of a new key of the realm hold, and those of a key that is disabled end', async () => {
    vi.useFakeTimers({ toFake: ['Date'] });
    try {
      await using it = known();
      const { access_token: old } = await tokens(ofAlice);
      await it.who(old);
      const { id: parentId } = (await (await admin('GET', `/${realm}`)).json()) as { id: string };
      const provider = { providerId: 'rsa-generated', providerType: 'org.keycloak.keys.KeyProvider', parentId };
      const config = {
        priority: ['200'],
        enabled: ['true'],
        active: ['true'],
        algorithm: ['RS256'],
        keySize: ['2048'],
      };
      await admin('POST', `/${realm}/components`, { ...provider, name: 'another', config });
      const { access_token: fresh } = await tokens(ofAlice);
      expect(decodeProtectedHeader(fresh).kid).not.toBe(decodeProtectedHeader(old).kid);
      vi.setSystemTime(Date.now() + AUTH.oidcCooldownMs + 1);
      expect([(await it.who(fresh)).tenantId, (await it.who(old)).tenantId]).toEqual(['acme', 'acme']);
      const listed = await admin('GET', `/${realm}/components?type=${provider.providerType}`);
      const components = (await listed.json()) as { name: string; providerId: string; config: object }[];
      const first = components.find((one) => one.name !== 'another' && one.providerId === 'rsa-generated')!;
      await admin('PUT', `/${realm}/components/${(first as unknown as { id: string }).id}`, {
        ...first,
        config: { ...first.config, enabled: ['false'], active: ['false'] },
      });
      await using later = known();
      await expect(later.who(old)).rejects.toMatchObject(refusal);
      expect((await later.who(fresh)).tenantId).toBe('acme');
      // Whoever has verified it already asks for the keys in their time, and not before.
      expect((await it.who(old)).tenantId).toBe('acme');
      vi.setSystemTime(Date.now() + AUTH.oidcCooldownMs + 1);
      const made = `${Buffer.from('{"alg":"RS256","kid":"made-up"}').toString('base64url')}.${old.split('.').slice(1).join('.')}`;
      await expect(it.who(made)).rejects.toMatchObject(refusal);
      await expect(it.who(old)).rejects.toMatchObject(refusal);
      expect((await it.who(fresh)).tenantId).toBe('acme');
    } finally {
      vi.useRealTimers();
    }
  });

  test('come by the code flow with PKCE, at the endpoints that its metadata name', async () => {
    await using it = known();
    const { authorizationEndpoint, tokenEndpoint } = await issuerMetadata(issuer, 5_000)();
    expect([authorizationEndpoint, tokenEndpoint]).toEqual([`${endpoint}/auth`, `${endpoint}/token`]);
    const verifier = randomBytes(32).toString('base64url');
    const redirect = 'http://127.0.0.1/graphql';
    const asked = new URLSearchParams({
      client_id: 'page',
      response_type: 'code',
      scope: 'openid',
      redirect_uri: redirect,
      code_challenge: createHash('sha256').update(verifier).digest('base64url'),
      code_challenge_method: 'S256',
    });
    const page = await fetch(`${authorizationEndpoint}?${asked.toString()}`);
    const action = /action="([^"]+)"/.exec(await page.text())![1]!.replaceAll('&amp;', '&');
    const cookie = page.headers
      .getSetCookie()
      .map((one) => one.split(';')[0])
      .join('; ');
    const signedIn = await fetch(action, {
      method: 'POST',
      headers: { cookie },
      body: new URLSearchParams({ username: 'alice', password: 'alice' }),
      redirect: 'manual',
    });
    const code = new URL(signedIn.headers.get('location')!).searchParams.get('code')!;
    const fields = { client_id: 'page', grant_type: 'authorization_code', code, redirect_uri: redirect };
    const answered = await form(tokenEndpoint!, { ...fields, code_verifier: verifier });
    const { access_token: token } = (await answered.json()) as Tokens;
    expect(await it.who(token)).toMatchObject({ client: 'page', tenantId: 'acme' });
  });
});
