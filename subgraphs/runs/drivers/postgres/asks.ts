/** Questions in PostgreSQL that the gateway itself answers: runs under a lease from their first moment. */
import { randomBytes } from 'node:crypto';
import { createRequestContext, type RequestContext } from '#subgraphs/shared/context.ts';
import { CodedError } from '#subgraphs/shared/errors.ts';
import type { Postgres, Transaction } from '#subgraphs/shared/postgres/postgres.ts';
import { RUNS } from '../../bounds.ts';
import type { Asker, TakenQuestion } from '../../driver.ts';
import { RUN_COLUMNS, toRun, type RunRow } from './rows.ts';

/** Who looks for what waits. */
const NOBODY = 'system:ask';

const newToken = (fence: number): string => `${fence}-${randomBytes(12).toString('base64url')}`;

/**
 * Makes a question of a run that was just queued: its one claim is used up by a lease whose token nobody knows. Whoever takes it
 * gets another; where nobody does in time, it is ended as all runs are whose attempts are used up.
 * @throws CodedError `RATE_LIMITED` where too many of the tenant wait
 */
export async function awaitAnswer(tx: Transaction, runId: string, asker: Asker): Promise<RunRow> {
  const [{ waiting }] = (await tx.query<{ waiting: number }>({
    sql: `SELECT count(*)::integer AS waiting FROM runs.runs WHERE ask_waits AND tenant_id = current_setting('app.tenant_id')`,
    parameters: [],
  })) as [{ waiting: number }];
  if (waiting >= RUNS.asksWaiting)
    throw new CodedError('RATE_LIMITED', `${RUNS.asksWaiting} questions of this tenant wait to be answered already.`, {
      hint: 'Ask again later.',
    });
  const [row] = await tx.query<RunRow>({
    sql: `UPDATE runs.runs
             SET asks = true, ask_waits = true, asker = $2, max_attempts = 1, attempts = 1, fence = fence + 1, lease_token = $3,
                 claimed_by = actor, lease_expires_at = clock_timestamp() + make_interval(secs => $4)
           WHERE id = $1 RETURNING ${RUN_COLUMNS}`,
    parameters: [runId, JSON.stringify(asker), newToken(1), RUNS.askWaitsSeconds],
  });
  return row!;
}

/**
 * Takes the question that waits longest of a tenant, of any. What was kept of who asks is forgotten with it.
 * @param context the system's
 * @param except tenants of whom none is taken now
 * @returns null where none waits
 */
export async function takeQuestion(
  postgres: Postgres,
  context: RequestContext,
  leaseSeconds: number,
  except: readonly string[],
): Promise<TakenQuestion | null> {
  const waiting = await postgres.systemTransaction(context, (tx) =>
    tx.query<{ tenantId: string; runId: string }>({
      // Tenants in any order, their first ones before their second ones: whoever has asked a thousand has one chance as whoever has asked one.
      sql: `SELECT tenant_id AS "tenantId", id AS "runId"
              FROM (SELECT tenant_id, id, row_number() OVER (PARTITION BY tenant_id ORDER BY created_at, id) AS place FROM runs.runs
                     WHERE ask_waits AND status = 'QUEUED' AND lease_expires_at > clock_timestamp() AND tenant_id <> ALL ($2::text[])) waiting
             ORDER BY place, random() LIMIT $1`,
      parameters: [RUNS.asksLookedAt, except],
    }),
  );
  for (const { tenantId, runId } of waiting) {
    const taken = await postgres.transaction(asNobody(tenantId), (tx) => take(tx, tenantId, runId, leaseSeconds));
    if (taken !== null) return taken;
  }
  return null;
}

async function take(
  tx: Transaction,
  tenantId: string,
  runId: string,
  leaseSeconds: number,
): Promise<TakenQuestion | null> {
  // What another takes now is passed over, not waited for.
  const [found] = await tx.query<{ asker: Asker; fence: number; actor: string }>({
    sql: `SELECT asker, fence, actor FROM runs.runs
           WHERE id = $1 AND ask_waits AND status = 'QUEUED' AND lease_expires_at > clock_timestamp() FOR UPDATE SKIP LOCKED`,
    parameters: [runId],
  });
  if (found === undefined) return null;
  const token = newToken(found.fence + 1);
  const [row] = await tx.query<RunRow>({
    sql: `UPDATE runs.runs
             SET ask_waits = false, asker = NULL, fence = fence + 1, lease_token = $2,
                 lease_expires_at = clock_timestamp() + make_interval(secs => $3)
           WHERE id = $1 RETURNING ${RUN_COLUMNS}`,
    parameters: [runId, token, leaseSeconds],
  });
  return { run: toRun(row!), token, tenantId, asker: { ...found.asker, subject: found.actor } };
}

const asNobody = (tenantId: string): RequestContext =>
  createRequestContext({ tenantId, subject: NOBODY, roles: [], scopes: [] });
