import type { FileResult } from '#ops/bootstrap/run-tests.mjs';

import type { Store } from './provision/store.ts';

/** The files that prove something about a store. */
export function suitesOf(store: Store, all: boolean): readonly string[] {
  return [...store.suites, ...(all ? (store.slowSuites ?? []) : [])];
}

/**
 * What a run left unproven: suites of stores that were up which did not run, or skipped tests. A suite that does not find its server
 * skips, so a misspelt variable would otherwise look like success.
 *
 * @returns one sentence for each.
 */
export function unproven(started: readonly Store[], all: boolean, files: readonly FileResult[]): string[] {
  return started.flatMap((store) =>
    suitesOf(store, all).flatMap((suite) => {
      const file = files.find(({ path }) => path.replaceAll('\\', '/') === suite);
      if (!file || file.passed + file.failed === 0) return [`${suite} ran no test, although ${store.name} was up.`];
      const wrongly = file.skippedTests.filter((name) => !store.limits?.some(({ test }) => name.includes(test)));
      return wrongly.map((name) => `${suite} skipped "${name}", although ${store.name} was up.`);
    }),
  );
}
