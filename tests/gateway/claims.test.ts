/** Who a caller is by the claims of real issuers’ tokens, whose names and forms differ. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { principalOf } from '#gateway/auth/claims.ts';
import { loadConfig } from '#gateway/config/config.ts';
import { startTestServer, type TestServer } from './fixture.ts';
import { startIssuer, type Issuer } from './issuer.ts';
import { WAYS_IN } from './ways-in.ts';

const of = (claims: Record<string, unknown>, paths: Record<string, string> = {}) => {
  const { oidc } = loadConfig({ OIDC_ISSUER: 'https://id.example.com', OIDC_AUDIENCE: 'tributary', ...paths });
  return principalOf({ sub: 'alice', tenant: 'acme', ...claims }, oidc!);
};
const rolesOf = (path: string, claims: Record<string, unknown>) => of(claims, { OIDC_ROLES_CLAIM: path }).roles;
const tenantOf = (path: string, claims: Record<string, unknown>) =>
  of({ tenant: undefined, ...claims }, { OIDC_TENANT_CLAIM: path }).tenantId;

describe('roles', () => {
  const keycloak = {
    realm_access: { roles: ['offline_access', 'editor'] },
    resource_access: { 'docs.example.com': { roles: ['reader', 'editor'] }, account: { roles: ['view-profile'] } },
    groups: ['/staff/domain admins', '/staff'],
  };
  test.each([
    ["of Keycloak's realm", 'realm_access.roles', ['offline_access', 'editor']],
    ['of a client of Keycloak, with dots in its name', 'resource_access.docs.example.com.roles', ['reader', 'editor']],
    [
      "of both and of groups, each once and no other client's",
      'realm_access.roles, resource_access.docs.example.com.roles,groups',
      ['offline_access', 'editor', 'reader', '/staff/domain admins', '/staff'],
    ],
    ['of a client that the token does not have', 'resource_access.other.roles', []],
    ['of what is no list', 'realm_access', []],
    ['of what every object has', 'constructor.name,__proto__.roles,realm_access.roles.length', []],
  ])('%s', (_, path, roles) => expect(rolesOf(path, keycloak)).toEqual(roles));

  test.each([
    ['a claim that is called by a URL', 'https://example.com/roles', { 'https://example.com/roles': ['a'] }, ['a']],
    ['one with a colon', 'cognito:groups', { 'cognito:groups': ['a', 'b'] }, ['a', 'b']],
    ['a text', 'roles', { roles: 'a  b' }, ['a', 'b']],
    ['what is not a text is left out', 'roles', { roles: ['a', 1, null, { b: 1 }, ''] }, ['a']],
    ['the name with dots goes before the way into objects', 'a.b', { 'a.b': ['flat'], a: { b: ['deep'] } }, ['flat']],
    ['a way that ends is given up for another', 'a.b.c', { 'a.b': { x: 1 }, a: { 'b.c': ['found'] } }, ['found']],
  ])('%s', (_, path, claims, roles) => expect(rolesOf(path, claims)).toEqual(roles));
});

describe('scopes', () => {
  test.each([
    ['a text', {}, { scope: 'openid read' }, ['openid', 'read']],
    ['a list', {}, { scp: ['read', 'write'] }, ['read', 'write']],
    ['a list of texts', {}, { scope: ['read write', 'read'] }, ['read', 'write']],
    ['both', {}, { scope: 'read', scp: 'write' }, ['read', 'write']],
    ['of a claim of its own', { OIDC_SCOPES_CLAIM: 'permissions' }, { permissions: ['a:b'], scope: 'x' }, ['a:b']],
    ['none', {}, { scope: 1 }, []],
  ])('%s', (_, paths, claims, scopes) => expect(of(claims, paths).scopes).toEqual(scopes));
});

describe('the tenant', () => {
  test.each([
    ['of an organization, as a list of one', 'organization', { organization: ['acme'] }, 'acme'],
    ['of the first claim that is there', 'tid, org.tenant', { org: { tenant: 'acme' }, tid: null }, 'acme'],
    ['of the first of two', 'tid,tenant', { tid: 'one', tenant: 'two' }, 'one'],
  ])('%s', (_, path, claims, tenant) => expect(tenantOf(path, claims)).toBe(tenant));

  test.each([
    ['several', 'organization', { organization: ['acme', 'globex'] }],
    ['a list of a list', 'organization', { organization: [['acme']] }],
    ['none', 'tenant', {}],
    ['an empty list', 'tenant', { tenant: [] }],
    ['the first is there and is none, whatever the next is', 'tid,tenant', { tid: 'a b', tenant: 'acme' }],
    ['a group', 'groups', { groups: ['/acme'] }],
    ['what every object has', 'constructor.name', {}],
  ])('that cannot be told is refused: %s', (_, path, claims) =>
    expect(() => tenantOf(path, claims)).toThrow(expect.objectContaining({ code: 'UNAUTHENTICATED' })),
  );
});

describe('the project', () => {
  const projectOf = (claims: Record<string, unknown>, path = 'project, org.team') =>
    of(claims, { OIDC_PROJECT_CLAIM: path }).tenantId;
  test.each([
    ['a text', { project: 'red' }, 'acme.red'],
    ['a list of one', { project: ['red'] }, 'acme.red'],
    ['of the second claim, where the first is null', { project: null, org: { team: 'blue' } }, 'acme.blue'],
    ['none', {}, 'acme'],
    ['none: null', { project: null }, 'acme'],
    ['the longest name', { project: 'r'.repeat(63) }, `acme.${'r'.repeat(63)}`],
  ])('%s', (_, claims, tenant) => expect(projectOf(claims)).toBe(tenant));

  test('is of nobody where no claim names it', () =>
    expect(of({ project: 'red', org: { team: 'blue' } }).tenantId).toBe('acme'));

  test.each<[string, unknown]>([
    ['empty', ''],
    ['an empty list', []],
    ['several', ['red', 'blue']],
    ['a list of a list', [['red']]],
    ['a number', 7],
    ['a boolean', true],
    ['an object', { name: 'red' }],
    ['a list of nothing', [null]],
    ['too long', 'r'.repeat(64)],
    ['very long', 'r'.repeat(100_000)],
    ['with a wildcard', '*'],
    ['with another', 'r%'],
    ['with a separator', 'red.blue'],
    ['with others', 'acme/red'],
    ['with a comma', 'red,blue'],
    ['with spaces', ' red '],
    ['with a line break', 'red\n'],
    ['with a null character', 'red\0'],
    ['with letters that look alike', 'rеd'],
    ['a path', '..'],
  ])('that cannot be told is refused, and never none: %s', (_, project) =>
    expect(() => projectOf({ project })).toThrow(expect.objectContaining({ code: 'UNAUTHENTICATED' })),
  );

  test('cannot be named by way of the tenant', () => {
    for (const tenant of ['acme.red', 'acme.', '.red', 'acme.red.blue'])
      expect(() => projectOf({ tenant }), tenant).toThrow(expect.objectContaining({ code: 'UNAUTHENTICATED' }));
  });
});

test.each(['', ' , ', 'a..b', '.a', 'a.'])('%j is no path', (path) => {
  const load = () => loadConfig({ OIDC_ISSUER: 'https://id.example.com', OIDC_AUDIENCE: 'x', OIDC_ROLES_CLAIM: path });
  // An empty variable is one that is not set.
  if (path === '') expect(load().oidc?.rolesClaims).toEqual(['roles']);
  else expect(load).toThrow(/OIDC_ROLES_CLAIM must/);
});

describe('a token of Keycloak', () => {
  let issuer: Issuer;
  let it: TestServer;
  beforeAll(async () => {
    issuer = await startIssuer();
    it = await startTestServer({
      OIDC_ISSUER: issuer.url,
      OIDC_AUDIENCE: 'tributary',
      OIDC_TENANT_CLAIM: 'organization',
      OIDC_ROLES_CLAIM: 'realm_access.roles,resource_access.docs.example.com.roles,groups',
    });
  });
  afterAll(async () => {
    await it[Symbol.asyncDispose]();
    await issuer[Symbol.asyncDispose]();
  });

  test.each(Object.entries(WAYS_IN))('is understood as it comes: %s', async (_, send) => {
    const token = await issuer.token(
      {
        typ: 'Bearer',
        azp: 'docs.example.com',
        scope: 'openid documents:read',
        organization: ['acme'],
        realm_access: { roles: ['editor'] },
        resource_access: { 'docs.example.com': { roles: ['reader'] } },
        groups: ['/staff/editors'],
      },
      { typ: 'JWT' },
    );
    const { answer } = await send(it.url, { query: '{ whoAmI { tenantId subject roles scopes } }' }, `Bearer ${token}`);
    expect(answer).toEqual({
      data: {
        whoAmI: {
          tenantId: 'acme',
          subject: 'alice',
          roles: ['editor', 'reader', '/staff/editors'],
          scopes: ['openid', 'documents:read'],
        },
      },
    });
  });
});
