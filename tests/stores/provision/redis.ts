import { randomBytes } from 'node:crypto';
import { mkdir, readdir, symlink } from 'node:fs/promises';
import { dirname, join } from 'node:path';

import { findProgram, missingPrograms, runClient } from './clients.ts';
import { unpackDebian } from './debian.ts';
import { startServer } from './server.ts';
import { NotProvisioned, type Store } from './store.ts';
import { REDIS } from './versions.ts';
import { cached, isCached, type Workplace } from './workplace.ts';

const folderName = `redis-debian-${process.arch}`;

interface Program {
  command: string;
  libraries?: string;
}

/** Redis: the one on the PATH, else Debian's, unpacked into the cache. */
export const redis: Store = {
  name: 'redis',
  title: `Redis ${REDIS.oldest.split('.')[0]} or newer`,
  suites: ['tests/stores/redis.test.ts', 'tests/contract/runs-redis.test.ts', 'tests/contract/rates-redis.test.ts'],
  limits: [
    {
      test: 'a Redis that is killed and comes back',
      why: "this server is not the suite's to kill; in `npm test` it kills one of its own",
    },
  ],
  available: async (workplace) => {
    if ((await findProgram('redis-server')) || (await isCached(workplace, folderName))) return undefined;
    const missing = await missingPrograms('apt-get', 'apt-cache', 'dpkg-deb');
    return missing && `redis-server must be on the PATH (or Debian's ${missing})`;
  },
  start: async (workplace) => {
    const { command, env } = await redisProgram(workplace);
    const password = randomBytes(20).toString('hex');
    const folder = join(workplace.data, 'redis');
    await mkdir(folder, { mode: 0o700 });
    const server = await startServer({
      command,
      args: (port) => [
        '--port',
        String(port),
        '--bind',
        '127.0.0.1',
        '--save',
        '',
        '--dir',
        folder,
        '--requirepass',
        password,
      ],
      cwd: folder,
      env,
    });
    return { env: { TEST_REDIS_URL: `redis://:${password}@127.0.0.1:${server.port}` }, close: server.close };
  },
};

/** The program, for those who start and kill one of their own, and what its environment must have. */
export async function redisProgram(
  workplace: Workplace,
): Promise<{ command: string; env: Readonly<Record<string, string>> }> {
  const { command, libraries } = await locate(workplace);
  const env: Record<string, string> = libraries ? { LD_LIBRARY_PATH: libraries } : {};
  const [version] = await runClient(command, ['--version'], { cwd: workplace.data, env });
  const found = /v=(\d+)\./.exec(version ?? '')?.[1];
  if (!found || Number(found) < Number(REDIS.oldest.split('.')[0])) {
    throw new NotProvisioned(`${command} is "${version}"; Redis ${REDIS.oldest} or newer is needed.`);
  }
  return { command, env };
}

async function locate(workplace: Workplace): Promise<Program> {
  const installed = await findProgram('redis-server');
  if (installed) return { command: installed };
  const folder = await cached(workplace, folderName, (folder) => unpack(workplace, folder));
  const jemalloc = (await readdir(folder, { recursive: true })).find((path) => /(^|\/)libjemalloc\.so/.test(path));
  return {
    command: join(folder, 'usr/bin/redis-server'),
    ...(jemalloc && { libraries: dirname(join(folder, jemalloc)) }),
  };
}

/** The package of the server holds but a service and a link to the program of redis-tools. */
async function unpack(workplace: Workplace, folder: string): Promise<void> {
  await unpackDebian(workplace, folder, ['redis-tools']);
  await symlink('redis-check-rdb', join(folder, 'usr/bin/redis-server'));
}
