/** Who asks by the word of a proxy in front, and who may be such a proxy. */
import { once } from 'node:events';
import { request as httpRequest, type IncomingMessage } from 'node:http';
import { connect } from 'node:net';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { forwardAuth } from '#gateway/auth/forward-auth.ts';
import { trustedProxies } from '#gateway/auth/trusted-proxies.ts';
import { loadConfig } from '#gateway/config/config.ts';
import { startTestServer, type TestServer } from './fixture.ts';
import { startIssuer, type Issuer } from './issuer.ts';
import { openSocket, WAYS_IN } from './ways-in.ts';

const AUTHELIA = {
  TRUSTED_PROXIES: '127.0.0.1',
  FORWARD_AUTH_USER_HEADER: 'Remote-User',
  FORWARD_AUTH_ROLES_HEADER: 'Remote-Groups',
  FORWARD_AUTH_TENANT_ROLE_PREFIX: 'tenant-',
};
const WHO = { query: '{ whoAmI { tenantId subject roles scopes } }' };
const alice = { 'Remote-User': 'alice', 'Remote-Groups': 'tenant-acme,editors, staff ,editors' };
const ALICE = { tenantId: 'acme', subject: 'alice', roles: ['tenant-acme', 'editors', 'staff'], scopes: [] };

describe('behind a proxy', () => {
  let server: TestServer;
  beforeAll(async () => {
    server = await startTestServer(AUTHELIA);
  });
  afterAll(async () => await server[Symbol.asyncDispose]());

  test.each(Object.entries(WAYS_IN))('its word counts: %s', async (_, send) => {
    expect((await send(server.url, WHO, alice)).answer.data).toEqual({ whoAmI: ALICE });
  });

  test.each(Object.entries(WAYS_IN).filter(([name]) => name !== 'WebSocket'))(
    'whoever it does not name is nobody: %s',
    async (_, send) => {
      const refused = async (says: Record<string, string>) => (await send(server.url, WHO, says)).answer.errors?.[0];
      const nobody = { extensions: expect.objectContaining({ code: 'UNAUTHENTICATED' }) };
      expect(await refused({}).catch(told)).toMatchObject(nobody);
      expect(await refused({ 'Remote-User': '' }).catch(told)).toMatchObject(nobody);
      expect(await refused({ ...alice, 'Remote-Groups': 'editors' }).catch(told)).toMatchObject(nobody);
    },
  );

  test('and on a WebSocket, which is closed', async () => {
    await expect(openSocket(server.url, {})).rejects.toThrow(/4403 UNAUTHENTICATED/);
  });

  test('the same headers of anybody else are not read', async () => {
    const answer = await from('127.0.0.2', server.url, alice);
    expect(answer.errors[0]!.extensions).toMatchObject({ code: 'UNAUTHENTICATED' });
    expect(answer.errors[0]!.extensions.hint).toContain('TRUSTED_PROXIES');
    expect((await from('127.0.0.1', server.url, alice)).data).toEqual({ whoAmI: ALICE });
  });

  test.each([
    ['a second user header', ['Remote-User: alice', 'Remote-User: admin'], 'BAD_USER_INPUT'],
    [
      'a second list of roles',
      ['Remote-User: alice', 'Remote-Groups: tenant-acme', 'remote-groups: admins'],
      'BAD_USER_INPUT',
    ],
    ['two tenants', ['Remote-User: alice', 'Remote-Groups: tenant-acme,tenant-globex'], 'UNAUTHENTICATED'],
    ['a tenant that is none', ['Remote-User: alice', 'Remote-Groups: tenant-../x'], 'UNAUTHENTICATED'],
    ['a subject of ours', ['Remote-User: system:indexing', 'Remote-Groups: tenant-acme'], 'UNAUTHENTICATED'],
    [
      'a name with an underscore, as CGI has it',
      ['Remote_User: alice', 'Remote-Groups: tenant-acme'],
      'UNAUTHENTICATED',
    ],
    ['`X-Forwarded-For` of a proxy', ['X-Forwarded-For: 127.0.0.1', 'Remote-Groups: tenant-acme'], 'UNAUTHENTICATED'],
  ])('is refused: %s', async (_, lines, code) => {
    expect(await raw(server, lines)).toContain(`"code":"${code}"`);
  });

  test('names come in UTF-8, and in Latin-1', async () => {
    const lines = (name: Buffer) => [Buffer.concat([Buffer.from('Remote-User: '), name]), 'Remote-Groups: tenant-acme'];
    expect(await raw(server, lines(Buffer.from('José 山田', 'utf8')))).toContain('"subject":"José 山田"');
    expect(await raw(server, lines(Buffer.from('José', 'latin1')))).toContain('"subject":"José"');
  });

  test.each(['\u00a0', '\ufeff', '\u2003', '\u3000', '\u2028'])(
    'a name with %j around it is not the name without',
    async (space) => {
      for (const name of [`alice${space}`, `${space}alice`])
        expect(
          await raw(server, [Buffer.from(`Remote-User: ${name}`, 'utf8'), 'Remote-Groups: tenant-acme']),
        ).toContain('"code":"UNAUTHENTICATED"');
    },
  );

  test("the proxy's cookie is no way in for other sites' pages", async () => {
    const headers = { ...alice, origin: 'https://evil.example', cookie: 'authelia_session=x' };
    const answer = await from('127.0.0.1', server.url, headers);
    expect(answer.errors[0]!.extensions.code).toBe('FORBIDDEN');
  });
});

