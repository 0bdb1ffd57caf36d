/** The embedded PostgreSQL of a server that runs beside this process. */
import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { processCommandLine } from '#ops/bootstrap/processes.mjs';
import { clusterName, SUPERUSER } from './postgres-cluster.ts';

/**
 * Where the embedded server under `dataDir` answers at the moment. It stays its owner's: when that one ends, so does the
 * server.
 * @param dataDir the folder that its owner gave to `startEmbeddedPostgres`
 * @returns a connection string of the superuser; undefined while none runs there
 */
export async function runningEmbeddedPostgres(dataDir: string): Promise<string | undefined> {
  const directory = join(dataDir, 'cluster');
  try {
    const [lock, password, folder] = await Promise.all([
      readFile(join(directory, 'postmaster.pid'), 'utf8'),
      readFile(join(dataDir, 'password'), 'utf8'),
      stat(directory),
    ]);
    // Lines of `postmaster.pid`: process, data directory, start, port, … (PostgreSQL, "miscadmin.h").
    const [pid, , , port] = lock.split('\n');
    // It may speak of a process that is gone, and whose id another one has now.
    const commandLine = await processCommandLine(Number(pid));
    if (commandLine?.includes(`cluster_name=${clusterName(folder)}`) !== true) return undefined;
    return `postgresql://${SUPERUSER}:${password.trim()}@127.0.0.1:${Number(port)}/postgres`;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}
