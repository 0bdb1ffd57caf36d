/**
 * `npm run bench:engine -- --attack 100`: how long good operations take beside so many hostile ones of another tenant, and
 * how long alone. Both kinds come by the clock, whatever becomes of those before them, and latency counts from the moment
 * at which an operation was due: what waits behind a stall counts with its whole wait.
 */
import { setMaxListeners } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';
import { Pool } from 'undici';
import type { AttackedRole } from './attacked.ts';
import { start } from './load.ts';
import { quantile, row } from './report.ts';

export interface AttackOptions {
  /** Hostile operations of a round. */
  hostile: number;
  rounds: number;
  /** Of a round. */
  seconds: number;
}

/** Good operations in a second, of each kind: few are new to a gateway that has run for a while. */
const PER_SECOND = { known: 40, new: 10 } as const;
type Kind = keyof typeof PER_SECOND;

/** When a round's hostile operations come: spread over it, or all in its first moment. */
type Pace = 'spread' | 'at once';

/** What is attacked, and how. */
const ATTACKS: readonly { hangs: boolean; pace: Pace }[] = [
  { hangs: false, pace: 'spread' },
  { hangs: false, pace: 'at once' },
  { hangs: true, pace: 'spread' },
];

/** An operation whose plan is known, and operations that must be planned, each another. */
const GOOD = { known: () => '{ start { id } }', new: (name: string) => `{ ${name}: start { id } }` } as const;
const KINDS = ['known', 'new'] as const satisfies readonly Kind[];

/** What came of a round. */
interface Round {
  latencies: Record<Kind, number[]>;
  /** Good operations that were not answered right. */
  failed: number;
  /** Hostile operations by what they were answered: `data`, an error's code, or `none yet` when the round was over. */
  answers: Map<string, number>;
}

/** Attacks gateways with the planner as it is mended, and with one that hangs, and prints a Markdown table. */
export async function attack(options: AttackOptions): Promise<void> {
  console.log(
    `\nNode ${process.version}, ${options.rounds} rounds of ${options.seconds} s alone and of ${options.seconds} s beside ${options.hostile} hostile operations, in turn; each second ${PER_SECOND.known} good operations that are known and ${PER_SECOND.new} that are new\n`,
  );
  console.log(
    '| planner | hostile operations | good operations | p50 ms, alone | beside | p99 ms, alone | beside | × |\n| --- | --- | --- | ---: | ---: | ---: | ---: | ---: |',
  );
  const notes: string[] = [];
  for (const { hangs, pace } of ATTACKS) {
    const planner = hangs ? 'hangs' : 'mended';
    const { alone, beside } = await compare(hangs, pace, options);
    for (const kind of KINDS) {
      const [before, after] = [alone, beside].map((rounds) => rounds.flatMap(({ latencies }) => latencies[kind]));
      const times = [quantile(before!, 0.5), quantile(after!, 0.5), quantile(before!, 0.99), quantile(after!, 0.99)];
      const ratio = times[3]! / times[2]!;
      console.log(row([planner, pace, kind, ...times.map((ms) => ms.toFixed(1)), ratio.toFixed(1)]));
    }
    notes.push(
      `${planner}, ${pace}: ${total(beside.map(({ answers }) => answers))}; ${beside.reduce((sum, round) => sum + round.failed, 0)} good ones beside them failed; the gateway lives`,
    );
  }
  console.log(`\nHostile operations were answered so:\n${notes.map((note) => `- ${note}`).join('\n')}`);
}

async function compare(
  hangs: boolean,
  pace: Pace,
  options: AttackOptions,
): Promise<Record<'alone' | 'beside', Round[]>> {
  const role: AttackedRole = { hangs };
  const { child, message } = await start<{ port: number }>('./attacked.ts', role);
  const gateway = new Pool(`http://127.0.0.1:${message.port}`, { connections: 300 });
  const made: Record<'alone' | 'beside', Round[]> = { alone: [], beside: [] };
  await round(gateway, 'warm', undefined, options);
  for (let index = 0; index < options.rounds; index++) {
    made.alone.push(await round(gateway, `a${index}`, undefined, options));
    made.beside.push(await round(gateway, `b${index}`, pace, options));
    // What the attackers still wait for was given up; the next round begins when an operation is planned again.
    if (!(await isGood(gateway, GOOD.new(`after${index}`)))) throw new Error('The gateway plans no more.');
  }
  if (child.exitCode !== null || child.signalCode !== null) throw new Error('The gateway has ended.');
  await gateway.destroy();
  child.kill();
  return made;
}

/** @param name part of the operations' names, which no other round has */
async function round(gateway: Pool, name: string, pace: Pace | undefined, options: AttackOptions): Promise<Round> {
  const answers = new Map<string, number>();
  let failed = 0;
  const over = new AbortController();
  setMaxListeners(0, over.signal); // Every hostile operation listens.
  const attacked =
    pace === undefined
      ? undefined
      : onTime(options.hostile, pace === 'at once' ? 0 : (options.seconds * 1_000) / options.hostile, async (index) => {
          const answer = await hostile(gateway, `${name}x${index}`, over.signal);
          answers.set(answer, (answers.get(answer) ?? 0) + 1);
        });
  const measured = Object.fromEntries(
    KINDS.map((kind) => [
      kind,
      onTime(options.seconds * PER_SECOND[kind], 1_000 / PER_SECOND[kind], async (index) => {
        if (!(await isGood(gateway, GOOD[kind](`${name}g${index}`)))) failed += 1;
      }),
    ]),
  ) as Record<Kind, Promise<number[]>>;
  const latencies = { known: await measured.known, new: await measured.new };
  over.abort();
  await attacked;
  return { latencies, failed, answers };
}

/** Does something so many times, each when its time has come. @returns how long after its time each was done, in ms */
async function onTime(times: number, everyMs: number, act: (index: number) => Promise<void>): Promise<number[]> {
  const begin = performance.now();
  return Promise.all(
    Array.from({ length: times }, async (_, index) => {
      const due = begin + index * everyMs;
      await delay(Math.max(0, due - performance.now()));
      await act(index);
      return performance.now() - due;
    }),
  );
}

/** @returns whether it was answered right */
async function isGood(gateway: Pool, query: string): Promise<boolean> {
  const { data } = await ask(gateway, 'good', query);
  const [start] = Object.values(data ?? {}) as { id?: string }[];
  return start?.id === 'p1';
}

/** @returns `data`, the first error's code, or `none yet` where the round was over first */
async function hostile(gateway: Pool, name: string, over: AbortSignal): Promise<string> {
  try {
    const { errors } = await ask(gateway, 'hostile', `{ ${name}: start { ... on P { data } } }`, over);
    return errors === undefined ? 'data' : (errors[0]?.extensions?.code ?? 'no code');
  } catch (error) {
    if (over.aborted) return 'none yet';
    throw error;
  }
}

interface Told {
  data?: object | null;
  errors?: { extensions?: { code?: string } }[];
}

async function ask(gateway: Pool, tenant: string, query: string, signal?: AbortSignal): Promise<Told> {
  const { body } = await gateway.request({
    path: '/graphql',
    method: 'POST',
    headers: { 'content-type': 'application/json', accept: 'application/json', authorization: tenant },
    body: JSON.stringify({ query }),
    signal,
  });
  return (await body.json()) as Told;
}

function total(rounds: readonly Map<string, number>[]): string {
  const sums = new Map<string, number>();
  for (const answers of rounds)
    for (const [answer, count] of answers) sums.set(answer, (sums.get(answer) ?? 0) + count);
  return [...sums].map(([answer, count]) => `${count} × ${answer}`).join(', ');
}
