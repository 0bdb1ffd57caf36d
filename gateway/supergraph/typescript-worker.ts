import { Worker, type WorkerOptions } from 'node:worker_threads';

/**
 * Starts a worker thread whose program is TypeScript. A worker inherits neither the loader that the main thread
 * registered nor the test runner's, and on Node 20 `execArgv: ['--import', 'tsx']` has no effect in workers; so its
 * entry is a JavaScript file that registers the loader and then imports the program.
 *
 *     const worker = startTypeScriptWorker(new URL('./compose-worker.ts', import.meta.url), { workerData: { … } });
 *
 * @param program URL of the worker's program.
 * @param options as for `Worker`, except that `argv` is taken.
 */
export function startTypeScriptWorker(program: URL, options: Omit<WorkerOptions, 'argv'> = {}): Worker {
  // In a built product it is JavaScript already.
  const isTypeScript = program.pathname.endsWith('.ts');
  // Without execArgv a worker repeats the main thread's, which may hold a loader of its own.
  return new Worker(isTypeScript ? new URL('./typescript-worker-entry.mjs', import.meta.url) : program, {
    execArgv: [],
    ...options,
    argv: [program.href],
  });
}
