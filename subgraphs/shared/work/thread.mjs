// What a thread of work-pool.ts runs: it answers `{ task, input }` with `{ result }` or `{ error }`. Plain JavaScript: the
// TypeScript loader is only loaded with the first task that needs it.
import { parentPort } from 'node:worker_threads';

/** Tasks by their URLs. */
const tasks = new Map();

async function load(task) {
  if (task.endsWith('.ts')) (await import('tsx/esm/api')).register();
  return (await import(task)).default;
}

parentPort.on('message', async ({ task, input }) => {
  try {
    if (!tasks.has(task)) tasks.set(task, await load(task));
    const result = await tasks.get(task)(input);
    const isNumbers = Array.isArray(result) && result.every((each) => ArrayBuffer.isView(each));
    parentPort.postMessage({ result }, isNumbers ? result.map(({ buffer }) => buffer) : []);
  } catch (error) {
    parentPort.postMessage({ error });
  }
});
