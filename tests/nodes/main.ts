import { spawn } from 'node:child_process';
import { delimiter, dirname } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

import { followNpm } from '#ops/bootstrap/follow-npm.mjs';

import { otherMajors, provideNode } from './provide.ts';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));

/** What depends on Node's own streams, sockets, timers and processes. The rest is tested on one version. */
export const SUITES: readonly string[] = [
  'tests/engine/',
  'tests/contract/',
  'tests/subgraphs/runs-streams.test.ts',
  'tests/gateway/',
  'tests/ops/',
];

interface Totals {
  passed: number;
  failed: number;
  skipped: number;
}

/**
 * Runs the suites on each other supported version and ends the process. The last line printed is the sum of all runs,
 * as `npm test` prints it; a version that cannot be had, or a run that tells no result, counts as a failure.
 *
 * @param filters vitest's, in the place of {@link SUITES}
 */
export async function testOnOtherNodes(filters: readonly string[]): Promise<never> {
  await followNpm();
  const totals: Totals = { passed: 0, failed: 0, skipped: 0 };
  for (const major of otherMajors(process.versions.node)) {
    try {
      const node = await provideNode(major, (line) => console.log(`  ${line}`));
      console.log(`--- on Node ${major}`);
      add(totals, await runOn(node, filters.length === 0 ? SUITES : filters));
    } catch (error) {
      console.error(`Node ${major} cannot be had: ${(error as Error).message}`);
      totals.failed += 1;
    }
  }
  const closing = `${totals.passed} passed, ${totals.failed} failed, ${totals.skipped} skipped\n`;
  await new Promise((resolve) => process.stdout.write(closing, resolve));
  process.exit(totals.failed === 0 && totals.passed > 0 ? 0 : 1);
}

/** Runs `npm test` on the given Node, which is also the one that programs under test find. */
async function runOn(node: string, filters: readonly string[]): Promise<Totals> {
  const child = spawn(node, ['ops/test.mjs', ...filters], {
    cwd: ROOT,
    env: { ...process.env, PATH: `${dirname(node)}${delimiter}${process.env['PATH'] ?? ''}` },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const ended = new Promise<number | null>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', resolve);
  });
  let totals: Totals | undefined;
  createInterface({ input: child.stdout }).on('line', (line) => {
    console.log(line);
    totals = totalsOf(line) ?? totals;
  });
  const status = await ended;
  totals ??= { passed: 0, failed: 1, skipped: 0 };
  if (status !== 0) totals.failed ||= 1;
  return totals;
}

/** What the closing line of a run says; undefined for any other line. */
export function totalsOf(line: string): Totals | undefined {
  const [, passed, failed, skipped] = /^(\d+) passed, (\d+) failed, (\d+) skipped$/.exec(line) ?? [];
  return passed === undefined
    ? undefined
    : { passed: Number(passed), failed: Number(failed), skipped: Number(skipped) };
}

function add(totals: Totals, more: Totals): void {
  totals.passed += more.passed;
  totals.failed += more.failed;
  totals.skipped += more.skipped;
}
