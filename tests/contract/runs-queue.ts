/** What every queue of announcements must do: the same tests for any broker. */
import { createServer, type AddressInfo, type Server } from 'node:net';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import type { Announcement, QueueFault, RunQueue } from '#subgraphs/runs/dispatch/announcer.ts';
import type { Wire } from '#tests/e2e/wire.ts';

/** A broker of the suite's own. */
export interface QueueBroker extends AsyncDisposable {
  /** With user and password, through the wire. */
  readonly url: string;
  /** Between it and its clients; it stays where it is when the broker is another process. */
  readonly wire: Wire;
  /** Ends it with SIGKILL. */
  kill(): Promise<void>;
  /** Starts it again on the data that it had; or `anew`, having lost all of them. */
  start(how?: 'anew'): Promise<void>;
}

export interface QueueKind<Broker extends QueueBroker> {
  broker: () => Promise<Broker>;
  queue: (options: { url: string | (() => string); queue: string; timeoutMs: number }) => RunQueue;
  /** The runs of messages that lie on a queue, in order; they may stay there. */
  runsOn: (broker: Broker, queue: string) => Promise<string[]>;
  /** What faults and health call it. */
  name: string;
  variable: string;
  store: string;
  /** The scheme of its addresses with TLS. */
  secure: string;
  /** What besides is tried of it. */
  also?: (given: () => GivenQueue<Broker>) => void;
}

export interface GivenQueue<Broker extends QueueBroker> {
  broker: Broker;
  /** A queue of a test's own; closed after it. */
  on: (options?: { url?: string | (() => string); queue?: string; timeoutMs?: number }) => {
    queue: RunQueue;
    name: string;
  };
  runsOn: (queue: string) => Promise<string[]>;
  changed: (change: (url: URL) => void) => string;
}

export const CANARY = 'hunter2';
export const PATIENCE = { timeout: 30_000 };

export const about = (runId: string, more: Partial<Announcement> = {}): Announcement => ({
  tenantId: 'tenant-a',
  project: undefined,
  runId,
  agentId: 'agt_1',
  claims: 0,
  ...more,
});

export const fault = async (promise: Promise<unknown>): Promise<QueueFault> =>
  await promise.then(
    () => expect.fail('It should have been refused.'),
    (error: QueueFault) => error,
  );

