/**
 * Runs that workflows own, with a real Temporal server (`TEST_TEMPORAL_ADDRESS`), the example's worker
 * (`TEST_TEMPORAL_WORKER`) and gateways as processes: whatever is killed, each run ends once, and nothing is lost or
 * written twice.
 */
import { once } from 'node:events';
import { Connection, WorkflowClient } from '@temporalio/client';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { cleanEnvironment, startProgram, type Program } from '#tests/ops/program.ts';
import { query, startTopology, type Topology } from '../streams/topology.ts';
import { ask as askOnce } from '../streams/readers.ts';
import { wireTo, type Wire } from '../wire.ts';

const address = process.env['TEST_TEMPORAL_ADDRESS'];
const folder = process.env['TEST_TEMPORAL_WORKER'];

const START = 'mutation($input: JSON) { startRun(input: { input: $input, workflow: true }) { run { id workflowId } } }';
const CANCEL = 'mutation($id: ID!) { cancelRun(input: { runId: $id }) { run { status } } }';
const RUN = 'query($id: ID!) { run(id: $id) { status output error { code message } dispatchError lastSequence } }';

interface Event {
  sequence: number;
  type: string;
  payload: { stepName?: string; delta?: string };
}

describe.skipIf(!address || !folder)('runs that workflows own (TEST_TEMPORAL_ADDRESS)', () => {
  let temporal: Wire;
  let topology: Topology;
  let connection: Connection;
  let client: WorkflowClient;
  const workers: Program[] = [];

  beforeAll(async () => {
    temporal = await wireTo(Number(address!.split(':').at(-1)));
    topology = await startTopology(2, { env: { TEMPORAL_ADDRESS: `127.0.0.1:${temporal.port}` } });
    connection = await Connection.connect({ address: address! });
    client = new WorkflowClient({ connection });
  });
  afterAll(async () => {
    for (const worker of workers) worker[Symbol.dispose]();
    await connection?.close();
    await topology?.[Symbol.asyncDispose]();
    await temporal?.[Symbol.asyncDispose]();
  });

  /** Any gateway that answers; what is asked may be asked again. */
  // eslint-disable-next-line @typescript-eslint/no-explicit-any -- answers are checked by their content
  async function ask(source: string, variables: Record<string, unknown>): Promise<Record<string, any>> {
    for (let attempt = 0; ; attempt += 1) {
      try {
        return await askOnce(topology.urls[attempt % 2]!, source, variables, AbortSignal.timeout(60_000));
      } catch (error) {
        if ((error as { code?: string }).code === 'CONFLICT' || attempt > 200) throw error;
      }
    }
  }
  /** A worker writes through the first gateway's wire, which outlives that gateway. */
  async function startWorker(): Promise<Program> {
    const worker = startProgram(process.execPath, ['worker.mjs'], {
      cwd: folder!,
      env: cleanEnvironment({ TEMPORAL_ADDRESS: address!, TRIBUTARY_URL: topology.urls[0]! }),
    });
    workers.push(worker);
    await expect.poll(() => worker.output, { timeout: 60_000 }).toContain('takes workflows');
    return worker;
  }
  async function kill(worker: Program): Promise<void> {
    const gone = once(worker.child, 'exit');
    worker.child.kill('SIGKILL');
    await gone;
  }
  const start = async (input: unknown): Promise<{ id: string; workflowId: string }> =>
    (await ask(START, { input }))['startRun'].run;
  const runOf = async (id: string) =>
    (await ask(RUN, { id }))['run'] as {
      status: string;
      output: unknown;
      error: { code: string; message: string } | null;
      dispatchError: string | null;
      lastSequence: number;
    };
  const ended = async (id: string, timeout = 150_000) => {
    await expect
      .poll(async () => (await runOf(id)).status, { timeout, interval: 200 })
      .toMatch(/SUCCEEDED|FAILED|CANCELLED/);
    return await runOf(id);
  };
  const logOf = async (id: string): Promise<Event[]> =>
    (
      await query(
        topology.databaseUrl,
        `SELECT sequence, type, payload FROM runs.run_events WHERE run_id = '${id}' ORDER BY sequence`,
      )
    ).rows as unknown as Event[];
  const statusOf = async (workflowId: string) => (await client.getHandle(workflowId).describe()).status.name;
  const terminalOf = (log: Event[]) => log.filter(({ type }) => type === 'RUN_FINISHED' || type === 'RUN_ERROR');

  test(
    'survive the death of worker and gateways: every step once and in order, one end',
    { timeout: 300_000 },
    async () => {
      const steps = Array.from({ length: 25 }, (_, index) => `step ${index + 1}`);
      let worker = await startWorker();
      const runs = await Promise.all(Array.from({ length: 12 }, () => start({ steps, pauseMs: 300 })));
      const written = async () =>
        Number(
          (await query(topology.databaseUrl, 'SELECT count(*) AS events FROM runs.run_events')).rows[0]!['events'],
        );
      const total = runs.length * (steps.length * 3 + 2);
      const disturb = [
        async () => (await kill(worker), (worker = await startWorker())),
        async () => await topology.killGateway(0),
        async () => (await Promise.all([kill(worker), topology.killGateway(0)]), (worker = await startWorker())),
        async () => await topology.killGateway(1),
        async () => temporal.snap(),
        async () => (await kill(worker), (worker = await startWorker())),
      ];
      for (const [index, fault] of disturb.entries()) {
        const until = (total * (index + 1)) / (disturb.length + 2);
        await expect.poll(written, { timeout: 150_000, interval: 100 }).toBeGreaterThan(until);
        await fault();
      }
      // All of them fell into the writing, or nothing was proved.
      expect(await written()).toBeLessThan(total);
      for (const { id, workflowId } of runs) {
        expect(await ended(id)).toMatchObject({
          status: 'SUCCEEDED',
          output: { steps: steps.length },
          error: null,
          dispatchError: null,
        });
        const log = await logOf(id);
        expect(log.map(({ sequence }) => sequence)).toEqual(log.map((_, index) => index + 1));
        expect(log.map(({ type, payload }) => payload.stepName ?? payload.delta ?? type)).toEqual([
          'RUN_STARTED',
          ...steps.flatMap((step) => [step, `${step} is done.`, step]),
          'RUN_FINISHED',
        ]);
        await expect.poll(() => statusOf(workflowId), { timeout: 60_000 }).toBe('COMPLETED');
      }
      await kill(worker);
    },
  );

  test(
    'are started although Temporal is away and the gateway that acknowledged them dies',
    { timeout: 300_000 },
    async () => {
      temporal.cut();
      const run = await start({ steps: ['only'] });
      await expect
        .poll(async () => (await runOf(run.id)).dispatchError, { timeout: 60_000 })
        .toBe('Temporal cannot be reached.');
      expect(await statusOf(run.workflowId).catch(() => 'absent')).toBe('absent');
      await topology.killGateway(0);
      await topology.killGateway(1);
      expect(await runOf(run.id)).toMatchObject({ status: 'QUEUED' });
      temporal.mend();
      const worker = await startWorker();
      expect(await ended(run.id)).toMatchObject({ status: 'SUCCEEDED', dispatchError: null, lastSequence: 5 });
      await kill(worker);
    },
  );

  test('cancel their workflows when they are cancelled, and end once', { timeout: 180_000 }, async () => {
    const worker = await startWorker();
    const run = await start({ steps: ['long', 'never'], pauseMs: 3_600_000 });
    await expect.poll(async () => (await runOf(run.id)).lastSequence, { timeout: 60_000 }).toBe(2);
    await ask(CANCEL, { id: run.id });
    await expect.poll(() => statusOf(run.workflowId), { timeout: 60_000 }).toBe('CANCELLED');
    expect(await runOf(run.id)).toMatchObject({ status: 'CANCELLED', lastSequence: 3 });
    await kill(worker);
  });

  test(
    'fail where their workflow failed, was terminated, or was cancelled elsewhere; once',
    { timeout: 180_000 },
    async () => {
      const worker = await startWorker();
      const [failing, terminated, cancelled] = [
        await start({ steps: 'none' }),
        await start({ steps: ['long'], pauseMs: 3_600_000 }),
        await start({ steps: ['long'], pauseMs: 3_600_000 }),
      ];
      for (const { id } of [terminated, cancelled])
        await expect.poll(async () => (await runOf(id)).lastSequence, { timeout: 60_000 }).toBe(2);
      await client.getHandle(terminated.workflowId).terminate("an operator's hand");
      await client.getHandle(cancelled.workflowId).cancel();
      expect(await ended(failing.id)).toMatchObject({
        status: 'FAILED',
        error: { code: 'WORKFLOW_FAILED', message: expect.stringContaining('no list of `steps`') as string },
      });
      expect(await ended(terminated.id)).toMatchObject({ status: 'FAILED', error: { code: 'WORKFLOW_TERMINATED' } });
      expect(await ended(cancelled.id)).toMatchObject({ status: 'CANCELLED', error: null });
      for (const { id } of [failing, terminated, cancelled]) expect(terminalOf(await logOf(id))).toHaveLength(1);
      await kill(worker);
    },
  );
});
