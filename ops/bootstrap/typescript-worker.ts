import { createRequire } from 'node:module';
import { pathToFileURL } from 'node:url';
import { Worker, type WorkerOptions } from 'node:worker_threads';

/**
 * Starts a worker thread whose program is TypeScript. A worker inherits neither the loader that the main thread registered nor the one
 * of the test runner, so it is told to load its own, by its full path: a bare `tsx` would be looked for from the working directory.
 *
 *     const worker = startTypeScriptWorker(new URL('./planner-worker.ts', import.meta.url), { workerData: { … } });
 */
export function startTypeScriptWorker(program: URL, options: WorkerOptions = {}): Worker {
  const loader = pathToFileURL(createRequire(import.meta.url).resolve('tsx')).href;
  return new Worker(program, { ...options, execArgv: [...(options.execArgv ?? []), '--import', loader] });
}
