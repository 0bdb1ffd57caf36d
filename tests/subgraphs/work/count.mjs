// A task for tests of the pool of threads.
export default ({ add, fail, wait, mark, exit }) => {
  if (fail !== undefined) throw new Error(fail);
  if (exit !== undefined) process.exit(exit);
  if (wait !== undefined) Atomics.wait(wait, 0, 0);
  if (mark !== undefined) Atomics.store(mark, 0, 1);
  return add === undefined ? undefined : add[0] + add[1];
};
