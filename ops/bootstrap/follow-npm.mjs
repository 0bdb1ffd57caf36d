import { parentProcess, processCommandLine, processStartTime } from './processes.mjs';

/**
 * Ends this process in good order when the npm that runs it is gone. npm passes signals on, but cannot pass on a
 * SIGKILL, and a server that nobody holds any more would keep the port and the data folder from the next start.
 *
 * @param {() => void} [onGone] @default a SIGTERM to this process
 */
export async function followNpm(onGone = () => process.kill(process.pid, 'SIGTERM')) {
  if (process.env.npm_lifecycle_event === undefined) return;
  const npm = await npmAbove(process.pid);
  // Started in the background by something that npm ran and that ended since: then there is nothing to follow.
  if (npm === undefined) return;
  const startTime = await processStartTime(npm);
  const timer = setInterval(() => {
    processStartTime(npm).then(
      (now) => {
        if (now === startTime) return;
        clearInterval(timer);
        onGone();
      },
      (error) => console.error(`Could not look after npm (process ${npm}): ${error.message}`),
    );
  }, 1_000);
  timer.unref();
}

/** The nearest npm among the parents: scripts are run through a shell, which may or may not stay between the two. */
async function npmAbove(pid) {
  let parent = await parentProcess(pid);
  for (let distance = 0; distance < 3 && parent !== undefined && parent > 1; distance += 1) {
    if (/\bnpm\b/.test((await processCommandLine(parent)) ?? '')) return parent;
    parent = await parentProcess(parent);
  }
  return undefined;
}
