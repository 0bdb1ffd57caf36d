/**
 * Runs that are announced over a real broker to real workers, with gateways as processes: whatever is killed, each run ends
 * once, and every step of it is in its log once.
 */
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import type { QueueBroker } from '#tests/contract/runs-queue.ts';
import { ask as askOnce } from '#tests/e2e/streams/readers.ts';
import { query, startTopology, type Topology } from '#tests/e2e/streams/topology.ts';
import type { Program } from '#tests/ops/program.ts';

/** A worker of an example. */
export interface QueueWorker {
  readonly program: Program;
  /** Ends all of its processes with SIGKILL. */
  kill(): Promise<void>;
}

export interface Scenario {
  broker: () => Promise<QueueBroker>;
  /** The variable that tells gateways and workers where the broker is. */
  variable: string;
  /** Starts the example's worker for four runs at once. */
  worker: (env: Readonly<Record<string, string>>) => QueueWorker;
  /** What the worker prints once it takes messages. */
  ready: string;
  /** What health calls the broker. */
  store: string;
}

const AGENT = 'mutation { createAgent(input: { name: "counter", model: "none" }) { agent { id } } }';
const START =
  'mutation($agentId: ID!, $input: JSON) { startRun(input: { agentId: $agentId, input: $input, maxAttempts: 100 }) { run { id } } }';
const CANCEL = 'mutation($id: ID!) { cancelRun(input: { runId: $id }) { run { status } } }';
const RUN = 'query($id: ID!) { run(id: $id) { status output error { code message } lastSequence } }';
const PATIENCE = { timeout: 120_000, interval: 200 };

