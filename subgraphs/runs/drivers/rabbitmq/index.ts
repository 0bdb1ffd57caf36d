/**
 * Announcements as messages of Dramatiq (https://dramatiq.io) on RabbitMQ: the envelope and the queues are those of its own
 * RabbitMQ broker, so that an actor takes them as if Python had sent them.
 */
import { connect, type ChannelModel, type ConfirmChannel } from 'amqplib';
import { randomUUID } from 'node:crypto';
import type { Socket } from 'node:net';
import { sentences } from '#subgraphs/shared/errors.ts';
import { reveal, type Secret } from '#subgraphs/shared/secret.ts';
import { RUNS } from '../../bounds.ts';
import { AWAY, QueueFault, within, type Announcement, type RunQueue } from '../../dispatch/announcer.ts';

export interface DramatiqOptions {
  /** `amqp://` or `amqps://` with user, password and virtual host; asked again whenever the connection is made anew. */
  url: Secret;
  /** The queue of the actor. */
  queue: string;
  /** The name of the actor. */
  actor: string;
  /** Longest time to connect, and for the broker to confirm a message, in milliseconds. @default 10000 */
  timeoutMs?: number | undefined;
}

/** One message as Dramatiq's JSON encoder reads it; keys are its own. */
export const envelopeOf = (
  { tenantId, project, runId, agentId }: Announcement,
  { queue, actor }: Pick<DramatiqOptions, 'queue' | 'actor'>,
  id: string = randomUUID(),
  timestampMs: number = Date.now(),
) => ({
  queue_name: queue,
  actor_name: actor,
  args: [],
  kwargs: { run_id: runId, agent_id: agentId, tenant_id: tenantId, project: project ?? null },
  options: {},
  message_id: id,
  message_timestamp: timestampMs,
});

interface Open {
  readonly model: ChannelModel;
  readonly channel: ConfirmChannel;
  /** Those on their way, by id: told of a message that went to no queue, or that the connection took along. */
  readonly underWay: Map<string, (error: Error) => void>;
  /** Rejects all of them. */
  readonly failAll: (fault: QueueFault) => void;
  /** Why the broker takes no messages at present. */
  blocked: string | undefined;
  /** Ends the connection, and rejects what is on its way; idempotent. The next message makes another. */
  readonly drop: (why?: unknown) => void;
}

/** Connects at the first message; a broker that is away is tried again at the next. */
export function dramatiqQueue(options: DramatiqOptions): RunQueue {
  const { queue, timeoutMs = RUNS.amqpTimeoutMs } = options;
  let opening: Promise<Open> | undefined;

  /** The connection that there is, or a new one: one at a time. */
  const opened = (): Promise<Open> => {
    opening ??= open(options, timeoutMs, () => (opening = undefined)).catch((error: unknown) => {
      opening = undefined;
      throw faultOf(error);
    });
    return opening;
  };

  return {
    async announce(announcement) {
      const at = await within(timeoutMs, opened(), late);
      if (at.blocked !== undefined) throw blockedBy(at.blocked);
      const envelope = envelopeOf(announcement, options);
      const { message_id: messageId } = envelope;
      try {
        await within(
          timeoutMs,
          new Promise<void>((done, fail) => {
            at.underWay.set(messageId, fail);
            at.channel.publish(
              '',
              queue,
              Buffer.from(JSON.stringify(envelope)),
              { persistent: true, mandatory: true, messageId, contentType: 'application/json' },
              // What a connection took along is told likewise.
              (error: Error | null) => {
                if (!error) done();
                else if (NOT_TAKEN.test(error.message))
                  fail(new QueueFault('RabbitMQ refused a message.', { cause: error }));
                else fail(broken(error));
              },
            );
          }),
          late,
        );
      } catch (error) {
        // Whether the broker has it is not known: the message is sent again, and over another connection unless the broker
        // has said that it only takes none at present.
        if (at.blocked === undefined) at.drop(error);
        throw faultOf(error);
      } finally {
        at.underWay.delete(messageId);
      }
    },
    async health() {
      const began = performance.now();
      try {
        const at = await within(RUNS.probeTimeoutMs, opened(), late);
        if (at.blocked !== undefined) throw blockedBy(at.blocked);
        await within(RUNS.probeTimeoutMs, at.channel.checkQueue(queue), late);
        return { store: 'rabbitmq', state: 'ok', latencyMs: Math.round((performance.now() - began) * 10) / 10 };
      } catch (error) {
        const { message, hint } = faultOf(error);
        return {
          store: 'rabbitmq',
          state: 'down',
          detail: sentences(message, AWAY, hint),
        };
      }
    },
    async close() {
      const at = await within(RUNS.probeTimeoutMs, opening ?? Promise.resolve(undefined), late).catch(() => undefined);
      if (at === undefined)
        return void opening?.then(
          (one) => one.drop(),
          () => undefined,
        ); // It comes too late, if it does.
      await within(RUNS.probeTimeoutMs, at.model.close(), late).catch(() => at.drop());
    },
  };
}

