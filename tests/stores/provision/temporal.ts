import { createHash } from 'node:crypto';
import { copyFile, mkdir, readdir, readFile, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { missingPrograms, runClient } from './clients.ts';
import { goProgram, goProgramUnavailable } from './go-program.ts';
import { startServer } from './server.ts';
import type { Store } from './store.ts';
import { TEMPORAL } from './versions.ts';
import { cached, type Workplace } from './workplace.ts';

const EXAMPLE = fileURLToPath(new URL('../../../examples/temporal/', import.meta.url));

/** Temporal's development server over SQLite, and the example's worker with packages of its own. */
export const temporal: Store = {
  name: 'temporal',
  title: `Temporal (CLI ${TEMPORAL.version.slice(1)})`,
  slow: true,
  suites: ['tests/contract/runs-temporal.test.ts', 'tests/e2e/temporal/temporal.test.ts'],
  available: async (workplace) =>
    (await goProgramUnavailable(workplace, 'temporal', TEMPORAL)) ?? (await missingPrograms('npm')),
  start: async (workplace) => {
    const command = await goProgram(workplace, 'temporal', TEMPORAL);
    const worker = await exampleWorker(workplace);
    const folder = join(workplace.data, 'temporal');
    await mkdir(folder);
    const server = await startServer({
      command,
      // In a file, so that what is tried is what is kept.
      args: (port) => [
        'server',
        'start-dev',
        '--ip',
        '127.0.0.1',
        '--port',
        String(port),
        '--headless',
        '--db-filename',
        join(folder, 'temporal.db'),
        '--log-level',
        'error',
      ],
      cwd: folder,
      env: { HOME: folder },
    });
    return {
      env: { TEST_TEMPORAL_ADDRESS: `127.0.0.1:${server.port}`, TEST_TEMPORAL_WORKER: worker },
      close: server.close,
    };
  },
};

/** A copy of the example beside its packages, as its lock file names them. @returns its folder */
async function exampleWorker(workplace: Workplace): Promise<string> {
  const lock = await readFile(join(EXAMPLE, 'package-lock.json'));
  const packages = await cached(
    workplace,
    `temporal-worker-${process.platform}-${process.arch}-${createHash('sha256').update(lock).digest('hex').slice(0, 16)}`,
    async (folder) => {
      workplace.say('temporal: npm install in examples/temporal …');
      // Not `npm ci`: it wants all platforms' optional packages, which not every registry has. Integrities are those of
      // the lock file.
      for (const name of ['package.json', 'package-lock.json']) await copyFile(join(EXAMPLE, name), join(folder, name));
      await runClient('npm', ['install', '--ignore-scripts', '--no-audit', '--no-fund'], { cwd: folder });
    },
  );
  const folder = join(workplace.data, 'temporal-worker');
  await mkdir(folder);
  await symlink(join(packages, 'node_modules'), join(folder, 'node_modules'));
  for (const name of await readdir(EXAMPLE))
    if (/\.mjs$|^package\.json$/.test(name)) await copyFile(join(EXAMPLE, name), join(folder, name));
  return folder;
}
