import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createClient, type ExecutionResult } from 'graphql-ws';
import { SignJWT } from 'jose';
import { WebSocket } from 'ws';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { authenticatorBy, DEVELOPER } from '#gateway/auth/authenticator.ts';
import { generatedSecret } from '#gateway/auth/generated-secrets.ts';
import { AUTH } from '#gateway/bounds/auth.ts';
import { oidcAuthenticator } from '#gateway/auth/oidc.ts';
import { internalTokens } from '#gateway/auth/internal-token.ts';
import { loadConfig } from '#gateway/config/config.ts';
import { startServer } from '#gateway/server.ts';
import { startSubgraphServer } from '#gateway/subgraph-server.ts';
import { createLogger } from '#gateway/telemetry/logger.ts';
import { createTestDatabase } from '#tests/setup/postgres.ts';
import { startTestServer, type GraphqlAnswer, type TestServer } from './fixture.ts';
import { startIssuer, type Issuer } from './issuer.ts';

const WHO = '{ whoAmI { tenantId subject scopes system } }';

let issuer: Issuer;
let it: TestServer;
beforeAll(async () => {
  issuer = await startIssuer();
  it = await startTestServer({
    OIDC_ISSUER: issuer.url,
    OIDC_AUDIENCE: 'tributary',
    OIDC_TENANT_CLAIM: 'org.tenant',
    OIDC_ROLES_CLAIM: 'realm_access.roles',
  });
});
afterAll(async () => {
  await it[Symbol.asyncDispose]();
  await issuer[Symbol.asyncDispose]();
});

const org = (tenant: unknown) => ({ org: { tenant } });

