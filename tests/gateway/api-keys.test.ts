/** API keys at the door: who they say asks, on every way in, and how soon they say it no longer. */
import { once } from 'node:events';
import { request as httpRequest, type IncomingMessage } from 'node:http';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import WebSocket from 'ws';
import { KeyVerdicts } from '#gateway/auth/key-verdicts.ts';
import { KeyWatch } from '#gateway/auth/key-watch.ts';
import { AUTH } from '#gateway/bounds/auth.ts';
import { newKey } from '#subgraphs/relational/keys/secret.ts';
import { createPostgresDriver } from '#subgraphs/relational/drivers/postgres/index.ts';
import { createRelational } from '#subgraphs/relational/index.ts';
import { readApiKey } from '#subgraphs/shared/api-key.ts';
import { createRequestContext } from '#subgraphs/shared/context.ts';
import type { KeyStore } from '#subgraphs/shared/ports.ts';
import { Postgres } from '#subgraphs/shared/postgres/postgres.ts';
import { createTestDatabase, type TestDatabase } from '#tests/setup/postgres.ts';
import { startTestServer, type TestServer } from './fixture.ts';
import { startIssuer } from './issuer.ts';
import { openSocket, WAYS_IN, type Says } from './ways-in.ts';

const PEPPER = 'pepper of the tests, 32 bytes long';
const WHO = { query: '{ whoAmI { tenantId subject roles scopes system } }' };
const EVENTS = 'subscription { bookAdded { title } }';

let database: TestDatabase;
let postgres: Postgres;
let driver: Awaited<ReturnType<typeof createPostgresDriver>>;
/** Two replicas over one store. */
let replicas: [TestServer, TestServer];

/** A server whose keys are in `url`, beside the fixture's own subgraphs. */
async function serverOn(url: string, env: Record<string, string>): Promise<TestServer> {
  return await startTestServer({ DATABASE_URL: url, API_KEY_PEPPER: PEPPER, ...env }, {}, (deps) =>
    createRelational({ apiKeyPeppers: deps.apiKeyPeppers }, { postgres: deps.postgres }),
  );
}

beforeAll(async () => {
  database = await createTestDatabase();
  postgres = new Postgres({ url: database.url });
  driver = await createPostgresDriver(postgres);
  const env = { API_KEYS: 'only', ROLE_SCOPES: '*=everybody' };
  replicas = [await serverOn(database.url, env), await serverOn(database.url, env)];
});
afterAll(async () => {
  await Promise.all(replicas.map((server) => server[Symbol.asyncDispose]()));
  await postgres.close();
  await database[Symbol.asyncDispose]();
});

const admin = (tenantId = 'acme') =>
  createRequestContext({ tenantId, subject: 'admin', roles: [], scopes: ['keys:write'] });

async function mint({ scopes = ['a', 'b'], ms = 3_600_000, pepper = PEPPER, tenantId = 'acme' } = {}) {
  const { text, prefix, hash } = newKey([pepper]);
  const expiresAt = new Date(Date.now() + ms);
  const key = { name: 'n', prefix, hash, scopes, expiresAt, mayEndEarlier: false };
  const { id } = await driver.createApiKey(admin(tenantId), key, 10_000);
  return { text, id, revoke: () => driver.revokeApiKey(admin(tenantId), id) };
}

/** The code and message that somebody is refused with; undefined for who is not. */
async function refusal(way: string, url: string, says?: Says): Promise<string | undefined> {
  try {
    const { answer } = await WAYS_IN[way]!(url, WHO, says);
    const [error] = answer.errors ?? [];
    return error === undefined ? undefined : `${error.extensions['code']}: ${error.message}`;
  } catch (error) {
    return (error as Error).message;
  }
}
const soon = { timeout: 10_000, interval: 20 };

