import { readFile } from 'node:fs/promises';
import { createServer, type AddressInfo } from 'node:net';
import { join, resolve } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';

import type { FolderLock } from '#ops/bootstrap/folder-lock.mjs';

import { lockDataFolder } from './data-folder.ts';
import { EmbeddedStoreError } from './embedded-store-error.ts';
import { locatePostgresBinaries, type PostgresBinaries } from './postgres-binaries.ts';
import { clearPreviousLife, openCluster, SUPERUSER, type PostgresCluster } from './postgres-cluster.ts';
import { postgresIdentity, type ProcessIdentity } from './process-identity.ts';
import { signalIfAlive, waitForExit } from './processes.ts';
import { supervise, type ProgramExit, type SupervisedProgram } from './supervisor.ts';
import { EMBEDDED } from './bounds.ts';

export interface EmbeddedPostgresOptions {
  /** Folder of this server alone; created when absent. Removing it while nothing runs removes everything. */
  dataDir: string;
  /** Called for each line the server writes. @default nothing is written */
  log?: (line: string) => void;
  /** Server settings over the built-in ones, such as `{ shared_buffers: '64MB' }`. */
  settings?: Record<string, string>;
}

export interface EmbeddedPostgres {
  /** Connection string of the superuser to the database `postgres`, on the loopback interface. */
  readonly url: string;
  readonly port: number;
  /** The server's main process. */
  readonly pid: number;
  /** Resolves when the server has ended, whether or not `close` was called. Never rejects. */
  readonly exited: Promise<ProgramExit>;
  /**
   * Shuts down fast: open transactions are rolled back, clients disconnected, everything written. Idempotent.
   *
   * @throws EmbeddedStoreError when the server has not ended after 20 seconds.
   */
  close(): Promise<void>;
}

/**
 * Small in memory and processes. What a client was told is committed survives a crash: fsync and synchronous_commit
 * keep their defaults.
 */
const SETTINGS: Record<string, string> = {
  listen_addresses: '127.0.0.1',
  unix_socket_directories: '',
  max_connections: '60',
  shared_buffers: '24MB',
  work_mem: '8MB',
  maintenance_work_mem: '32MB',
  effective_cache_size: '512MB',
  jit: 'off',
  // No input/output workers, no parallel workers, no replication: each would be a process of its own.
  io_method: 'sync',
  max_worker_processes: '0',
  max_parallel_workers: '0',
  max_parallel_workers_per_gather: '0',
  max_parallel_maintenance_workers: '0',
  max_logical_replication_workers: '0',
  max_sync_workers_per_subscription: '0',
  max_wal_senders: '0',
  wal_level: 'minimal',
  autovacuum_max_workers: '1',
  autovacuum_worker_slots: '1',
  max_wal_size: '256MB',
  min_wal_size: '64MB',
  log_checkpoints: 'off',
  // Errors of statements quote what is stored; whoever sent the statement is told, and logs as much as may be.
  log_min_messages: 'log',
  log_min_error_statement: 'panic',
  log_line_prefix: '',
  log_timezone: 'UTC',
  timezone: 'UTC',
};

/** Of a server, or of one that follows another. */
const READY = /database system is ready to accept (read-only )?connections/;

/**
 * Starts a PostgreSQL server that lives as long as this process, at most. The first call for a folder creates the
 * database cluster.
 *
 * @throws EmbeddedStoreError when the platform has no build, the data cannot be used or is in use, or the server does
 *   not start.
 */
export async function startEmbeddedPostgres(options: EmbeddedPostgresOptions): Promise<EmbeddedPostgres> {
  const dataDir = resolve(options.dataDir);
  // Held for the server's life: with it, a server found running here is known to be a leftover that nobody uses.
  const lock = await lockDataFolder(dataDir);
  try {
    const log = options.log ?? (() => {});
    const identity = await postgresIdentity();
    const binaries = await locatePostgresBinaries(identity);
    const cluster = await openCluster(dataDir, binaries, identity);
    await clearPreviousLife(cluster, log);
    const server = await startServer({
      cluster,
      binaries,
      identity,
      log,
      settings: { ...SETTINGS, ...options.settings },
    });
    return await running(cluster, server, lock);
  } catch (error) {
    await lock.release();
    throw error;
  }
}

