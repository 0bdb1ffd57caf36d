/** API keys: made and revoked by their tenants, one after the other in each; looked up by the system. */
import { sql } from 'kysely';
import type { RequestContext } from '#subgraphs/shared/context.ts';
import { conflict, forbidden, notFound } from '#subgraphs/shared/errors.ts';
import { writeJson } from '#subgraphs/shared/exact-number.ts';
import { isIdOf, randomId } from '#subgraphs/shared/ids.ts';
import type { Postgres, Transaction } from '#subgraphs/shared/postgres/postgres.ts';
import { RELATIONAL } from '../../bounds.ts';
import type { ApiKeyRow, KeptApiKey, NewApiKey } from '../../driver.ts';
import { audit } from './audit.ts';
import { rowsOf, selection, statement } from './sql.ts';

/**
 * Makers and revokers of one tenant take turns: a key must not be made by one that is being revoked, and neither count may
 * be of a moment ago.
 */
async function takeTurn(context: RequestContext, tx: Transaction): Promise<void> {
  const lock = `tributary:api-keys:${context.principal.tenantId}`;
  await tx.query(statement(sql`SELECT pg_advisory_xact_lock(hashtextextended(${lock}, 0))`));
}

/** When the caller's own key ends; undefined where the caller is no key. */
async function endOfMaker(tx: Transaction, subject: string): Promise<Date | undefined> {
  if (!isIdOf('ApiKey', subject)) return undefined;
  const [maker] = await tx.query(
    statement(sql<Pick<ApiKeyRow, 'expiresAt' | 'revokedAt'>>`
      SELECT expires_at AS "expiresAt", revoked_at AS "revokedAt" FROM relational.api_keys WHERE id = ${subject}`),
  );
  if (maker === undefined || maker.revokedAt !== null) throw forbidden('The key that asks is revoked.');
  return maker.expiresAt;
}

export async function createApiKey(
  postgres: Postgres,
  context: RequestContext,
  { name, prefix, hash, scopes, expiresAt: wanted, mayEndEarlier }: NewApiKey,
  most: number,
): Promise<ApiKeyRow> {
  const id = randomId('ApiKey');
  const { subject } = context.principal;
  return await postgres.transaction(context, async (tx) => {
    await takeTurn(context, tx);
    const end = await endOfMaker(tx, subject);
    const outlives = end !== undefined && wanted > end;
    if (outlives && !mayEndEarlier)
      throw forbidden('A key cannot make one that outlives it.', {
        hint: `\`expiresAt\` must be ${end.toISOString()} or before.`,
      });
    const expiresAt = outlives ? end : wanted;
    const [counted] = await tx.query(
      statement(sql<{ count: string }>`
        SELECT count(*) FROM relational.api_keys WHERE revoked_at IS NULL AND expires_at > now()`),
    );
    if (Number(counted!.count) >= most)
      throw conflict(`A tenant has at most ${most} API keys in use.`, {
        hint: 'Revoke those that nobody uses (`lastUsedAt`), or raise MAX_API_KEYS.',
      });
    const [row] = await tx.query(
      rowsOf(
        'ApiKey',
        sql`
          INSERT INTO relational.api_keys (id, name, prefix, hash, scopes, created_by, expires_at)
          VALUES (${id}, ${name}, ${prefix}, ${hash}, ${writeJson(scopes)}::jsonb, ${subject}, ${expiresAt})
          RETURNING ${selection('ApiKey')}`,
      ),
    );
    const details = { name, prefix, scopes: [...scopes], expiresAt: expiresAt.toISOString() };
    await audit(tx, context, [{ action: 'key.create', subjectType: 'ApiKey', subjectId: id, details }]);
    return row!;
  });
}

export async function revokeApiKey(
  postgres: Postgres,
  context: RequestContext,
  id: string,
): Promise<{ key: ApiKeyRow; ids: string[] }> {
  return await postgres.transaction(context, async (tx) => {
    await takeTurn(context, tx);
    const revoked = await tx.query(
      statement(sql<{ id: string }>`
        WITH RECURSIVE made AS (
          SELECT id FROM relational.api_keys WHERE id = ${id}
          UNION SELECT key.id FROM relational.api_keys AS key JOIN made ON key.created_by = made.id
        )
        UPDATE relational.api_keys SET revoked_at = now() WHERE id IN (SELECT id FROM made) AND revoked_at IS NULL
        RETURNING id`),
    );
    const ids = revoked.map((key) => key.id).sort();
    if (ids.length > 0)
      await audit(
        tx,
        context,
        ids.map((subjectId) => ({ action: 'key.revoke', subjectType: 'ApiKey', subjectId })),
      );
    const [key] = await tx.query(
      rowsOf('ApiKey', sql`SELECT ${selection('ApiKey')} FROM relational.api_keys WHERE id = ${id}`),
    );
    if (key === undefined) throw notFound('API key', id);
    return { key, ids };
  });
}

export const apiKeysOf = async (
  postgres: Postgres,
  context: RequestContext,
  prefixes: readonly string[],
): Promise<KeptApiKey[]> =>
  await postgres.systemTransaction(
    context,
    async (tx) =>
      await tx.query(
        statement(sql<KeptApiKey>`
          SELECT tenant_id AS "tenantId", id, prefix, hash, scopes, expires_at AS "expiresAt", revoked_at AS "revokedAt",
            last_used_at AS "lastUsedAt"
          FROM relational.api_keys WHERE prefix = ANY(${prefixes}::text[])`),
      ),
  );

export async function useApiKeys(postgres: Postgres, context: RequestContext, ids: readonly string[]): Promise<void> {
  await postgres.systemTransaction(
    context,
    async (tx) =>
      // In one order, so that two processes cannot wait for one another, and once, whoever comes first.
      await tx.query(
        statement(sql`
          WITH used AS (
            SELECT tenant_id, id FROM relational.api_keys WHERE id = ANY(${ids}::text[])
              AND (last_used_at IS NULL OR last_used_at < now() - make_interval(secs => ${RELATIONAL.keyUseSeconds}))
            ORDER BY tenant_id, id FOR NO KEY UPDATE SKIP LOCKED
          )
          UPDATE relational.api_keys AS key SET last_used_at = now() FROM used
          WHERE key.tenant_id = used.tenant_id AND key.id = used.id`),
      ),
  );
}
