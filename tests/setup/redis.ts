/** A Redis for tests: an outside one (`TEST_REDIS_URL`), else `redis-server` of the PATH, else none. */
import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort } from '#tests/stores/provision/server.ts';

export interface TestRedis {
  url: string;
  /** Ends the server with its connections; {@link start} brings it back on the same port. Absent for an outside one. */
  stop?(): Promise<void>;
  start?(): Promise<void>;
  close(): Promise<void>;
}

/** Why there is no Redis to test with; undefined where there is one. */
export function whyNoRedis(): string | undefined {
  if (process.env['TEST_REDIS_URL']) return undefined;
  return spawnSync('redis-server', ['--version']).status === 0
    ? undefined
    : 'no TEST_REDIS_URL, and no redis-server on the PATH';
}

/** @param program one to start in any case, where the PATH has none or the outside one must not be touched */
export async function openTestRedis(program?: {
  command: string;
  env: Readonly<Record<string, string>>;
}): Promise<TestRedis> {
  const outside = process.env['TEST_REDIS_URL'];
  if (outside && program === undefined) return { url: outside, close: async () => undefined };
  const folder = await mkdtemp(join(tmpdir(), 'tributary-redis-'));
  const port = await freePort();
  let server: ChildProcess | undefined;
  const start = async (): Promise<void> => {
    const child = spawn(
      program?.command ?? 'redis-server',
      ['--port', String(port), '--bind', '127.0.0.1', '--save', '', '--appendonly', 'no', '--dir', folder],
      {
        env: { ...process.env, ...program?.env },
        stdio: ['ignore', 'pipe', 'inherit'],
      },
    );
    server = child;
    // Also when this process ends without closing it.
    const kill = (): void => void child.kill('SIGKILL');
    process.once('exit', kill);
    child.once('exit', () => process.off('exit', kill));
    await new Promise<void>((resolve, reject) => {
      child.once('error', reject);
      child.once('exit', (code) => reject(new Error(`redis-server ended with ${code}.`)));
      let said = '';
      child.stdout.on('data', (data: Buffer) => {
        said += data.toString();
        if (/ready to accept connections/i.test(said)) resolve();
      });
    });
  };
  const stop = async (): Promise<void> => {
    if (!server || server.exitCode !== null) return;
    const ended = new Promise((resolve) => server!.once('exit', resolve));
    server.kill('SIGKILL');
    await ended;
  };
  await start();
  return {
    url: `redis://127.0.0.1:${port}`,
    start,
    stop,
    close: async () => {
      await stop();
      await rm(folder, { recursive: true, force: true });
    },
  };
}
