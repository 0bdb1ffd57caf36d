import { connect, createServer, type AddressInfo } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';

import { supervise, type SupervisedProgram } from '#ops/embedded/supervisor.ts';

export interface ServerOptions {
  command: string;
  /** The arguments for a port on 127.0.0.1 that was free a moment ago. */
  args: (port: number) => readonly string[] | Promise<readonly string[]>;
  cwd: string;
  /** Of that port, where only its environment tells it. */
  env?: Readonly<Record<string, string>> | ((port: number) => Readonly<Record<string, string>>);
  /** What it prints once it serves. @default serving is accepting connections */
  ready?: RegExp;
  /** What ends it: one that has processes of its own must be asked. @default KILL */
  signal?: 'TERM' | 'KILL';
  /** Told of each line that it prints. */
  onLine?: (line: string) => void;
  /** How long that may take, in milliseconds. @default two minutes */
  limitMs?: number;
}

export interface Server {
  readonly port: number;
  close(): Promise<void>;
}

const START_LIMIT_MS = 120_000;
const TRIES = 3;

/**
 * Starts a server that lives no longer than this process, and waits until it serves. When somebody else took the port
 * in between, it tries another one. Closing kills: the data are thrown away.
 */
export async function startServer(options: ServerOptions): Promise<Server> {
  for (let attempt = 1; ; attempt += 1) {
    const port = await freePort();
    const output: string[] = [];
    let markReady = (): void => {};
    const printed = new Promise<void>((done) => (markReady = done));
    const program = await supervise({
      command: options.command,
      args: await options.args(port),
      cwd: options.cwd,
      env: typeof options.env === 'function' ? options.env(port) : (options.env ?? {}),
      signals: { ask: options.signal ?? 'KILL', insist: 'KILL' },
      onLine: (line) => {
        output.push(line);
        if (output.length > 30) output.shift();
        if (options.ready?.test(line)) markReady();
        options.onLine?.(line);
      },
    });
    const { ready, limitMs = START_LIMIT_MS } = options;
    const outcome = await serving(program, port, ready ? printed : undefined, limitMs);
    if (outcome === 'serving') return { port, close: () => stop(program) };
    await stop(program);
    if (attempt < TRIES && output.some((line) => /in use/i.test(line))) continue;
    throw new Error(`${options.command} ${outcome}:\n${output.join('\n')}`);
  }
}

async function serving(
  program: SupervisedProgram,
  port: number,
  printed: Promise<void> | undefined,
  limitMs: number,
): Promise<string> {
  const over = new AbortController();
  const serves = async (): Promise<string> => {
    await printed;
    while (!over.signal.aborted && !(await accepts(port))) await delay(25);
    return 'serving';
  };
  const exits = program.exited.then(({ status }) => `ended with exit status ${status}`);
  const late = delay(limitMs, `did not serve within ${limitMs / 1000} s`, { signal: over.signal }).catch(
    () => 'aborted',
  );
  try {
    return await Promise.race([serves(), exits, late]);
  } finally {
    over.abort();
  }
}

async function stop(program: SupervisedProgram): Promise<void> {
  program.stop();
  await program.exited;
}

function accepts(port: number): Promise<boolean> {
  return new Promise((done) => {
    const socket = connect(port, '127.0.0.1');
    const settle = (answer: boolean): void => {
      socket.destroy();
      done(answer);
    };
    socket.once('connect', () => settle(true));
    socket.once('error', () => settle(false));
  });
}

/** A port on 127.0.0.1 that was free a moment ago. */
export function freePort(): Promise<number> {
  return new Promise((done, fail) => {
    const server = createServer().once('error', fail);
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address() as AddressInfo;
      server.close(() => done(port));
    });
  });
}
