import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** Whether a process with this id exists, whoever owns it. */
export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    // EPERM: it exists and belongs to somebody else.
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

/**
 * When a process began, as an opaque token: two processes that had the same id at different times have different tokens.
 *
 * @returns undefined when there is no such process, or it has ended and only waits to be reaped.
 */
export async function processStartTime(pid: number): Promise<string | undefined> {
  if (process.platform === 'linux') {
    try {
      // Fields after the command name, which is in parentheses and may itself hold spaces and parentheses: proc(5).
      const stat = await readFile(`/proc/${pid}/stat`, 'utf8');
      const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
      return fields[0] === 'Z' ? undefined : fields[19];
    } catch (error) {
      if (isGone(error)) return undefined;
      throw error;
    }
  }
  return psField(pid, 'lstart');
}

/** The command line of a process, or undefined when there is no such process. */
export async function processCommandLine(pid: number): Promise<string | undefined> {
  if (process.platform === 'linux') {
    try {
      return (await readFile(`/proc/${pid}/cmdline`, 'utf8')).replaceAll('\0', ' ').trim();
    } catch (error) {
      if (isGone(error)) return undefined;
      throw error;
    }
  }
  return psField(pid, 'command');
}

/**
 * Waits for a process that is nobody's child here to end. There is no event for that, so it asks again and again.
 *
 * @returns whether it ended within `timeoutMs`.
 */
export async function waitForExit(pid: number, timeoutMs: number): Promise<boolean> {
  const deadline = performance.now() + timeoutMs;
  while ((await processStartTime(pid)) !== undefined) {
    if (performance.now() > deadline) return false;
    await delay(20);
  }
  return true;
}

async function psField(pid: number, field: 'lstart' | 'command'): Promise<string | undefined> {
  try {
    const { stdout } = await run('ps', ['-o', `${field}=`, '-p', String(pid)], { env: { ...process.env, LC_ALL: 'C' } });
    return stdout.trim() || undefined;
  } catch (error) {
    // ps ends with 1 when nothing matches; anything else (no ps at all) is a real failure.
    if ((error as { code?: unknown }).code === 1) return undefined;
    throw error;
  }
}

function isGone(error: unknown): boolean {
  const code = (error as NodeJS.ErrnoException).code;
  return code === 'ENOENT' || code === 'ESRCH';
}
