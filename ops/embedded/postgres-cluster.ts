import { randomBytes } from 'node:crypto';
import { chown, mkdir, mkdtemp, open, readdir, readFile, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';

import { processCommandLine } from '#ops/bootstrap/processes.mjs';

import { EmbeddedStoreError } from './embedded-store-error.ts';
import type { PostgresBinaries } from './postgres-binaries.ts';
import type { ProcessIdentity } from './process-identity.ts';
import { signalIfAlive, waitForExit } from './processes.ts';
import { supervise } from './supervisor.ts';
import { EMBEDDED } from './bounds.ts';

/**
 * The database superuser of an embedded cluster. Nothing but migrations should work as it: it passes row-level
 * security.
 */
export const SUPERUSER = 'tributary';

/** A database cluster on disk, ready to be served. */
export interface PostgresCluster {
  /** The folder PostgreSQL calls its data directory. */
  directory: string;
  /** That folder as PostgreSQL is told about it; see `addressOf`. */
  address: string;
  /** `cluster_name`, by which a running server is recognised as this cluster's. */
  name: string;
  password: string;
}

/**
 * Opens the cluster under `dataDir`, creating it on the first call. Creation is atomic: an interrupted one leaves
 * nothing that counts.
 *
 *     <dataDir>/cluster    PostgreSQL's data directory
 *     <dataDir>/password   the superuser's password, readable by this user only
 *
 * @throws EmbeddedStoreError (`EMBEDDED_STORE_DATA`) when what lies there was made by another major version, or is
 *   incomplete.
 */
export async function openCluster(
  dataDir: string,
  binaries: PostgresBinaries,
  identity?: ProcessIdentity,
): Promise<PostgresCluster> {
  await mkdir(dataDir, { recursive: true, mode: 0o700 });
  const directory = join(dataDir, 'cluster');
  for (const entry of await readdir(dataDir)) {
    if (entry.startsWith('cluster.new-')) await rm(join(dataDir, entry), { recursive: true, force: true });
  }
  const version = await readIfPresent(join(directory, 'PG_VERSION'));
  if (version === undefined) await createCluster(dataDir, directory, binaries, identity);
  else if (version.trim() !== '18') {
    throw new EmbeddedStoreError(
      'EMBEDDED_STORE_DATA',
      `${directory} was made by PostgreSQL ${version.trim()}; the embedded one is 18.`,
      {
        hint: 'Move the data with pg_dump of that version, or set DATA_DIR to a new folder.',
      },
    );
  }
  const password = await readIfPresent(join(dataDir, 'password'));
  if (!password) {
    throw new EmbeddedStoreError(
      'EMBEDDED_STORE_DATA',
      `${join(dataDir, 'password')} is missing, so ${directory} cannot be opened.`,
      {
        hint: 'Restore it from a backup, or remove the folder to begin again.',
      },
    );
  }
  const name = clusterName(await stat(directory));
  return { directory, address: addressOf(directory, identity), name, password: password.trim() };
}

/** By device and inode: the name follows the folder when it is moved, and a copy of the folder gets another one. */
export const clusterName = ({ dev, ino }: { dev: number; ino: number }): string =>
  `tributary-${dev.toString(36)}-${ino.toString(36)}`;

/**
 * How PostgreSQL is told where the cluster is. It needs an absolute path that it can enter, but as `nobody` it may have
 * no way through the folders above (a checkout under /root, a private home). It is started inside the folder, where it
 * stays, and Linux lets every process back into the folder it is in, so this path needs no way through anything.
 */
function addressOf(directory: string, identity: ProcessIdentity | undefined): string {
  return identity && process.platform === 'linux' ? '/proc/self/cwd' : directory;
}

async function createCluster(
  dataDir: string,
  directory: string,
  binaries: PostgresBinaries,
  identity: ProcessIdentity | undefined,
): Promise<void> {
  const password = randomBytes(24).toString('base64url');
  await writeDurably(join(dataDir, 'password'), password);
  const temporary = await mkdtemp(join(dataDir, 'cluster.new-'));
  if (identity) await chown(temporary, identity.uid, identity.gid);
  const output: string[] = [];
  const initdb = await supervise({
    command: binaries.initdb,
    args: [
      `--pgdata=${addressOf(temporary, identity)}`,
      `--username=${SUPERUSER}`,
      '--pwfile=/dev/stdin',
      '--auth=scram-sha-256',
      '--encoding=UTF8',
      // The built-in provider sorts by code point and knows the case of all letters, the same on every machine.
      '--locale=C',
      '--locale-provider=builtin',
      '--builtin-locale=C.UTF-8',
      '--no-instructions',
    ],
    cwd: temporary,
    identity,
    input: password,
    onLine: (line) => output.push(line),
  });
  const { status } = await initdb.exited;
  if (status !== 0) {
    await rm(temporary, { recursive: true, force: true });
    throw new EmbeddedStoreError(
      'EMBEDDED_STORE_FAILED',
      `initdb could not create ${directory}:\n${output.slice(-10).join('\n')}`,
    );
  }
  await rename(temporary, directory);
  await syncFolder(dataDir);
}

/**
 * Ends a server of this cluster that a previous life left behind, and removes a lock file that speaks of an unrelated
 * process. Call it only while holding the data folder's lock: then a server found running is nobody's.
 */
export async function clearPreviousLife(cluster: PostgresCluster, log: (line: string) => void): Promise<void> {
  const lockFile = join(cluster.directory, 'postmaster.pid');
  const pid = Number((await readIfPresent(lockFile))?.split('\n', 1)[0]);
  if (!Number.isSafeInteger(pid) || pid <= 1) return;
  const commandLine = await processCommandLine(pid);
  // PostgreSQL itself clears up after a process that is gone.
  if (commandLine === undefined) return;
  if (!commandLine.includes(`cluster_name=${cluster.name}`)) {
    // The id was given to another process since. PostgreSQL would take that one for itself and refuse to start.
    log(`removing ${lockFile}: process ${pid} is not this cluster's server`);
    await rm(lockFile, { force: true });
    return;
  }
  log(`stopping the server that a previous run left behind (process ${pid})`);
  for (const signal of ['SIGINT', 'SIGQUIT', 'SIGKILL'] as const) {
    signalIfAlive(pid, signal);
    if (await waitForExit(pid, EMBEDDED.leftBehindMs)) return;
  }
  throw new EmbeddedStoreError(
    'EMBEDDED_STORE_FAILED',
    `A PostgreSQL that a previous run left behind (process ${pid}) does not end.`,
  );
}

async function readIfPresent(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

async function writeDurably(path: string, text: string): Promise<void> {
  const temporary = `${path}.new`;
  await rm(temporary, { force: true });
  const file = await open(temporary, 'wx', 0o600);
  try {
    await file.writeFile(text);
    await file.sync();
  } finally {
    await file.close();
  }
  await rename(temporary, path);
}

async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, 'r');
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}
