import { spawn, type ChildProcess, type SpawnOptions } from 'node:child_process';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { createInterface } from 'node:readline';
import { fileURLToPath, pathToFileURL } from 'node:url';

/** A program under test, in a process of its own. Disposing it kills it. */
export interface Program extends Disposable {
  readonly child: ChildProcess;
  readonly pid: number;
  /** Everything it has written so far. */
  readonly output: string;
  /**
   * The next line of standard output that is JSON; rejects with the output when the program ends before there is one.
   */
  next<T>(): Promise<T>;
  /** Waits for its end: the exit status, or null when a signal ended it. */
  exited(): Promise<number | null>;
}

/** The environment without what the test runner put there, which would tell another test runner that it is a worker. */
export function cleanEnvironment(extra: NodeJS.ProcessEnv = {}): NodeJS.ProcessEnv {
  const kept = Object.entries(process.env).filter(([name]) => !/^(VITEST|TEST|NODE_ENV|npm_|INIT_CWD)/.test(name));
  return { ...Object.fromEntries(kept), ...extra };
}

export function startProgram(command: string, args: string[], options: SpawnOptions = {}): Program {
  const child = spawn(command, args, { env: cleanEnvironment(), ...options, stdio: ['pipe', 'pipe', 'pipe'] });
  let output = '';
  const waiting: { resolve: (value: unknown) => void; reject: (error: Error) => void }[] = [];
  const lines: unknown[] = [];
  child.stderr!.on('data', (data) => (output += String(data)));
  createInterface({ input: child.stdout! }).on('line', (line) => {
    output += `${line}\n`;
    if (!line.startsWith('{')) return;
    const value: unknown = JSON.parse(line);
    const first = waiting.shift();
    if (first) first.resolve(value);
    else lines.push(value);
  });
  const closed = once(child, 'close').then(([status]) => {
    for (const { reject } of waiting) reject(new Error(`The program ended (${status}):\n${output}`));
    return status as number | null;
  });
  return {
    child,
    pid: child.pid!,
    get output() {
      return output;
    },
    next: <T>() =>
      new Promise<T>((resolve, reject) => {
        if (lines.length > 0) resolve(lines.shift() as T);
        else if (child.exitCode !== null) reject(new Error(`The program ended (${child.exitCode}):\n${output}`));
        else waiting.push({ resolve: resolve as (value: unknown) => void, reject });
      }),
    exited: () => closed,
    [Symbol.dispose]: () => {
      child.kill('SIGKILL');
    },
  };
}

/** Starts a program of tests/ops/fixtures that is TypeScript. */
export function startFixture(name: string, args: string[], options: SpawnOptions = {}): Program {
  const loader = pathToFileURL(createRequire(import.meta.url).resolve('tsx')).href;
  return startProgram(process.execPath, ['--import', loader, fixturePath(name), ...args], options);
}

export function fixturePath(name: string): string {
  return fileURLToPath(new URL(`./fixtures/${name}`, import.meta.url));
}

/** The processes that a process started, on Linux. */
export async function childrenOf(pid: number): Promise<number[]> {
  const text = await readFile(`/proc/${pid}/task/${pid}/children`, 'utf8');
  return text.split(' ').filter(Boolean).map(Number);
}
