import { expect, test } from 'vitest';

import type { Store } from './provision/store.ts';
import { unproven } from './proof.ts';

const store: Store = {
  name: 'some',
  title: 'Some store',
  suites: ['tests/contract/one.test.ts'],
  slowSuites: ['tests/stores/slow.test.ts'],
  limits: [{ test: 'flies', why: 'it has no wings' }],
  available: async () => undefined,
  start: () => Promise.reject(new Error('not needed')),
};
const file = (path: string, passed: number, failed: number, ...skippedTests: string[]) => ({
  path,
  passed,
  failed,
  skipped: skippedTests.length,
  skippedTests,
});

test('a suite that ran is proof, whether it passed or failed', () => {
  expect(
    unproven([store], false, [file('tests/contract/one.test.ts', 2, 0), file('tests/other.test.ts', 0, 0, 'skips')]),
  ).toEqual([]);
  expect(unproven([store], false, [file('tests/contract/one.test.ts', 0, 1)])).toEqual([]);
  expect(unproven([store], false, [file('tests\\contract\\one.test.ts', 2, 0)])).toEqual([]);
});

test('a suite that did not run, skipped everything, or skipped a test, is not', () => {
  expect(unproven([store], false, [])).toEqual(['tests/contract/one.test.ts ran no test, although some was up.']);
  expect(unproven([store], false, [file('tests/contract/one.test.ts', 0, 0, 'walks')])).toEqual([
    'tests/contract/one.test.ts ran no test, although some was up.',
  ]);
  // Tests that need no server may be in the same file.
  expect(unproven([store], false, [file('tests/contract/one.test.ts', 3, 0, 'walks')])).toEqual([
    'tests/contract/one.test.ts skipped "walks", although some was up.',
  ]);
});

test('a store need not prove what its kind of server cannot do', () => {
  expect(unproven([store], false, [file('tests/contract/one.test.ts', 3, 0, 'a bird > flies')])).toEqual([]);
});

test('slow suites count when they were asked for', () => {
  const one = file('tests/contract/one.test.ts', 1, 0);
  expect(unproven([store], true, [one])).toEqual(['tests/stores/slow.test.ts ran no test, although some was up.']);
  expect(unproven([store], true, [one, file('tests/stores/slow.test.ts', 1, 0)])).toEqual([]);
});
