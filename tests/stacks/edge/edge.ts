/** What every proxy of ops/edge must do before the whole product, whichever it is. */
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { connect as connectHttp2 } from 'node:http2';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { createAuthority } from '#tests/setup/certificates.ts';
import { createTestDatabase, type TestDatabase } from '#tests/setup/postgres.ts';
import { readMetrics } from '#tests/setup/prometheus-text.ts';
import { startTestServer, type TestServer } from '#tests/setup/server.ts';

import type { StackProgram } from '../provision/of-debian.ts';
import { session, startAuthelia, type Authelia } from './authelia.ts';
import { Client, SITE, type Answered } from './client.ts';
import type { EdgeDriver, RunningEdge } from './drivers.ts';

const ASK = '{ runs(first: 1) { edges { node { id } } } }';
const SEE = 'query ($id: ID!) { run(id: $id) { startedBy } }';
const START = 'mutation { startRun(input: {}) { run { id startedBy } } }';
const APPEND_INPUT =
  'mutation ($input: AppendRunEventsInput!) { appendRunEvents(input: $input) { events { sequence } } }';
const FINISH = 'mutation ($id: ID!) { finishRun(input: { runId: $id }) { run { status } } }';
const FOLLOW =
  'subscription ($id: ID!, $after: String) { runEvents(runId: $id, after: $after) { sequence type payload } }';
const MUTATIONS = 6;

const ENV = {
  PUBLIC_BASE_URL: `https://${SITE}`,
  // The proxy comes from there; clients, which are on this machine too, from other addresses.
  TRUSTED_PROXIES: '127.0.0.1',
  FORWARD_AUTH_USER_HEADER: 'Remote-User',
  FORWARD_AUTH_ROLES_HEADER: 'Remote-Groups',
  FORWARD_AUTH_TENANT_ROLE_PREFIX: 'tenant-',
  ROLE_SCOPES: 'admins=*',
  CORS_ORIGINS: 'https://app.example.com',
  METRICS_PORT: '0',
  // Replicas have the same.
  API_KEY_PEPPER: 'p'.repeat(44),
  RATE_LIMIT_ADDRESS_MUTATIONS: `${MUTATIONS}/1h`,
  // Longer than the longest of a proxy's looks.
  SHUTDOWN_DELAY_MS: '3000',
};

const ALICE = { subject: 'alice', inAcme: true };
const codeOf = (answer: Answered): unknown => answer.errors?.[0]?.extensions['code'];
const APPENDED = (id: string, value: number) => ({
  input: { runId: id, events: [{ type: 'CUSTOM', payload: { name: 'mark', value } }] },
});

