/** A Redis that keeps what it is given, and BullMQ's workers, which a test starts and kills. */
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { once } from 'node:events';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { QueueBroker } from '#tests/contract/runs-queue.ts';
import { wireTo } from '#tests/e2e/wire.ts';
import { cleanEnvironment, startProgram } from '#tests/ops/program.ts';
import { startServer, type Server } from '#tests/stores/provision/server.ts';
import type { QueueWorker } from './scenario.ts';

/** A program, and what its environment must have. */
export interface RedisProgram {
  readonly command: string;
  readonly env: Readonly<Record<string, string>>;
}

/** Undefined where there is none (`TEST_REDIS_PROGRAM`). */
export const REDIS: RedisProgram | undefined =
  process.env['TEST_REDIS_PROGRAM'] === undefined
    ? undefined
    : (JSON.parse(process.env['TEST_REDIS_PROGRAM']) as RedisProgram);

const EXAMPLE = fileURLToPath(new URL('../../../examples/bullmq/', import.meta.url));
const PASSWORD = 'p@ss/word';

export async function startRedis({ command, env }: RedisProgram = REDIS!): Promise<QueueBroker> {
  const folder = await mkdtemp(join(tmpdir(), 'tributary-redis-'));
  const wire = await wireTo(0);
  let data = 0;
  let server: Server | undefined;
  const redis: QueueBroker = {
    url: `redis://default:${encodeURIComponent(PASSWORD)}@127.0.0.1:${wire.port}/0`,
    wire,
    async kill() {
      await server?.close();
      server = undefined;
      wire.snap();
    },
    async start(how) {
      if (how === 'anew') data += 1;
      const dir = join(folder, `data-${data}`);
      await mkdir(dir, { recursive: true });
      const kept = ['--save', '', '--appendonly', 'yes', '--appendfsync', 'always', '--maxmemory-policy', 'noeviction'];
      server = await startServer({
        command,
        args: (port) => [
          '--port',
          String(port),
          '--bind',
          '127.0.0.1',
          '--requirepass',
          PASSWORD,
          '--dir',
          dir,
          ...kept,
        ],
        cwd: folder,
        env,
        ready: /Ready to accept connections/,
      });
      wire.target = server.port;
    },
    async [Symbol.asyncDispose]() {
      await server?.close();
      await wire[Symbol.asyncDispose]();
      await rm(folder, { recursive: true, force: true, maxRetries: 5 });
    },
  };
  await redis.start();
  return redis;
}

/** The example's worker, with this project's own copy of BullMQ. */
export function startBullmq(env: Readonly<Record<string, string>>): QueueWorker {
  const program = startProgram(process.execPath, ['worker.mjs'], { cwd: EXAMPLE, env: cleanEnvironment(env) });
  const kill = async (): Promise<void> => {
    const { child } = program;
    if (child.exitCode !== null || child.signalCode !== null) return;
    const gone = once(child, 'exit');
    child.kill('SIGKILL');
    await gone;
  };
  return { program, kill };
}
