/** A node of RabbitMQ and Dramatiq's workers, which a test starts and kills. */
import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { cleanEnvironment, startProgram } from '#tests/ops/program.ts';
import { freePort, startServer, type Server } from '#tests/stores/provision/server.ts';
import type { QueueBroker } from '#tests/contract/runs-queue.ts';
import { wireTo } from '#tests/e2e/wire.ts';
import type { QueueWorker } from './scenario.ts';
import type { RabbitMqPrograms } from '../provision/rabbitmq.ts';

/** Undefined where there are none (`TEST_RABBITMQ`). */
export const PROGRAMS: RabbitMqPrograms | undefined =
  process.env['TEST_RABBITMQ'] === undefined
    ? undefined
    : (JSON.parse(process.env['TEST_RABBITMQ']) as RabbitMqPrograms);

const EXAMPLE = fileURLToPath(new URL('../../../examples/dramatiq/', import.meta.url));
const PASSWORD = 'p@ss/word';

export interface RabbitMq extends QueueBroker {
  /** Runs `rabbitmqctl`. */
  control(...args: readonly string[]): Promise<void>;
}

/** Starts a node at ports that the system chooses, with a user `runs`. */
export async function startRabbitMq({ scripts, erlang, env }: RabbitMqPrograms = PROGRAMS!): Promise<RabbitMq> {
  const folder = await mkdtemp(join(tmpdir(), 'tributary-rabbitmq-'));
  const wire = await wireTo(0);
  // Erlang would start one that outlives the test.
  const epmd = await startServer({
    command: join(erlang, 'epmd'),
    args: (port) => ['-port', String(port), '-address', '127.0.0.1'],
    cwd: folder,
    env,
  });
  await writeFile(
    join(folder, 'rabbitmq.conf'),
    `default_user = runs\ndefault_pass = ${PASSWORD}\nloopback_users = none\nlog.console = true\n`,
  );
  await writeFile(join(folder, 'plugins'), '[].');
  let data = 0;
  let node: Server | undefined;
  const environment = (): Record<string, string> => ({
    ...env,
    PATH: `${erlang}:${process.env['PATH']}`,
    HOME: folder,
    ERL_EPMD_PORT: String(epmd.port),
    ERL_EPMD_ADDRESS: '127.0.0.1',
    RABBITMQ_NODENAME: 'tributary@localhost',
    RABBITMQ_MNESIA_BASE: join(folder, `data-${data}`),
    RABBITMQ_LOG_BASE: join(folder, 'log'),
    RABBITMQ_LOGS: '-',
    RABBITMQ_ENABLED_PLUGINS_FILE: join(folder, 'plugins'),
    RABBITMQ_CONFIG_FILE: join(folder, 'rabbitmq'),
    RABBITMQ_CONF_ENV_FILE: join(folder, 'none'),
    RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS: '+S 1:1',
    // The script becomes the node, so that a signal reaches it.
    RUNNING_UNDER_SYSTEMD: 'yes',
  });
  const rabbit: RabbitMq = {
    url: `amqp://runs:${encodeURIComponent(PASSWORD)}@127.0.0.1:${wire.port}/%2F`,
    wire,
    async kill() {
      await node?.close();
      node = undefined;
      wire.snap();
    },
    async start(how) {
      if (how === 'anew') data += 1;
      await mkdir(join(folder, `data-${data}`), { recursive: true });
      const distribution = await freePort();
      node = await startServer({
        command: join(scripts, 'rabbitmq-server'),
        args: () => [],
        cwd: folder,
        env: (port) => ({
          ...environment(),
          RABBITMQ_NODE_IP_ADDRESS: '127.0.0.1',
          RABBITMQ_NODE_PORT: String(port),
          RABBITMQ_DIST_PORT: String(distribution),
        }),
        ready: /Server startup complete/,
      });
      wire.target = node.port;
    },
    async control(...args) {
      await promisify(execFile)(join(scripts, 'rabbitmqctl'), args, { env: environment(), cwd: folder });
    },
    async [Symbol.asyncDispose]() {
      await node?.close();
      await epmd.close();
      await wire[Symbol.asyncDispose]();
      await rm(folder, { recursive: true, force: true, maxRetries: 5 });
    },
  };
  await rabbit.start();
  return rabbit;
}

/** The example's worker, as its page starts it: one process of it with so many threads. */
export function startDramatiq(
  env: Readonly<Record<string, string>>,
  threads: number,
  { python, env: libraries }: RabbitMqPrograms = PROGRAMS!,
): QueueWorker {
  const program = startProgram(
    'python3',
    ['-m', 'dramatiq', '--processes', '1', '--threads', String(threads), 'worker'],
    {
      cwd: EXAMPLE,
      // Its own processes are in its group, and end with it.
      detached: true,
      env: cleanEnvironment({ ...libraries, PYTHONPATH: python, PYTHONDONTWRITEBYTECODE: '1', ...env }),
    },
  );
  const { child } = program;
  const kill = async (): Promise<void> => {
    if (child.exitCode !== null || child.signalCode !== null) return;
    const gone = once(child, 'exit');
    process.kill(-child.pid!, 'SIGKILL');
    await gone;
  };
  return { program, kill };
}