const CHECK = 'Check AMQP_URL, and that the broker runs.';

const late = (): QueueFault => new QueueFault('RabbitMQ does not answer in time.', { hint: CHECK });

const broken = (why: unknown): QueueFault =>
  new QueueFault('The connection to RabbitMQ broke.', { cause: why, hint: CHECK });

const blockedBy = (reason: string): QueueFault =>
  new QueueFault('RabbitMQ takes no messages at present.', {
    hint: `It says: ${reason.slice(0, RUNS.refusalCharacters)}. Look at its memory and disk (rabbitmq-diagnostics alarms).`,
  });

async function open(options: DramatiqOptions, timeoutMs: number, onClosed: () => void): Promise<Open> {
  const model = await connect(reveal(options.url)!, {
    timeout: timeoutMs,
    clientProperties: { connection_name: 'tributary' },
  });
  // Told where it matters, by what was on its way; without a listener it would end the process.
  model.on('error', () => undefined);
  const tooLate = setTimeout(() => giveUp(model), timeoutMs);
  try {
    await declare(model, options.queue);
    const channel = await model.createConfirmChannel();
    const underWay: Open['underWay'] = new Map();
    const failAll = (fault: QueueFault): void => underWay.forEach((fail) => fail(fault));
    let isOver = false;
    const drop = (why?: unknown): void => {
      if (isOver) return;
      isOver = true;
      onClosed();
      failAll(broken(why));
      giveUp(model);
    };
    const at: Open = { model, channel, underWay, failAll, blocked: undefined, drop };
    model.on('close', drop);
    model.on('blocked', (reason) => {
      at.blocked = reason;
      at.failAll(blockedBy(reason));
    });
    model.on('unblocked', () => (at.blocked = undefined));
    // A channel that is closed alone leaves a connection that nobody uses.
    channel.on('error', drop);
    channel.on('close', () => drop());
    channel.on('return', ({ properties }) => {
      const fail = at.underWay.get(String(properties.messageId));
      fail?.(
        new QueueFault('The queue is gone from RabbitMQ.', { hint: 'It is declared anew with the next message.' }),
      );
    });
    return at;
  } catch (error) {
    giveUp(model);
    throw error;
  } finally {
    clearTimeout(tooLate);
  }
}

/**
 * The three queues as Dramatiq's broker declares them. One that is there stays as it is: its worker may have given it a
 * greatest priority, or an operator made it of another kind.
 */
async function declare(model: ChannelModel, queue: string): Promise<void> {
  const dead = { 'x-dead-letter-exchange': '', 'x-dead-letter-routing-key': `${queue}.XQ` };
  const queues = [
    { name: queue, args: dead },
    { name: `${queue}.DQ`, args: dead },
    { name: `${queue}.XQ`, args: { 'x-message-ttl': RUNS.dramatiqDeadMs } },
  ];
  for (const { name, args } of queues) {
    if (await exists(model, name)) continue;
    const channel = await model.createChannel();
    channel.on('error', () => undefined);
    await channel.assertQueue(name, { durable: true, arguments: args });
    await channel.close();
  }
}

async function exists(model: ChannelModel, name: string): Promise<boolean> {
  const channel = await model.createChannel();
  channel.on('error', () => undefined);
  try {
    await channel.checkQueue(name);
  } catch (error) {
    if ((error as { code?: unknown }).code === NOT_FOUND) return false; // The broker has closed the channel with it.
    throw error;
  }
  await channel.close();
  return true;
}

/** The client's word for a message that the broker has said it does not keep. */
const NOT_TAKEN = /nacked/;

/** AMQP's reply code. */
const NOT_FOUND = 404;

/** What the client hides: a connection that does not answer cannot be closed otherwise. */
const giveUp = (model: ChannelModel): void => {
  // By an error, since it hears of nothing else.
  (model.connection as { stream?: Socket }).stream?.destroy(new Error('The broker did not answer in time.'));
};

/** What the client tells where the broker says in closing `403 (ACCESS-REFUSED) with message "…"`. */
const isRefusal = (message: string): boolean => /\b403 \(ACCESS[-_]REFUSED\)/.test(message);
/** And where the broker knows the user and closes all the same; what it says then the client keeps to itself. */
const isVirtualHost = (message: string): boolean => /Expected ConnectionOpenOk; got <ConnectionClose/.test(message);

function faultOf(error: unknown): QueueFault {
  if (error instanceof QueueFault) return error;
  const message = error instanceof Error ? error.message : String(error);
  if (isVirtualHost(message))
    return new QueueFault('RabbitMQ does not have the virtual host, or does not open it to this user.', {
      cause: error,
      hint: 'Check the path of AMQP_URL: %2F is the virtual host "/".',
    });
  if (isRefusal(message))
    return new QueueFault('RabbitMQ refuses this server.', {
      cause: error,
      hint: 'Check the user and password in AMQP_URL, and that the user may configure, write and read the queue, its .DQ and its .XQ.',
    });
  return new QueueFault('RabbitMQ cannot be reached.', { cause: error, hint: CHECK });
}
