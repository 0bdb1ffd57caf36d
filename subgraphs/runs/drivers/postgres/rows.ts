/** The tables as PostgreSQL answers them, and what the driver makes of a row. */
import type { JsonValue } from '#subgraphs/shared/json.ts';
import type { Run, RunEvent, RunFailure, RunStatus } from '../../driver.ts';
import type { RunEventType } from '../../events/event-types.ts';

export interface RunRow {
  id: string;
  agent_id: string | null;
  thread_id: string;
  status: RunStatus;
  input: JsonValue;
  output: JsonValue;
  error: RunFailure | null;
  state: JsonValue;
  last_sequence: number;
  first_available: number;
  actor: string;
  priority: number;
  scheduled_at: Date | null;
  attempts: number;
  max_attempts: number;
  lease_expires_at: Date | null;
  claimed_by: string | null;
  archive_key: string | null;
  webhook: string | null;
  workflow_id: string | null;
  dispatch_error: string | null;
  created_at: Date;
  started_at: Date | null;
  finished_at: Date | null;
  asks: boolean;
}

export interface EventRow {
  run_id: string;
  sequence: number;
  type: RunEventType;
  payload: { [key: string]: JsonValue };
  actor: string;
  created_at: Date;
  bytes: number;
}

/** For Kysely. */
export interface Tables {
  runs: RunRow;
}

export const RUN_COLUMNS =
  'id, agent_id, thread_id, status, input, output, error, state, last_sequence, first_available, actor, priority, scheduled_at, ' +
  'attempts, max_attempts, lease_expires_at, claimed_by, archive_key, webhook, workflow_id, dispatch_error, created_at, started_at, finished_at, asks';
export const EVENT_COLUMNS = 'run_id, sequence, type, payload, actor, created_at, octet_length(payload::text) AS bytes';

export const toRun = (row: RunRow): Run => ({
  id: row.id,
  agentId: row.agent_id,
  threadId: row.thread_id,
  status: row.status,
  input: row.input,
  output: row.output,
  error: row.error,
  state: row.state,
  lastSequence: row.last_sequence,
  firstAvailable: row.first_available,
  actor: row.actor,
  priority: row.priority,
  scheduledAt: row.scheduled_at,
  attempts: row.attempts,
  maxAttempts: row.max_attempts,
  leaseExpiresAt: row.lease_expires_at,
  claimedBy: row.claimed_by,
  archiveKey: row.archive_key,
  webhook: row.webhook,
  workflowId: row.workflow_id,
  dispatchError: row.dispatch_error,
  createdAt: row.created_at,
  startedAt: row.started_at,
  finishedAt: row.finished_at,
  asks: row.asks,
});

export const toEvent = (row: EventRow): RunEvent => ({
  runId: row.run_id,
  sequence: row.sequence,
  type: row.type,
  payload: row.payload,
  actor: row.actor,
  createdAt: row.created_at,
  bytes: row.bytes,
});
