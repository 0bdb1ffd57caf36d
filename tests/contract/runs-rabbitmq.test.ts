/** Announcements on a real RabbitMQ (`TEST_RABBITMQ`): what Dramatiq finds there, and what is said of what is wrong. */
import { connect, type ChannelModel, type GetMessage } from 'amqplib';
import { expect, test, vi } from 'vitest';
import { dramatiqQueue } from '#subgraphs/runs/drivers/rabbitmq/index.ts';
import { PROGRAMS, startRabbitMq, type RabbitMq } from '#tests/stacks/queues/rabbitmq.ts';
import { about, CANARY, fault, PATIENCE, queueContract } from './runs-queue.ts';

async function within<T>(rabbit: RabbitMq, work: (model: ChannelModel) => Promise<T>): Promise<T> {
  const model = await connect(rabbit.url);
  model.on('error', () => undefined);
  try {
    return await work(model);
  } finally {
    await model.close();
  }
}
/** Takes what is on a queue. */
const taken = (rabbit: RabbitMq, name: string): Promise<GetMessage[]> =>
  within(rabbit, async (model) => {
    const channel = await model.createChannel();
    const messages: GetMessage[] = [];
    for (;;) {
      const message = await channel.get(name, { noAck: true });
      if (message === false) return messages;
      messages.push(message);
    }
  });

queueContract<RabbitMq>(
  'announcements on RabbitMQ (TEST_RABBITMQ)',
  {
    broker: startRabbitMq,
    queue: (options) => dramatiqQueue({ actor: 'answer_run', ...options }),
    runsOn: async (rabbit, name) =>
      (await taken(rabbit, name)).map(
        ({ content }) => (JSON.parse(String(content)) as { kwargs: { run_id: string } }).kwargs.run_id,
      ),
    name: 'RabbitMQ',
    variable: 'AMQP_URL',
    store: 'rabbitmq',
    secure: 'amqps',
    also: (given) => {
      test('are kept durably, in the envelope of Dramatiq', async () => {
        const { queue, name } = given().on();
        await queue.announce(about('run_1', { project: 'p\u00fd' }));
        await queue.announce(about('run_2'));
        const [first, second] = await taken(given().broker, name);
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

      test('a queue that is there already is left as it is', async () => {
        const { broker, on, runsOn } = given();
        await within(broker, async (model) => {
          const channel = await model.createChannel();
          await channel.assertQueue('of_another_make', { durable: true, arguments: { 'x-max-priority': 5 } });
        });
        const { queue, name } = on({ queue: 'of_another_make' });
        await queue.announce(about('run_1'));
        expect(await runsOn(name)).toEqual(['run_1']);
      });

      test('a queue that is deleted in between is told, and made anew with the next', async () => {
        const { broker, on, runsOn } = given();
        const { queue, name } = on();
        await queue.announce(about('run_1'));
        await within(broker, async (model) => (await model.createChannel()).deleteQueue(name));
        expect((await fault(queue.announce(about('run_2')))).message).toBe('The queue is gone from RabbitMQ.');
        await queue.announce(about('run_3'));
        expect(await runsOn(name)).toEqual(['run_3']);
      });

      test('a broker short of memory is told, and waited for without end', { timeout: 120_000 }, async () => {
        const { broker, on, runsOn } = given();
        const { queue, name } = on();
        await queue.announce(about('run_1'));
        await broker.control('set_vm_memory_high_watermark', '0');
        try {
          const full = await fault(queue.announce(about('run_2')));
          expect(full.message).toBe('RabbitMQ takes no messages at present.');
          expect(full.hint).toMatch(/low on memory/);
          const down = { state: 'down', detail: expect.stringMatching(/memory/) as string };
          expect(await queue.health()).toMatchObject(down);
        } finally {
          await broker.control('set_vm_memory_high_watermark', '0.6');
        }
        await vi.waitFor(() => queue.announce(about('run_3')), PATIENCE);
        // The second was on its way: it may come too, and twice is no harm.
        expect(new Set(await runsOn(name))).toEqual(new Set(['run_1', 'run_2', 'run_3']));
      });

      test('another virtual host is said, without what is secret', async () => {
        const { on, changed } = given();
        const told = await fault(
          on({ url: changed((url) => (url.pathname = `/${CANARY}`)) }).queue.announce(about('r')),
        );
        expect(told.message).toMatch(/virtual host/);
        expect(told.hint).toMatch(/path of AMQP_URL/);
        expect(`${told.message} ${told.hint}`).not.toContain(CANARY);
      });

      test(
        'a user who may not make queues is told so, and may use those that there are',
        { timeout: 60_000 },
        async () => {
          const { broker, on, runsOn, changed } = given();
          await broker.control('add_user', 'limited', CANARY);
          await broker.control('set_permissions', 'limited', '^$', '.*', '.*');
          const url = changed((each) => ((each.username = 'limited'), (each.password = CANARY)));
          const refused = await fault(on({ url }).queue.announce(about('run_1')));
          expect(refused.message).toBe('RabbitMQ refuses this server.');
          expect(refused.hint).toMatch(/may configure, write and read/);
          const { queue, name } = on();
          await queue.announce(about('run_1'));
          await on({ url, queue: name }).queue.announce(about('run_2'));
          expect(await runsOn(name)).toEqual(['run_1', 'run_2']);
        },
      );
    },
  },
  PROGRAMS !== undefined,
);