describe.each(Object.keys(WAYS_IN))('%s', (way) => {
  test('a key says whose it is and has what it was made with, as a bearer token and as `X-API-Key`', async () => {
    const { text, id } = await mint();
    const says: Says[] = [
      `Bearer ${text}`,
      `bearer   ${text}`,
      { 'X-API-Key': text },
      { authorization: `Bearer ${text}` },
    ];
    // A proxy in front takes `Authorization` for itself.
    says.push({ 'x-api-key': text, authorization: 'Basic YWxpY2U6eA==' });
    for (const each of says)
      expect((await WAYS_IN[way]!(replicas[0].url, WHO, each)).answer.data).toEqual({
        whoAmI: { tenantId: 'acme', subject: id, roles: [], scopes: ['a', 'b'], system: false },
      });
  });

  test('what is no key, or holds no longer, is refused, and told nowhere', async () => {
    const { text } = await mint();
    const [revoked, expired, foreign] = [await mint(), await mint({ ms: 1 }), await mint({ pepper: 'x'.repeat(32) })];
    await revoked.revoke();
    const wrong: Says[] = [
      `Bearer ${text}x`,
      `Bearer ${text.slice(0, -1)}`,
      `Bearer ${text.replace(/^trk_./, 'trk_!')}`,
      `Bearer ${text.toUpperCase()}`,
      `Bearer ${text.slice(0, 17)}${newKey([PEPPER]).text.slice(17)}`,
      `Bearer ${newKey([PEPPER]).text}`,
      `Bearer ${revoked.text}`,
      `Bearer ${expired.text}`,
      `Bearer ${foreign.text}`,
      `Basic ${Buffer.from(`${text}:`).toString('base64')}`,
      text,
      'Bearer trk_',
      { 'x-api-key': `${text}, ${text}` },
      { 'x-api-key': text.slice(4) },
      { 'x-api-key': text, authorization: `Bearer ${revoked.text}` },
    ];
    for (const says of wrong) {
      const told = await refusal(way, replicas[0].url, says);
      expect([JSON.stringify(says), told]).toEqual([JSON.stringify(says), expect.stringContaining('UNAUTHENTICATED')]);
      for (const secret of [text, revoked.text, expired.text, foreign.text])
        expect(told).not.toContain(secret.slice(17, 60));
    }
    expect(await refusal(way, replicas[0].url)).toContain('UNAUTHENTICATED');
    const logged = replicas[0].log.join('');
    for (const secret of [text, revoked.text, expired.text, foreign.text]) {
      expect(logged).not.toContain(secret.slice(17, 60));
      expect(logged).not.toContain(readApiKey(secret)!.digest);
    }
  });

  test('one that is revoked opens nothing on any replica, soon', async () => {
    const { text, revoke } = await mint();
    for (const { url } of replicas) expect(await refusal(way, url, `Bearer ${text}`)).toBeUndefined();
    await revoke();
    for (const { url } of replicas)
      await vi.waitFor(
        async () => expect(await refusal(way, url, `Bearer ${text}`)).toContain('UNAUTHENTICATED'),
        soon,
      );
  });
});

test('an agent finds its key refused with 401 and how to send one', async () => {
  const { status, headers, json } = await replicas[0].post({ query: '{ reviewCount }' });
  expect([status, headers.get('www-authenticate')]).toEqual([401, 'Bearer']);
  expect(json.errors![0]!.extensions['hint']).toContain('X-API-Key');
});

test.each(['x-api-key', 'X-API-Key', 'apiKey', 'authorization', 'Authorization'])(
  'over a WebSocket it may be the connection parameter `%s`',
  async (name) => {
    const { text, id } = await mint();
    const socket = new WebSocket(`${replicas[0].url.replace('http', 'ws')}/graphql`, 'graphql-transport-ws');
    await once(socket, 'open');
    const value = /^a.*n$/i.test(name) ? `Bearer ${text}` : text;
    socket.send(JSON.stringify({ type: 'connection_init', payload: { [name]: value } }));
    await once(socket, 'message');
    socket.send(JSON.stringify({ id: '1', type: 'subscribe', payload: WHO }));
    const [message] = (await once(socket, 'message')) as [Buffer];
    expect(JSON.parse(String(message))).toMatchObject({ payload: { data: { whoAmI: { subject: id } } } });
    socket.close();
  },
);

test('connection parameters that present two of them present none', async () => {
  const [a, b] = [await mint(), await mint()];
  for (const payload of [
    { 'x-api-key': a.text, apiKey: b.text },
    { authorization: `Bearer ${a.text}`, apiKey: b.text },
    { Authorization: `Bearer ${a.text}`, authorization: `Bearer ${b.text}` },
  ]) {
    const socket = new WebSocket(`${replicas[0].url.replace('http', 'ws')}/graphql`, 'graphql-transport-ws');
    await once(socket, 'open');
    socket.send(JSON.stringify({ type: 'connection_init', payload }));
    const [code, reason] = (await once(socket, 'close')) as [number, Buffer];
    expect([code, String(reason)]).toEqual([4403, expect.stringContaining('two tokens or API keys')]);
  }
});

