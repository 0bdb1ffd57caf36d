/** The writing half of the PostgreSQL driver: starting a run and appending to its log. */
import { parseExactJson, writeJson } from '#subgraphs/shared/exact-number.ts';
import type { JsonValue } from '#subgraphs/shared/json.ts';
import type { RequestContext } from '#subgraphs/shared/context.ts';
import { badUserInput, conflict } from '#subgraphs/shared/errors.ts';
import { noSuch, randomId } from '#subgraphs/shared/ids.ts';
import type { Postgres, Transaction } from '#subgraphs/shared/postgres/postgres.ts';
import {
  LEASE_LIMITS,
  type AppendEvents,
  type Run,
  type RunEvent,
  type RunFailure,
  type RunLimits,
  type RunStatus,
  type StartRun,
} from '../../driver.ts';
import { isTerminal } from '../../events/event-types.ts';
import { inputHash } from '#subgraphs/shared/input-hash.ts';
import { PatchedDocument, type JsonPatch } from '../../events/json-patch.ts';
import { EventOrder, type OpenParts } from '../../events/order.ts';
import type { WakeUps } from '../../streams/wake-ups.ts';
import { workflowIdOf } from '../../dispatch/workflows.ts';
import { awaitAnswer } from './asks.ts';
import { openPartsOf } from './open-parts.ts';
import { EVENT_COLUMNS, RUN_COLUMNS, toEvent, toRun, type EventRow, type RunRow } from './rows.ts';

type Events = AppendEvents['events'];
/** What an append needs of the run's row, which it holds locked. */
export interface LockedRun {
  status: RunStatus;
  thread_id: string;
  last_sequence: number;
  state: JsonValue;
  lease_token: string | null;
  lease_expires_at: Date | null;
  /** Whether the lease lives. */
  leased: boolean;
  /** See {@link openPartsOf}. */
  open_parts: OpenParts | null;
}
export const LOCKED_COLUMNS =
  'status, thread_id, last_sequence, open_parts, lease_token, lease_expires_at, COALESCE(lease_expires_at > clock_timestamp(), false) AS leased';

export async function startRun(postgres: Postgres, context: RequestContext, run: StartRun): Promise<Run> {
  const id = randomId('Run');
  const key = run.idempotencyKey ?? null;
  const { priority, scheduledAt, maxAttempts, webhook } = run;
  const workflow = run.workflow ? true : undefined;
  const asks = run.asker ? true : undefined;
  const hash =
    key === null
      ? null
      : inputHash({
          input: run.input ?? null,
          threadId: run.threadId ?? null,
          ...present({ priority, scheduledAt: scheduledAt?.toISOString(), maxAttempts, webhook, workflow, asks }),
        });
  return await postgres.transaction(context, async (tx) => {
    const inserted = await tx.query<RunRow>({
      sql: `INSERT INTO runs.runs (tenant_id, id, agent_id, thread_id, input, actor, idempotency_key, input_hash, priority, scheduled_at, max_attempts, webhook, workflow_id, workflow_due_at, state)
            VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, CASE WHEN $13::text IS NOT NULL THEN COALESCE($10, now()) END, $14) ON CONFLICT DO NOTHING RETURNING ${RUN_COLUMNS}`,
      parameters: [
        context.principal.tenantId,
        id,
        run.agentId ?? null,
        run.threadId ?? id,
        json(run.input),
        context.principal.subject,
        key,
        hash,
        priority ?? 0,
        scheduledAt ?? null,
        maxAttempts ?? LEASE_LIMITS.attempts.default,
        webhook ?? null,
        workflow ? workflowIdOf(context.principal.tenantId, id) : null,
        json(run.state),
      ],
    });
    if (inserted[0]) return toRun(run.asker ? await awaitAnswer(tx, id, run.asker) : inserted[0]);
    // A new statement sees what the key's first use committed, also where the insert had to wait for it.
    const [before] = await tx.query<RunRow & { input_hash: string }>({
      sql: `SELECT ${RUN_COLUMNS}, input_hash FROM runs.runs WHERE COALESCE(agent_id, '') = $1 AND idempotency_key = $2`,
      parameters: [run.agentId ?? '', key],
    });
    if (before?.input_hash !== hash) {
      throw conflict('The idempotency key has started a run with other input.', {
        hint: 'Use a new key for a new run.',
        extensions: before ? { runId: before.id } : {},
      });
    }
    return toRun(before!);
  });
}

