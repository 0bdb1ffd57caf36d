/** Processes under measurement, and requests that load them. */
import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import type { Pool } from 'undici';
import { NODE_FLAGS } from '#ops/serve/node-flags.ts';
import type { Mode } from './contestants.ts';
import { QUERIES, type QueryName } from './data.ts';
import type { Usage } from './usage.ts';

/** One gateway that takes part. */
export interface Runner {
  name: string;
  mode: Mode;
  process: ChildProcess;
  pool: Pool;
  /** What its requests carry besides their content type. */
  headers?: Readonly<Record<string, string>>;
  /** The same contestant of another checkout, which ran in the same rounds. */
  before?: Runner;
  /** By query and number of connections. */
  samples: Map<string, Sample[]>;
}

/** One round. */
export interface Sample {
  requests: number;
  cpuMs: number;
  rps: number;
  /** Of each request, in milliseconds. */
  latencies: number[];
}

const children: ChildProcess[] = [];

/** Starts a process and waits for its first message. All run with the flags that `npm start` gives the product. */
export async function start<Message>(
  file: string,
  role?: object,
  flags: readonly string[] = [],
): Promise<{ child: ChildProcess; message: Message }> {
  const child = fork(new URL(file, import.meta.url), {
    execArgv: [...NODE_FLAGS, ...flags, '--import', 'tsx'],
    env: { ...process.env, NODE_ENV: 'production' },
  });
  children.push(child);
  if (role !== undefined) child.send(role);
  const ended = once(child, 'exit').then(([code]) => {
    throw new Error(`${file} ended with ${String(code)}`);
  });
  ended.catch(() => undefined); // Only of interest while it is waited for.
  const [message] = (await Promise.race([once(child, 'message'), ended])) as [Message];
  return { child, message };
}

/** Ends all processes that were started. */
export function endAll(): void {
  for (const child of children) child.kill();
}

/** Asks a process for its counters. */
export async function ask<Answer>(child: ChildProcess, question: string): Promise<Answer> {
  const answer = once(child, 'message');
  child.send(question);
  return ((await answer) as [Answer])[0];
}

export const usageOf = (runner: Runner): Promise<Usage> => ask<Usage>(runner.process, 'usage');

/** Sends a query once. @throws unless it is answered with 200 */
export async function request({ pool, headers }: Runner, query: QueryName): Promise<string> {
  const { body, statusCode } = await pool.request({
    path: '/graphql',
    method: 'POST',
    headers: { 'content-type': 'application/json', accept: 'application/json', ...headers },
    body: JSON.stringify({ query: QUERIES[query] }),
  });
  const text = await body.text();
  if (statusCode !== 200) throw new Error(`${statusCode}: ${text.slice(0, 500)}`);
  return text;
}

/** Keeps `connections` requests under way until `more` says that it is enough. */
export async function load(
  runner: Runner,
  query: QueryName,
  connections: number,
  more: (sent: number) => boolean,
): Promise<Sample> {
  const latencies: number[] = [];
  let sent = 0;
  const before = await usageOf(runner);
  const start = performance.now();
  await Promise.all(
    Array.from({ length: connections }, async () => {
      while (more(sent)) {
        sent += 1;
        const asked = performance.now();
        await request(runner, query);
        latencies.push(performance.now() - asked);
      }
    }),
  );
  const wall = performance.now() - start;
  const { cpuMs } = await usageOf(runner);
  return { requests: sent, cpuMs: (cpuMs - before.cpuMs) / sent, rps: (sent * 1_000) / wall, latencies };
}

/** For {@link load}: so long, and at least so many requests. */
export function forSeconds(seconds: number, atLeast: number): (sent: number) => boolean {
  const until = performance.now() + seconds * 1_000;
  return (sent) => sent < atLeast || performance.now() < until;
}