describe('access tokens', () => {
  test('name tenant, subject and scopes, which nothing in the request can change', async () => {
    const token = await issuer.token({
      ...org('acme'),
      scope: 'read write',
      system: true,
      realm_access: { roles: ['admin'] },
    });
    const { json } = await it.post({ query: WHO }, { authorization: `Bearer ${token}`, 'x-tenant-id': 'other' });
    expect(json.data).toEqual({
      whoAmI: { tenantId: 'acme', subject: 'alice', scopes: ['read', 'write'], system: false },
    });
  });

  test.each([undefined, 'at+jwt', 'application/at+jwt', 'AT+JWT', 'JWT'])(
    'of the type %j are accepted',
    async (typ) => {
      const { json } = await it.post(
        { query: WHO },
        { authorization: `Bearer ${await issuer.token(org('acme'), { typ })}` },
      );
      expect(json.data).toMatchObject({ whoAmI: { tenantId: 'acme' } });
    },
  );

  test("Keycloak's are accepted, those with a nonce too", async () => {
    const token = await issuer.token({ ...org('acme'), typ: 'Bearer', nonce: 'n' }, { typ: 'JWT' });
    const { json } = await it.post({ query: WHO }, { authorization: `Bearer ${token}` });
    expect(json.data).toMatchObject({ whoAmI: { tenantId: 'acme' } });
  });

  test('keys and metadata are fetched once', async () => {
    for (let i = 0; i < 5; i++)
      await it.post({ query: WHO }, { authorization: `Bearer ${await issuer.token(org('acme'))}` });
    expect(Object.fromEntries(issuer.fetched)).toEqual({ '/.well-known/openid-configuration': 1, '/keys': 1 });
  });

  const refused: [string, () => Promise<string | undefined>][] = [
    ['none', async () => undefined],
    ['another scheme', async () => 'Basic YWxpY2U6eA=='],
    ['nonsense', async () => 'Bearer x.y.z'],
    ['an expired one', async () => `Bearer ${await issuer.token(org('acme'), { expiresInSeconds: -60 })}`],
    ['one for another audience', async () => `Bearer ${await issuer.token({ ...org('acme'), aud: 'else' })}`],
    ['one of another issuer', async () => `Bearer ${await issuer.token({ ...org('acme'), iss: 'https://else' })}`],
    ['one signed by somebody else', async () => `Bearer ${await issuer.token(org('acme'), { foreignKey: true })}`],
    ['one without a tenant', async () => `Bearer ${await issuer.token({})}`],
    ['one with a tenant that is no id', async () => `Bearer ${await issuer.token(org("a'; DROP TABLE x"))}`],
    ['one with several tenants', async () => `Bearer ${await issuer.token(org(['a', 'b']))}`],
    ['an ID token, by its type', async () => `Bearer ${await issuer.token(org('acme'), { typ: 'id+jwt' })}`],
    ['an ID token, by its claims', async () => `Bearer ${await issuer.token({ ...org('acme'), nonce: 'n' })}`],
    ["Keycloak's ID token", async () => `Bearer ${await issuer.token({ ...org('acme'), typ: 'ID' }, { typ: 'JWT' })}`],
    [
      "Keycloak's refresh token",
      async () => `Bearer ${await issuer.token({ ...org('acme'), typ: 'Refresh' }, { typ: 'JWT' })}`,
    ],
    [
      'a logout token',
      async () =>
        `Bearer ${await issuer.token({ ...org('acme'), events: { 'http://schemas.openid.net/event/backchannel-logout': {} } }, { typ: 'logout+jwt' })}`,
    ],
    ['an empty subject', async () => `Bearer ${await issuer.token({ ...org('acme'), sub: '' })}`],
    ['a subject of ours', async () => `Bearer ${await issuer.token({ ...org('acme'), sub: 'system:anonymous' })}`],
    ['half a surrogate pair in it', async () => `Bearer ${await issuer.token({ ...org('acme'), sub: 'eve\ud800' })}`],
    ['a NUL in it', async () => `Bearer ${await issuer.token({ ...org('acme'), sub: 'eve\0' })}`],
    ['blanks around it', async () => `Bearer ${await issuer.token({ ...org('acme'), sub: 'eve ' })}`],
    ['513 characters', async () => `Bearer ${await issuer.token({ ...org('acme'), sub: 'e'.repeat(513) })}`],
    [
      'a subject of ours in capitals',
      async () => `Bearer ${await issuer.token({ ...org('acme'), sub: 'SYSTEM:indexing' })}`,
    ],
    ['a subject that is no text', async () => `Bearer ${await issuer.token({ ...org('acme'), sub: ['a'] as never })}`],
    [
      'one that is not signed',
      async () =>
        `Bearer ${Buffer.from('{"alg":"none"}').toString('base64url')}.${Buffer.from('{"sub":"x"}').toString('base64url')}.`,
    ],
    [
      'one signed with a shared secret',
      async () =>
        `Bearer ${await new SignJWT({ ...org('acme'), iss: issuer.url, aud: 'tributary', sub: 'x' })
          .setProtectedHeader({ alg: 'HS256' })
          .setExpirationTime('1h')
          .sign(new TextEncoder().encode('x'.repeat(32)))}`,
    ],
    [
      'an internal one',
      async () =>
        `Bearer ${await internalTokens('x'.repeat(32)).mint({ tenantId: 'acme', subject: 'x', roles: [], scopes: [] }, 'library')}`,
    ],
  ];
  test.each(refused)('%s is refused over HTTP, MCP and WebSocket', async (_, make) => {
    const authorization = await make();
    const headers: Record<string, string> = authorization === undefined ? {} : { authorization };
    const { status, headers: answered, json } = await it.post({ query: WHO }, headers);
    expect([status, json.errors?.[0]?.extensions['code'], answered.get('www-authenticate')]).toEqual([
      401,
      'UNAUTHENTICATED',
      'Bearer',
    ]);
    const mcp = await fetch(`${it.url}/mcp`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...headers },
      body: '{}',
    });
    expect(mcp.status).toBe(401);
    const client = createClient({
      url: `${it.url.replace('http', 'ws')}/graphql`,
      webSocketImpl: WebSocket,
      retryAttempts: 0,
      connectionParams: { authorization },
    });
    await expect(
      new Promise((resolve, reject) =>
        client.subscribe({ query: WHO }, { next: resolve, error: reject, complete: () => resolve('complete') }),
      ),
    ).rejects.toMatchObject({ code: 4403 });
    await client.dispose();
  });

  test('over WebSocket the token is in the connection parameters', async () => {
    const client = createClient({
      url: `${it.url.replace('http', 'ws')}/graphql`,
      webSocketImpl: WebSocket,
      retryAttempts: 0,
      connectionParams: { authorization: `Bearer ${await issuer.token(org('acme'))}` },
    });
    const result = await new Promise<ExecutionResult>((resolve, reject) =>
      client.subscribe(
        { query: WHO },
        { next: (event) => resolve(event as ExecutionResult), error: reject, complete: () => undefined },
      ),
    );
    expect(result.data).toMatchObject({ whoAmI: { tenantId: 'acme' } });
    await client.dispose();
  });

  test('an issuer that cannot be reached is no reason to call a token invalid, and is asked again', async () => {
    await using other = await startIssuer();
    other.down = true;
    await using server = await startTestServer({
      OIDC_ISSUER: other.url,
      OIDC_AUDIENCE: 'tributary',
      OIDC_TENANT_CLAIM: 'tenant',
    });
    const headers = { authorization: `Bearer ${await other.token({ tenant: 'acme' })}` };
    expect(await server.post({ query: WHO }, headers)).toMatchObject({
      status: 503,
      json: { errors: [{ extensions: { code: 'STORE_UNAVAILABLE' } }] },
    });
    other.down = false;
    expect((await server.post({ query: WHO }, headers)).json.data).toMatchObject({ whoAmI: { tenantId: 'acme' } });
  });
});