export async function appendEvents(
  postgres: Postgres,
  wakeUps: WakeUps,
  limits: RunLimits,
  context: RequestContext,
  append: AppendEvents,
): Promise<{ run: Run; events: RunEvent[] }> {
  const { tenantId } = context.principal;
  const { result, sequence } = await postgres.transaction(context, async (tx) => {
    const [locked] = await tx.query<LockedRun>({
      sql: `SELECT ${LOCKED_COLUMNS}, CASE WHEN $2 THEN state END AS state FROM runs.runs WHERE id = $1 FOR UPDATE`,
      parameters: [append.runId, append.events.some(({ type }) => type === 'STATE_DELTA')],
    });
    if (!locked) throw noSuch('Run', append.runId);
    const hash = append.idempotencyKey ? inputHash(append.events) : null;
    if (hash !== null) {
      const before = await earlierAppend(tx, append, hash);
      if (before) return { result: before, sequence: null };
    }
    checkPresent(locked, append);
    if (append.regardless !== true) checkLease(locked, append.token);
    return {
      result: await writeEvents(tx, wakeUps, context, locked, append, hash, limits),
      sequence: locked.last_sequence,
    };
  });
  if (sequence !== null) wakeUps.committed?.({ tenantId, runId: append.runId, sequence: result.run.lastSequence });
  return result;
}

/** What the same key wrote before; its own statement, whose snapshot is younger than the lock. */
async function earlierAppend(
  tx: Transaction,
  append: AppendEvents,
  hash: string,
): Promise<{ run: Run; events: RunEvent[] } | undefined> {
  const [before] = await tx.query<{ input_hash: string; first_sequence: number; last_sequence: number }>({
    sql: `SELECT input_hash, first_sequence, last_sequence FROM runs.run_appends WHERE run_id = $1 AND idempotency_key = $2`,
    parameters: [append.runId, append.idempotencyKey],
  });
  if (!before) return undefined;
  if (before.input_hash !== hash) {
    throw conflict('The idempotency key has appended other events to this run.', {
      hint: 'Use a new key for a new append.',
      extensions: { firstSequence: before.first_sequence, lastSequence: before.last_sequence },
    });
  }
  const [runs, events] = await Promise.all([
    tx.query<RunRow>({ sql: `SELECT ${RUN_COLUMNS} FROM runs.runs WHERE id = $1`, parameters: [append.runId] }),
    tx.query<EventRow>({
      sql: `SELECT ${EVENT_COLUMNS} FROM runs.run_events WHERE run_id = $1 AND sequence BETWEEN $2 AND $3 ORDER BY sequence`,
      parameters: [append.runId, before.first_sequence, before.last_sequence],
    }),
  ]);
  return { run: toRun(runs[0]!), events: events.map(toEvent) };
}

function checkPresent(locked: LockedRun, append: AppendEvents): void {
  const extensions = { status: locked.status, lastSequence: locked.last_sequence };
  if (['SUCCEEDED', 'FAILED', 'CANCELLED'].includes(locked.status)) {
    throw conflict(`The run has ended (${locked.status}); nothing can be appended.`, { extensions });
  }
  const expected = append.expectedSequence;
  if (expected !== null && expected !== undefined && expected !== locked.last_sequence) {
    throw conflict(`The run's last event is ${locked.last_sequence}, not ${expected}.`, {
      hint: 'Read the events since, then append with the present `expectedSequence`.',
      extensions,
    });
  }
  if (append.events.some(({ type }, index) => type === 'RUN_STARTED' && (locked.last_sequence > 0 || index > 0))) {
    throw conflict('RUN_STARTED can only be the first event of a run.', { extensions });
  }
}