test('a stream ends when the proxy is to be asked again', () => {
  const before = Date.now();
  const speaks = forwardAuth({
    proxies: trustedProxies(['loopback']),
    userHeader: 'remote-user',
    rolesHeader: undefined,
    tenant: { always: 'acme' },
    sessionMs: 60_000,
  });
  const request = (remoteAddress: string | undefined) =>
    speaks({ headers: { 'remote-user': 'bob' }, rawHeaders: ['Remote-User', 'bob'], socket: { remoteAddress } });
  const { expiresAt, ...who } = request('::ffff:127.0.0.1')!;
  expect(who).toEqual({ tenantId: 'acme', subject: 'bob', roles: [], scopes: [] });
  expect(expiresAt).toBeGreaterThanOrEqual(before + 60_000);
  expect(expiresAt).toBeLessThanOrEqual(Date.now() + 60_000);
  // A connection that is closed, or a Unix socket: of no address.
  expect(request(undefined)).toBeUndefined();
});

test('a subscription is cut then, and told to come again', async () => {
  await using server = await startTestServer({ ...AUTHELIA, FORWARD_AUTH_SESSION_MS: '1000' });
  await using socket = await openSocket(server.url, alice);
  const closed = once(socket.socket, 'close');
  socket.socket.send(
    JSON.stringify({ id: 's', type: 'subscribe', payload: { query: 'subscription { bookAdded { id } }' } }),
  );
  const [code] = (await closed) as [number];
  expect(code).toBe(4403);
});

describe('beside an issuer', () => {
  let issuer: Issuer;
  let server: TestServer;
  beforeAll(async () => {
    issuer = await startIssuer();
    server = await startTestServer({
      ...AUTHELIA,
      OIDC_ISSUER: issuer.url,
      OIDC_AUDIENCE: 'tributary',
      ANONYMOUS_TENANT: 'public',
    });
  });
  afterAll(async () => {
    await server[Symbol.asyncDispose]();
    await issuer[Symbol.asyncDispose]();
  });

  test("a bearer token counts, and the proxy's word without one", async () => {
    const token = await issuer.token({ sub: 'agent', tenant: 'globex' });
    const both = await from('127.0.0.1', server.url, { ...alice, authorization: `Bearer ${token}` });
    expect(both.data.whoAmI).toMatchObject({ tenantId: 'globex', subject: 'agent' });
    // What a proxy checked itself, and passes on.
    const basic = await from('127.0.0.1', server.url, { ...alice, authorization: 'Basic eDp5' });
    expect(basic.data).toEqual({ whoAmI: ALICE });
  });

  test('a token that does not hold is refused, whatever the proxy says', async () => {
    const answer = await from('127.0.0.1', server.url, { ...alice, authorization: 'Bearer a.b.c' });
    expect(answer.errors[0]!.extensions.code).toBe('UNAUTHENTICATED');
  });

  test('who is not signed in is nobody in particular', async () => {
    const subject = async (address: string, headers: Record<string, string>) =>
      (await from(address, server.url, headers)).data.whoAmI.subject;
    expect(await subject('127.0.0.1', {})).toBe('system:anonymous');
    expect(await subject('127.0.0.2', alice)).toBe('system:anonymous');
  });
});

describe('who is a trusted proxy', () => {
  test.each([
    ['10.1.2.3', ['10.0.0.0/8'], true],
    ['::ffff:10.1.2.3', ['10.0.0.0/8'], true],
    ['11.1.2.3', ['10.0.0.0/8'], false],
    ['172.31.255.255', ['uniquelocal'], true],
    ['172.32.0.0', ['uniquelocal'], false],
    ['fd00::1', ['uniquelocal'], true],
    ['::1', ['loopback'], true],
    ['2001:db8::5', ['2001:db8::/64'], true],
    ['2001:db8:0:1::5', ['2001:db8::/64'], false],
    ['127.0.0.1', [], false],
    [undefined, ['loopback'], false],
  ])('%s of %j: %s', (address, ranges, expected) => expect(trustedProxies(ranges).trusts(address)).toBe(expected));

  test.each([
    '0.0.0.0/0',
    '::/0',
    '10.0.0.0/33',
    '::1/129',
    'proxy.example',
    '10.0.0',
    '10.0.0.0/',
    '10.0.0.0/8/8',
    '*',
  ])('%s cannot be one', (range) =>
    expect(() => loadConfig({ ...AUTHELIA, TRUSTED_PROXIES: range })).toThrow(/TRUSTED_PROXIES must be/),
  );
});