describe('keys of the issuer', () => {
  test('are fetched again for one that is new, once in its time, and tokens of the old one end with it', async () => {
    await using own = await startIssuer();
    vi.useFakeTimers({ toFake: ['Date'] });
    try {
      const { authenticate } = oidcAuthenticator({
        issuer: own.url,
        audience: 'tributary',
        tenantClaims: ['tenant'],
        rolesClaims: ['roles'],
        scopesClaims: ['scope', 'scp'],
        clockSkewSeconds: 5,
      });
      const says = async (token: string): Promise<string> =>
        await authenticate(`Bearer ${token}`).then(
          ({ tenantId }) => tenantId,
          (error: { code: string }) => error.code,
        );
      const old = await own.token({ tenant: 'acme' });
      expect(await says(old)).toBe('acme');
      await own.rotate();
      const fresh = await own.token({ tenant: 'acme' });
      // Whoever makes up names of keys has the issuer asked once in a while, and no more.
      for (let index = 0; index < 5; index++)
        expect(await says(await own.token({ tenant: 'acme' }, { kid: `made-up-${index}` }))).toBe('UNAUTHENTICATED');
      expect(own.fetched.get('/keys')).toBe(1);
      vi.setSystemTime(Date.now() + AUTH.oidcCooldownMs + 1);
      expect(await says(fresh)).toBe('acme');
      expect(await says(old)).toBe('UNAUTHENTICATED');
      expect(own.fetched.get('/keys')).toBe(2);
    } finally {
      vi.useRealTimers();
    }
  });
});

describe('internal tokens', () => {
  const tokens = internalTokens('s'.repeat(32));
  const system = { tenantId: 'acme', subject: 'system:x', roles: [], scopes: ['a'], system: true } as const;

  test('carry the whole principal to one subgraph', async () => {
    const token = await tokens.mint(system, 'vector');
    expect(await tokens.verifier('vector').authenticate(`Bearer ${token}`)).toEqual(system);
    const ofProject = { ...system, tenantId: 'acme.red' };
    const projects = await tokens.mint(ofProject, 'vector');
    expect(await tokens.verifier('vector').authenticate(`Bearer ${projects}`)).toEqual(ofProject);
    for (const tenantId of ['acme.', '.red', 'acme.red.blue', 'acme/red', ''])
      await expect(
        tokens.verifier('vector').authenticate(`Bearer ${await tokens.mint({ ...system, tenantId }, 'vector')}`),
      ).rejects.toMatchObject({ code: 'UNAUTHENTICATED' });
    const nobody = { tenantId: 'acme', subject: 'system:anonymous', roles: [], scopes: [], anonymous: true } as const;
    const theirs = await tokens.mint(nobody, 'vector');
    expect(await tokens.verifier('vector').authenticate(`Bearer ${theirs}`)).toEqual(nobody);
    await expect(tokens.verifier('graph').authenticate(`Bearer ${token}`)).rejects.toMatchObject({
      code: 'UNAUTHENTICATED',
    });
    await expect(
      internalTokens('t'.repeat(32)).verifier('vector').authenticate(`Bearer ${token}`),
    ).rejects.toMatchObject({ code: 'UNAUTHENTICATED' });
    const [head, , signature] = token.split('.');
    const forged = `${head}.${Buffer.from(JSON.stringify({ sub: 'x', tenant: 'other', system: true })).toString('base64url')}.${signature}`;
    await expect(tokens.verifier('vector').authenticate(`Bearer ${forged}`)).rejects.toMatchObject({
      code: 'UNAUTHENTICATED',
    });
  });

  test('of two secrets both are accepted and one signs, so that they can be changed one process after the other', async () => {
    const [old, fresh] = ['o'.repeat(32), 'n'.repeat(32)];
    const steps = [
      [internalTokens(old, fresh), internalTokens(old)],
      [internalTokens(fresh, old), internalTokens(old, fresh)],
      [internalTokens(fresh), internalTokens(fresh, old)],
    ] as const;
    for (const [one, other] of steps)
      for (const [from, to] of [
        [one, other],
        [other, one],
      ] as const)
        expect(await to.verifier('graph').authenticate(`Bearer ${await from.mint(system, 'graph')}`)).toEqual(system);
    const stranger = await internalTokens('s'.repeat(32)).mint(system, 'graph');
    await expect(internalTokens(fresh, old).verifier('graph').authenticate(`Bearer ${stranger}`)).rejects.toMatchObject(
      { code: 'UNAUTHENTICATED' },
    );
  });

  test('generated keys are made once, for their owner alone, also by processes that start together', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'tributary-keys-'));
    const made = await Promise.all(Array.from({ length: 10 }, () => generatedSecret(folder, 'internal-token')));
    expect(new Set(made).size).toBe(1);
    expect((await stat(join(folder, 'keys/internal-token'))).mode & 0o777).toBe(0o600);
    await writeFile(join(folder, 'keys/internal-token'), 'short');
    await expect(generatedSecret(folder, 'internal-token')).rejects.toThrow(/damaged/);
    expect(await readFile(join(folder, 'keys/internal-token'), 'utf8')).toBe('short');
    await rm(folder, { recursive: true });
  });
});

