/** Audit entries, written in the transaction of what they tell of. */
import { writeJson } from '#subgraphs/shared/exact-number.ts';
import { sql } from 'kysely';
import type { JsonValue } from '#subgraphs/shared/json.ts';
import type { RequestContext } from '#subgraphs/shared/context.ts';
import { randomId } from '#subgraphs/shared/ids.ts';
import type { ChangedRow, RefusedAction } from '#subgraphs/shared/ports.ts';
import type { Postgres, Transaction } from '#subgraphs/shared/postgres/postgres.ts';
import { tenantOf } from '#subgraphs/shared/tenant-id.ts';
import { statement } from './sql.ts';

export interface AuditedChange {
  /** Such as `document.upsert`. */
  action: string;
  subjectType: string;
  subjectId: string;
  /** Facts about the change. Not the values themselves: what is deleted must not live on in the log. */
  details?: JsonValue;
  /** Who acts. @default the context's caller */
  actor?: string;
  /** @default the context's */
  requestId?: string | undefined;
}

/** Writes one audit entry for each change, and the tenant's row where this is its first write, in one statement. */
export async function audit(
  tx: Transaction,
  context: RequestContext,
  changes: readonly AuditedChange[],
): Promise<void> {
  const { tenantId, subject } = context.principal;
  const rows = changes.map(
    ({ action, subjectType, subjectId, details, actor = subject, requestId = context.requestId }) => ({
      id: randomId('AuditEntry'),
      actor,
      action,
      subject_type: subjectType,
      subject_id: subjectId,
      request_id: requestId,
      details: details ?? {},
    }),
  );
  await tx.query(
    statement(sql`
      WITH tenant AS (INSERT INTO relational.tenants (name) VALUES (${tenantOf(tenantId)}) ON CONFLICT DO NOTHING)
      INSERT INTO relational.audit_entries (id, actor, action, subject_type, subject_id, request_id, details)
      SELECT id, actor, action, subject_type, subject_id, request_id, details
      FROM json_to_recordset(${writeJson(rows)}::json)
        AS entry(id text, actor text, action text, subject_type text, subject_id text, request_id text, details jsonb)`),
  );
}

/** Keeps what was changed in other stores, an entry each. */
export async function auditChanged(
  postgres: Postgres,
  context: RequestContext,
  rows: readonly ChangedRow[],
): Promise<void> {
  const changes = rows.map(({ subject, fields, ...row }) => ({
    ...row,
    actor: subject,
    details: { fields: [...fields] },
  }));
  await postgres.transaction(context, (tx) => audit(tx, context, changes));
}

/** Keeps what was refused, an entry each. */
export async function auditRefused(
  postgres: Postgres,
  context: RequestContext,
  actions: readonly RefusedAction[],
): Promise<void> {
  const changes = actions.map(({ subject, action, code, reason, address, requestId, count }) => ({
    action: 'refused',
    subjectType: 'Action',
    subjectId: action,
    actor: subject,
    requestId,
    details: {
      code,
      count,
      ...(reason === undefined ? {} : { reason }),
      ...(address === undefined ? {} : { address }),
    },
  }));
  await postgres.transaction(context, (tx) => audit(tx, context, changes));
}
