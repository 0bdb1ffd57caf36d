import { fileURLToPath } from 'node:url';

import { ensureInstalled } from './install.mjs';

/**
 * Runs the tests and ends the process. The last line printed, after everything that vitest and its helpers print, is
 * `N passed, N failed, N skipped`; the exit status is 0 only if nothing failed and something was there to run.
 *
 * @param {string[]} args vitest's command-line arguments
 */
export async function runTests(args) {
  const totals = { passed: 0, failed: 0, skipped: 0 };
  let ok = false;
  try {
    await ensureInstalled({ dev: true });
    ok = await runVitest(args, totals);
  } catch (error) {
    console.error(error);
  }
  // A configuration or set-up that fails, or nothing to run, leaves no test to blame, and must not read as "0 failed".
  if (!ok) totals.failed ||= 1;
  const closing = `${totals.passed} passed, ${totals.failed} failed, ${totals.skipped} skipped\n`;
  await new Promise((resolve) => process.stdout.write(closing, resolve));
  process.exit(ok && totals.failed === 0 ? 0 : 1);
}

async function runVitest(args, totals) {
  process.chdir(fileURLToPath(new URL('../../', import.meta.url)));
  const { parseCLI, startVitest } = await import('vitest/node');
  const { filter, options } = parseCLI(['vitest', 'run', ...args]);
  const vitest = await startVitest('test', filter, { ...options, watch: false });
  try {
    for (const module of vitest.state.getTestModules()) {
      let inModule = 0;
      for (const test of module.children.allTests()) {
        const { state } = test.result();
        if (state in totals) totals[state] += 1;
        if (state === 'failed') inModule += 1;
      }
      // A file that could not be loaded, or a hook that failed, is a failure without a failed test.
      if (module.state() === 'failed' && inModule === 0) totals.failed += 1;
    }
    totals.failed += vitest.state.getUnhandledErrors().length;
    return process.exitCode === undefined || process.exitCode === 0;
  } finally {
    await vitest.close();
  }
}
