/** Dispatch of runs to a local receiver: signed, repeated, fenced, and never to where it may not go. */
import { createServer, type IncomingHttpHeaders, type Server } from 'node:http';
import type pg from 'pg';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import { Dispatcher, type DispatcherOptions } from '#subgraphs/runs/dispatch/dispatcher.ts';
import { postgresDispatch } from '#subgraphs/runs/drivers/postgres/dispatch.ts';
import type { Lease, Run } from '#subgraphs/runs/driver.ts';
import { webhookPolicy } from '#subgraphs/runs/dispatch/webhook-addresses.ts';
import { sign, webhookSender, type WebhookOptions } from '#subgraphs/runs/dispatch/webhook.ts';
import type { Postgres } from '#subgraphs/shared/postgres/postgres.ts';
import { as, finished, piece, rejection, upTo, type Replica } from './runs-driver.ts';
import { type ManualStore, openManualStore } from './runs-wake-ups.ts';

const SECRET = 's'.repeat(32);
interface Received {
  headers: IncomingHttpHeaders;
  body: string;
  data: { tenantId: string; run: Run & { attempt: number }; lease: Lease };
}

let store: ManualStore;
let postgres: Postgres;
let replica: Replica;
let admin: pg.Client;
let server: Server;
let webhook: string;
let received: Received[];
/** Decides each answer; the status, or undefined to hang up. */
let answer: (message: Received) => Promise<number | undefined> | number | undefined;
const a = as('tenant-a');

