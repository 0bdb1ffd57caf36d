/**
 * Runs that workflows own, on PostgreSQL, with a server of workflows whose answers a test gives. The real one is
 * tests/e2e/temporal.
 */
import type pg from 'pg';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { postgresWorkflows } from '#subgraphs/runs/drivers/postgres/workflows.ts';
import {
  WorkflowFault,
  workflowIdOf,
  Workflows,
  type WorkflowInput,
  type WorkflowService,
  type WorkflowsOptions,
  type WorkflowState,
} from '#subgraphs/runs/dispatch/workflows.ts';
import type { Postgres } from '#subgraphs/shared/postgres/postgres.ts';
import { as, cancelled, finished, piece, rejection, upTo, type Replica } from './runs-driver.ts';
import { type ManualStore, openManualStore } from './runs-wake-ups.ts';

/** Keeps workflows by their ids, as a server does: one for each id, ended or not. */
class Server implements WorkflowService {
  readonly workflows = new Map<string, { input: WorkflowInput; state: WorkflowState; asked: string[] }>();
  starts = 0;
  /** Raised by every request. */
  fault: WorkflowFault | undefined;
  /** Called when a workflow has been started, before the answer. */
  started: (workflowId: string) => Promise<void> | void = () => undefined;

  async start(workflowId: string, input: WorkflowInput): Promise<void> {
    if (this.fault) throw this.fault;
    this.starts += 1;
    if (!this.workflows.has(workflowId)) this.workflows.set(workflowId, { input, state: { state: 'open' }, asked: [] });
    await this.started(workflowId);
  }
  look(workflowId: string): Promise<WorkflowState> {
    if (this.fault) return Promise.reject(this.fault);
    return Promise.resolve(this.workflows.get(workflowId)?.state ?? { state: 'missing' });
  }
  cancel(workflowId: string, reason: string): Promise<void> {
    if (this.fault) return Promise.reject(this.fault);
    this.workflows.get(workflowId)?.asked.push(reason);
    return Promise.resolve();
  }
  health() {
    return Promise.resolve({ store: 'temporal', state: 'ok' as const });
  }
  close(): Promise<void> {
    return Promise.resolve();
  }
}

let store: ManualStore;
let postgres: Postgres;
let replica: Replica;
let admin: pg.Client;
let server: Server;
const [a, b] = [as('tenant-a'), as('tenant-b')];

beforeAll(async () => {
  store = await openManualStore();
  ({ postgres, replica, admin } = store);
});
beforeEach(async () => {
  server = new Server();
  // No run is left to the next test.
  await admin.query('UPDATE runs.runs SET workflow_due_at = NULL');
});
afterAll(async () => {
  await store?.[Symbol.asyncDispose]();
});

const workflows = (options: WorkflowsOptions = {}) =>
  new Workflows(postgresWorkflows(postgres), replica.driver, server, { lookMs: () => 3_600_000, ...options });
const start = async (context = a, options = {}) =>
  (await replica.driver.start(context, { agentId: 'agt_t', input: { question: 'why' }, workflow: true, ...options }))
    .id;
const runOf = async (id: string, context = a) => (await replica.driver.runsById(context, [id]))[0]!;
const typesOf = async (id: string, context = a) =>
  (await replica.driver.events(context, [{ runId: id, after: 0 }], { limit: 100 })).map(({ type }) => type);
const dueNow = async (id: string) =>
  await admin.query('UPDATE runs.runs SET workflow_due_at = now() WHERE id = $1', [id]);
const isDue = async (id: string) =>
  (await admin.query<{ due: Date | null }>('SELECT workflow_due_at AS due FROM runs.runs WHERE id = $1', [id])).rows[0]!
    .due;
const workflowOf = (id: string, context = a) => server.workflows.get(workflowIdOf(context.principal.tenantId, id));
const away = new WorkflowFault('Temporal cannot be reached.', { hint: 'Look there.' });