/** What is open, and what resolves when it is cut. */
interface Open {
  readonly cut: Promise<unknown>;
}

/** Its client is to come again, and may read why. */
const closedBy = async (socket: WebSocket): Promise<void> => {
  const [code, reason] = (await once(socket, 'close')) as [number, Buffer];
  expect(code).toBe(4403);
  expect(String(reason)).toMatch(/^UNAUTHENTICATED: The access token or API key (was revoked|has expired)\.$/);
};

/** Opens a stream of events. */
const STREAMS: Readonly<Record<string, (server: TestServer, key: string) => Promise<Open>>> = {
  'server-sent events by POST': (server, key) => overHttp(server, key, 'POST', 'text/event-stream'),
  'server-sent events by GET': (server, key) => overHttp(server, key, 'GET', 'text/event-stream'),
  multipart: (server, key) => overHttp(server, key, 'POST', 'multipart/mixed;subscriptionSpec=1.0, application/json'),
  'a WebSocket': async (server, key) => {
    const { socket, ask } = await openSocket(server.url, `Bearer ${key}`);
    ask({ query: EVENTS }).catch(() => undefined);
    return { cut: closedBy(socket) };
  },
  'a WebSocket that asks nothing': async (server, key) => {
    const { socket } = await openSocket(server.url, { 'x-api-key': key });
    return { cut: closedBy(socket) };
  },
};

async function overHttp(
  { url, library }: TestServer,
  key: string,
  method: 'GET' | 'POST',
  accept: string,
): Promise<Open> {
  const before = library.listeners.size;
  const path = method === 'GET' ? `/graphql?${new URLSearchParams({ query: EVENTS }).toString()}` : '/graphql';
  const headers = { accept, 'content-type': 'application/json', 'x-api-key': key };
  const request = httpRequest(`${url}${path}`, { method, headers });
  request.end(method === 'GET' ? undefined : JSON.stringify({ query: EVENTS }));
  const [response] = (await once(request, 'response')) as [IncomingMessage];
  // Cut, and not completed: its client is to come again.
  const closed = new Promise((resolve) =>
    response
      .resume()
      .on('error', () => undefined)
      .once('close', resolve),
  );
  await library.until(() => library.listeners.size > before);
  return { cut: closed.then(() => expect(response.complete).toBe(false)) };
}

describe('what is open', () => {
  test.each(Object.entries(STREAMS))('ends when its key is revoked, on both replicas: %s', async (_, open) => {
    const [{ text, revoke }, beside] = [await mint(), await mint()];
    const ended = [await open(replicas[0], text), await open(replicas[1], text)];
    await using other = await openSocket(replicas[0].url, `Bearer ${beside.text}`);
    await revoke();
    await Promise.all(ended.map(({ cut }) => cut));
    // Nobody else's does.
    expect((await other.ask(WHO)).answer.data).toMatchObject({ whoAmI: { subject: beside.id } });
  });

  test.each([0, 3])(
    'ends with the secret that opened it, %i s after its key got another, on both replicas',
    async (s) => {
      const { text, id } = await mint();
      const ended = await Promise.all([
        ...replicas.map((replica) => STREAMS['a WebSocket']!(replica, text)),
        ...replicas.map((replica) => STREAMS['server-sent events by POST']!(replica, text)),
      ]);
      const { text: fresh, prefix, hash } = newKey([PEPPER]);
      const owner = createRequestContext({ tenantId: 'acme', subject: 'admin', roles: [], scopes: ['a', 'b'] });
      await driver.rotateApiKey(owner, id, { prefix, hash, overlapSeconds: s });
      await using other = await openSocket(replicas[0].url, `Bearer ${fresh}`);
      for (const { url } of replicas) expect(await refusal('POST', url, `Bearer ${fresh}`)).toBeUndefined();
      await Promise.all(ended.map(({ cut }) => cut));
      for (const { url } of replicas) expect(await refusal('POST', url, `Bearer ${text}`)).toContain('UNAUTHENTICATED');
      expect((await other.ask(WHO)).answer.data).toMatchObject({ whoAmI: { subject: id } });
    },
  );

  test('ends when its key expires, in every form', async () => {
    const { text } = await mint({ ms: 3_000 });
    const opened = await Promise.all(Object.values(STREAMS).map((open) => open(replicas[0], text)));
    await Promise.all(opened.map(({ cut }) => cut));
  });
});

