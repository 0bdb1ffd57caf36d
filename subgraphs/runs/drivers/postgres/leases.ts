/** Workers' leases in PostgreSQL: claiming the most urgent run, and keeping it. */
import { randomBytes } from 'node:crypto';
import type { JsonValue } from '#subgraphs/shared/json.ts';
import { createRequestContext, type RequestContext } from '#subgraphs/shared/context.ts';
import { conflict } from '#subgraphs/shared/errors.ts';
import { noSuch } from '#subgraphs/shared/ids.ts';
import type { Postgres, Transaction } from '#subgraphs/shared/postgres/postgres.ts';
import { RUNS } from '../../bounds.ts';
import type { Lease, Run } from '../../driver.ts';
import type { ExhaustedStore } from '../../leases/sweep.ts';
import type { WakeUps } from '../../streams/wake-ups.ts';
import { checkLease, LOCKED_COLUMNS, writeEvents, type LockedRun } from './append.ts';
import { RUN_COLUMNS, toRun, type RunRow } from './rows.ts';

interface Candidate extends Omit<LockedRun, 'state'> {
  id: string;
  attempts: number;
  max_attempts: number;
  fence: number;
  webhook: string | null;
  dispatch_error: string | null;
  ask_waits: boolean;
}

const CANDIDATE_COLUMNS = `id, attempts, max_attempts, fence, webhook, dispatch_error, ask_waits, ${LOCKED_COLUMNS}`;

/** The most urgent run of an agent's workers, or one run of the dispatcher's. */
type Claim = ({ agentId: string } | { runId: string }) & { leaseSeconds: number };

/** Who ends runs whose attempts are used up. */
const SYSTEM_SUBJECT = 'system:leases';

export async function claimRun(
  postgres: Postgres,
  wakeUps: WakeUps,
  context: RequestContext,
  claim: Claim,
): Promise<{ run: Run; lease: Lease } | null> {
  for (let ended = 0; ended < RUNS.exhaustedPerClaim; ended += 1) {
    const step = await postgres.transaction(
      context,
      async (tx): Promise<{ claimed: { run: Run; lease: Lease } } | { exhausted: Run } | null> => {
        const candidate = await mostUrgent(tx, claim);
        if (!candidate) return null;
        if (candidate.attempts >= candidate.max_attempts)
          return { exhausted: await giveUp(tx, wakeUps, context, candidate) };
        return { claimed: await take(tx, context, candidate, claim.leaseSeconds) };
      },
    );
    if (step === null) return null;
    if ('claimed' in step) return step.claimed;
    wakeUps.committed?.({
      tenantId: context.principal.tenantId,
      runId: step.exhausted.id,
      sequence: step.exhausted.lastSequence,
    });
  }
  return null;
}

/** The first run that nobody holds, locked; what another claim has in hand is passed over, not waited for. */
async function mostUrgent(tx: Transaction, claim: Claim): Promise<Candidate | undefined> {
  const [candidate] = await tx.query<Candidate>({
    sql: `SELECT ${CANDIDATE_COLUMNS} FROM runs.runs
           WHERE ${'agentId' in claim ? 'agent_id = $1 AND webhook IS NULL AND workflow_id IS NULL' : 'id = $1 AND webhook IS NOT NULL AND (dispatch_after IS NULL OR dispatch_after <= clock_timestamp())'}
             AND (status = 'QUEUED' OR (status = 'RUNNING' AND fence > 0))
             AND (lease_expires_at IS NULL OR lease_expires_at <= clock_timestamp())
             AND (scheduled_at IS NULL OR scheduled_at <= clock_timestamp())
           ORDER BY priority DESC, COALESCE(scheduled_at, created_at), created_at, id
           LIMIT 1 FOR UPDATE SKIP LOCKED`,
    parameters: ['agentId' in claim ? claim.agentId : claim.runId],
  });
  return candidate;
}

async function take(
  tx: Transaction,
  context: RequestContext,
  candidate: Candidate,
  leaseSeconds: number,
): Promise<{ run: Run; lease: Lease }> {
  const token = `${candidate.fence + 1}-${randomBytes(12).toString('base64url')}`;
  const [row] = await tx.query<RunRow>({
    sql: `UPDATE runs.runs
             SET fence = fence + 1, attempts = attempts + 1, lease_token = $2, claimed_by = $4, dispatch_after = NULL, dispatch_error = NULL, announce_after = NULL,
                 lease_expires_at = clock_timestamp() + make_interval(secs => $3)
           WHERE id = $1 RETURNING ${RUN_COLUMNS}`,
    parameters: [candidate.id, token, leaseSeconds, context.principal.subject],
  });
  const run = toRun(row!);
  return { run, lease: { token, expiresAt: run.leaseExpiresAt! } };
}