export function queueScenario(title: string, given: Scenario, isThere: boolean): void {
  describe.skipIf(!isThere)(title, () => {
    let broker: QueueBroker;
    let topology: Topology;
    let agentId: string;
    const workers: QueueWorker[] = [];

    beforeAll(async () => {
      broker = await given.broker();
      topology = await startTopology(2, {
        env: {
          [given.variable]: broker.url,
          ANNOUNCE_AGAIN_MS: '3000',
          DISPATCH_POLL_MS: '200',
          AMQP_TIMEOUT_MS: '2000',
          BULLMQ_TIMEOUT_MS: '2000',
        },
      });
      agentId = (await ask(AGENT, {}))['createAgent'].agent.id;
    }, 240_000);
    afterEach(async () => {
      for (const worker of workers.splice(0)) await worker.kill();
    });
    afterAll(async () => {
      await topology?.[Symbol.asyncDispose]();
      await broker?.[Symbol.asyncDispose]();
    });

    /** Any gateway that answers; what is asked may be asked again. */
    // eslint-disable-next-line @typescript-eslint/no-explicit-any -- answers are checked by their content
    async function ask(source: string, variables: Record<string, unknown>): Promise<Record<string, any>> {
      for (let attempt = 0; ; attempt += 1) {
        try {
          return await askOnce(topology.urls[attempt % 2]!, source, variables, AbortSignal.timeout(60_000));
        } catch (error) {
          if (attempt > 200) throw error;
        }
      }
    }
    async function startWorker(): Promise<QueueWorker> {
      const worker = given.worker({
        [given.variable]: broker.url,
        TRIBUTARY_URL: topology.urls[0]!,
        LEASE_SECONDS: '3',
      });
      workers.push(worker);
      await expect.poll(() => worker.program.output, PATIENCE).toContain(given.ready);
      return worker;
    }
    const start = async (input: unknown): Promise<string> => (await ask(START, { agentId, input }))['startRun'].run.id;
    const runOf = async (id: string) => (await ask(RUN, { id }))['run'] as { status: string; lastSequence: number };
    const ended = async (id: string) => {
      await expect.poll(async () => (await runOf(id)).status, PATIENCE).toMatch(/SUCCEEDED|FAILED|CANCELLED/);
      return await runOf(id);
    };
    const logOf = async (id: string) =>
      (
        await query(
          topology.databaseUrl,
          `SELECT sequence::int, type, payload FROM runs.run_events WHERE run_id = '${id}' ORDER BY sequence`,
        )
      ).rows as unknown as { sequence: number; type: string; payload: { stepName?: string } }[];
    const written = async (): Promise<number> =>
      Number((await query(topology.databaseUrl, 'SELECT count(*) AS events FROM runs.run_events')).rows[0]!['events']);
    /** How many runs nobody has claimed yet. */
    const waiting = async (): Promise<number> =>
      Number(
        (await query(topology.databaseUrl, `SELECT count(*) AS runs FROM runs.runs WHERE status = 'QUEUED'`)).rows[0]![
          'runs'
        ],
      );
    /** The log of a run is whole, each step is there once, and each was worked on under one claim, later ones under later claims. */
    async function checkLog(id: string, steps: readonly string[]): Promise<void> {
      const log = await logOf(id);
      expect(log.map(({ sequence }) => sequence)).toEqual(log.map((_, index) => index + 1));
      const bare = (name: string) => name.replace(/ by claim \d+$/, '');
      expect(log.map(({ type, payload }) => `${type} ${bare(payload.stepName ?? '')}`.trim())).toEqual([
        'RUN_STARTED',
        ...steps.flatMap((step) => [`STEP_STARTED ${step}`, `STEP_FINISHED ${step}`]),
        'RUN_FINISHED',
      ]);
      const names = log.flatMap(({ payload }) => payload.stepName ?? []);
      const claims = names.map((name) => Number(/\d+$/.exec(name)![0]));
      expect(claims).toEqual(claims.toSorted((one, other) => one - other));
      for (let index = 0; index < names.length; index += 2) expect(names[index]).toBe(names[index + 1]);
    }

    test(
      'survive the death of workers, broker and gateways: every step once and in order, one end',
      { timeout: 400_000 },
      async () => {
        const steps = Array.from({ length: 10 }, (_, index) => `step ${index + 1}`);
        let worker = await startWorker();
        const replace = async () => (await worker.kill(), (worker = await startWorker()));
        const runs: string[] = [];
        const startSome = async (count: number): Promise<void> => {
          runs.push(...(await Promise.all(Array.from({ length: count }, () => start({ steps, pauseMs: 300 })))));
        };
        await startSome(6);
        const disturb: (() => Promise<unknown>)[] = [
          replace,
          async () => (await broker.kill(), await broker.start()),
          () => topology.killGateway(0),
          async () => (
            await Promise.all([broker.kill(), worker.kill()]),
            await broker.start(),
            (worker = await startWorker())
          ),
          // It has lost what it had confirmed.
          async () => (await broker.kill(), await broker.start('anew')),
          async () => (broker.wire.snap(), await topology.killGateway(1)),
          replace,
        ];
        for (const fault of disturb) {
          // Each falls into the writing, with runs that wait for a worker behind it, or nothing is proved.
          await startSome(6);
          const before = await written();
          await expect.poll(written, PATIENCE).toBeGreaterThan(before + 8);
          expect(await waiting()).toBeGreaterThan(0);
          await fault();
        }
        for (const id of runs) {
          expect(await ended(id)).toMatchObject({ status: 'SUCCEEDED', output: { steps: steps.length }, error: null });
          await checkLog(id, steps);
        }
      },
    );

    test(
      'are announced although the broker is away and the gateways that acknowledged them die',
      { timeout: 240_000 },
      async () => {
        await broker.kill();
        broker.wire.cut();
        const id = await start({ steps: ['only'] });
        const health = async () => await (await fetch(`${topology.urls[1]}/health/ready`)).text();
        await expect.poll(health, PATIENCE).toMatch(new RegExp(`${given.store}.*cannot be reached`, 's'));
        await topology.killGateway(0);
        await topology.killGateway(1);
        broker.wire.mend();
        await broker.start();
        await startWorker();
        expect(await ended(id)).toMatchObject({ status: 'SUCCEEDED', lastSequence: 4 });
        await checkLog(id, ['only']);
      },
    );

    test(
      'one that is cancelled, or asks for nothing that can be done, ends once, and its worker goes on',
      { timeout: 120_000 },
      async () => {
        await startWorker();
        const cancelled = await start({ steps: ['first', 'second', 'third'], pauseMs: 1_500 });
        await expect.poll(async () => (await runOf(cancelled)).lastSequence, PATIENCE).toBeGreaterThan(1);
        await ask(CANCEL, { id: cancelled });
        const other = await start({ steps: ['only'] });
        expect(await ended(other)).toMatchObject({ status: 'SUCCEEDED' });
        expect(await runOf(cancelled)).toMatchObject({ status: 'CANCELLED' });
        const ends = (await logOf(cancelled)).filter(({ type }) => /RUN_(FINISHED|ERROR)/.test(type));
        expect(ends).toHaveLength(1);
        // Whatever the input is, a run comes to its end and the worker to the next.
        const odd = [null, {}, { steps: 'one' }, { steps: [] }, { steps: ["'; DROP TABLE runs;--", '\u00e9\u4e2d'] }];
        const ids = await Promise.all(odd.map((input) => start(input)));
        const statuses = await Promise.all(ids.map(async (id) => (await ended(id)).status));
        expect(statuses).toEqual(['FAILED', 'FAILED', 'FAILED', 'SUCCEEDED', 'SUCCEEDED']);
      },
    );
  });
}
