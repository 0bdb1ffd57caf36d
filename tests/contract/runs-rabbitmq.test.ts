/** Announcements on a real RabbitMQ (`TEST_RABBITMQ`): what Dramatiq finds there, and what is said of what is wrong. */
import { createServer, type AddressInfo, type Server } from 'node:net';
import { connect, type ChannelModel } from 'amqplib';
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest';
import { dramatiqQueue, type DramatiqOptions } from '#subgraphs/runs/drivers/rabbitmq/index.ts';
import type { Announcement, QueueFault, RunQueue } from '#subgraphs/runs/dispatch/announcer.ts';
import { PROGRAMS, startRabbitMq, type RabbitMq } from '#tests/stacks/queues/rabbitmq.ts';

const CANARY = 'hunter2';
const PATIENCE = { timeout: 30_000 };
const about = (runId: string, more: Partial<Announcement> = {}): Announcement => ({
  tenantId: 'tenant-a',
  project: undefined,
  runId,
  agentId: 'agt_1',
  ...more,
});

describe.skipIf(PROGRAMS === undefined)('announcements on RabbitMQ (TEST_RABBITMQ)', () => {
  let rabbit: RabbitMq;
  let opened: RunQueue[] = [];
  let silent: Server;
  let names = 0;
  /** A queue of this test's own. */
  const on = (options: Partial<DramatiqOptions> = {}): { queue: RunQueue; name: string } => {
    const name = options.queue ?? `runs_${(names += 1)}`;
    const queue = dramatiqQueue({ url: rabbit.url, actor: 'answer_run', queue: name, timeoutMs: 5_000, ...options });
    opened.push(queue);
    return { queue, name };
  };
  async function within<T>(work: (model: ChannelModel) => Promise<T>): Promise<T> {
    const model = await connect(rabbit.url);
    model.on('error', () => undefined);
    try {
      return await work(model);
    } finally {
      await model.close();
    }
  }
  /** Takes what is on a queue. */
  const taken = (name: string) =>
    within(async (model) => {
      const channel = await model.createChannel();
      const messages = [];
      for (;;) {
        const message = await channel.get(name, { noAck: true });
        if (message === false) return messages;
        messages.push(message);
      }
    });
  const runsOn = async (name: string): Promise<string[]> =>
    (await taken(name)).map(
      ({ content }) => (JSON.parse(String(content)) as { kwargs: { run_id: string } }).kwargs.run_id,
    );
  const fault = async (promise: Promise<unknown>): Promise<QueueFault> =>
    await promise.then(
      () => expect.fail('It should have been refused.'),
      (error: QueueFault) => error,
    );
  const changed = (change: (url: URL) => void): string => {
    const url = new URL(rabbit.url);
    change(url);
    return url.href;
  };
  const portOf = (server: Server): number => (server.address() as AddressInfo).port;

  beforeAll(async () => {
    rabbit = await startRabbitMq();
    silent = createServer((socket) => socket.on('error', () => undefined)).listen(0, '127.0.0.1');
  }, 120_000);
  afterEach(async () => {
    for (const queue of opened) await queue.close();
    opened = [];
  });
  afterAll(async () => {
    silent?.close();
    await rabbit?.[Symbol.asyncDispose]();
  });

  test('are kept durably, in the envelope of Dramatiq', async () => {
    const { queue, name } = on();
    await queue.announce(about('run_1', { project: 'p\u00fd' }));
    await queue.announce(about('run_2'));
    const [first, second] = await taken(name);
    expect(first!.properties).toMatchObject({ deliveryMode: 2, contentType: 'application/json' });
    expect(JSON.parse(String(first!.content))).toEqual({
      queue_name: name,
      actor_name: 'answer_run',
      args: [],
      kwargs: { run_id: 'run_1', agent_id: 'agt_1', tenant_id: 'tenant-a', project: 'p\u00fd' },
      options: {},
      message_id: expect.any(String) as string,
      message_timestamp: expect.any(Number) as number,
    });
    expect(JSON.parse(String(second!.content))).toMatchObject({ kwargs: { run_id: 'run_2', project: null } });
  });

  test('many at once go over one connection, none is lost', async () => {
    const { queue, name } = on();
    const ids = Array.from({ length: 500 }, (_, index) => `run_${index}`);
    await Promise.all(ids.map((id) => queue.announce(about(id))));
    expect((await runsOn(name)).sort()).toEqual([...ids].sort());
    await expect.poll(() => rabbit.wire.connections, PATIENCE).toBe(1);
  });

  test('a queue that is there already is left as it is', async () => {
    await within(async (model) => {
      const channel = await model.createChannel();
      await channel.assertQueue('of_another_make', { durable: true, arguments: { 'x-max-priority': 5 } });
    });
    const { queue, name } = on({ queue: 'of_another_make' });
    await queue.announce(about('run_1'));
    expect(await runsOn(name)).toEqual(['run_1']);
  });

  test('a queue that is deleted in between is told, and made anew with the next', async () => {
    const { queue, name } = on();
    await queue.announce(about('run_1'));
    await within(async (model) => (await model.createChannel()).deleteQueue(name));
    expect((await fault(queue.announce(about('run_2')))).message).toBe('The queue is gone from RabbitMQ.');
    await queue.announce(about('run_3'));
    expect(await runsOn(name)).toEqual(['run_3']);
  });

  test('a connection that breaks is made anew; a message under way is told as not known to be kept', async () => {
    const { queue, name } = on();
    await queue.announce(about('run_1'));
    const underWay = queue.announce(about('run_2')).then(
      () => 'kept',
      ({ message }: QueueFault) => message,
    );
    rabbit.wire.snap();
    expect(await underWay).toMatch(/^(kept|The connection to RabbitMQ broke\.)$/);
    await queue.announce(about('run_3'));
    expect(await runsOn(name)).toEqual(expect.arrayContaining(['run_1', 'run_3']));
  });

  test('a broker that is killed has what it confirmed, and is found again', { timeout: 120_000 }, async () => {
    const { queue, name } = on();
    await queue.announce(about('run_1'));
    expect(await queue.health()).toMatchObject({ store: 'rabbitmq', state: 'ok' });
    await rabbit.kill();
    rabbit.wire.cut();
    // A connection that nobody knows to be broken is found so by the first.
    const told = async () => (await fault(queue.announce(about('run_2')))).message;
    await expect.poll(told, PATIENCE).toBe('RabbitMQ cannot be reached.');
    expect(await queue.health()).toMatchObject({
      state: 'down',
      detail: expect.stringMatching(/Check AMQP_URL/) as string,
    });
    rabbit.wire.mend();
    await rabbit.start();
    await queue.announce(about('run_3'));
    expect(await queue.health()).toMatchObject({ state: 'ok' });
    expect(await runsOn(name)).toEqual(['run_1', 'run_3']);
  });

  test('a broker short of memory is told, and waited for without end', { timeout: 120_000 }, async () => {
    const { queue, name } = on();
    await queue.announce(about('run_1'));
    await rabbit.control('set_vm_memory_high_watermark', '0');
    try {
      const full = await fault(queue.announce(about('run_2')));
      expect(full.message).toBe('RabbitMQ takes no messages at present.');
      expect(full.hint).toMatch(/low on memory/);
      expect(await queue.health()).toMatchObject({ state: 'down', detail: expect.stringMatching(/memory/) as string });
    } finally {
      await rabbit.control('set_vm_memory_high_watermark', '0.6');
    }
    await vi.waitFor(() => queue.announce(about('run_3')), PATIENCE);
    // The second was on its way: it may come too, and twice is no harm.
    expect(new Set(await runsOn(name))).toEqual(new Set(['run_1', 'run_2', 'run_3']));
  });

  test.each<[string, () => string, RegExp, RegExp]>([
    ['another password', () => changed((url) => (url.password = CANARY)), /refuses this server/, /user and password/],
    ['an unknown user', () => changed((url) => (url.username = CANARY)), /refuses this server/, /user and password/],
    ['another virtual host', () => changed((url) => (url.pathname = `/${CANARY}`)), /virtual host/, /path of AMQP_URL/],
    ['a port where nothing is', () => changed((url) => (url.port = '1')), /cannot be reached/, /AMQP_URL/],
    [
      'TLS where there is none',
      () => changed((url) => (url.protocol = 'amqps:')).replace('amqp:', 'amqps:'),
      /cannot be reached/,
      /AMQP_URL/,
    ],
    [
      'one that accepts and never answers',
      () => changed((url) => (url.port = String(portOf(silent)))),
      /cannot be reached|does not answer in time/,
      /AMQP_URL/,
    ],
  ])('%s is said, without what is secret', async (_, url, message, hint) => {
    const { queue } = on({ url: url(), timeoutMs: 1_000 });
    const told = await fault(queue.announce(about('run_1')));
    expect(told.message).toMatch(message);
    expect(told.hint).toMatch(hint);
    const health = await queue.health();
    expect(health).toMatchObject({ state: 'down' });
    expect(`${told.message} ${told.hint} ${JSON.stringify(health)}`).not.toContain(CANARY);
  });

  test('a user who may not make queues is told so, and may use those that there are', { timeout: 60_000 }, async () => {
    await rabbit.control('add_user', 'limited', CANARY);
    await rabbit.control('set_permissions', 'limited', '^$', '.*', '.*');
    const url = changed((each) => ((each.username = 'limited'), (each.password = CANARY)));
    const refused = await fault(on({ url }).queue.announce(about('run_1')));
    expect(refused.message).toBe('RabbitMQ refuses this server.');
    expect(refused.hint).toMatch(/may configure, write and read/);
    const { queue, name } = on();
    await queue.announce(about('run_1'));
    await on({ url, queue: name }).queue.announce(about('run_2'));
    expect(await runsOn(name)).toEqual(['run_1', 'run_2']);
  });

  test('the address is asked again with each connection, as where a password changes', async () => {
    let url = changed((each) => (each.password = CANARY));
    const { queue, name } = on({ url: () => url });
    await fault(queue.announce(about('run_1')));
    ({ url } = rabbit);
    await queue.announce(about('run_2'));
    expect(await runsOn(name)).toEqual(['run_2']);
  });

  test('closing ends the connection, and one that was never made', async () => {
    const { queue } = on();
    await queue.announce(about('run_1'));
    await queue.close();
    await expect.poll(() => rabbit.wire.connections, PATIENCE).toBe(0);
    await on().queue.close();
    await on({ url: changed((url) => (url.port = String(portOf(silent)))) }).queue.close();
  });
});
