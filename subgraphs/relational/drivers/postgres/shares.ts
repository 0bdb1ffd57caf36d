/** What projects of a tenant let one another read: giving, revoking, and telling what was received. */
import { sql, type RawBuilder } from 'kysely';
import type { RequestContext } from '#subgraphs/shared/context.ts';
import { conflict } from '#subgraphs/shared/errors.ts';
import { derivedId, noSuch } from '#subgraphs/shared/ids.ts';
import type { SharedDocument } from '#subgraphs/shared/ports.ts';
import type { Postgres, ReadOptions } from '#subgraphs/shared/postgres/postgres.ts';
import { projectOf } from '#subgraphs/shared/tenant-id.ts';
import type { NewShare, ShareRow } from '../../driver.ts';
import { audit } from './audit.ts';
import { rowsOf, selection, statement } from './sql.ts';

const isOfProject = ({ principal }: RequestContext): boolean => projectOf(principal.tenantId) !== undefined;

/** Whether something may have been shared with the caller: only projects receive, and what the gateway itself does is of their own. */
const mayReceive = (context: RequestContext): boolean => context.principal.system !== true && isOfProject(context);

/**
 * Adds what was shared with the caller to a statement's own rows; for callers with whom nothing can be, the statement
 * stays as it is.
 */
export const withShared = (context: RequestContext, own: RawBuilder<unknown>, shared: RawBuilder<unknown>) =>
  mayReceive(context) ? sql`${own} UNION ALL ${shared}` : own;

/** Where such a statement may run: a replica that is a second behind would still show what was revoked. */
export const readingShared = (context: RequestContext): ReadOptions => ({ replica: !mayReceive(context) });

const TABLE = { Document: 'documents', Agent: 'agents' } as const;
const COLUMN = { Document: 'document_id', Agent: 'agent_id' } as const;

/** Shares once for each project: sharing again renews. */
export async function share(
  postgres: Postgres,
  context: RequestContext,
  { kind, id: shared, toProject, expiresAt }: NewShare,
  most: number,
): Promise<ShareRow> {
  const { tenantId, subject } = context.principal;
  const id = derivedId('Share', tenantId, kind, shared, toProject ?? '');
  return await postgres.transaction(context, async (tx) => {
    // Locked, so that two who share it count one another's.
    const found = await tx.query(
      statement(sql`SELECT FROM ${sql.id('relational', TABLE[kind])} WHERE id = ${shared} FOR NO KEY UPDATE`),
    );
    if (found.length === 0) throw noSuch(kind, shared);
    const [counted] = await tx.query(
      statement(sql<{ count: string }>`
        SELECT count(*) FROM relational.shares
        WHERE tenant_id = ${tenantId} AND ${sql.id(COLUMN[kind])} = ${shared} AND id <> ${id}`),
    );
    if (Number(counted!.count) >= most)
      throw conflict(`One ${kind.toLowerCase()} is shared at most ${most} times.`, {
        hint: 'Revoke shares that nobody needs, or share it with every project.',
      });
    const [row] = await tx.query(
      rowsOf(
        'Share',
        sql`
          INSERT INTO relational.shares (id, ${sql.id(COLUMN[kind])}, to_project, created_by, expires_at)
          VALUES (${id}, ${shared}, ${toProject}, ${subject}, ${expiresAt})
          ON CONFLICT (tenant_id, id) DO UPDATE SET created_by = excluded.created_by, created_at = now(), expires_at = excluded.expires_at
          RETURNING ${selection('Share')}`,
      ),
    );
    await audit(tx, context, [
      {
        action: `${kind.toLowerCase()}.share`,
        subjectType: kind,
        subjectId: shared,
        details: { share: id, toProject, expiresAt: expiresAt?.toISOString() ?? null },
      },
    ]);
    return row!;
  });
}

export async function revokeShare(postgres: Postgres, context: RequestContext, id: string): Promise<ShareRow> {
  return await postgres.transaction(context, async (tx) => {
    const [row] = await tx.query(
      rowsOf('Share', sql`DELETE FROM relational.shares WHERE id = ${id} RETURNING ${selection('Share')}`),
    );
    if (row === undefined) throw noSuch('Share', id);
    const [kind, shared] =
      row.documentId === null ? (['Agent', row.agentId!] as const) : (['Document', row.documentId] as const);
    await audit(tx, context, [
      {
        action: `${kind.toLowerCase()}.unshare`,
        subjectType: kind,
        subjectId: shared,
        details: { share: id, toProject: row.toProject },
      },
    ]);
    return row;
  });
}

/** The shares of documents or agents that the caller gave or received. */
export const sharesOf = async (
  postgres: Postgres,
  context: RequestContext,
  kind: NewShare['kind'],
  ids: readonly string[],
): Promise<ShareRow[]> =>
  await postgres.read(
    context,
    rowsOf(
      'Share',
      sql`SELECT ${selection('Share')} FROM relational.shares WHERE ${sql.id(COLUMN[kind])} = ANY(${ids}::text[]) ORDER BY created_at, id`,
    ),
  );

/** The documents that were shared with the caller, those that were last shared first. */
export const sharedDocuments = async (
  postgres: Postgres,
  context: RequestContext,
  limit: number,
): Promise<SharedDocument[]> =>
  isOfProject(context)
    ? await postgres.read(
        context,
        statement(sql<SharedDocument>`
          SELECT document_id AS "documentId", tenant_id AS "tenantId" FROM relational.shares
          WHERE document_id IS NOT NULL AND tenant_id <> ${context.principal.tenantId} ORDER BY created_at DESC, id LIMIT ${limit}`),
      )
    : [];

/** Whose the objects are that documents shared with the caller keep under keys. */
export const sharedObjects = async (
  postgres: Postgres,
  context: RequestContext,
  keys: readonly string[],
): Promise<{ key: string; tenantId: string }[]> =>
  isOfProject(context)
    ? await postgres.read(
        context,
        statement(sql<{ key: string; tenantId: string }>`
          SELECT object_key AS key, tenant_id AS "tenantId" FROM relational.shared_objects(${keys}::text[])`),
      )
    : [];
