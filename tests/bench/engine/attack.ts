/**
 * `npm run bench:engine -- --attack 100`: how long good operations take beside so many hostile ones of another tenant, and
 * how long alone. Both kinds come by the clock, whatever becomes of those before them, and latency counts from the moment
 * at which an operation was due: what waits behind a stall counts with its whole wait.
 */
import type { ChildProcess } from 'node:child_process';
import { Pool } from 'undici';
import type { AttackedRole } from './attacked.ts';
import type { Attack, AttackerRole } from './attacker.ts';
import { ask, start } from './load.ts';
import { askAs, onTime } from './paced.ts';
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

/** Rounds before any counts: the first without hostile operations. */
const WARM_ROUNDS = 3;

/** What came of a round. */
interface Round {
  latencies: Record<Kind, number[]>;
  /** Good operations that were not answered right. */
  failed: number;
  /** Hostile operations by what they were answered, as the attacker tells it. */
  answers: Record<string, number>;
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
  const attackerRole: AttackerRole = { port: message.port };
  const { child: attacker } = await start('./attacker.ts', attackerRole);
  const made: Record<'alone' | 'beside', Round[]> = { alone: [], beside: [] };
  // Code that has run little is not compiled yet, that which the hostile operations take neither.
  for (let index = 0; index < WARM_ROUNDS; index++)
    await round(gateway, index === 0 ? undefined : attacker, `warm${index}`, pace, options);
  for (let index = 0; index < options.rounds; index++) {
    made.alone.push(await round(gateway, undefined, `a${index}`, undefined, options));
    made.beside.push(await round(gateway, attacker, `b${index}`, pace, options));
    // What the attackers still wait for was given up; the next round begins when an operation is planned again.
    if (!(await isGood(gateway, GOOD.new(`after${index}`)))) throw new Error('The gateway plans no more.');
  }
  if (child.exitCode !== null || child.signalCode !== null) throw new Error('The gateway has ended.');
  await gateway.destroy();
  attacker.kill();
  child.kill();
  return made;
}

/**
 * @param attacker who attacks in this round; undefined for nobody
 * @param name part of the operations' names, which no other round has
 */
async function round(
  gateway: Pool,
  attacker: ChildProcess | undefined,
  name: string,
  pace: Pace | undefined,
  { hostile, seconds }: AttackOptions,
): Promise<Round> {
  let failed = 0;
  attacker?.send({
    name,
    operations: hostile,
    everyMs: pace === 'at once' ? 0 : (seconds * 1_000) / hostile,
  } satisfies Attack);
  const measured = Object.fromEntries(
    KINDS.map((kind) => [
      kind,
      onTime(seconds * PER_SECOND[kind], 1_000 / PER_SECOND[kind], async (index) => {
        if (!(await isGood(gateway, GOOD[kind](`${name}g${index}`)))) failed += 1;
      }),
    ]),
  ) as Record<Kind, Promise<number[]>>;
  const latencies = { known: await measured.known, new: await measured.new };
  const answers = attacker === undefined ? {} : await ask<Round['answers']>(attacker, 'over');
  return { latencies, failed, answers };
}

/** @returns whether it was answered right */
async function isGood(gateway: Pool, query: string): Promise<boolean> {
  const { data } = await askAs(gateway, 'good', query);
  const [start] = Object.values(data ?? {}) as { id?: string }[];
  return start?.id === 'p1';
}

function total(rounds: readonly Record<string, number>[]): string {
  const sums = new Map<string, number>();
  for (const answers of rounds)
    for (const [answer, count] of Object.entries(answers)) sums.set(answer, (sums.get(answer) ?? 0) + count);
  return [...sums].map(([answer, count]) => `${count} × ${answer}`).join(', ');
}