test('a key is refused from when it expires on, though it was found to hold', async () => {
  const { text } = await mint();
  expect(await refusal('POST', replicas[0].url, `Bearer ${text}`)).toBeUndefined();
  vi.useFakeTimers({ toFake: ['Date'] });
  try {
    vi.setSystemTime(Date.now() + 3_599_000);
    expect(await refusal('POST', replicas[0].url, `Bearer ${text}`)).toBeUndefined();
    vi.setSystemTime(Date.now() + 2_000);
    expect(await refusal('POST', replicas[0].url, `Bearer ${text}`)).toContain('UNAUTHENTICATED');
  } finally {
    vi.useRealTimers();
  }
});

test('without the store keys are refused with its code, and all else goes on', async () => {
  const lost = await createTestDatabase();
  await using issuer = await startIssuer();
  await using server = await serverOn(lost.url, { OIDC_ISSUER: issuer.url, OIDC_AUDIENCE: 'tributary' });
  const token = `Bearer ${await issuer.token({ tenant: 'acme' })}`;
  const known = newKey([PEPPER]);
  const other = new Postgres({ url: lost.url });
  const expiresAt = new Date(Date.now() + 3_600_000);
  const key = { ...known, name: 'n', scopes: [], expiresAt, mayEndEarlier: false };
  await (await createPostgresDriver(other)).createApiKey(admin(), key, 10);
  await other.close();
  // A socket by key is open, and stays so: nothing is known of its key.
  await using socket = await openSocket(server.url, `Bearer ${known.text}`);
  await lost[Symbol.asyncDispose]();
  await vi.waitFor(async () => {
    for (const way of Object.keys(WAYS_IN)) {
      const told = await refusal(way, server.url, `Bearer ${known.text}`);
      expect([way, told]).toEqual([way, expect.stringContaining('STORE_UNAVAILABLE')]);
    }
  }, soon);
  expect((await server.post(WHO, { 'x-api-key': known.text })).status).toBe(503);
  // A made-up one is none, whatever becomes of the store.
  expect((await server.post(WHO, { 'x-api-key': newKey(['x'.repeat(32)]).text })).status).toBe(401);
  expect(await refusal('POST', server.url, token)).toBeUndefined();
  expect((await socket.ask({ query: '{ reviewCount }' })).answer.data).toEqual({ reviewCount: 3 });
});

describe('beside other ways', () => {
  test('with an issuer: keys are keys, tokens are tokens, and roles are granted nothing to keys', async () => {
    await using issuer = await startIssuer();
    await using server = await serverOn(database.url, {
      OIDC_ISSUER: issuer.url,
      OIDC_AUDIENCE: 'tributary',
      ROLE_SCOPES: '*=everybody',
    });
    const { text, id } = await mint();
    const who = async (says: Says) => (await WAYS_IN['POST']!(server.url, WHO, says)).answer;
    const token = await issuer.token({ tenant: 'acme', scope: 'x' });
    expect((await who(`Bearer ${text}`)).data).toMatchObject({ whoAmI: { subject: id, scopes: ['a', 'b'] } });
    expect((await who(`Bearer ${token}`)).data).toMatchObject({
      whoAmI: { subject: 'alice', scopes: ['x', 'everybody'] },
    });
    // A proxy's own key is none of ours.
    expect((await who({ authorization: `Bearer ${token}`, 'x-api-key': 'kong-1' })).data).toMatchObject({
      whoAmI: { subject: 'alice' },
    });
    // No issuer names one of our keys.
    const asKey = await issuer.token({ tenant: 'acme', sub: id });
    expect((await who(`Bearer ${asKey}`)).errors![0]!.extensions['code']).toBe('UNAUTHENTICATED');
  });

  test('in development mode whoever sends a key is who it says, and whoever sends none the developer', async () => {
    await using server = await serverOn(database.url, {});
    const { text, id } = await mint();
    const who = async (says?: Says) => (await WAYS_IN['POST']!(server.url, WHO, says)).answer;
    expect((await who()).data).toMatchObject({ whoAmI: { subject: 'developer' } });
    expect((await who(`Bearer ${text}`)).data).toMatchObject({ whoAmI: { subject: id } });
    expect((await who(`Bearer ${text}x`)).errors![0]!.extensions['code']).toBe('UNAUTHENTICATED');
  });

  test("switched off they are nobody's", async () => {
    await using issuer = await startIssuer();
    const env = { DATABASE_URL: database.url, API_KEYS: 'off', OIDC_ISSUER: issuer.url, OIDC_AUDIENCE: 'tributary' };
    await using server = await startTestServer(env);
    const { text } = await mint();
    for (const says of [`Bearer ${text}`, { 'x-api-key': text }])
      expect(await refusal('POST', server.url, says)).toContain('UNAUTHENTICATED');
  });

  test('two peppers are accepted while they are changed', async () => {
    const fresh = 'the pepper that comes after, 32 bytes';
    await using server = await serverOn(database.url, {
      API_KEYS: 'only',
      API_KEY_PEPPER: fresh,
      API_KEY_PEPPER_ALSO: PEPPER,
    });
    for (const pepper of [PEPPER, fresh])
      expect(await refusal('POST', server.url, `Bearer ${(await mint({ pepper })).text}`)).toBeUndefined();
    expect(await refusal('POST', replicas[0].url, `Bearer ${(await mint({ pepper: fresh })).text}`)).toContain(
      'UNAUTHENTICATED',
    );
  });
});

