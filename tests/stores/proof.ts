import type { FileResult } from '#ops/bootstrap/run-tests.mjs';

import type { Store } from './provision/store.ts';

/** A store, or several that a suite needs at once. */
export type Proven = Pick<Store, 'name' | 'suites' | 'slowSuites' | 'limits'>;

/** The files that prove something about a store. */
export function suitesOf(store: Proven, all: boolean): readonly string[] {
  return [...store.suites, ...(all ? (store.slowSuites ?? []) : [])];
}

/**
 * What a run left unproven: suites of stores that were up which did not run, or skipped tests. A suite that does not
 * find its server skips, so a misspelt variable would otherwise look like success.
 *
 * @returns one sentence for each.
 */
export function unproven(started: readonly Proven[], all: boolean, files: readonly FileResult[]): string[] {
  return started.flatMap((store) =>
    suitesOf(store, all).flatMap((suite) => {
      const file = files.find(({ path }) => path.replaceAll('\\', '/') === suite);
      if (!file || file.passed + file.failed === 0) return [`${suite} ran no test, although ${store.name} was up.`];
      const wrongly = file.skippedTests.filter((name) => !store.limits?.some(({ test }) => name.includes(test)));
      return wrongly.map((name) => `${suite} skipped "${name}", although ${store.name} was up.`);
    }),
  );
}
