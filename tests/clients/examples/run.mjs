/**
 * `npm run test:examples`: copies the examples that have packages of their own into an empty folder, installs them there as
 * docs/clients.md says, and runs their tests. Not part of `npm test`: they come from the registry.
 */
import { spawnSync } from 'node:child_process';
import { cpSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const folder = mkdtempSync(join(tmpdir(), 'tributary-examples-'));
const run = (command, args, options) => {
  const { status } = spawnSync(command, args, { stdio: 'inherit', ...options });
  if (status !== 0) process.exit(status ?? 1);
};
process.on('exit', () => rmSync(folder, { recursive: true, force: true }));
for (const name of ['ai-sdk', 'mcp-agent']) {
  cpSync(fileURLToPath(new URL(`../../../examples/${name}/`, import.meta.url)), join(folder, name), {
    recursive: true,
  });
  run('npm', ['install', '--ignore-scripts', '--no-audit', '--no-fund'], { cwd: join(folder, name) });
}
run(
  process.execPath,
  ['node_modules/vitest/vitest.mjs', 'run', 'tests/clients/examples.test.ts', ...process.argv.slice(2)],
  { env: { ...process.env, EXAMPLES_FOLDER: folder } },
);
