/**
 * `npm run test:mcp`: installs the conformance suite and the inspector of the Model Context Protocol beside this file, without their
 * install scripts, and asks a server with them. A step of `.ci/run`, not part of `npm test`: it is 223 packages.
 */
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const folder = fileURLToPath(new URL('.', import.meta.url));
const run = (command, args, options) => {
  const { status } = spawnSync(command, args, { stdio: 'inherit', ...options });
  if (status !== 0) process.exit(status ?? 1);
};
run('npm', ['ci', '--ignore-scripts', '--no-audit', '--no-fund'], { cwd: folder });
run(
  process.execPath,
  [
    'node_modules/vitest/vitest.mjs',
    'run',
    'tests/clients/mcp-tools.test.ts',
    // The view of runs again, behind the bridge that hosts are given.
    'tests/e2e/run-viewer/mcp-app.test.ts',
    ...process.argv.slice(2),
  ],
  {
    env: { ...process.env, MCP_TOOLS_FOLDER: folder },
  },
);