/** A run can be ended however long its log is: the last event does not count, nor what it ends. */
function checkRoom(locked: LockedRun, counted: number, limits: RunLimits): void {
  if (counted === 0 || locked.last_sequence + counted <= limits.eventsPerRun) return;
  throw conflict(`A run holds at most ${limits.eventsPerRun} events; this one has ${locked.last_sequence}.`, {
    hint: 'Finish it and start another.',
    extensions: { status: locked.status, lastSequence: locked.last_sequence },
  });
}

/**
 * Writes the events, and everything that follows from them, to a run that is locked and may be written to.
 * @returns the run, and the events given with what the order of events puts before them; without RUN_STARTED
 */
export async function writeEvents(
  tx: Transaction,
  wakeUps: WakeUps,
  context: RequestContext,
  locked: LockedRun,
  append: Pick<AppendEvents, 'runId' | 'events' | 'waiting' | 'idempotencyKey'>,
  hash: string | null,
  limits?: RunLimits,
): Promise<{ run: Run; events: RunEvent[] }> {
  const { tenantId, subject } = context.principal;
  const order = new EventOrder(await openPartsOf(tx, append.runId, locked, append.events));
  const given = append.events.map((event) => withIds(event, append.runId, locked.thread_id));
  const starts = locked.status === 'QUEUED' && given[0]?.type !== 'RUN_STARTED';
  const going = given.filter(({ type }) => !isTerminal(type)).flatMap((event) => order.take(event));
  if (limits) checkRoom(locked, going.length, limits);
  const events = [
    ...(starts ? [withIds({ type: 'RUN_STARTED', payload: {} }, append.runId, locked.thread_id)] : []),
    ...going,
    ...given.filter(({ type }) => isTerminal(type)).flatMap((event) => order.take(event)),
  ];
  const first = locked.last_sequence + 1;
  const last = locked.last_sequence + events.length;
  const firstGiven = starts ? first + 1 : first;
  const outcome = outcomeOf(events, append.waiting === true);
  const state = stateAfter(locked.state, events);
  const notify = wakeUps.statement?.({ tenantId, runId: append.runId, sequence: last });
  // Sent together: the connection pipelines, so the lock is held for one round trip.
  const [stored, updated] = await Promise.all([
    tx.query<EventRow>({
      sql: `INSERT INTO runs.run_events (tenant_id, run_id, sequence, type, payload, actor, created_at)
            SELECT $1, $2, $3::integer - 1 + e.place, e.type, e.payload::json, $4, statement_timestamp()
              FROM unnest($5::text[], $6::text[]) WITH ORDINALITY AS e (type, payload, place)
            RETURNING ${EVENT_COLUMNS}`,
      parameters: [
        tenantId,
        append.runId,
        first,
        subject,
        events.map(({ type }) => type),
        events.map(({ payload }) => writeJson(payload)),
      ],
    }),
    tx.query<RunRow>({
      // The moments are those of the events that made them.
      sql: `UPDATE runs.runs AS r
               SET status = $2, last_sequence = $3, started_at = COALESCE(r.started_at, e.created_at),
                   finished_at = CASE WHEN $4 THEN e.created_at END, output = $5, error = $6,
                   state = CASE WHEN $7 THEN $8::json ELSE r.state END,
                   lease_token = CASE WHEN $9 THEN NULL ELSE r.lease_token END,
                   lease_expires_at = CASE WHEN $9 THEN NULL ELSE r.lease_expires_at END,
                   attempts = CASE WHEN $9 AND NOT $4 THEN 0 ELSE r.attempts END,
                   open_parts = CASE WHEN $4 THEN NULL ELSE $10::json END,
                   ask_waits = r.ask_waits AND NOT $4, asker = CASE WHEN $4 THEN NULL ELSE r.asker END,
                   workflow_due_at = CASE WHEN $4 AND r.workflow_id IS NOT NULL THEN now() ELSE r.workflow_due_at END
              FROM runs.run_events AS e
             WHERE r.id = $1 AND e.run_id = $1 AND e.sequence = $3
         RETURNING ${RUN_COLUMNS.replace(/\w+/g, 'r.$&')}`,
      parameters: [
        append.runId,
        outcome.status,
        last,
        outcome.ended,
        json(outcome.output),
        json(outcome.error),
        state.touched,
        json(state.value),
        // A worker that waits, or is done, hands the run back.
        outcome.ended || outcome.status === 'WAITING',
        writeJson(order.parts),
      ],
    }),
    hash === null
      ? []
      : tx.query({
          sql: `INSERT INTO runs.run_appends (tenant_id, run_id, idempotency_key, input_hash, first_sequence, last_sequence)
                VALUES ($1, $2, $3, $4, $5, $6)`,
          parameters: [tenantId, append.runId, append.idempotencyKey, hash, firstGiven, last],
        }),
    notify === undefined ? [] : tx.query(notify),
  ]);
  const inOrder = stored.map(toEvent).sort((left, right) => left.sequence - right.sequence);
  return { run: toRun(updated[0]!), events: inOrder.slice(firstGiven - first) };
}