export function queueContract<Broker extends QueueBroker>(
  title: string,
  kind: QueueKind<Broker>,
  isThere: boolean,
): void {
  describe.skipIf(!isThere)(title, () => {
    let broker: Broker;
    let silent: Server;
    let opened: RunQueue[] = [];
    let names = 0;
    const on: GivenQueue<Broker>['on'] = (options = {}) => {
      const name = options.queue ?? `runs_${(names += 1)}`;
      const queue = kind.queue({ url: broker.url, timeoutMs: 5_000, ...options, queue: name });
      opened.push(queue);
      return { queue, name };
    };
    const runsOn = (name: string) => kind.runsOn(broker, name);
    const changed = (change: (url: URL) => void): string => {
      const url = new URL(broker.url);
      change(url);
      return url.href;
    };
    const portOf = (server: Server): number => (server.address() as AddressInfo).port;
    const cannot = `${kind.name} cannot be reached.`;

    beforeAll(async () => {
      broker = await kind.broker();
      silent = createServer((socket) => socket.on('error', () => undefined)).listen(0, '127.0.0.1');
    }, 120_000);
    afterEach(async () => {
      for (const queue of opened) await queue.close();
      opened = [];
    });
    afterAll(async () => {
      silent?.close();
      await broker?.[Symbol.asyncDispose]();
    });

    test('many at once go over one connection, none is lost', async () => {
      const { queue, name } = on();
      const ids = Array.from({ length: 500 }, (_, index) => `run_${index}`);
      await Promise.all(ids.map((id) => queue.announce(about(id))));
      expect((await runsOn(name)).sort()).toEqual([...ids].sort());
      await expect.poll(() => broker.wire.connections, PATIENCE).toBe(1);
    });

    test('a connection that breaks is made anew; of a message under way it is told that it may be lost', async () => {
      const { queue, name } = on();
      await queue.announce(about('run_1'));
      const underWay = queue.announce(about('run_2')).then(
        () => 'kept',
        ({ message }: QueueFault) => message,
      );
      broker.wire.snap();
      expect(['kept', cannot, `The connection to ${kind.name} broke.`]).toContain(await underWay);
      await expect.poll(() => queue.announce(about('run_3')).then(() => 'kept', String), PATIENCE).toBe('kept');
      expect(await runsOn(name)).toEqual(expect.arrayContaining(['run_1', 'run_3']));
    });

    test('a broker that is killed has what it confirmed, and is found again', { timeout: 120_000 }, async () => {
      const { queue, name } = on();
      await queue.announce(about('run_1'));
      expect(await queue.health()).toMatchObject({ store: kind.store, state: 'ok' });
      await broker.kill();
      broker.wire.cut();
      // A connection that nobody knows to be broken is found so by the first.
      const told = async () => (await fault(queue.announce(about('run_2')))).message;
      await expect.poll(told, PATIENCE).toBe(cannot);
      const down = { state: 'down', detail: expect.stringContaining(`Check ${kind.variable}`) as string };
      expect(await queue.health()).toMatchObject(down);
      broker.wire.mend();
      await broker.start();
      await expect.poll(() => queue.announce(about('run_3')).then(() => 'kept', String), PATIENCE).toBe('kept');
      expect(await queue.health()).toMatchObject({ state: 'ok' });
      expect(await runsOn(name)).toEqual(['run_1', 'run_3']);
    });

    test.each<[string, () => string, RegExp, RegExp]>([
      ['another password', () => changed((url) => (url.password = CANARY)), /refuses this server/, /user and password/],
      ['an unknown user', () => changed((url) => (url.username = CANARY)), /refuses this server/, /user and password/],
      ['a port where nothing is', () => changed((url) => (url.port = '1')), /cannot be reached/, /Check/],
      [
        'TLS where there is none',
        () => broker.url.replace(/^\w+:/, `${kind.secure}:`),
        /cannot be reached|does not answer in time/,
        /Check/,
      ],
      [
        'one that accepts and never answers',
        () => changed((url) => (url.port = String(portOf(silent)))),
        /cannot be reached|does not answer in time/,
        /Check/,
      ],
    ])('%s is said, without what is secret', async (_, url, message, hint) => {
      const { queue } = on({ url: url(), timeoutMs: 1_000 });
      const told = await fault(queue.announce(about('run_1')));
      expect(told.message).toMatch(message);
      expect(told.hint).toMatch(hint);
      expect(told.hint).toContain(kind.variable);
      const health = await queue.health();
      expect(health).toMatchObject({ state: 'down' });
      expect(`${told.message} ${told.hint} ${JSON.stringify(health)}`).not.toContain(CANARY);
    });

    test('the address is asked again with each connection, as where a password changes', async () => {
      let url = changed((each) => (each.password = CANARY));
      const { queue, name } = on({ url: () => url });
      await fault(queue.announce(about('run_1')));
      ({ url } = broker);
      await queue.announce(about('run_2'));
      expect(await runsOn(name)).toEqual(['run_2']);
    });

    test('closing ends the connection, and one that was never made', async () => {
      const { queue } = on();
      await queue.announce(about('run_1'));
      await queue.close();
      await expect.poll(() => broker.wire.connections, PATIENCE).toBe(0);
      await on().queue.close();
      const unanswered = on({ url: changed((url) => (url.port = String(portOf(silent)))), timeoutMs: 1_000 }).queue;
      const told = fault(unanswered.announce(about('run_1')));
      await unanswered.close();
      expect((await told).message).toMatch(/cannot be reached|does not answer in time/);
    });

    kind.also?.(() => ({ broker, on, runsOn, changed }));
  });
}
