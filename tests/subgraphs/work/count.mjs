// A task for tests of the pool of threads.
import { threadId } from 'node:worker_threads';

export default ({ add, fail, wait, mark, exit, loop, fill, thread }) => {
  if (fail !== undefined) throw new Error(fail);
  if (exit !== undefined) process.exit(exit);
  if (wait !== undefined) Atomics.wait(wait, 0, 0);
  if (mark !== undefined) Atomics.store(mark, 0, 1);
  if (thread !== undefined) return threadId;
  while (loop !== undefined);
  for (const all = []; fill !== undefined;) all.push({ all: [...all] });
  return add === undefined ? undefined : add[0] + add[1];
};
