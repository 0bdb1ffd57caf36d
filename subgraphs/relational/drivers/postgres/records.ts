/** Memory, artifacts and usage. */
import { sql } from 'kysely';
import type { RequestContext } from '#subgraphs/shared/context.ts';
import { badUserInput, conflict } from '#subgraphs/shared/errors.ts';
import { derivedId, memoryFactId, noSuch, randomId } from '#subgraphs/shared/ids.ts';
import type { Postgres, Transaction } from '#subgraphs/shared/postgres/postgres.ts';
import type { ArtifactRow, IndexedStore, MemoryFactRow, RelationalDriver, UsageRecordRow } from '../../driver.ts';
import { audit } from './audit.ts';
import { bumpOutbox } from './documents.ts';
import { rowsOf, selection, statement } from './sql.ts';

/** What follows remembered facts. */
const FACT_STORES: readonly IndexedStore[] = ['VECTOR'];

export async function rememberFact(
  postgres: Postgres,
  context: RequestContext,
  { agentId, key, value, source, ...more }: Parameters<RelationalDriver['rememberFact']>[1],
): Promise<MemoryFactRow> {
  const { userId = null, runId = null, validFrom = null, validUntil = null, supersedesId = null } = more;
  const id = memoryFactId(context.principal.tenantId, agentId, key, userId);
  return await postgres.transaction(context, async (tx) => {
    if (agentId !== null) {
      // Locked, so that the agent cannot go before the fact that refers to it is there.
      const found = await tx.query(statement(sql`SELECT FROM relational.agents WHERE id = ${agentId} FOR KEY SHARE`));
      if (found.length === 0) throw noSuch('Agent', agentId);
    }
    const locked = await lockFacts(tx, supersedesId === null ? [id] : [id, supersedesId]);
    await checkNotSuperseded(tx, id, null);
    if (supersedesId !== null) await supersede(tx, { id, userId }, supersedesId, locked, validFrom);
    const [row] = await tx.query(
      rowsOf(
        'MemoryFact',
        sql`
          INSERT INTO relational.memory_facts (id, agent_id, user_id, key, value, source, run_id, valid_from, valid_until, supersedes_id)
          VALUES (${id}, ${agentId}, ${userId}, ${key}, ${value}, ${source}, ${runId}, ${validFrom}, ${validUntil}, ${supersedesId})
          ON CONFLICT (tenant_id, id) DO UPDATE
          SET value = excluded.value, source = excluded.source, run_id = excluded.run_id, valid_from = excluded.valid_from,
              valid_until = excluded.valid_until, supersedes_id = COALESCE(excluded.supersedes_id, memory_facts.supersedes_id), updated_at = now()
          RETURNING ${selection('MemoryFact')}`,
      ),
    );
    await tx.query(statement(bumpOutbox('UPSERT', [{ id, objectKey: null }], FACT_STORES)));
    await audit(tx, context, [
      {
        action: 'memory.remember',
        subjectType: 'MemoryFact',
        subjectId: id,
        details: { ...audited({ userId, key }), ...(supersedesId === null ? {} : { supersedes: supersedesId }) },
      },
    ]);
    return row!;
  });
}

type LockedFact = Pick<MemoryFactRow, 'id' | 'userId'>;

/** Of those that are there; in the order of their ids, so that two that take each other's place do not wait for ever. */
async function lockFacts(tx: Transaction, ids: readonly string[]): Promise<readonly LockedFact[]> {
  return await tx.query(
    statement(sql<LockedFact>`
      SELECT id, user_id AS "userId" FROM relational.memory_facts WHERE id = ANY(${ids}::text[]) ORDER BY id FOR UPDATE`),
  );
}

/**
 * What another fact has taken the place of is kept as it was: told anew it would hold beside the other, and could take that one's place in turn; and
 * with two in its place both would hold.
 * @param by the fact that takes its place, if any does now
 * @throws CodedError `CONFLICT`
 */
async function checkNotSuperseded(tx: Transaction, id: string, by: string | null): Promise<void> {
  const [later] = await tx.query(
    statement(sql<Pick<MemoryFactRow, 'id' | 'key'> & { before: string }>`
      SELECT f.id, f.key, b.key AS before FROM relational.memory_facts f JOIN relational.memory_facts b ON b.id = f.supersedes_id
      WHERE f.supersedes_id = ${id} AND f.id IS DISTINCT FROM ${by} ORDER BY f.created_at, f.id LIMIT 1`),
  );
  if (later === undefined) return;
  throw conflict(
    `The fact ${JSON.stringify(later.before)} is kept as it was: ${JSON.stringify(later.key)} has taken its place.`,
    {
      hint: `Remember it under the key ${JSON.stringify(later.key)}, or under a new one that \`supersedes\` ${later.id}; or forget one of both first.`,
      extensions: { supersededBy: later.id },
    },
  );
}

