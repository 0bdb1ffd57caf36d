/**
 * Temporal's client against a real server (`TEST_TEMPORAL_ADDRESS`): what is asked may be asked again, and what is
 * wrong is said.
 */
import { randomUUID } from 'node:crypto';
import { createServer, type Server } from 'node:net';
import { Connection, WorkflowClient } from '@temporalio/client';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { temporalWorkflows, type TemporalOptions } from '#subgraphs/runs/drivers/temporal/index.ts';
import {
  workflowIdOf,
  type WorkflowFault,
  type WorkflowInput,
  type WorkflowService,
} from '#subgraphs/runs/dispatch/workflows.ts';
import { wireTo } from '#tests/e2e/wire.ts';

const address = process.env['TEST_TEMPORAL_ADDRESS'];

describe.skipIf(!address)('workflows on Temporal (TEST_TEMPORAL_ADDRESS)', () => {
  const services: WorkflowService[] = [];
  let connection: Connection;
  let client: WorkflowClient;
  // Nobody polls this queue: workflows stay open.
  const on = (options: Partial<TemporalOptions> = {}): WorkflowService => {
    const service = temporalWorkflows({
      address: address!,
      taskQueue: 'nobody',
      workflowType: 'tributaryRun',
      timeoutMs: 5_000,
      ...options,
    });
    services.push(service);
    return service;
  };
  const inputOf = (runId: string, input: WorkflowInput['run']['input'] = null): WorkflowInput => ({
    tenantId: 'tenant-a',
    run: { id: runId, agentId: null, threadId: runId, input },
  });
  const newId = () => workflowIdOf('tenant-a', `run_${randomUUID().replaceAll('-', '')}`);
  const fault = async (promise: Promise<unknown>): Promise<WorkflowFault> =>
    await promise.then(
      () => expect.fail('It should have been refused.'),
      (error: WorkflowFault) => error,
    );

  beforeAll(async () => {
    connection = await Connection.connect({ address: address! });
    client = new WorkflowClient({ connection });
  });
  afterAll(async () => {
    await connection?.close();
    for (const service of services) await service.close();
  });

  test('starts a workflow once, with its input, type and queue', async () => {
    const id = newId();
    const service = on();
    await Promise.all([1, 2, 3, 4].map(() => service.start(id, inputOf('run_1', { question: 'wh\u00fd' }))));
    const described = await client.getHandle(id).describe();
    expect(described).toMatchObject({
      type: 'tributaryRun',
      taskQueue: 'nobody',
      status: { name: 'RUNNING' },
      memo: { tenantId: 'tenant-a', runId: 'run_1' },
    });
    const { events } = await client.getHandle(id).fetchHistory();
    const given = events![0]!.workflowExecutionStartedEventAttributes!.input!.payloads![0]!.data!;
    expect(JSON.parse(Buffer.from(given).toString())).toEqual(inputOf('run_1', { question: 'wh\u00fd' }));
    expect(await service.look(id)).toEqual({ state: 'open' });
  });

  test('does not start one again that has ended', async () => {
    const id = newId();
    const service = on();
    await service.start(id, inputOf('run_1'));
    await client.getHandle(id).terminate();
    await service.start(id, inputOf('run_1'));
    expect(await service.look(id)).toEqual({ state: 'terminated' });
  });

  test('asks a workflow to stop, again and again; one that has ended or never was needs no asking', async () => {
    const id = newId();
    const service = on();
    await service.start(id, inputOf('run_1'));
    for (const _ of [1, 2]) await service.cancel(id, 'no longer needed');
    const { events } = await client.getHandle(id).fetchHistory();
    expect(
      events!
        .filter(({ workflowExecutionCancelRequestedEventAttributes: asked }) => asked)
        .map(({ workflowExecutionCancelRequestedEventAttributes: asked }) => asked!.cause),
    ).toEqual(['no longer needed']);
    await client.getHandle(id).terminate();
    await service.cancel(id, 'again');
    await service.cancel(newId(), 'never was');
    expect(await service.look(newId())).toEqual({ state: 'missing' });
  });

  test('an input that is too large is refused for good', async () => {
    const refused = await fault(on().start(newId(), inputOf('run_1', 'x'.repeat(3_000_000))));
    expect(refused).toMatchObject({
      name: 'WorkflowFault',
      final: true,
      message: expect.stringMatching(/refuses the run/) as string,
    });
  });

  test('a namespace that is missing is named to the operator, and kept from tenants', async () => {
    const service = on({ namespace: 'absent' });
    for (const attempt of [
      () => service.start(newId(), inputOf('run_1')),
      () => service.look(newId()),
      () => service.cancel(newId(), ''),
    ]) {
      const refused = await fault(attempt());
      expect(refused).toMatchObject({
        name: 'WorkflowFault',
        final: false,
        message: 'Temporal does not have the namespace.',
      });
      expect(refused.hint).toMatch(/TEMPORAL_NAMESPACE.*temporal operator namespace create --namespace absent/);
    }
    expect(await service.health()).toMatchObject({
      store: 'temporal',
      state: 'down',
      detail: expect.stringContaining('TEMPORAL_NAMESPACE') as string,
    });
  });

  test('an address where nobody listens, or where somebody else does, is named with the variable', async () => {
    const mute: Server = createServer().listen(0, '127.0.0.1');
    await new Promise((resolve) => mute.once('listening', resolve));
    const { port } = mute.address() as { port: number };
    try {
      for (const wrong of [{ address: '127.0.0.1:1' }, { address: `127.0.0.1:${port}` }, { tls: {} }]) {
        const service = on({ timeoutMs: 500, ...wrong });
        const refused = await fault(service.start(newId(), inputOf('run_1')));
        expect(refused).toMatchObject({ name: 'WorkflowFault', final: false, message: 'Temporal cannot be reached.' });
        expect(refused.hint).toMatch(/TEMPORAL_ADDRESS.*TEMPORAL_TLS/);
        expect(await service.health()).toMatchObject({
          state: 'down',
          detail: expect.stringContaining('TEMPORAL_ADDRESS') as string,
        });
      }
    } finally {
      mute.close();
    }
  });

  test('a server that comes back is used again without a restart', async () => {
    await using wire = await wireTo(Number(address!.split(':').at(-1)));
    const service = on({ address: `127.0.0.1:${wire.port}`, timeoutMs: 1_000 });
    await service.start(newId(), inputOf('run_1'));
    expect(await service.health()).toMatchObject({ state: 'ok' });
    wire.cut();
    expect(await fault(service.start(newId(), inputOf('run_1')))).toMatchObject({
      message: 'Temporal cannot be reached.',
    });
    wire.mend();
    const id = newId();
    await expect
      .poll(
        () =>
          service.start(id, inputOf('run_1')).then(
            () => 'started',
            () => 'away',
          ),
        { timeout: 20_000 },
      )
      .toBe('started');
    expect(await service.look(id)).toEqual({ state: 'open' });
    await service.close();
  });
});

test('closing waits for requests that are under way, and leaves nothing that would end the process later', async () => {
  const service = temporalWorkflows({
    address: '127.0.0.1:1',
    taskQueue: 'nobody',
    workflowType: 'tributaryRun',
    timeoutMs: 5_000,
  });
  const input: WorkflowInput = {
    tenantId: 'tenant-a',
    run: { id: 'run_1', agentId: null, threadId: 'run_1', input: null },
  };
  // A repetition of the client's own, after the connection is closed, would be an uncaught exception; vitest fails the
  // run for it.
  const requests = Promise.allSettled([
    service.start('w', input),
    service.look('w'),
    service.cancel('w', ''),
    service.health(),
  ]);
  await service.close();
  const states = (await requests).map(({ status }) => status);
  expect(states).toEqual(['rejected', 'rejected', 'rejected', 'fulfilled']);
});
