import { setTimeout as delay } from 'node:timers/promises';

import { processStartTime } from '#ops/bootstrap/processes.mjs';
import { EMBEDDED } from './bounds.ts';

/**
 * Waits for a process that is not a child of this one to end. There is no event for that, so it asks again and again.
 *
 * @returns whether it ended within `timeoutMs`.
 */
export async function waitForExit(pid: number, timeoutMs: number): Promise<boolean> {
  const deadline = performance.now() + timeoutMs;
  while ((await processStartTime(pid)) !== undefined) {
    if (performance.now() > deadline) return false;
    await delay(EMBEDDED.lookMs);
  }
  return true;
}

/** Signals a process that may end at any moment. */
export function signalIfAlive(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}
