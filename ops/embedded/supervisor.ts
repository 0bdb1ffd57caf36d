import { spawn, type ChildProcess } from 'node:child_process';
import { createInterface } from 'node:readline';

import { EmbeddedStoreError } from './embedded-store-error.ts';
import type { ProcessIdentity } from './process-identity.ts';

/**
 * Runs a program that must not outlive this process, not even when this process is killed with SIGKILL and can do
 * nothing about it.
 *
 * A shell stands between the two. Its standard input is a pipe of which this process holds the only other end, so the
 * end of the file is the end of this process, however it came. The first line of the pipe is handed on to the program
 * (a secret that may not stand in an argument); then a watcher waits for the end, asks the program to stop with one
 * signal and, after ten seconds, with another. Both ignore the signals of the terminal and of process groups: the
 * gateway gets those too, and needs the store until it has finished its requests.
 */
const SUPERVISE = `
trap '' INT TERM HUP
ask=$1 insist=$2
shift 2
IFS= read -r line || exit 1
printf '%s\\n' "$line" | "$@" &
program=$!
exec 3<&0
(
  while IFS= read -r line <&3; do :; done
  kill -"$ask" "$program"
  seconds=0
  while [ "$seconds" -lt 10 ]; do sleep 1; seconds=$((seconds + 1)); done
  kill -"$insist" "$program"
) >/dev/null 2>&1 &
watcher=$!
wait "$program"
status=$?
kill -KILL "$watcher"
exit "$status"
`;

export type StopSignal = 'INT' | 'TERM' | 'QUIT' | 'KILL';

/** How a supervised program ended. */
export interface ProgramExit {
  /**
   * Exit status; 128 plus the signal's number when a signal ended the program; null when the supervisor itself was
   * killed.
   */
  status: number | null;
  signal: NodeJS.Signals | null;
}

export interface SupervisedProgram {
  /** Resolves when the program has ended; never rejects. */
  readonly exited: Promise<ProgramExit>;
  /** Asks the program to stop. Returns at once; wait for `exited`. */
  stop(): void;
}

export interface SuperviseOptions {
  command: string;
  args: readonly string[];
  /**
   * The program's working directory, entered before the change of identity, so it may lie where `identity` has no way
   * in.
   */
  cwd: string;
  identity?: ProcessIdentity | undefined;
  /** One line for the program's standard input. @default '' */
  input?: string;
  /**
   * Environment over the minimal one (`PATH`, `LC_ALL=C`, `TZ=UTC`).
   *
   * @default nothing of this process's: it holds secrets, and PG* variables would change what PostgreSQL's programs do
   */
  env?: Readonly<Record<string, string | undefined>>;
  /**
   * How the program is stopped: the signal that asks, and the one that insists ten seconds later. A program that does
   * not install handlers ignores INT, TERM and HUP, because it is started with these ignored.
   *
   * @default PostgreSQL's fast and immediate shutdown
   */
  signals?: { ask: StopSignal; insist: StopSignal };
  /** Called for each line of standard output and standard error. */
  onLine: (line: string) => void;
}

/**
 * Starts a program under supervision.
 *
 * @throws EmbeddedStoreError when there is no shell to supervise it.
 */
export async function supervise(options: SuperviseOptions): Promise<SupervisedProgram> {
  const { ask, insist } = options.signals ?? { ask: 'INT', insist: 'QUIT' };
  const child = spawn(
    '/bin/sh',
    ['-c', SUPERVISE, 'tributary-supervisor', ask, insist, options.command, ...options.args],
    {
      cwd: options.cwd,
      // A session of its own: Ctrl-C in the terminal and `kill -- -group` reach the gateway, not the store.
      detached: true,
      stdio: ['pipe', 'pipe', 'pipe'],
      env: { PATH: process.env['PATH'] ?? '/usr/bin:/bin', LC_ALL: 'C', TZ: 'UTC', ...options.env },
      ...(options.identity && { uid: options.identity.uid, gid: options.identity.gid }),
    },
  );
  const exit = new Promise<ProgramExit>((resolve) => {
    child.once('exit', (status, signal) => resolve({ status, signal }));
  });
  await spawned(child);
  const outputs = [child.stdout, child.stderr].map((input) => {
    const lines = createInterface({ input }).on('line', options.onLine);
    return new Promise<void>((resolve) => lines.once('close', () => resolve()));
  });
  // The last lines say why a program ended, so its end waits for them; but a program whose supervisor was killed may
  // still be writing.
  const exited = exit.then(async (ended) => {
    if (ended.signal === null) await Promise.all(outputs);
    return ended;
  });
  // The pipe breaks when the program ends first; `exited` reports that.
  child.stdin.on('error', () => {});
  child.stdin.write(`${options.input ?? ''}\n`);
  return { exited, stop: () => void child.stdin.end() };
}

function spawned(child: ChildProcess): Promise<void> {
  return new Promise((resolve, reject) => {
    child.once('spawn', () => resolve());
    child.once('error', (cause) =>
      reject(
        new EmbeddedStoreError('EMBEDDED_STORE_FAILED', `Could not start a process: ${cause.message}.`, { cause }),
      ),
    );
  });
}