describe('looking up', () => {
  const relational = () => createRelational({ apiKeyPeppers: [PEPPER] }, { postgres });
  const keyOf = async (text: string) => Promise.resolve(readApiKey(text)!);
  /** The store, and the keys of each question to it. */
  async function asked(): Promise<{ store: () => Pick<KeyStore, 'verify'>; questions: number[] }> {
    const { keyStore } = (await relational()).provides;
    const questions: number[] = [];
    const store: Pick<KeyStore, 'verify'> = {
      verify: (context, keys) => {
        questions.push(keys.length);
        return keyStore!.verify(context, keys);
      },
    };
    return { store: () => store, questions };
  }

  test('is one question at a time, for all who wait, and none about what is known', async () => {
    const { store, questions } = await asked();
    const verdicts = new KeyVerdicts({ store });
    const keys = await Promise.all(Array.from({ length: 30 }, async () => await mint()));
    const all = await Promise.all([...keys, ...keys].map(async ({ text }) => verdicts.verdict(await keyOf(text))));
    expect(all.map((known) => known?.id)).toEqual([...keys, ...keys].map(({ id }) => id));
    // The first is asked about again, by whoever came when the question about it was sent already.
    expect(questions).toEqual([1, 30]);
    await Promise.all(keys.map(async ({ text }) => verdicts.verdict(await keyOf(text))));
    expect(questions).toEqual([1, 30]);
  });

  test('is done again within a second of a key that holds, and seldom of one that does not', async () => {
    const { store, questions } = await asked();
    const verdicts = new KeyVerdicts({ store, apiKeyCacheMs: 1_000 });
    const [{ text, revoke }, gone] = [await mint(), await mint()];
    await gone.revoke();
    const [key, revoked] = [await keyOf(text), await keyOf(gone.text)];
    expect([await verdicts.verdict(key), await verdicts.verdict(revoked)]).toMatchObject([
      { scopes: ['a', 'b'] },
      undefined,
    ]);
    await revoke();
    const now = performance.now();
    const clock = vi.spyOn(performance, 'now').mockImplementation(() => now + 1_001);
    try {
      expect(await verdicts.verdict(key)).toBeUndefined();
      expect(await verdicts.verdict(revoked)).toBeUndefined();
      expect(questions).toHaveLength(3);
    } finally {
      clock.mockRestore();
    }
  });

  test('is refused where too many wait, and made-up keys drive out none that hold', async () => {
    const { store, questions } = await asked();
    const verdicts = new KeyVerdicts({ store, apiKeyLookUps: 3, apiKeyEntries: 2, apiKeyCacheMs: 1_000 });
    const { text } = await mint();
    await verdicts.verdict(await keyOf(text));
    const wrong = Array.from({ length: 10 }, () => readApiKey(newKey(['x'.repeat(32)]).text)!);
    const told = await Promise.allSettled(wrong.map((key) => verdicts.verdict(key)));
    const refused = told.filter((each) => each.status === 'rejected');
    expect(refused.map(({ reason }) => (reason as { code: string }).code)).toEqual(
      Array.from({ length: 6 }, () => 'STORE_UNAVAILABLE'),
    );
    for (const key of wrong) await verdicts.verdict(key);
    const before = questions.length;
    expect(await verdicts.verdict(await keyOf(text))).toBeDefined();
    expect(questions).toHaveLength(before);
  });

  test('ends in its time, though the store does not answer', async () => {
    const store: Pick<KeyStore, 'verify'> = { verify: () => new Promise(() => undefined) };
    const verdicts = new KeyVerdicts({ store: () => store, apiKeyTimeoutMs: 20 });
    await expect(verdicts.verdict(readApiKey(newKey([PEPPER]).text)!)).rejects.toMatchObject({ code: 'STORE_TIMEOUT' });
    const later = new KeyVerdicts({ store: () => undefined });
    await expect(later.verdict(readApiKey(newKey([PEPPER]).text)!)).rejects.toMatchObject({
      code: 'STORE_UNAVAILABLE',
    });
  });

  test('for what is open is one question for all of it, and it ends when nothing can be known for long', async () => {
    const { store, questions } = await asked();
    const keys = await Promise.all(Array.from({ length: 20 }, async () => await mint()));
    const watch = new KeyWatch(new KeyVerdicts({ store }));
    const ended: string[] = [];
    const forget = await Promise.all(
      keys.flatMap(({ text, id }) => [1, 2].map(async () => watch.onEnd(await keyOf(text), () => void ended.push(id)))),
    );
    await keys[3]!.revoke();
    forget[0]!();
    await vi.waitFor(() => expect(ended).toEqual([keys[3]!.id, keys[3]!.id]), soon);
    // One for whoever comes first, and one for all who come meanwhile.
    for (let index = 0; index < questions.length; index += 2) expect(questions[index]).toBe(1);
    watch.close();

    const silent: Pick<KeyStore, 'verify'> = { verify: () => Promise.reject(new Error('It is away.')) };
    const alone = new KeyWatch(new KeyVerdicts({ store: () => silent }));
    const [began, checks] = [performance.now(), vi.spyOn(silent, 'verify')];
    const over = vi.fn();
    alone.onEnd(await keyOf(keys[0]!.text), over);
    await vi.waitFor(() => expect(checks.mock.calls.length).toBeGreaterThan(1), soon);
    expect(over).not.toHaveBeenCalled();
    const clock = vi.spyOn(performance, 'now').mockImplementation(() => began + AUTH.apiKeyUncheckedMs + 60_000);
    try {
      await vi.waitFor(() => expect(over).toHaveBeenCalledTimes(1), soon);
    } finally {
      clock.mockRestore();
    }
    alone.close();
  });
});

