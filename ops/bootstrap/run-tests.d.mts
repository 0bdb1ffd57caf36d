/** What became of one test file. */
export interface FileResult {
  /** Relative to the project's folder, with the separators of the platform. */
  path: string;
  passed: number;
  failed: number;
  skipped: number;
  /** The skipped tests, each with the names of the suites around it. */
  skippedTests: readonly string[];
}

export interface RunTestsOptions {
  /** Called with what became of each file; returns what to add to the totals, such as failures that vitest does not know of. */
  examine?: (files: readonly FileResult[]) => { failed?: number; skipped?: number };
  /** Called when the tests have ended, before the last line is printed. A rejection fails the run. */
  close?: () => Promise<void>;
}

/**
 * Runs the tests and ends the process. The last line printed, after everything that vitest and its helpers print, is
 * `N passed, N failed, N skipped`; the exit status is 0 only if nothing failed and something was there to run.
 *
 * @param args vitest's command-line arguments
 */
export function runTests(args: readonly string[], options?: RunTestsOptions): Promise<never>;