export function edgeSuite(driver: EdgeDriver): void {
  const given = process.env[driver.variable];

  describe.skipIf(!given)(`${driver.title} (${driver.variable})`, () => {
    let database: TestDatabase;
    let gateways: TestServer[];
    let authelia: Authelia;
    let edge: RunningEdge & { ca: string };
    let folder: string;
    let next = 10;
    /** Somebody at an address that nobody else has. */
    const client = (headers: Record<string, string> = session('alice')): Client =>
      new Client(edge, `127.0.1.${(next += 1)}`, headers);
    const startRun = async (who: Client): Promise<string> => {
      const { data, errors } = await who.ask(START);
      expect(errors).toBeUndefined();
      return (data as { startRun: { run: { id: string } } }).startRun.run.id;
    };
    /** As whom it starts a run, and whether that is in alice's tenant. */
    const asWhom = async ({ data, errors }: Answered): Promise<{ subject: string; inAcme: boolean }> => {
      expect(errors).toBeUndefined();
      const { id, startedBy } = (data as { startRun: { run: { id: string; startedBy: string } } }).startRun.run;
      const seen = await new Client(edge, '127.0.1.1', session('alice')).ask(SEE, { id });
      return { subject: startedBy, inAcme: seen.data?.['run'] !== null && seen.errors === undefined };
    };
    const append = async (who: Client, id: string, value: number): Promise<void> => {
      expect((await who.ask(APPEND_INPUT, APPENDED(id, value))).errors).toBeUndefined();
    };
    const startGateway = (): Promise<TestServer> => startTestServer({ ...ENV, DATABASE_URL: database.url });
    /** Metrics of a gateway, summed up by name. */
    const measured = async ({ server }: TestServer, name: string): Promise<number> => {
      const text = await (await fetch(`http://127.0.0.1:${server.metricsPort}/metrics`)).text();
      return readMetrics(text).reduce((sum, sample) => sum + (sample.name === name ? sample.value : 0), 0);
    };
    const until = async (look: () => Promise<boolean>): Promise<void> => {
      while (!(await look())) await new Promise((resolve) => setTimeout(resolve, 20));
    };

    beforeAll(async () => {
      folder = await mkdtemp(join(tmpdir(), 'tributary-edge-'));
      database = await createTestDatabase();
      gateways = [await startGateway(), await startGateway()];
      authelia = await startAuthelia();
      const authority = createAuthority('edge');
      const { cert, key } = authority.issue({ hosts: [SITE] });
      await writeFile(join(folder, 'tls.crt'), cert);
      await writeFile(join(folder, 'tls.key'), key);
      const started = await driver.start(JSON.parse(given!) as StackProgram, {
        folder,
        gateways: gateways.map(({ server }) => `127.0.0.1:${server.port}`),
        authelia: `127.0.0.1:${authelia.port}`,
      });
      edge = { ...started, ca: authority.ca };
    });

    afterAll(async () => {
      await edge?.close();
      await authelia?.[Symbol.asyncDispose]();
      await Promise.all((gateways ?? []).map((each) => each[Symbol.asyncDispose]()));
      await database?.[Symbol.asyncDispose]();
      await rm(folder, { recursive: true, force: true });
    });

    test('ends TLS, and the gateway answers whom Authelia has signed in', async () => {
      expect(await asWhom(await client().ask(START))).toEqual(ALICE);
      const { status, text } = await client({}).text('GET', '/health/live');
      expect({ status, text }).toEqual({ status: 200, text: '{"status":"ok"}' });
    });

    test('speaks HTTP/2, of which a browser may have as many streams as it likes', async () => {
      const session2 = connectHttp2(`https://${SITE}:${edge.port}`, {
        ca: edge.ca,
        lookup: (_, options, callback) =>
          options.all === true ? callback(null, [{ address: '127.0.0.1', family: 4 }]) : callback(null, '127.0.0.1', 4),
      });
      const stream = session2.request({
        ':method': 'POST',
        ':path': '/graphql',
        'content-type': 'application/json',
        ...session('alice'),
      });
      stream.end(JSON.stringify({ query: START }));
      let text = '';
      for await (const chunk of stream.setEncoding('utf8') as AsyncIterable<string>) text += chunk;
      expect(await asWhom(JSON.parse(text) as Answered)).toEqual(ALICE);
      session2.close();
      await once(session2, 'close');
    });

    test('whoever has not signed in is told so, and a person sent to sign in', async () => {
      const nobody = client({});
      expect(codeOf(await nobody.ask(ASK))).toBe('UNAUTHENTICATED');
      const page = await nobody.text('GET', '/graphql', { headers: { accept: 'text/html,*/*' } });
      expect(page).toMatchObject({
        status: 302,
        location: expect.stringMatching(/^https:\/\/auth\.example\.com\/\?rd=/),
      });
      expect(codeOf(await client(session('mallory')).ask(ASK))).toBe('FORBIDDEN');
      await expect(nobody.socket()).rejects.toThrow('401');
    });

    test('what a client says of who it is is not passed on', async () => {
      const forged = {
        'Remote-User': 'root',
        'remote-groups': 'tenant-globex,admins',
        Remote_User: 'root',
        Forwarded: 'for=10.0.0.1;host=evil.example',
      };
      expect(codeOf(await client({}).ask(ASK, {}, forged))).toBe('UNAUTHENTICATED');
      expect(await asWhom(await client().ask(START, {}, forged))).toEqual(ALICE);
      // A token that opens nothing, and nobody whom Authelia knows.
      expect(codeOf(await client({ authorization: 'Bearer nonsense' }).ask(ASK, {}, forged))).toBe('UNAUTHENTICATED');
      // Told that these end at the proxy, one may take out what it has put in; then nobody asks, and nobody else.
      const hops = await client().ask(START, {}, { ...forged, Connection: 'keep-alive, Remote-User, Remote-Groups' });
      if (codeOf(hops) !== 'UNAUTHENTICATED') expect(await asWhom(hops)).toEqual(ALICE);
      await using socket = await client().socket(forged);
      socket.subscribe('who', START);
      await socket.until((messages) => messages.some(({ type }) => type === 'next'));
      expect(await asWhom(socket.messages.find(({ type }) => type === 'next')!.payload!)).toEqual(ALICE);
      await expect(client({}).socket(forged)).rejects.toThrow('401');
    });

    test('Authelia is asked about what was asked, whatever a client says of it', async () => {
      const before = authelia.asked.length;
      const lying = {
        'X-Forwarded-Uri': '/health/live',
        'X-Forwarded-Method': 'OPTIONS',
        'X-Forwarded-Host': 'open.example.com',
        'X-Original-URL': 'https://open.example.com/',
        'X-Original-Method': 'OPTIONS',
        'X-Forwarded-For': '10.9.9.9',
      };
      expect((await client().ask(ASK, {}, lying)).data).toBeTruthy();
      expect(authelia.asked.slice(before)).toEqual([
        { url: `https://${SITE}:${edge.port}/graphql`, method: 'POST', client: `127.0.1.${next}` },
      ]);
    });

    test.each([
      '/objects/../graphql',
      '/health/live/../../graphql',
      '/.well-known/../graphql',
      '/.well-known/..%2fgraphql',
      '//graphql',
      '/objects/%2e%2e/graphql',
      '/graphql;/.well-known/',
      '/graphql/../objects/x',
    ])('no way around Authelia: %s', async (path) => {
      const query = `${path}?query=${encodeURIComponent(ASK)}`;
      const { status, text } = await client({}).text('GET', query, { headers: { accept: 'application/json' } });
      expect(status).toBeGreaterThanOrEqual(400);
      expect(text).not.toContain('"edges"');
    });

    test('agents come with a token, of which Authelia is not asked', async () => {
      const made = await client().ask(
        'mutation { createApiKey(input: { name: "agent", scopes: ["runs:write"] }) { secret } }',
      );
      const { secret } = (made.data as { createApiKey: { secret: string } }).createApiKey;
      const before = authelia.asked.length;
      const agent = client({ authorization: `Bearer ${secret}` });
      const answer = await agent.ask(START, {}, { 'Remote-User': 'root', 'Remote-Groups': 'tenant-globex' });
      const { subject, inAcme } = await asWhom(answer);
      expect([subject === 'root', inAcme]).toEqual([false, true]);
      // Only alice was asked about, who looks whether it is hers.
      expect(authelia.asked.slice(before).map((each) => each.client)).toEqual(['127.0.1.1']);
    });

    test('pages of other sites are kept out by the gateway, and its own word for the others comes through', async () => {
      const preflight = await client({}).open('OPTIONS', '/graphql', {
        headers: {
          origin: 'https://app.example.com',
          'access-control-request-method': 'POST',
          'access-control-request-headers': 'content-type',
        },
      });
      preflight.resume();
      expect([preflight.statusCode, preflight.headers['access-control-allow-origin']]).toEqual([
        204,
        'https://app.example.com',
      ]);
      expect(codeOf(await client().ask(ASK, {}, { origin: 'https://evil.example' }))).toBe('FORBIDDEN');
    });

    test("a client's own address counts, and what it says of it does not", async () => {
      const busy = client();
      // Each gateway counts for itself, and is asked as the proxy likes.
      for (let left = MUTATIONS * gateways.length; left > 0;)
        if (codeOf(await busy.ask(START)) === undefined) left -= 1;
      const forgeries = ['10.1.1.1', '127.0.0.1', `127.0.1.${next + 1}, 127.0.0.1`, 'unknown', ''];
      const answers = [];
      for (const forged of [...forgeries, ...forgeries])
        answers.push(
          codeOf(
            await busy.ask(
              START,
              {},
              { 'X-Forwarded-For': forged, 'X-Real-IP': forged, Connection: 'close, X-Forwarded-For' },
            ),
          ),
        );
      expect(new Set(answers)).toEqual(new Set(['RATE_LIMITED']));
      expect(codeOf(await client().ask(START))).toBeUndefined();
    });

    test.each(['WebSocket', 'text/event-stream', 'multipart/mixed', 'AG-UI'])(
      'events come while the stream is open: %s',
      async (way) => {
        const who = client();
        const id = await startRun(who);
        await append(who, id, 1);
        if (way === 'WebSocket') {
          await using socket = await who.socket();
          socket.subscribe('s', FOLLOW, { id });
          await socket.until((messages) => JSON.stringify(messages).includes('"value":1'));
          await append(who, id, 2);
          await socket.until((messages) => JSON.stringify(messages).includes('"value":2'));
          expect(socket.messages.some(({ type }) => type === 'complete')).toBe(false);
          await who.ask(FINISH, { id });
          await socket.until((messages) => messages.some(({ type }) => type === 'complete'));
          return;
        }
        await using stream =
          way === 'AG-UI'
            ? await who.get(`/runs/${id}/events`, { accept: 'text/event-stream' })
            : await who.stream(FOLLOW, { id }, way);
        expect(stream.response.statusCode).toBe(200);
        expect(stream.response.headers['content-encoding']).toBeUndefined();
        await stream.until(({ text }) => text.includes('"value":1'));
        await append(who, id, 2);
        await stream.until(({ text }) => text.includes('"value":2'));
        expect(stream.ended).toBeUndefined();
        await who.ask(FINISH, { id });
        await stream.until(({ text }) => text.includes('RUN_FINISHED'));
        await stream.until(({ ended }) => ended === 'end');
      },
    );

    test('a client that leaves is gone at the gateway, too', async () => {
      const open = async (): Promise<number> =>
        (await Promise.all(gateways.map((each) => measured(each, 'tributary_subscription_open')))).reduce(
          (a, b) => a + b,
        );
      const before = await open();
      const who = client();
      const id = await startRun(who);
      {
        await using stream = await who.stream(FOLLOW, { id }, 'text/event-stream');
        await using parts = await who.stream(FOLLOW, { id }, 'multipart/mixed');
        await using socket = await who.socket();
        socket.subscribe('s', FOLLOW, { id });
        await until(async () => (await open()) === before + 3);
        expect([stream.ended, parts.ended, socket.closed]).toEqual([undefined, undefined, undefined]);
      }
      await until(async () => (await open()) === before);
    });

    test('sizes: what the gateway refuses it refuses in its own words, and far larger ones go no further', async () => {
      const headers = { 'content-type': 'application/json' };
      const over = JSON.stringify({ query: ASK, extensions: { x: 'x'.repeat(5_500_000) } });
      const refused = await client().text('POST', '/graphql', { headers, body: over });
      expect(refused.status).toBe(413);
      expect(JSON.parse(refused.text)).toMatchObject({ errors: [{ extensions: { code: 'PAYLOAD_TOO_LARGE' } }] });
      expect(refused.text).not.toContain('proxy in front');
      const huge = await client().text('POST', '/graphql', { headers: { ...headers, 'content-length': '200000000' } });
      expect(huge.status).toBe(413);
      expect(JSON.parse(huge.text)).toMatchObject({ errors: [{ extensions: { code: 'PAYLOAD_TOO_LARGE' } }] });
      // Of which nobody knows before how long it is.
      const body = (async function* () {
        for (const part of [`{"query":`, JSON.stringify(ASK), '}']) yield Buffer.from(part);
        await Promise.resolve();
      })();
      expect((await client().text('POST', '/graphql', { headers, body })).text).toContain('"edges"');
    });

    test('metrics and the state of stores are not for everybody', async () => {
      for (const path of ['/metrics', '/health/ready', '/metrics?x'])
        expect([path, (await client().text('GET', path)).status]).toEqual([path, 404]);
    });

    test('a gateway stops: no request is refused, and its streams say how to go on', async () => {
      const who = client();
      const id = await startRun(who);
      await append(who, id, 1);
      const sockets = await Promise.all(
        Array.from({ length: 6 }, async () => {
          const socket = await who.socket();
          socket.subscribe('s', FOLLOW, { id });
          await socket.until((messages) => JSON.stringify(messages).includes('"value":1'));
          return socket;
        }),
      );
      const streams = await Promise.all(
        Array.from({ length: 6 }, async () => {
          const stream = await who.stream(FOLLOW, { id }, 'text/event-stream');
          await stream.until(({ text }) => text.includes('"value":1'));
          return stream;
        }),
      );
      const [leaving] = gateways.splice(0, 1) as [TestServer];
      let gone = false;
      const left = leaving[Symbol.asyncDispose]().then(() => (gone = true));
      const asking = Array.from({ length: 3 }, async () => {
        const answers: unknown[] = [];
        for (let more = 5; more > 0; more -= gone ? 1 : 0) answers.push((await who.ask(ASK)).data ?? 'refused');
        return answers;
      });
      const answers = (await Promise.all(asking)).flat();
      await left;
      expect(answers.length).toBeGreaterThan(20);
      expect(answers.filter((data) => data === 'refused')).toEqual([]);

      const closed = sockets.filter((socket) => socket.closed !== undefined);
      expect(closed.length).toBeGreaterThan(0);
      expect(closed.length).toBeLessThan(sockets.length);
      expect(new Set(closed.map((socket) => socket.closed))).toEqual(new Set([4499]));
      // Nobody takes what was cut for all there is.
      const cut = streams.filter(({ ended }) => ended !== undefined);
      expect(cut.length).toBeGreaterThan(0);
      expect(cut.length).toBeLessThan(streams.length);
      expect(new Set(cut.map(({ ended }) => ended))).toEqual(new Set(['cut']));

      // On another gateway, behind what it has: what was written meanwhile, and nothing again.
      await append(who, id, 7);
      await using socket = await who.socket();
      socket.subscribe('s', FOLLOW, { id, after: '2' });
      await socket.until((messages) => JSON.stringify(messages).includes('"value":7'));
      expect(JSON.stringify(socket.messages)).not.toContain('"value":1}');
      // Those who were elsewhere have noticed nothing.
      await Promise.all(
        sockets
          .filter((each) => !closed.includes(each))
          .map((each) => each.until((messages) => JSON.stringify(messages).includes('"value":7'))),
      );
      await Promise.all([...sockets, ...streams].map((each) => each[Symbol.asyncDispose]()));
    });

    test('when no gateway is left, clients are told to come again', async () => {
      await Promise.all(gateways.splice(0).map((each) => each[Symbol.asyncDispose]()));
      await until(async () => codeOf(await client().ask(ASK)) === 'SUBGRAPH_UNAVAILABLE');
      const { status } = await client().text('POST', '/graphql', { body: '{}' });
      expect(status).toBe(503);
    });

    test('what it writes of requests has neither queries nor links', async () => {
      await client().text('GET', '/objects/a-secret-link?signature=a-secret-signature');
      await client().text('GET', '/graphql?query=%7Ba-secret-query%7D');
      const written = await edge.written();
      expect(written).not.toContain('a-secret');
      expect(written).not.toContain('authelia_session');
    });
  });
}