test('subgraphs that run apart know whose request it is, and refuse everybody but the gateway', async () => {
  await using database = await createTestDatabase();
  const folder = await mkdtemp(join(tmpdir(), 'tributary-apart-'));
  const oidc = { OIDC_ISSUER: issuer.url, OIDC_AUDIENCE: 'tributary' };
  const shared = {
    DATABASE_URL: database.url,
    DATA_DIR: folder,
    PORT: '0',
    INTERNAL_TOKEN_SECRET: 'k'.repeat(32),
    ...oidc,
  };
  const log = createLogger({ level: 'silent' });
  const apart = await Promise.all(
    (['relational', 'inference'] as const).map((name) => startSubgraphServer(name, loadConfig(shared), log)),
  );
  const vector = await startSubgraphServer(
    'vector',
    loadConfig({
      ...shared,
      SUBGRAPH_RELATIONAL_URL: `${apart[0]!.url}/graphql`,
      SUBGRAPH_INFERENCE_URL: `${apart[1]!.url}/graphql`,
    }),
    log,
  );
  const gateway = await startServer(
    loadConfig({
      ...shared,
      SUBGRAPH_RELATIONAL_URL: `${apart[0]!.url}/graphql`,
      SUBGRAPH_INFERENCE_URL: `${apart[1]!.url}/graphql`,
      SUBGRAPH_VECTOR_URL: `${vector.url}/graphql`,
    }),
    { log },
  );
  try {
    const ask = async (tenant: string, query: string, scope = ''): Promise<GraphqlAnswer> =>
      (await (
        await fetch(`${gateway.url}/graphql`, {
          method: 'POST',
          headers: {
            'content-type': 'application/json',
            authorization: `Bearer ${await issuer.token({ tenant, scope })}`,
          },
          body: JSON.stringify({ query }),
        })
      ).json()) as GraphqlAnswer;
    const written = await ask(
      'acme',
      'mutation { rememberFact(input: { key: "k", value: "v", source: "test" }) { fact { id } } }',
      'memory:write',
    );
    expect(written.errors).toBeUndefined();
    const facts =
      '{ memoryFacts { edges { node { id key } } } embed(input: ["a"]) { dimensions } search(query: "a") { edges { score } } }';
    expect((await ask('acme', facts, 'models:use')).data).toMatchObject({
      memoryFacts: { edges: [{ node: { key: 'k' } }] },
      embed: [{ dimensions: 384 }],
      search: { edges: [] },
    });
    // Whoever may search needs no scope for models, though his words are embedded elsewhere.
    expect((await ask('globex', facts)).data).toMatchObject({
      memoryFacts: { edges: [] },
      embed: null,
      search: { edges: [] },
    });
    for (const { url } of [...apart, vector]) {
      for (const headers of [{}, { authorization: `Bearer ${await issuer.token({ tenant: 'acme' })}` }] as Record<
        string,
        string
      >[]) {
        const answer = await fetch(`${url}/graphql`, {
          method: 'POST',
          headers: { 'content-type': 'application/json', ...headers },
          body: '{"query":"{ __typename }"}',
        });
        expect(answer.status).toBe(401);
      }
    }
  } finally {
    for (const server of [gateway, vector, ...apart]) await server.close();
    await rm(folder, { recursive: true, force: true });
  }
});

test('in development mode it is told once that what is presented is not looked at', async () => {
  let told = 0;
  const { authenticate } = authenticatorBy({ onIgnored: () => void told++ });
  expect(await authenticate(undefined)).toBe(DEVELOPER);
  expect(told).toBe(0);
  for (const token of ['one', 'another']) expect(await authenticate(`Bearer ${token}`)).toBe(DEVELOPER);
  expect(told).toBe(1);
});
