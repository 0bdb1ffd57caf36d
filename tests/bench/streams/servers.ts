/** Servers to measure, each a process of its own. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { cleanEnvironment } from '#tests/ops/program.ts';
import { serverCpuMs } from '../process-cpu.ts';

const ROOT = fileURLToPath(new URL('../../../', import.meta.url));

export interface MeasuredServer extends AsyncDisposable {
  readonly url: string;
  /** CPU time so far, in milliseconds. */
  cpuMs(): Promise<number>;
  /** Resident memory, in bytes. */
  residentBytes(): Promise<number>;
}

export const startTributary = (databaseUrl: string, dataDir: string): Promise<MeasuredServer> =>
  launch(['ops/start.mjs'], {
    DATABASE_URL: databaseUrl,
    DATA_DIR: dataDir,
    PORT: '0',
    LOG_LEVEL: 'warn',
    MAX_SOCKETS: '12000',
    MAX_CONNECTIONS_PER_ADDRESS: '12000',
    INGEST_ON_START: 'false',
    RUN_LIBRARIAN: 'false',
  });

export const startBaseline = (kind: 'broadcast' | 'pubsub'): Promise<MeasuredServer> =>
  launch(['--import', 'tsx', 'tests/bench/streams/baseline.ts', kind], {});

async function launch(args: string[], env: Record<string, string>): Promise<MeasuredServer> {
  const child = spawn(process.execPath, args, {
    cwd: ROOT,
    env: cleanEnvironment(env),
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const gone = once(child, 'exit');
  const stop = (): void => void child.kill('SIGKILL');
  process.once('exit', stop);
  let output = '';
  const url = await Promise.race([
    new Promise<string>((resolve) => {
      child.stdout.on('data', (data: Buffer) => {
        output = (output + String(data)).slice(-10_000);
        const found = /(http:\/\/127\.0\.0\.1:\d+)\/graphql/.exec(output)?.[1];
        if (found !== undefined) resolve(found);
      });
    }),
    gone.then(() => Promise.reject(new Error(`${args.join(' ')} did not start:\n${output}`))),
  ]);
  return {
    url,
    cpuMs: () => serverCpuMs(child.pid!),
    residentBytes: async () =>
      Number(/^VmRSS:\s+(\d+) kB$/m.exec(await readFile(`/proc/${child.pid}/status`, 'utf8'))![1]) * 1_024,
    [Symbol.asyncDispose]: async () => {
      process.off('exit', stop);
      child.kill('SIGTERM');
      const late = setTimeout(stop, 10_000);
      await gone;
      clearTimeout(late);
    },
  };
}
