import { constants } from 'node:fs';
import { access } from 'node:fs/promises';
import { delimiter, join } from 'node:path';

import { supervise } from '#ops/embedded/supervisor.ts';

import { NotProvisioned } from './store.ts';

const LIMIT_MS = 15 * 60_000;

export interface ClientOptions {
  cwd: string;
  /** Over this process's environment, by which people configure their package clients. */
  env?: Readonly<Record<string, string>>;
}

/**
 * Runs a package client, or another program of which the output counts. It does not outlive this process.
 *
 * @returns the lines it printed, on standard output and standard error.
 * @throws NotProvisioned with the last lines, when it fails or takes longer than 15 minutes.
 */
export async function runClient(command: string, args: readonly string[], options: ClientOptions): Promise<string[]> {
  const lines: string[] = [];
  const client = await supervise({
    command,
    args,
    cwd: options.cwd,
    env: { ...process.env, LC_ALL: 'C', ...options.env },
    signals: { ask: 'KILL', insist: 'KILL' },
    onLine: (line) => lines.push(line),
  });
  const limit = setTimeout(() => client.stop(), LIMIT_MS);
  const { status } = await client.exited;
  clearTimeout(limit);
  if (status === 0) return lines;
  throw new NotProvisioned(
    `${[command, ...args].join(' ')} failed (exit status ${status}):\n${lines.slice(-15).join('\n')}`,
  );
}

/** The path of a program, if it is on the PATH. */
export async function findProgram(name: string): Promise<string | undefined> {
  for (const folder of (process.env['PATH'] ?? '').split(delimiter)) {
    const path = join(folder, name);
    try {
      await access(path, constants.X_OK);
      return path;
    } catch {
      // Not in this folder, then.
    }
  }
  return undefined;
}

/** Why not all of these programs can be run, or undefined when they can. */
export async function missingPrograms(...names: string[]): Promise<string | undefined> {
  const found = await Promise.all(names.map(findProgram));
  const missing = names.filter((_, i) => found[i] === undefined);
  return missing.length === 0 ? undefined : `${missing.join(' and ')} must be on the PATH`;
}
