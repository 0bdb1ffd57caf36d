import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { promisify } from 'node:util';

const run = promisify(execFile);

/**
 * When a process began, as an opaque token: two processes that had the same id at different times have different
 * tokens.
 *
 * @param {number} pid
 * @returns {Promise<string | undefined>} undefined when there is no such process, or it has ended and only waits to be
 *   reaped.
 */
export async function processStartTime(pid) {
  if (process.platform !== 'linux') return psField(pid, 'lstart');
  const fields = await linuxStat(pid);
  return fields === undefined || fields[0] === 'Z' ? undefined : fields[19];
}

/**
 * The parent of a process.
 *
 * @param {number} pid
 * @returns {Promise<number | undefined>} undefined when there is no such process.
 */
export async function parentProcess(pid) {
  const parent = process.platform === 'linux' ? (await linuxStat(pid))?.[1] : await psField(pid, 'ppid');
  return parent === undefined ? undefined : Number(parent);
}

/**
 * The command line of a process, its arguments separated by spaces.
 *
 * @param {number} pid
 * @returns {Promise<string | undefined>} undefined when there is no such process.
 */
export async function processCommandLine(pid) {
  if (process.platform !== 'linux') return psField(pid, 'command');
  const commandLine = await readUnlessGone(`/proc/${pid}/cmdline`);
  return commandLine?.replaceAll('\0', ' ').trim();
}

/**
 * The fields of proc(5)'s stat after the command name, which is in parentheses and may itself hold spaces and
 * parentheses.
 */
async function linuxStat(pid) {
  const stat = await readUnlessGone(`/proc/${pid}/stat`);
  return stat?.slice(stat.lastIndexOf(')') + 2).split(' ');
}

async function readUnlessGone(path) {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    if (error.code === 'ENOENT' || error.code === 'ESRCH') return undefined;
    throw error;
  }
}

async function psField(pid, field) {
  try {
    const { stdout } = await run('ps', ['-o', `${field}=`, '-p', String(pid)], {
      env: { ...process.env, LC_ALL: 'C' },
    });
    return stdout.trim() || undefined;
  } catch (error) {
    // ps ends with 1 when nothing matches; anything else (no ps at all) is a real failure.
    if (error.code === 1) return undefined;
    throw error;
  }
}
