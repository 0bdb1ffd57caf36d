import { randomBytes } from 'node:crypto';
import { link, mkdir, readdir, readFile, readlink, rename, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join, resolve } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';

import { processStartTime } from './processes.mjs';

// Plain JavaScript, because the installer needs a lock before there is anything that reads TypeScript.
//
// Node has no file locks of the kernel's, so a lock is a file that names its holder, and whether it counts is whether
// the holder lives. The files are numbered, and only the highest number counts. Taking a lock over from a dead holder
// is creating the next number, which exactly one contender can do; the file that counts is never removed or replaced by
// anybody but its holder, so no contender can remove a lock that somebody else has just taken.

const HEARTBEAT_MS = 4_000;
const LOCK_FILE = /^lock-(\d+)\.json$/;

/** Another live process holds the lock. */
export class FolderLockedError extends Error {
  constructor(folder, holder) {
    super(`${folder} is in use by process ${holder.pid} on ${holder.host} since ${holder.since}.`);
    this.name = 'FolderLockedError';
    this.code = 'FOLDER_LOCKED';
    this.holder = holder;
  }
}

/**
 * Takes the lock of a folder, which is created when absent. The end of the process releases it, however it ends.
 *
 * @throws FolderLockedError while another process holds it, and when this one does already.
 */
export async function lockFolder(path) {
  const folder = resolve(path);
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const holder = {
    pid: process.pid,
    startTime: await processStartTime(process.pid),
    machine: await machine(),
    host: hostname(),
    since: new Date().toISOString(),
  };
  for (;;) {
    const newest = await newestLock(folder);
    const other = newest.file === undefined ? undefined : await livingHolder(newest.file, holder.machine);
    if (other !== undefined) throw new FolderLockedError(folder, other);
    const file = join(folder, `lock-${newest.number + 1}.json`);
    if (!(await createWhole(file, holder))) continue;
    // A listing that is read while files come and go may miss the newest one: then it is there now, and this one does
    // not count.
    if ((await newestLock(folder)).file !== file) {
      await rm(file, { force: true });
      continue;
    }
    await removeOlder(folder, newest.number + 1);
    return held(file, holder);
  }
}

function held(file, holder) {
  // For processes that cannot look this one up: see `livingHolder`. A missed beat only matters to them.
  const heartbeat = setInterval(() => {
    const now = new Date();
    utimes(file, now, now).catch((error) => {
      if (error.code !== 'ENOENT') console.error(`Could not renew the lock ${file}: ${error.message}`);
    });
  }, HEARTBEAT_MS);
  heartbeat.unref();
  let released;
  return {
    release: () => {
      clearInterval(heartbeat);
      // Marked, not removed: the numbers must go on from here.
      released ??= writeWhole(file, { ...holder, released: true });
      return released;
    },
  };
}

async function newestLock(folder) {
  const numbers = (await readdir(folder)).map((name) => Number(LOCK_FILE.exec(name)?.[1] ?? 0));
  const number = Math.max(0, ...numbers);
  return { number, file: number === 0 ? undefined : join(folder, `lock-${number}.json`) };
}

/** The holder of a lock, if it still lives. */
async function livingHolder(file, here) {
  const holder = await read(file);
  if (holder === undefined || holder.released) return undefined;
  if (holder.machine === here) {
    const startTime = await processStartTime(holder.pid);
    return startTime !== undefined && startTime === holder.startTime ? holder : undefined;
  }
  // Taken on another machine, in another container, or before a reboot: its process ids mean nothing here, but its
  // heartbeat shows.
  const { mtimeMs } = await stat(file);
  if (Date.now() - mtimeMs > 15 * HEARTBEAT_MS) return undefined;
  const deadline = performance.now() + 3 * HEARTBEAT_MS;
  while (performance.now() < deadline) {
    await delay(HEARTBEAT_MS / 8);
    const now = await stat(file).catch(undefinedIfMissing);
    if (now === undefined) return undefined;
    if (now.mtimeMs !== mtimeMs) return (await read(file))?.released ? undefined : holder;
  }
  return undefined;
}

/** What tells apart the places whose process ids are not comparable. */
async function machine() {
  if (process.platform !== 'linux') return hostname();
  const [boot, namespace] = await Promise.all([
    readFile('/proc/sys/kernel/random/boot_id', 'utf8'),
    readlink('/proc/self/ns/pid'),
  ]);
  return `${boot.trim()} ${namespace}`;
}

async function read(file) {
  const text = await readFile(file, 'utf8').catch(undefinedIfMissing);
  try {
    return text ? JSON.parse(text) : undefined;
  } catch {
    // Files appear whole, so one that cannot be read was cut by a power failure, and its holder with it.
    return undefined;
  }
}

/** Creates a file with its content at once. False when it exists. */
async function createWhole(file, content) {
  const temporary = await writeTemporary(file, content);
  try {
    await link(temporary, file);
    return true;
  } catch (error) {
    if (error.code === 'EEXIST') return false;
    throw error;
  } finally {
    await rm(temporary, { force: true });
  }
}

async function writeWhole(file, content) {
  // The folder may have been removed with everything in it, and the lock with it.
  try {
    await rename(await writeTemporary(file, content), file);
  } catch (error) {
    undefinedIfMissing(error);
  }
}

async function writeTemporary(file, content) {
  const temporary = `${file}.${randomBytes(6).toString('hex')}`;
  await writeFile(temporary, `${JSON.stringify(content)}\n`, { flag: 'wx', mode: 0o600 });
  return temporary;
}

async function removeOlder(folder, number) {
  for (const name of await readdir(folder)) {
    const match = LOCK_FILE.exec(name);
    if (match && Number(match[1]) < number) await rm(join(folder, name), { force: true });
  }
}

function undefinedIfMissing(error) {
  if (error.code !== 'ENOENT') throw error;
  return undefined;
}