async function running(
  cluster: PostgresCluster,
  { program, port }: Server,
  lock: FolderLock,
): Promise<EmbeddedPostgres> {
  const pid = Number((await readFile(join(cluster.directory, 'postmaster.pid'), 'utf8')).split('\n', 1)[0]);
  const exited = program.exited.then(async (exit) => {
    // A supervisor that was killed cannot stop its server any more; one that ended by itself has seen it end.
    if (exit.signal !== null) {
      signalIfAlive(pid, 'SIGINT');
      await waitForExit(pid, EMBEDDED.stopMs);
    }
    return exit;
  });
  const stop = async (): Promise<void> => {
    program.stop();
    if (!(await settlesWithin(exited, EMBEDDED.stopMs))) {
      signalIfAlive(pid, 'SIGKILL');
      throw new EmbeddedStoreError(
        'EMBEDDED_STORE_FAILED',
        `PostgreSQL (process ${pid}) did not shut down in its time and was killed.`,
      );
    }
    await lock.release();
  };
  let stopped: Promise<void> | undefined;
  return {
    url: `postgresql://${SUPERUSER}:${cluster.password}@127.0.0.1:${port}/postgres`,
    port,
    pid,
    exited,
    close: () => (stopped ??= stop()),
  };
}

interface Server {
  program: SupervisedProgram;
  port: number;
}

interface ServerStart {
  cluster: PostgresCluster;
  binaries: PostgresBinaries;
  identity: ProcessIdentity | undefined;
  log: (line: string) => void;
  settings: Record<string, string>;
}

/** Starts the server on a free port, again on another when something took the port in between. */
async function startServer(start: ServerStart): Promise<Server> {
  const deadline = performance.now() + EMBEDDED.startMs;
  for (;;) {
    const port = await freePort();
    const output: string[] = [];
    let markReady = (): void => {};
    const isReady = new Promise<'ready'>((done) => (markReady = () => done('ready')));
    const settings = { ...start.settings, port: String(port), cluster_name: start.cluster.name };
    const program = await supervise({
      command: start.binaries.postgres,
      args: [
        '-D',
        start.cluster.address,
        ...Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`]),
      ],
      cwd: start.cluster.directory,
      identity: start.identity,
      onLine: (line) => {
        start.log(line);
        output.push(line);
        if (output.length > 20) output.shift();
        if (READY.test(line)) markReady();
      },
    });
    const timeLeft = new AbortController();
    const outcome = await Promise.race([
      isReady,
      program.exited,
      delay(Math.max(0, deadline - performance.now()), 'late' as const, { signal: timeLeft.signal }).catch(
        () => 'late' as const,
      ),
    ]);
    timeLeft.abort();
    if (outcome === 'ready') return { program, port };
    program.stop();
    const retry = output.some((line) => /could not bind|pre-existing shared memory block/.test(line));
    if (outcome === 'late' || !retry) {
      throw new EmbeddedStoreError('EMBEDDED_STORE_FAILED', `PostgreSQL did not start:\n${output.join('\n')}`);
    }
    // Server processes whose main process was killed end by themselves within moments; the port is another one in any
    // case.
    await delay(EMBEDDED.retryMs);
  }
}

function freePort(): Promise<number> {
  return new Promise((done, fail) => {
    const server = createServer().once('error', fail);
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address() as AddressInfo;
      server.close(() => done(port));
    });
  });
}

async function settlesWithin(promise: Promise<unknown>, timeoutMs: number): Promise<boolean> {
  const timer = new AbortController();
  const late = delay(timeoutMs, false, { signal: timer.signal }).catch(() => false);
  const settled = await Promise.race([promise.then(() => true), late]);
  timer.abort();
  return settled;
}