describe('a configuration that would let anybody in, or has no effect, is refused', () => {
  const { TRUSTED_PROXIES, FORWARD_AUTH_USER_HEADER, ...rest } = AUTHELIA;
  test.each([
    [{ FORWARD_AUTH_USER_HEADER, ...rest }, /TRUSTED_PROXIES must be set/],
    [{ ...AUTHELIA, FORWARD_AUTH_TENANT: 'acme' }, /Only one of/],
    [{ TRUSTED_PROXIES, FORWARD_AUTH_USER_HEADER }, /One of .* must be set/],
    [{ TRUSTED_PROXIES, ...rest }, /has no effect without FORWARD_AUTH_USER_HEADER/],
    [{ ...AUTHELIA, FORWARD_AUTH_USER_HEADER: 'Host' }, /FORWARD_AUTH_USER_HEADER must be/],
    [{ ...AUTHELIA, FORWARD_AUTH_ROLES_HEADER: 'cookie' }, /FORWARD_AUTH_ROLES_HEADER must be/],
    [{ ...AUTHELIA, FORWARD_AUTH_USER_HEADER: 'Authorization' }, /FORWARD_AUTH_USER_HEADER must be/],
  ])('%j', (env, expected) => expect(() => loadConfig(env)).toThrow(expected));

  test('with it the server is not in development mode', () => {
    const config = loadConfig({ ...AUTHELIA, HOST: '0.0.0.0' });
    expect(config).toMatchObject({ mode: 'authenticated', ingestOnStart: false, server: { trustsLoopback: false } });
  });
});

test('connections of a proxy are not counted as those of one address', async () => {
  await using server = await startTestServer({ ...AUTHELIA, MAX_CONNECTIONS_PER_ADDRESS: '1' });
  const holds = async (localAddress: string) => {
    const socket = connect({ port: server.server.port, host: '127.0.0.1', localAddress });
    socket.on('error', () => undefined);
    await once(socket, 'connect');
    socket.write('GET /health/live HTTP/1.1\r\nHost: localhost\r\n\r\n');
    const [event] = await Promise.race([
      once(socket, 'data').then(() => ['data']),
      once(socket, 'close').then(() => ['close']),
    ]);
    return { event, socket };
  };
  const open = [await holds('127.0.0.1'), await holds('127.0.0.1'), await holds('127.0.0.2'), await holds('127.0.0.2')];
  expect(open.map(({ event }) => event)).toEqual(['data', 'data', 'data', 'close']);
  for (const { socket } of open) socket.destroy();
});

/** What a refusal that is no answer to the operation says: by MCP, a 401. */
const told = (error: Error) => ({ extensions: { code: /UNAUTHENTICATED/.exec(error.message)?.[0] } });

interface Answered {
  readonly data: { readonly whoAmI: { readonly subject: string } };
  readonly errors: readonly { readonly extensions: Record<string, unknown> }[];
}

/** Asks from an address of this machine. */
async function from(localAddress: string, url: string, headers: Record<string, string>): Promise<Answered> {
  const { port } = new URL(url);
  const request = httpRequest({
    host: '127.0.0.1',
    port,
    localAddress,
    method: 'POST',
    path: '/graphql',
    headers: { host: 'localhost', 'content-type': 'application/json', ...headers },
  });
  request.end(JSON.stringify(WHO));
  const [response] = (await once(request, 'response')) as [IncomingMessage];
  let text = '';
  for await (const chunk of response.setEncoding('utf8') as AsyncIterable<string>) text += chunk;
  return JSON.parse(text) as Answered;
}

/** Asks with lines of headers as they are, and gives all that comes. */
async function raw({ server: { port } }: TestServer, lines: readonly (string | Buffer)[]): Promise<string> {
  const socket = connect(port, '127.0.0.1');
  const body = JSON.stringify(WHO);
  const head = ['POST /graphql HTTP/1.1', 'Host: localhost', 'Connection: close', 'Content-Type: application/json'];
  for (const line of [...head, `Content-Length: ${body.length}`, ...lines]) {
    socket.write(line);
    socket.write('\r\n');
  }
  socket.write(`\r\n${body}`);
  let text = '';
  for await (const chunk of socket.setEncoding('utf8') as AsyncIterable<string>) text += chunk;
  return text;
}