test('a moment more than a second is no setting of it', async () => {
  const { loadConfig } = await import('#gateway/config/config.ts');
  expect(() => loadConfig({ API_KEY_CACHE_MS: '1001' })).toThrow(/API_KEY_CACHE_MS must be between 0 and 1000/);
  expect(() => loadConfig({ API_KEYS: 'only', DATABASE_URL: 'off' })).toThrow(/nobody could come in/);
  expect(() => loadConfig({ API_KEYS: 'only', OIDC_ISSUER: 'https://a.example', OIDC_AUDIENCE: 'x' })).toThrow(
    /OIDC_ISSUER has no effect with API_KEYS=only/,
  );
  expect(() => loadConfig({ API_KEYS: 'off', API_KEY_PEPPER: 'x'.repeat(32) })).toThrow(/no effect with API_KEYS=off/);
  expect(() => loadConfig({ API_KEY_PEPPER: 'short' })).toThrow(/at least 32 bytes/);
  expect(loadConfig({ API_KEYS: 'only', HOST: '0.0.0.0' }).mode).toBe('authenticated');
  expect(loadConfig({}).mode).toBe('development');
});

test('the owner of the database finds no secret in it', async () => {
  const { text } = await mint();
  const owner = new pg.Client(database.url);
  await owner.connect();
  const { rows } = await owner.query<{ text: string }>('SELECT t::text AS text FROM relational.api_keys t');
  await owner.end();
  expect(rows.map((row) => row.text).join('\n')).not.toContain(text.slice(17));
});