beforeAll(async () => {
  store = await openManualStore();
  ({ postgres, replica, admin } = store);
  server = createServer((request, response) => {
    let body = '';
    request.setEncoding('utf8').on('data', (data: string) => (body += data));
    request.on('end', () => {
      const message: Received = {
        headers: request.headers,
        body,
        data: (JSON.parse(body) as { data: Received['data'] }).data,
      };
      received.push(message);
      void Promise.resolve(answer(message)).then((status) => {
        if (status === undefined) return request.socket.destroy();
        response.writeHead(status, status === 302 ? { location: '/elsewhere' } : {}).end('thank you');
      });
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  webhook = `http://127.0.0.1:${(server.address() as { port: number }).port}/hook`;
});
beforeEach(() => {
  received = [];
  answer = () => 200;
});
afterEach(async () => {
  // No run is left to the next test.
  for (const { rows } of [
    await admin.query<{ tenant_id: string; id: string }>(
      'SELECT tenant_id, id FROM runs.runs WHERE finished_at IS NULL',
    ),
  ]) {
    for (const { tenant_id, id } of rows)
      await replica.driver.append(as(tenant_id), { runId: id, events: [finished], regardless: true });
  }
});
afterAll(async () => {
  server?.close();
  await store?.[Symbol.asyncDispose]();
});

const dispatcher = (options: DispatcherOptions = {}, sender: Partial<WebhookOptions> = {}) =>
  new Dispatcher(
    postgresDispatch(postgres, replica.wakeUps),
    webhookSender({ policy: webhookPolicy([new URL(webhook).host]), secret: SECRET, timeoutMs: 5_000, ...sender }),
    { backoffMs: () => 0, ...options },
  );
const start = async (options = {}, context = a) =>
  (await replica.driver.start(context, { agentId: 'agt_d', input: { question: 'why' }, webhook, ...options })).id;
const runOf = async (id: string) => (await replica.driver.runsById(a, [id]))[0]!;

test('a run goes to its webhook, signed, with a lease under which the receiver works', async () => {
  answer = async ({ data }) => {
    await replica.driver.append(a, { runId: data.run.id, events: [piece(1)], token: data.lease.token });
    return 202;
  };
  const id = await start();
  expect(await dispatcher().look()).toBe(1);
  const [{ headers, body, data }] = received as [Received];
  expect(data).toMatchObject({
    tenantId: 'tenant-a',
    run: { id, agentId: 'agt_d', threadId: id, input: { question: 'why' }, lastSequence: 0, attempt: 1 },
  });
  expect(headers['webhook-id']).toBe(`${id}.1`);
  expect(headers['webhook-signature']).toBe(sign(SECRET, `${id}.1`, Number(headers['webhook-timestamp']), body));
  expect(sign('x'.repeat(32), `${id}.1`, Number(headers['webhook-timestamp']), body)).not.toBe(
    headers['webhook-signature'],
  );
  expect(await runOf(id)).toMatchObject({ status: 'RUNNING', claimedBy: 'system:dispatch', dispatchError: null });
  expect(await rejection(replica.driver.append(a, { runId: id, events: [finished] }))).toMatchObject({
    code: 'CONFLICT',
  });
  await replica.driver.append(a, { runId: id, events: [finished], token: data.lease.token });
  expect(await dispatcher().look()).toBe(0);
});

test("workers do not claim it, and workers' runs are not dispatched", async () => {
  await start({ webhook: null, agentId: 'agt_w' });
  await start({ agentId: 'agt_e' });
  expect(await replica.driver.claim(a, { agentId: 'agt_e', leaseSeconds: 60 })).toBeNull();
  expect(await dispatcher().look()).toBe(1);
});

test('what is not due waits', async () => {
  await start({ scheduledAt: new Date('2999-01-01T00:00:00Z') });
  expect(await dispatcher().look()).toBe(0);
});

test.each<[string, () => number | undefined, string]>([
  ['an error', () => 500, 'The receiver answered 500.'],
  ['a refusal', () => 404, 'The receiver answered 404.'],
  ['a redirect, which is not followed', () => 302, 'The receiver answered 302.'],
  ['a connection that breaks', () => undefined, 'The receiver cannot be reached.'],
])('after %s it is tried again, and its lease is over', async (_name, fail, why) => {
  const id = await start();
  answer = fail;
  expect(await dispatcher({ backoffMs: () => 3_600_000 }).look()).toBe(0);
  expect(received).toHaveLength(1);
  expect(await runOf(id)).toMatchObject({ status: 'QUEUED', attempts: 1, leaseExpiresAt: null, dispatchError: why });
  const stale = received[0]!.data.lease.token;
  expect(await rejection(replica.driver.append(a, { runId: id, events: [piece(1)], token: stale }))).toMatchObject({
    code: 'CONFLICT',
  });
  expect(await dispatcher().look()).toBe(0);
  await admin.query('UPDATE runs.runs SET dispatch_after = now() WHERE id = $1', [id]);
  answer = () => 200;
  expect(await dispatcher().look()).toBe(1);
  expect(received[1]!.headers['webhook-id']).toBe(`${id}.2`);
  expect(await runOf(id)).toMatchObject({ attempts: 2, dispatchError: null });
});

test('a receiver that does not answer is given up after a while', async () => {
  const id = await start();
  let release: (status: number) => void = () => undefined;
  answer = () => new Promise((resolve) => (release = resolve));
  expect(await dispatcher({ backoffMs: () => 3_600_000 }, { timeoutMs: 50 }).look()).toBe(0);
  release(200);
  expect(await runOf(id)).toMatchObject({ dispatchError: 'The receiver did not answer in time.' });
});

test('a receiver that is at work keeps its lease, though its answer was lost', async () => {
  const id = await start();
  answer = async ({ data }) => {
    await replica.driver.append(a, { runId: data.run.id, events: [piece(1)], token: data.lease.token });
    return undefined;
  };
  await dispatcher().look();
  await replica.driver.append(a, { runId: id, events: [finished], token: received[0]!.data.lease.token });
  expect(await runOf(id)).toMatchObject({ status: 'SUCCEEDED' });
});

test('too often in vain, the run fails and says why', async () => {
  const id = await start({ maxAttempts: 3 });
  answer = () => 503;
  for (const _ of upTo(5)) await dispatcher().look();
  expect(received).toHaveLength(3);
  expect(await runOf(id)).toMatchObject({
    status: 'FAILED',
    error: { code: 'DISPATCH_FAILED', message: expect.stringContaining('The receiver answered 503.') },
  });
});

test('a receiver that accepted and died: the run is dispatched again when its lease has expired', async () => {
  const id = await start();
  await dispatcher().look();
  expect(await dispatcher().look()).toBe(0);
  await admin.query(`UPDATE runs.runs SET lease_expires_at = now() - interval '1 second' WHERE id = $1`, [id]);
  expect(await dispatcher().look()).toBe(1);
  expect(received.map(({ data }) => data.run.attempt)).toEqual([1, 2]);
});

test('three dispatchers at once, over tenants: each run goes out once', async () => {
  const ids = await Promise.all(upTo(30).map((n) => start({}, as(`tenant-${n % 3}`))));
  await Promise.all(upTo(3).map(() => dispatcher({ concurrency: 7 }).look()));
  await dispatcher().look();
  expect(received.map(({ data }) => data.run.id).sort()).toEqual([...ids].sort());
  for (const { data } of received)
    expect(await replica.driver.runsById(as(data.tenantId), [data.run.id])).toHaveLength(1);
});

test('runs by itself, when nudged and when nobody nudges, and ends', async () => {
  const first = new Promise<void>((resolve) => (answer = () => (resolve(), 200)));
  const running = dispatcher({ everyMs: 5 });
  running.start();
  await start();
  await first;
  await running.close();
});

describe('where runs may go', () => {
  const policy = webhookPolicy([
    'agents.example.com',
    'other.example.com:8443',
    '*.wild.example',
    '127.0.0.1:8080',
    'internal',
    '[::1]',
  ]);
  const anywhere = webhookPolicy(['*']);

  test.each([
    'https://agents.example.com/x',
    'http://agents.example.com/x',
    'https://agents.example.com:444/',
    'https://other.example.com:8443/',
    'https://a.wild.example/',
    'http://127.0.0.1:8080/',
    'http://internal:9/',
    'http://[::1]:5/',
  ])('%s', (url) => {
    expect(policy.check(url).href).toBe(new URL(url).href);
  });

  test.each([
    ['x', /not a URL/],
    ['ftp://agents.example.com/', /https/],
    ['https://u:p@agents.example.com/', /user or password/],
    ['https://example.com/', /may not be dispatched/],
    ['https://other.example.com/', /may not be dispatched/],
    ['https://wild.example/', /may not/],
    ['https://evilwild.example/', /may not/],
    ['http://a.wild.example/', /https/],
    ['http://127.0.0.1:8081/', /may not/],
    ['https://agents.example.com.evil.com/', /may not/],
    [`https://agents.example.com/${'x'.repeat(2_000)}`, /at most 2000/],
  ])('not %s', (url, message) => {
    expect(() => policy.check(url)).toThrow(message);
  });

  test.each([
    'https://169.254.169.254/latest/meta-data',
    'https://[fe80::1]/',
    'https://0xa9fea9fe/',
    'https://2852039166/',
    'https://[::ffff:169.254.169.254]/',
    'https://[64:ff9b::a9fe:a9fe]/',
    'https://[2002:a9fe:a9fe::]/',
    'https://0.0.0.0/',
    'https://10.0.0.1/',
    'https://127.1/',
    'https://[::1]/',
    'https://192.168.1.1/',
    'https://172.16.0.1/',
    'https://100.100.100.200/',
    'https://[fd00:ec2::254]/',
    'https://[::ffff:10.0.0.1]/',
    'https://169.254.169.254./',
    'https://[::127.0.0.1]/',
    'https://[::7f00:1]/',
    'https://[::10.0.0.1]/',
    'https://[::ffff:0:127.0.0.1]/',
    'https://[::ffff:0:a9fe:a9fe]/',
    'https://[0:0:0:0:0:ffff:7f00:1]/',
    'https://[64:ff9b:1::7f00:1]/',
    'https://[fec0::1]/',
    'https://[::]/',
    'https://2130706433/',
    'https://0x7f.1/',
    'https://0177.0.0.1/',
    'https://017700000001/',
    'https://127.0.0.1.:443/',
    'https://①②⑦.⓪.⓪.①/',
  ])('not %s, where all public addresses are allowed', (url) => {
    expect(() => anywhere.check(url)).toThrow(/may not be dispatched/);
  });

  test('a link-local address must be listed itself; a name for it is not enough', () => {
    expect(webhookPolicy(['169.254.1.1']).check('http://169.254.1.1/').host).toBe('169.254.1.1');
    const named = new URL('https://internal/');
    expect(policy.refusal(named, '10.1.2.3')).toBeUndefined();
    expect(policy.refusal(named, '169.254.169.254')).toMatch(/link-local/);
    expect(policy.refusal(named, '::7f00:1')).toMatch(/special/);
    expect(policy.refusal(named, '::1')).toBeUndefined();
    expect(anywhere.refusal(named, '10.1.2.3')).toMatch(/private/);
    expect(anywhere.refusal(named, '93.184.216.34')).toBeUndefined();
  });

  test('what a name resolves to is checked where the connection is made', async () => {
    const { port } = new URL(webhook);
    const id = await start({ webhook: `http://rebound.example:${port}/hook` });
    const to = (address: string): Partial<WebhookOptions> => ({
      policy: webhookPolicy([`rebound.example:${port}`]),
      resolve: (_name, _options, done) => done(null, [{ address, family: 4 }]),
    });
    const log = vi.fn();
    await dispatcher({}, { ...to('169.254.169.254'), log }).look();
    // The tenant is told no more than of a name that leads nowhere; the operator is told all.
    const told = (await runOf(id))!.dispatchError;
    expect(told).toBe('The receiver cannot be reached.');
    expect(log).toHaveBeenCalledExactlyOnceWith(
      `A run of the tenant tenant-a was not dispatched to rebound.example:${port}.`,
      expect.objectContaining({ message: expect.stringMatching(/169\.254\.169\.254.*link-local/) }),
    );
    expect(received).toEqual([]);
    const nowhere = await start({ webhook: `http://rebound.example:${port}/hook`, agentId: 'agt_n' });
    await dispatcher(
      {},
      {
        ...to(''),
        resolve: (_name, _options, done) =>
          done(Object.assign(new Error('getaddrinfo ENOTFOUND'), { code: 'ENOTFOUND' }), []),
      },
    ).look();
    expect(await runOf(nowhere)).toMatchObject({ dispatchError: told });
    expect(await dispatcher({}, to('127.0.0.1')).look()).toBe(2);
    // What the operator no longer allows is not sent to, though it was when the run was started.
    const other = await start({ webhook: 'https://formerly.example/' });
    await dispatcher({ backoffMs: () => 3_600_000 }).look();
    expect(await runOf(other)).toMatchObject({ dispatchError: expect.stringContaining('may not be dispatched') });
  });
});
