/**
 * `npm run test:python`: installs what examples/python-agents/requirements.txt names into an environment of its own, and runs the
 * examples. Not part of `npm test`: it is 350 MB.
 */
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const requirements = fileURLToPath(new URL('../../../examples/python-agents/requirements.txt', import.meta.url));
const run = (command, args, options) => {
  const { status } = spawnSync(command, args, { stdio: 'inherit', ...options });
  if (status !== 0) process.exit(status ?? 1);
};
const digest = createHash('sha256').update(readFileSync(requirements)).digest('hex').slice(0, 16);
const cache = join(process.env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'tributary', 'clients');
const folder = join(cache, `python-agents-${digest}`);
const whole = join(folder, 'whole');
if (!existsSync(whole)) {
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(cache, { recursive: true });
  run('python3', ['-m', 'venv', folder]);
  run(join(folder, 'bin/python'), ['-m', 'pip', 'install', '--quiet', '--only-binary=:all:', '-r', requirements]);
  writeFileSync(whole, '');
}
run(
  process.execPath,
  ['node_modules/vitest/vitest.mjs', 'run', 'tests/clients/python-agents', ...process.argv.slice(2)],
  {
    env: { ...process.env, PYTHON_AGENTS: join(folder, 'bin/python') },
  },
);