/** Nobody holds the run, and nobody may claim it again. */
const EXHAUSTED = `attempts >= max_attempts AND fence > 0 AND status IN ('QUEUED', 'RUNNING')
  AND COALESCE(lease_expires_at, created_at) <= clock_timestamp() AND (dispatch_after IS NULL OR dispatch_after <= clock_timestamp())`;

export function postgresExhausted(postgres: Postgres, wakeUps: WakeUps): ExhaustedStore {
  const as = (tenantId: string, system = false) =>
    createRequestContext({ tenantId, subject: SYSTEM_SUBJECT, roles: [], scopes: [], ...(system ? { system } : {}) });
  return {
    async exhausted(limit) {
      return await postgres.systemTransaction(as('system', true), (tx) =>
        tx.query<{ tenantId: string; runId: string }>({
          sql: `SELECT tenant_id AS "tenantId", id AS "runId" FROM runs.runs WHERE ${EXHAUSTED} ORDER BY COALESCE(lease_expires_at, created_at) LIMIT $1`,
          parameters: [limit],
        }),
      );
    },
    async giveUp(tenantId, runId) {
      const context = as(tenantId);
      const run = await postgres.transaction(context, async (tx) => {
        const [candidate] = await tx.query<Candidate>({
          sql: `SELECT ${CANDIDATE_COLUMNS} FROM runs.runs WHERE id = $1 AND ${EXHAUSTED} FOR UPDATE SKIP LOCKED`,
          parameters: [runId],
        });
        return candidate ? await giveUp(tx, wakeUps, context, candidate) : undefined;
      });
      if (run) wakeUps.committed?.({ tenantId, runId, sequence: run.lastSequence });
      return run !== undefined;
    },
  };
}

/** Ends a run that no worker has brought to an end. */
async function giveUp(tx: Transaction, wakeUps: WakeUps, context: RequestContext, candidate: Candidate): Promise<Run> {
  const system = { ...context, principal: { ...context.principal, subject: SYSTEM_SUBJECT } };
  const payload: { [key: string]: JsonValue } =
    candidate.webhook !== null && candidate.dispatch_error !== null
      ? {
          message: `The run was dispatched ${candidate.attempts} times without success. ${candidate.dispatch_error}`,
          code: 'DISPATCH_FAILED',
        }
      : {
          message: candidate.ask_waits
            ? `No gateway took the question up within ${RUNS.askWaitsSeconds} seconds: others were asked before it. Ask again later.`
            : `The run was claimed ${candidate.attempts} times, and no worker brought it to an end.`,
          code: 'ATTEMPTS_EXHAUSTED',
        };
  const { run } = await writeEvents(
    tx,
    wakeUps,
    system,
    { ...candidate, state: null },
    { runId: candidate.id, events: [{ type: 'RUN_ERROR', payload }] },
    null,
  );
  return run;
}

export async function heartbeatRun(
  postgres: Postgres,
  context: RequestContext,
  { runId, token, leaseSeconds }: { runId: string; token: string; leaseSeconds: number },
): Promise<{ run: Run; lease: Lease }> {
  return await postgres.transaction(context, async (tx) => {
    const [locked] = await tx.query<LockedRun>({
      sql: `SELECT ${LOCKED_COLUMNS}, NULL AS state FROM runs.runs WHERE id = $1 FOR UPDATE`,
      parameters: [runId],
    });
    if (!locked) throw noSuch('Run', runId);
    if (['SUCCEEDED', 'FAILED', 'CANCELLED'].includes(locked.status)) {
      throw conflict(`The run has ended (${locked.status}).`, {
        hint: 'Stop working on it.',
        extensions: { status: locked.status, lastSequence: locked.last_sequence },
      });
    }
    checkLease(locked, token);
    const [row] = await tx.query<RunRow>({
      sql: `UPDATE runs.runs SET lease_expires_at = clock_timestamp() + make_interval(secs => $2) WHERE id = $1 RETURNING ${RUN_COLUMNS}`,
      parameters: [runId, leaseSeconds],
    });
    const run = toRun(row!);
    return { run, lease: { token, expiresAt: run.leaseExpiresAt! } };
  });
}
