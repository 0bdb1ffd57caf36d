import { mkdtempSync, rmSync } from 'node:fs';
import { readFile, readdir } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';

import { processCommandLine } from '#ops/bootstrap/processes.mjs';
import { cleanEnvironment, startProgram, type Program } from '#tests/ops/program.ts';

const RUN = fileURLToPath(new URL('run.mjs', import.meta.url));
let home: string;

beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), 'tributary-test-'));
});

afterEach(() => {
  rmSync(home, { recursive: true, force: true });
});

const start = (args: string[], env: NodeJS.ProcessEnv): Program =>
  startProgram(process.execPath, [RUN, ...args], { env: cleanEnvironment({ CI: '', TMPDIR: home, ...env }) });

/** Runs where there is neither a package client nor anything in the cache. */
async function runBare(
  args: string[],
  env: NodeJS.ProcessEnv = {},
): Promise<{ status: number | null; output: string; last: string | undefined }> {
  using run = start(args, { PATH: home, XDG_CACHE_HOME: home, ...env });
  // Apart from standard error, which comes through a pipe of its own and so in no order with this.
  let printed = '';
  run.child.stdout!.on('data', (data) => (printed += String(data)));
  const status = await run.exited();
  return { status, output: run.output, last: printed.trimEnd().split('\n').at(-1) };
}

describe('on a machine without package clients', () => {
  test('every store is skipped visibly, says what is missing, and nothing passes for a success', async () => {
    const { status, output, last } = await runBare([]);
    for (const missing of [
      'neo4j cannot be had here: java and mvn',
      's3 cannot be had here: go ',
      'postgres cannot be had here: python3',
      'mariadb cannot be had here: mariadbd',
      'mysql cannot be had here: mysqld',
      'mongodb cannot be had here: go',
      'clickhouse cannot be had here: python3',
    ]) {
      expect(output).toContain(`SKIPPED  ${missing}`);
    }
    expect({ status, last }).toEqual({ status: 1, last: '0 passed, 1 failed, 10 skipped' });
  });

  test('every store is a failure in CI', async () => {
    expect(await runBare([], { CI: 'true' })).toMatchObject({ status: 1, last: '0 passed, 10 failed, 0 skipped' });
  });

  test('a store that was named is a failure', async () => {
    expect(await runBare(['--only', 's3,redis'])).toMatchObject({ status: 1, last: '0 passed, 2 failed, 0 skipped' });
  });
});

test('a store that does not exist is refused before anything starts', async () => {
  const { status, output, last } = await runBare(['--only', 'oracle']);
  expect(output).toContain('there is no oracle');
  expect({ status, last }).toEqual({ status: 1, last: '0 passed, 1 failed, 0 skipped' });
});

// With a proxy up, its program is in the cache, and starting another takes a moment.
describe.skipIf(!process.env['TEST_TOXIPROXY_URL'] || process.platform !== 'linux')('servers end with the run', () => {
  test.each(['SIGKILL', 'SIGTERM', 'SIGINT'] as const)('that ends by %s', async (signal) => {
    using run = start(['--only', 'toxiproxy', '-t', 'nothing is called this'], {});
    const server = await vi.waitUntil(async () => await serverOf(run.pid), { timeout: 20_000, interval: 20 });
    run.child.kill(signal);
    await run.exited();
    await vi.waitUntil(async () => !(await processCommandLine(server)), { timeout: 20_000, interval: 20 });
    // Nobody removes the data of a run that was killed outright, until the next run.
    if (signal !== 'SIGKILL')
      expect((await readdir(home)).filter((name) => name.startsWith('tributary-stores-'))).toEqual([]);
  });
});

/** The server below a run: its supervisor is a child of the run. */
async function serverOf(run: number): Promise<number | undefined> {
  const below = [...(await children(run))];
  for (const pid of below) {
    below.push(...(await children(pid)));
    if (/^\S*toxiproxy\S*\/server /.test((await processCommandLine(pid)) ?? '')) return pid;
  }
  return undefined;
}

async function children(pid: number): Promise<number[]> {
  const text = await readFile(`/proc/${pid}/task/${pid}/children`, 'utf8').catch(() => '');
  return text.split(' ').filter(Boolean).map(Number);
}
