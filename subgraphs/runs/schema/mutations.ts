/** `startRun`, `appendRunEvents`, `finishRun`, `cancelRun`: the last two are appends of a terminal event. */
import type { ObjectRef } from '@pothos/core';
import type { SubgraphSchema } from '#subgraphs/shared/builder.ts';
import type { JsonValue } from '#subgraphs/shared/json.ts';
import type { RequestContext } from '#subgraphs/shared/context.ts';
import { badUserInput, CodedError, storeDisabled } from '#subgraphs/shared/errors.ts';
import { jsonOfLiteral } from '#subgraphs/shared/exact-literal.ts';
import { inputHash } from '#subgraphs/shared/input-hash.ts';
import { takes } from '#subgraphs/shared/scopes.ts';
import { RUNS } from '../bounds.ts';
import { LEASE_LIMITS, RUN_LIMITS, type Run } from '../driver.ts';
import type { RunEventType } from '../events/event-types.ts';
import { agUiInput, checkEvents, checkRunInput, checkLongText, checkMoment, checkNumber, checkText } from '../input.ts';
import type { EventTypes } from './events.ts';
import { agentOf } from './named-agent.ts';
import { referenceTo, type RunReference } from './run-reference.ts';
import type { RunsSchemaDeps } from './deps.ts';

