/**
 * `npm run test:copilotkit`: installs CopilotKit's runtime beside this file, without its install scripts, and runs its test.
 * Not part of `npm test`: it is 345 packages.
 */
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const folder = fileURLToPath(new URL('.', import.meta.url));
const run = (command, args, options) => {
  const { status } = spawnSync(command, args, { stdio: 'inherit', ...options });
  if (status !== 0) process.exit(status ?? 1);
};
run('npm', ['ci', '--ignore-scripts', '--legacy-peer-deps', '--no-audit', '--no-fund'], { cwd: folder });
run(process.execPath, ['node_modules/vitest/vitest.mjs', 'run', 'tests/e2e/ag-ui/copilotkit.test.ts'], {
  env: { ...process.env, COPILOTKIT_FOLDER: folder },
});