/** Ends a fact whose place another takes. @param locked those of both that are there */
async function supersede(
  tx: Transaction,
  by: LockedFact,
  id: string,
  locked: readonly LockedFact[],
  from: Date | null,
): Promise<void> {
  const before = locked.find((fact) => fact.id === id);
  if (before === undefined) throw noSuch('MemoryFact', id);
  // Of what ends, those must see the end who saw it; and of what is a user's, nobody else is told.
  if (before.userId !== by.userId)
    throw badUserInput(
      "A fact takes the place of one of the same user's, and one of everybody's of one of everybody's.",
      {
        hint: 'Say `userId` or `own` as of the fact that it supersedes, or leave `supersedes` out.',
      },
    );
  await checkNotSuperseded(tx, id, by.id);
  await tx.query(
    statement(sql`
      UPDATE relational.memory_facts SET valid_until = LEAST(valid_until, COALESCE(${from}::timestamptz, now())), updated_at = now()
      WHERE id = ${id}`),
  );
}

export async function forgetFact(postgres: Postgres, context: RequestContext, id: string): Promise<MemoryFactRow> {
  return await postgres.transaction(context, async (tx) => {
    const [row] = await tx.query(
      rowsOf(
        'MemoryFact',
        sql`DELETE FROM relational.memory_facts WHERE id = ${id} RETURNING ${selection('MemoryFact')}`,
      ),
    );
    if (row === undefined) throw noSuch('MemoryFact', id);
    await tx.query(statement(bumpOutbox('DELETE', [{ id, objectKey: null }], FACT_STORES)));
    await audit(tx, context, [
      { action: 'memory.forget', subjectType: 'MemoryFact', subjectId: id, details: audited(row) },
    ]);
    return row;
  });
}

/** Whoever reads the audit log learns whose a user's fact was, and not what of. */
const audited = ({ userId, key }: Pick<MemoryFactRow, 'userId' | 'key'>): { [name: string]: string } =>
  userId === null ? { key } : { userId };

export async function createArtifact(
  postgres: Postgres,
  context: RequestContext,
  { runId, path, mediaType, fileKey }: Pick<ArtifactRow, 'runId' | 'path' | 'mediaType' | 'fileKey'>,
): Promise<ArtifactRow> {
  const id = derivedId('Artifact', context.principal.tenantId, runId, path);
  return await postgres.transaction(context, async (tx) => {
    const [row] = await tx.query(
      rowsOf(
        'Artifact',
        sql`
          INSERT INTO relational.artifacts (id, run_id, path, content_type, file_key) VALUES (${id}, ${runId}, ${path}, ${mediaType}, ${fileKey})
          ON CONFLICT (tenant_id, id) DO NOTHING
          RETURNING ${selection('Artifact')}`,
      ),
    );
    if (row !== undefined) {
      await audit(tx, context, [
        { action: 'artifact.create', subjectType: 'Artifact', subjectId: id, details: { runId, path } },
      ]);
      return row;
    }
    const [existing] = await tx.query(
      rowsOf('Artifact', sql`SELECT ${selection('Artifact')} FROM relational.artifacts WHERE id = ${id}`),
    );
    if (existing?.mediaType === mediaType && existing.fileKey === fileKey) return existing;
    throw conflict(`The run has another artifact at ${JSON.stringify(path)}.`, { hint: 'Choose another path.' });
  });
}

export async function recordUsage(
  postgres: Postgres,
  context: RequestContext,
  usage: Omit<UsageRecordRow, 'id' | 'subject' | 'requestId' | 'createdAt'>,
  options: { audit: boolean },
): Promise<UsageRecordRow> {
  const id = randomId('UsageRecord');
  return await postgres.transaction(context, async (tx) => {
    const [row] = await tx.query(
      rowsOf(
        'UsageRecord',
        sql`
          INSERT INTO relational.usage_records
            (id, operation, provider, model, input_tokens, output_tokens, estimated, subject, request_id)
          VALUES (${id}, ${usage.operation}, ${usage.provider}, ${usage.model}, ${usage.inputTokens}, ${usage.outputTokens},
                  ${usage.estimated}, ${context.principal.subject}, ${context.requestId})
          RETURNING ${selection('UsageRecord')}`,
      ),
    );
    if (options.audit) {
      await audit(tx, context, [
        {
          action: 'usage.record',
          subjectType: 'UsageRecord',
          subjectId: id,
          details: { operation: usage.operation, model: usage.model },
        },
      ]);
    }
    return row!;
  });
}
