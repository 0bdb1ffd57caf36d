/** `claimRun` and `heartbeatRun`: how workers take runs up and keep them. */
import type { ObjectRef } from '@pothos/core';
import type { SubgraphSchema } from '#subgraphs/shared/builder.ts';
import { badUserInput } from '#subgraphs/shared/errors.ts';
import { takes } from '#subgraphs/shared/scopes.ts';
import { LEASE_LIMITS, type Lease, type Run } from '../driver.ts';
import { checkAgentId, checkNumber, checkText } from '../input.ts';
import { referenceTo, type RunReference } from './run-reference.ts';
import type { RunsSchemaDeps } from './deps.ts';

const { seconds } = LEASE_LIMITS;
const LEASE_SECONDS = `How long the lease lasts from now, in seconds: ${seconds.min} to ${seconds.max}; ${seconds.default} when absent.`;

export function addWorkerMutations(
  { builder }: SubgraphSchema,
  deps: RunsSchemaDeps,
  run: ObjectRef<any, RunReference>, // eslint-disable-line @typescript-eslint/no-explicit-any -- Pothos' own parameter
): void {
  const RunLease = builder.objectRef<Lease>('RunLease').implement({
    description:
      "A worker's hold on a run. While it lives, nobody else can append to the run or finish it; cancelling is still possible.",
    fields: (t) => ({
      token: t.exposeString('token', {
        nullable: false,
        description:
          "The fencing token, to be sent with every append, heartbeat and finish of this run. A later claim's token begins with a greater number.",
      }),
      expiresAt: t.expose('expiresAt', {
        type: 'DateTime',
        nullable: false,
        description: 'When the lease ends unless a heartbeat prolongs it; another worker may then claim the run.',
      }),
    }),
  });
  const ClaimRunPayload = builder
    .objectRef<{ run: Run; lease: Lease } | { run: null; lease: null }>('ClaimRunPayload')
    .implement({
      description: 'What `claimRun` did.',
      fields: (t) => ({
        run: t.field({
          type: run,
          description: 'The run, its log and state as the last worker left them; null where there was none to claim.',
          resolve: (payload) => payload.run && referenceTo(payload.run),
        }),
        lease: t.field({
          type: RunLease,
          description: 'The lease; null where there was no run to claim.',
          resolve: (payload) => payload.lease,
        }),
      }),
    });
  const HeartbeatRunPayload = builder.objectRef<{ run: Run; lease: Lease }>('HeartbeatRunPayload').implement({
    description: 'What `heartbeatRun` did.',
    fields: (t) => ({
      run: t.field({
        type: run,
        nullable: false,
        description: 'The run as it stands now.',
        resolve: (payload) => referenceTo(payload.run),
      }),
      lease: t.field({
        type: RunLease,
        nullable: false,
        description: 'The lease, prolonged.',
        resolve: (payload) => payload.lease,
      }),
    }),
  });
  const leaseSeconds = (given: number | null | undefined): number =>
    checkNumber('leaseSeconds', given, seconds) ?? seconds.default;

  const ClaimRunInput = builder.inputType('ClaimRunInput', {
    description: 'Which run to claim.',
    fields: (t) => ({
      agentId: t.id({ required: true, description: 'The agent whose runs the worker executes.' }),
      leaseSeconds: t.int({ description: LEASE_SECONDS }),
    }),
  });
  builder.mutationField('claimRun', (t) =>
    t.field({
      directives: takes('runs:work'),
      type: ClaimRunPayload,
      description:
        "Claims an agent's next run: by priority, then by schedule, then the oldest first. Those are queued runs that are due, and runs whose lease " +
        'has expired, whose worker is taken to be gone. A run that was claimed `maxAttempts` times fails instead (RUN_ERROR, code ATTEMPTS_EXHAUSTED). ' +
        'No two claims get one run; the claimed run leaves the queue with its first event.',
      args: { input: t.arg({ type: ClaimRunInput, required: true, description: 'Which run to claim.' }) },
      resolve: async (_root, { input }, context) =>
        (await deps.driver.claim(context, {
          agentId: checkAgentId(input.agentId)!,
          leaseSeconds: leaseSeconds(input.leaseSeconds),
        })) ?? { run: null, lease: null },
    }),
  );

  const HeartbeatRunInput = builder.inputType('HeartbeatRunInput', {
    description: 'A lease to prolong.',
    fields: (t) => ({
      runId: t.id({ required: true, description: 'The run.' }),
      token: t.string({ required: true, description: "The lease's token." }),
      leaseSeconds: t.int({ description: LEASE_SECONDS }),
    }),
  });
  builder.mutationField('heartbeatRun', (t) =>
    t.field({
      directives: takes('runs:work'),
      type: HeartbeatRunPayload,
      description:
        "Prolongs a worker's lease; send it at least every third of the lease's time. CONFLICT where the lease is over (another worker has claimed " +
        'the run, it was handed back, or it has ended, as by cancelling): then stop working on the run.',
      args: { input: t.arg({ type: HeartbeatRunInput, required: true, description: 'The lease to prolong.' }) },
      resolve: async (_root, { input }, context) => {
        const token = checkText('token', input.token);
        if (token === null) throw badUserInput('`token` is missing.');
        return await deps.driver.heartbeat(context, {
          runId: input.runId,
          token,
          leaseSeconds: leaseSeconds(input.leaseSeconds),
        });
      },
    }),
  );
}