describe('starting', () => {
  test('each run of each tenant is started as one workflow, with what it needs to know', async () => {
    const ids = [
      [a, await start(a)],
      [b, await start(b, { threadId: 'thread' })],
    ] as const;
    expect(await workflows().look()).toBe(2);
    for (const [context, id] of ids) {
      const { threadId } = await runOf(id, context);
      expect(workflowOf(id, context)?.input).toEqual({
        tenantId: context.principal.tenantId,
        run: { id, agentId: 'agt_t', threadId, input: { question: 'why' } },
      });
      expect(await runOf(id, context)).toMatchObject({
        status: 'QUEUED',
        workflowId: workflowIdOf(context.principal.tenantId, id),
        dispatchError: null,
        attempts: 0,
      });
    }
    expect(await workflows().look()).toBe(0);
    expect(server.starts).toBe(2);
  });

  test('by many processes at once, each is started once', async () => {
    const ids = await Promise.all(upTo(30).map((n) => start(n % 2 ? a : b)));
    await Promise.all(upTo(4).map(() => workflows({ concurrency: 4 }).look()));
    expect(server.starts).toBe(ids.length);
  });

  test('workers do not claim them, and what is not due waits', async () => {
    await start(a, { agentId: 'agt_nobody' });
    await start(a, { agentId: 'agt_nobody', scheduledAt: new Date('2999-01-01T00:00:00Z') });
    expect(await replica.driver.claim(a, { agentId: 'agt_nobody', leaseSeconds: 60 })).toBeNull();
    expect(await workflows().look()).toBe(1);
  });

  test('a server that is away is tried again for as long as it takes, and told of once', async () => {
    const id = await start();
    server.fault = away;
    const told: string[] = [];
    const process = workflows({ lookMs: () => 0, concurrency: 2, log: (message) => told.push(message) });
    for (const _ of upTo(20)) await process.look();
    expect(await runOf(id)).toMatchObject({ status: 'QUEUED', dispatchError: 'Temporal cannot be reached.' });
    expect(told).toEqual(['Temporal cannot be reached. Look there. Runs that wait for it are kept and tried again.']);
    server.fault = undefined;
    await process.look();
    expect(workflowOf(id)).toBeDefined();
    expect(await runOf(id)).toMatchObject({ dispatchError: null });
  });

  test('a process that dies on the way leaves the run to the next, which starts nothing twice', async () => {
    const id = await start();
    // Dies behind the server's answer: nothing is noted.
    const dying = { ...postgresWorkflows(postgres), note: () => Promise.reject(new Error('killed')) };
    await new Workflows(dying, replica.driver, server, {}).look();
    expect(server.workflows.size).toBe(1);
    await dueNow(id);
    await workflows().look();
    expect(server.starts).toBe(2);
    expect(server.workflows.size).toBe(1);
    expect(await runOf(id)).toMatchObject({ status: 'QUEUED' });
  });

  test('a run that Temporal will never take fails, and says why', async () => {
    const id = await start();
    server.fault = new WorkflowFault('Temporal refuses the run: it is too large.', { final: true });
    await workflows().look();
    expect(await runOf(id)).toMatchObject({
      status: 'FAILED',
      error: { code: 'DISPATCH_FAILED', message: 'Temporal refuses the run: it is too large.' },
    });
    expect(await isDue(id)).toBeNull();
  });

  test('a key starts a run once, and a workflow is part of what is started', async () => {
    const id = await start(a, { idempotencyKey: 'k' });
    expect(await start(a, { idempotencyKey: 'k' })).toBe(id);
    expect(await rejection(start(a, { idempotencyKey: 'k', workflow: false }))).toMatchObject({
      code: 'CONFLICT',
      runId: id,
    });
  });
});