export function addMutations(
  { builder }: SubgraphSchema,
  deps: RunsSchemaDeps,
  run: ObjectRef<any, RunReference>, // eslint-disable-line @typescript-eslint/no-explicit-any -- Pothos' own parameter
  { RunEvent, RunEventType }: EventTypes,
): void {
  const runPayload = (name: string, description: string) =>
    builder.objectRef<{ run: Run }>(name).implement({
      description,
      fields: (t) => ({
        run: t.field({
          type: run,
          nullable: false,
          description: 'The run after the change.',
          resolve: (payload) => referenceTo(payload.run),
        }),
      }),
    });

  builder.scalarType('RunAgentInput', {
    description:
      "AG-UI's request to run an agent: an object with `threadId`, `runId` and `messages`, and optionally `tools`, `context`, `state`, `forwardedProps`. " +
      `At most ${RUNS.runInputBytes / 1024 ** 2} MiB, ${RUNS.runInputDepth} levels deep, ${RUNS.runInputKeys.toLocaleString('en')} keys. Further keys are kept.`,
    specifiedByURL: 'https://docs.ag-ui.com/sdk/js/core/types#runagentinput',
    serialize: (value) => value,
    parseValue: checkRunInput,
    parseLiteral: (node, variables) => checkRunInput(jsonOfLiteral(node, variables)),
  });
  const StartRunInput = builder.inputType('StartRunInput', {
    description: 'A run to start.',
    fields: (t) => ({
      agentId: t.id({ description: 'The agent that is to run; none when neither this nor `agentName` is given.' }),
      agentName: t.string({
        description:
          'The name of the agent that is to run, instead of `agentId`, as `agents` lists it. NOT_FOUND where no agent bears it; BAD_USER_INPUT where several do.',
      }),
      input: t.field({ type: 'JSON', description: 'What the agent is to work on.' }),
      runAgentInput: t.field({
        type: 'RunAgentInput',
        description:
          "What the agent is to work on as AG-UI's clients send it, instead of `input`, `threadId` and `idempotencyKey`: it becomes the run's input, " +
          "its `threadId` the run's, its `runId` the idempotency key, its `state` the state that the run begins with.",
      }),
      threadId: t.id({
        description: "The conversation that the run belongs to, at most 200 characters; the run's own id when absent.",
      }),
      priority: t.int({
        description: `Runs of a greater priority are claimed first: ${LEASE_LIMITS.priority.min} to ${LEASE_LIMITS.priority.max}; 0 when absent.`,
      }),
      scheduledAt: t.field({
        type: 'DateTime',
        description: 'Workers do not claim the run before this moment; at once when absent.',
      }),
      maxAttempts: t.int({
        description: `How often workers may claim the run before it fails: ${LEASE_LIMITS.attempts.min} to ${LEASE_LIMITS.attempts.max}; ${LEASE_LIMITS.attempts.default} when absent.`,
      }),
      webhook: t.string({
        description:
          'A URL that the run is dispatched to instead of being claimed by workers: a POST with the run and a lease, signed as Standard Webhooks says, ' +
          'and repeated until it is answered with 2xx or `maxAttempts` is reached. The receiver then acts as a worker. Its host must be allowed by the operator.',
      }),
      workflow: t.boolean({
        description:
          'Whether a Temporal workflow is to own the run instead of workers that claim it; false when absent. The run is started as a workflow once Temporal ' +
          'can be reached, however long that takes, and fails where the workflow ends without ending it. Not together with `webhook`; `maxAttempts` has no effect.',
      }),
      idempotencyKey: t.string({
        description:
          'At most 200 characters, unique for the agent. Starting again with the same key and input returns the same run.',
      }),
    }),
  });
  builder.mutationField('startRun', (t) =>
    t.field({
      directives: takes('runs:write'),
      type: runPayload('StartRunPayload', 'What `startRun` did.'),
      description:
        'Queues a run, for workers to claim (`claimRun`) or for whoever writes to it first. It leaves the queue with its first event.',
      args: { input: t.arg({ type: StartRunInput, required: true, description: 'The run to start.' }) },
      resolve: async (_root, { input }, context) => {
        const { webhook } = input;
        const workflow = input.workflow ?? false;
        if (input.runAgentInput && [input.input, input.threadId, input.idempotencyKey].some((given) => given != null))
          throw badUserInput(
            '`runAgentInput` says what `input`, `threadId` and `idempotencyKey` say; leave those out.',
          );
        if (workflow && webhook)
          throw badUserInput('A run is dispatched to a `webhook` or to a `workflow`, not to both.');
        if (workflow && !deps.workflows) throw storeDisabled('Dispatch of runs to Temporal', 'TEMPORAL_ADDRESS');
        if (webhook && !deps.dispatch)
          throw storeDisabled('Dispatch of runs to webhooks', 'DISPATCH_ALLOWED_HOSTS and DISPATCH_SECRET');
        const run = await deps.driver.start(context, {
          agentId: await agentOf(context, input, deps.agents),
          ...(input.runAgentInput
            ? agUiInput(input.runAgentInput)
            : {
                threadId: checkText('threadId', input.threadId),
                input: input.input ?? null,
                idempotencyKey: checkText('idempotencyKey', input.idempotencyKey),
              }),
          priority: checkNumber('priority', input.priority, LEASE_LIMITS.priority),
          scheduledAt: checkMoment('scheduledAt', input.scheduledAt),
          maxAttempts: checkNumber('maxAttempts', input.maxAttempts, LEASE_LIMITS.attempts),
          webhook: webhook ? deps.dispatch!.policy.check(webhook).href : null,
          workflow,
        });
        if (workflow) deps.workflows!.nudge();
        if (webhook) deps.dispatch!.dispatcher.nudge();
        if (!workflow && !webhook) deps.announcer?.nudge();
        return { run };
      },
    }),
  );

  const RunEventInput = builder.inputType('RunEventInput', {
    description: 'An event to append.',
    fields: (t) => ({
      type: t.field({ type: RunEventType, required: true, description: 'What the event says.' }),
      payload: t.field({
        type: 'JSON',
        description:
          'What belongs to it, as AG-UI defines it for the type: an object of at most 64 KiB; an empty one when absent. Unknown keys are kept.',
      }),
    }),
  });
  const AppendRunEventsInput = builder.inputType('AppendRunEventsInput', {
    description: 'Events to append to a run, all or none.',
    fields: (t) => ({
      runId: t.id({ required: true, description: 'The run.' }),
      events: t.field({
        type: [RunEventInput],
        required: { list: true, items: true },
        description: `1 to ${RUN_LIMITS.eventsPerAppend} events, in order. A terminal one (RUN_FINISHED, RUN_ERROR) must be the last, and ends the run.`,
      }),
      idempotencyKey: t.string({
        description:
          'At most 200 characters, unique for the run. Appending again with the same key and events returns the same events.',
      }),
      expectedSequence: t.int({
        description: "Refuse with CONFLICT unless this is the sequence of the run's last event (0 before the first).",
      }),
      waiting: t.boolean({
        description:
          'Whether the run now waits for something outside it (status WAITING) until the next append; false when absent. A worker hands the run back with it.',
      }),
      token: t.string({
        description:
          "The token of the worker's lease. CONFLICT without it while a lease of the run lives, and with one that another claim, or handing the run back, has ended; one that has merely expired is good until then.",
      }),
    }),
  });
  const AppendRunEventsPayload = builder
    .objectRef<Awaited<ReturnType<typeof deps.driver.append>>>('AppendRunEventsPayload')
    .implement({
      description: 'What `appendRunEvents` did.',
      fields: (t) => ({
        events: t.field({
          type: [RunEvent],
          nullable: { list: false, items: false },
          description:
            'The events given, as they are in the log now, with what was put before them: the START of a message that begins with a piece of it, the END events of what a terminal event ends. Without the RUN_STARTED of a first append.',
          resolve: (payload) => payload.events,
        }),
        run: t.field({
          type: run,
          nullable: false,
          description: 'The run after the change.',
          resolve: (payload) => referenceTo(payload.run),
        }),
      }),
    });
  builder.mutationField('appendRunEvents', (t) =>
    t.field({
      directives: takes('runs:work'),
      type: AppendRunEventsPayload,
      description:
        "Appends events to a run's log, all or none. A queued run starts: RUN_STARTED becomes its event 1, unless the events begin with it. " +
        "Payloads and order are AG-UI's (BAD_USER_INPUT otherwise); a terminal event first ends the messages, tool calls, steps and subagents that are open. " +
        `A run holds at most ${RUN_LIMITS.eventsPerRun} events; nothing follows a terminal one (CONFLICT).`,
      args: { input: t.arg({ type: AppendRunEventsInput, required: true, description: 'The events to append.' }) },
      resolve: (_root, { input }, context) => {
        if (typeof input.expectedSequence === 'number' && input.expectedSequence < 0)
          throw badUserInput('`expectedSequence` must not be negative.');
        return deps.driver.append(context, {
          runId: input.runId,
          events: checkEvents(input.events as { type: RunEventType; payload?: JsonValue }[]),
          idempotencyKey: checkText('idempotencyKey', input.idempotencyKey),
          expectedSequence: input.expectedSequence,
          waiting: input.waiting ?? false,
          token: checkText('token', input.token),
        });
      },
    }),
  );

  const end = async (
    context: RequestContext,
    runId: string,
    type: RunEventType,
    payload: { [key: string]: JsonValue },
    lease: { token?: string | null; regardless?: boolean },
  ) => {
    // A worker whose answer was lost asks again, and is told the same: its token, and what it gave, make it the same end.
    const { token } = lease;
    const again = token == null ? {} : { idempotencyKey: `finishRun ${inputHash({ token, type, payload })}` };
    return await deps.driver.append(context, { runId, events: checkEvents([{ type, payload }]), ...lease, ...again });
  };

  const RunErrorInput = builder.inputType('RunErrorInput', {
    description: 'How a run failed.',
    fields: (t) => ({
      message: t.string({ required: true, description: 'What went wrong, for a person; at most 10,000 characters.' }),
      code: t.string({ description: 'What went wrong, for a program; at most 200 characters.' }),
    }),
  });
  const FinishRunInput = builder.inputType('FinishRunInput', {
    description: 'A run to finish.',
    fields: (t) => ({
      runId: t.id({ required: true, description: 'The run.' }),
      output: t.field({ type: 'JSON', description: 'What the run produced.' }),
      error: t.field({ type: RunErrorInput, description: 'How the run failed; absent where it succeeded.' }),
      token: t.string({
        description:
          "The token of the worker's lease. CONFLICT without it while a lease of the run lives, and with one that another claim, or handing the run back, has ended; one that has merely expired is good until then.",
      }),
    }),
  });
  builder.mutationField('finishRun', (t) =>
    t.field({
      directives: takes('runs:work'),
      type: runPayload('FinishRunPayload', 'What `finishRun` did.'),
      description:
        'Ends a run, queued or under way, and what is open in it: appends RUN_FINISHED, or RUN_ERROR where `error` is given. CONFLICT where it has ended already; the same again with the `token` that ended it changes nothing.',
      args: { input: t.arg({ type: FinishRunInput, required: true, description: 'The run to finish.' }) },
      resolve: async (_root, { input: { runId, output, error, token } }, context) => {
        const lease = { token: checkText('token', token) };
        const result: { [key: string]: JsonValue } = output === null || output === undefined ? {} : { result: output };
        if (!error)
          return await end(context, runId, 'RUN_FINISHED', { ...result, outcome: { type: 'success' } }, lease);
        const code = checkText('error.code', error.code);
        const message = checkLongText('error.message', error.message)!;
        return await end(
          context,
          runId,
          'RUN_ERROR',
          { message, ...(code === null ? {} : { code }), ...result },
          lease,
        );
      },
    }),
  );

  const CancelRunInput = builder.inputType('CancelRunInput', {
    description: 'A run to cancel.',
    fields: (t) => ({
      runId: t.id({ required: true, description: 'The run.' }),
      reason: t.string({ description: 'Why, for a person; at most 10,000 characters.' }),
    }),
  });
  builder.mutationField('cancelRun', (t) =>
    t.field({
      directives: takes('runs:write'),
      type: runPayload('CancelRunPayload', 'What `cancelRun` did.'),
      description:
        "Ends a run before it is done, whoever holds a lease of it: appends RUN_FINISHED with the outcome `cancelled`, which is AG-UI's way to say it. " +
        'Cancelling a cancelled run changes nothing; a run that ended otherwise is a CONFLICT. (To stop reading a stream is not to cancel.)',
      args: { input: t.arg({ type: CancelRunInput, required: true, description: 'The run to cancel.' }) },
      resolve: async (_root, { input }, context) => {
        const reason = checkLongText('reason', input.reason);
        try {
          const cancelled = await end(
            context,
            input.runId,
            'RUN_FINISHED',
            { outcome: { type: 'cancelled' }, ...(reason === null ? {} : { reason }) },
            { regardless: true },
          );
          if (cancelled.run.workflowId !== null) deps.workflows?.nudge();
          return cancelled;
        } catch (error) {
          if (!(error instanceof CodedError) || error.extensions['status'] !== 'CANCELLED') throw error;
          const [cancelled] = await deps.driver.runsById(context, [input.runId]);
          if (!cancelled) throw error;
          return { run: cancelled };
        }
      },
    }),
  );
}