/**
 * While a lease lives, only its token opens the run; a token that is not the present one never does.
 * @throws CodedError `CONFLICT`
 */
export function checkLease(locked: LockedRun, token: string | null | undefined): void {
  const extensions = { status: locked.status, lastSequence: locked.last_sequence };
  if (token !== null && token !== undefined) {
    if (token === locked.lease_token) return;
    throw conflict('This lease is over: the run was claimed by another worker or handed back.', {
      hint: 'Stop working on it; claim again.',
      extensions,
    });
  }
  if (!locked.leased) return;
  throw conflict('A worker holds a lease of this run.', {
    hint: 'Send the token of the lease, or wait until it expires.',
    extensions: { ...extensions, leaseExpiresAt: locked.lease_expires_at!.toISOString() },
  });
}

/** AG-UI wants the ids of run and thread on lifecycle events. */
function withIds(event: Events[number], runId: string, threadId: string): Events[number] {
  if (event.type !== 'RUN_STARTED' && event.type !== 'RUN_FINISHED') return event;
  const named = event.payload['runId'];
  if (named !== undefined && named !== runId)
    throw badUserInput(`${event.type}: \`runId\` in the payload is another run's.`);
  return { type: event.type, payload: { threadId, ...event.payload, runId } };
}

interface Outcome {
  status: RunStatus;
  ended: boolean;
  output?: JsonValue;
  error?: RunFailure;
}

function outcomeOf(events: Events, waiting: boolean): Outcome {
  const { type, payload } = events.at(-1)!;
  if (type === 'RUN_ERROR') {
    const code = payload['code'];
    return {
      status: 'FAILED',
      ended: true,
      output: payload['result'],
      error: { message: payload['message'] as string, ...(typeof code === 'string' ? { code } : {}) },
    };
  }
  if (type === 'RUN_FINISHED') {
    const cancelled = (payload['outcome'] as { type?: string } | undefined)?.type === 'cancelled';
    return { status: cancelled ? 'CANCELLED' : 'SUCCEEDED', ended: true, output: payload['result'] };
  }
  return { status: waiting ? 'WAITING' : 'RUNNING', ended: false };
}

function stateAfter(present: JsonValue, events: Events): { touched: boolean; value: JsonValue } {
  const start = events.findLastIndex(({ type }) => type === 'STATE_SNAPSHOT');
  const changes = events
    .slice(Math.max(start, 0))
    .filter(({ type }) => type === 'STATE_SNAPSHOT' || type === 'STATE_DELTA');
  if (changes.length === 0) return { touched: false, value: null };
  // AG-UI's state is an empty object until something is said of it. A snapshot is copied: deltas must not change its
  // event.
  const state = new PatchedDocument(
    start >= 0 ? (parseExactJson(writeJson(events[start]!.payload['snapshot'])) as JsonValue) : (present ?? {}),
  );
  for (const { type, payload } of changes)
    if (type === 'STATE_DELTA') state.patch(payload['delta'] as unknown as JsonPatch);
  return { touched: true, value: state.value };
}

/** Only what was given: a key's earlier digest must not change with the options that runs have learned since. */
const present = (options: Record<string, unknown>) =>
  Object.fromEntries(Object.entries(options).filter(([, value]) => value !== null && value !== undefined));

const json = (value: unknown): string | null => (value === null || value === undefined ? null : writeJson(value));
