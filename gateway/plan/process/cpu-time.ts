/** How much a process has worked, which a busy machine does not change. */
import { readFileSync } from 'node:fs';

/** How often the kernel counts in a second: the same for all programs of Linux (`USER_HZ`). */
const TICKS = 100;

/**
 * The processor time that a process has used, in milliseconds, by the system's account of it (proc_pid_stat(5)).
 * @returns undefined where the system has no such account, and of a process that has ended
 */
export function cpuTimeOf(pid: number | undefined): number | undefined {
  if (pid === undefined || process.platform !== 'linux') return undefined;
  try {
    // Behind the program's name, which may hold anything but ends with the last parenthesis, from the third field on.
    const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ').at(-1)!.split(' ');
    return ((Number(fields[11]) + Number(fields[12])) / TICKS) * 1_000;
  } catch {
    return undefined;
  }
}
