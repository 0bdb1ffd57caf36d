import { relative } from 'node:path';
import { fileURLToPath } from 'node:url';

import { ensureInstalled } from './install.mjs';

/**
 * Runs the tests and ends the process. The last line printed, after everything that vitest and its helpers print, is
 * `N passed, N failed, N skipped`; the exit status is 0 only if nothing failed and something was there to run.
 *
 * @param {string[]} args vitest's command-line arguments
 * @param {{ examine?: Function, close?: Function }} [options] see run-tests.d.mts
 */
export async function runTests(args, { examine, close } = {}) {
  const totals = { passed: 0, failed: 0, skipped: 0 };
  let ok = false;
  try {
    await ensureInstalled({ dev: true });
    ok = await runVitest(args, totals, examine);
  } catch (error) {
    console.error(error);
  }
  try {
    await close?.();
  } catch (error) {
    console.error(error);
    ok = false;
  }
  // A configuration or set-up that fails, or nothing to run, leaves no test to blame, and must not read as "0 failed".
  if (!ok) totals.failed ||= 1;
  const closing = `${totals.passed} passed, ${totals.failed} failed, ${totals.skipped} skipped\n`;
  await new Promise((resolve) => process.stdout.write(closing, resolve));
  process.exit(ok && totals.failed === 0 ? 0 : 1);
}

async function runVitest(args, totals, examine) {
  process.chdir(fileURLToPath(new URL('../../', import.meta.url)));
  const { parseCLI, startVitest } = await import('vitest/node');
  const { filter, options } = parseCLI(['vitest', 'run', ...args]);
  const vitest = await startVitest('test', filter, { ...options, watch: false });
  try {
    const files = vitest.state.getTestModules().map((module) => {
      const file = {
        path: relative(process.cwd(), module.moduleId),
        passed: 0,
        failed: 0,
        skipped: 0,
        skippedTests: [],
      };
      for (const test of module.children.allTests()) {
        const { state } = test.result();
        if (state in totals) file[state] += 1;
        if (state === 'skipped') file.skippedTests.push(test.fullName);
      }
      // A file that could not be loaded, or a hook that failed, is a failure without a failed test.
      if (module.state() === 'failed' && file.failed === 0) file.failed += 1;
      return file;
    });
    for (const state of Object.keys(totals)) totals[state] += files.reduce((sum, file) => sum + file[state], 0);
    totals.failed += vitest.state.getUnhandledErrors().length;
    const more = examine?.(files) ?? {};
    for (const [state, count] of Object.entries(more)) totals[state] += count;
    return process.exitCode === undefined || process.exitCode === 0;
  } finally {
    await vitest.close();
  }
}