describe('a workflow under way', () => {
  test('writes without a lease, waits, and ends its run; nothing is left to do', async () => {
    const id = await start();
    await workflows().look();
    await replica.driver.append(a, { runId: id, events: [piece(1)], waiting: true });
    await replica.driver.append(a, { runId: id, events: [piece(2), finished] });
    expect(await workflows().look()).toBe(1);
    expect(await isDue(id)).toBeNull();
    expect(workflowOf(id)!.asked).toEqual([]);
    expect(await runOf(id)).toMatchObject({ status: 'SUCCEEDED' });
  });

  test.each<[WorkflowState, object]>([
    [
      { state: 'failed', why: 'TypeError: x is not a function' },
      {
        status: 'FAILED',
        error: { code: 'WORKFLOW_FAILED', message: expect.stringContaining('x is not a function') as string },
      },
    ],
    [
      { state: 'terminated' },
      { status: 'FAILED', error: { code: 'WORKFLOW_TERMINATED', message: expect.any(String) as string } },
    ],
    [
      { state: 'timed out' },
      { status: 'FAILED', error: { code: 'WORKFLOW_TIMED_OUT', message: expect.any(String) as string } },
    ],
    [
      { state: 'completed' },
      { status: 'FAILED', error: { code: 'WORKFLOW_COMPLETED', message: expect.any(String) as string } },
    ],
    [{ state: 'cancelled' }, { status: 'CANCELLED', error: null }],
  ])('that ends %j without ending its run: the run ends, once', async (state, expected) => {
    const id = await start();
    await workflows().look();
    await replica.driver.append(a, { runId: id, events: [piece(1)] });
    workflowOf(id)!.state = state;
    await dueNow(id);
    await Promise.all(upTo(3).map(() => workflows().look()));
    expect(await runOf(id)).toMatchObject(expected);
    expect(await typesOf(id)).toEqual([
      'RUN_STARTED',
      'TEXT_MESSAGE_CHUNK',
      (expected as { status: string }).status === 'FAILED' ? 'RUN_ERROR' : 'RUN_FINISHED',
    ]);
    await dueNow(id);
    await workflows().look();
    expect(await typesOf(id)).toHaveLength(3);
  });

  test('that is found ended at the moment at which its own end arrives: whoever is first ends it', async () => {
    for (const _ of upTo(5)) {
      const id = await start();
      await workflows().look();
      workflowOf(id)!.state = { state: 'completed' };
      await dueNow(id);
      await Promise.all([
        workflows().look(),
        replica.driver.append(a, { runId: id, events: [finished] }).catch(() => undefined),
      ]);
      expect((await typesOf(id)).filter((type) => type !== 'RUN_STARTED')).toHaveLength(1);
    }
  });

  test('that is not found is looked for once more before its run fails', async () => {
    const id = await start();
    await workflows().look();
    server.workflows.clear();
    await dueNow(id);
    await workflows().look();
    expect(await runOf(id)).toMatchObject({ status: 'QUEUED', dispatchError: 'The workflow is not found.' });
    await dueNow(id);
    await workflows().look();
    expect(await runOf(id)).toMatchObject({ status: 'FAILED', error: { code: 'WORKFLOW_LOST' } });
  });

  test('a server that is away ends no run', async () => {
    const id = await start();
    await workflows().look();
    server.fault = away;
    await dueNow(id);
    for (const _ of upTo(3)) await workflows({ lookMs: () => 0, concurrency: 2 }).look();
    expect(await runOf(id)).toMatchObject({ status: 'QUEUED' });
    expect(await isDue(id)).not.toBeNull();
  });
});

describe('cancelling', () => {
  test('a run that runs cancels its workflow, again until that is said', async () => {
    const id = await start();
    await workflows().look();
    await replica.driver.append(a, { runId: id, events: [cancelled], regardless: true });
    server.fault = away;
    await workflows({ lookMs: () => 0, concurrency: 2 }).look();
    expect(workflowOf(id)!.asked).toEqual([]);
    server.fault = undefined;
    await workflows().look();
    expect(workflowOf(id)!.asked).toEqual(['The run was cancelled.']);
    expect(await isDue(id)).toBeNull();
  });

  test('a run that is in the queue keeps its workflow from being started', async () => {
    const id = await start();
    await replica.driver.append(a, { runId: id, events: [cancelled], regardless: true });
    await workflows().look();
    await dueNow(id);
    await workflows().look();
    expect(server.starts).toBe(0);
    expect(await isDue(id)).toBeNull();
  });

  test('while another process starts it: the workflow hears of it', async () => {
    const id = await start();
    server.started = async () =>
      void (await replica.driver.append(a, { runId: id, events: [cancelled], regardless: true }));
    await workflows().look();
    await workflows().look();
    expect(workflowOf(id)!.asked).toEqual(['The run was cancelled.']);
  });

  test('while another process starts it and dies: the workflow hears of it a while later', async () => {
    const id = await start();
    const dying = { ...postgresWorkflows(postgres), note: () => Promise.reject(new Error('killed')) };
    await replica.driver.append(a, { runId: id, events: [cancelled], regardless: true });
    await workflows().look(); // Finds nothing to cancel.
    await server.start(workflowIdOf('tenant-a', id), { tenantId: 'tenant-a' } as WorkflowInput); // The start was on its way.
    expect(dying).toBeDefined();
    expect(await isDue(id)).not.toBeNull();
    await dueNow(id);
    await workflows().look();
    expect(workflowOf(id)!.asked).toEqual(['The run was cancelled.']);
    expect(await isDue(id)).toBeNull();
  });
});

test('works by itself, when nudged and when nobody nudges, and ends', async () => {
  const begun = new Promise<void>((resolve) => (server.started = () => resolve()));
  const idle = workflows({ everyMs: 3_600_000 });
  idle.start();
  await start();
  idle.nudge();
  await begun;
  const again = new Promise<void>((resolve) => (server.started = () => resolve()));
  const busy = workflows({ everyMs: 1 });
  busy.start();
  await start();
  await again;
  await Promise.all([idle.close(), busy.close()]);
});

test('the system reads nothing that a run says', async () => {
  await admin.query('BEGIN; SET LOCAL ROLE tributary_system');
  await expect(admin.query('SELECT input FROM runs.runs WHERE workflow_id IS NOT NULL')).rejects.toThrow(
    /permission denied/,
  );
  await admin.query('ROLLBACK');
});
