/** API keys: made, rotated and revoked by their tenants, one after the other in each; looked up by the system. */
import { sql } from 'kysely';
import type { RequestContext } from '#subgraphs/shared/context.ts';
import { conflict, forbidden } from '#subgraphs/shared/errors.ts';
import { writeJson } from '#subgraphs/shared/exact-number.ts';
import { isIdOf, noSuch, randomId } from '#subgraphs/shared/ids.ts';
import type { Postgres, Transaction } from '#subgraphs/shared/postgres/postgres.ts';
import { RELATIONAL } from '../../bounds.ts';
import type { ApiKeyRow, KeptApiKey, NewApiKey, NewSecret, ReplacedSecretRow } from '../../driver.ts';
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
        hint: 'Revoke those that nobody uses (`lastUsedAt`); whoever runs the server may raise MAX_API_KEYS.',
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
    if (key === undefined) throw noSuch('ApiKey', id);
    return { key, ids };
  });
}

export async function rotateApiKey(
  postgres: Postgres,
  context: RequestContext,
  id: string,
  { prefix, hash, overlapSeconds }: NewSecret,
): Promise<ApiKeyRow> {
  const { subject, scopes } = context.principal;
  return await postgres.transaction(context, async (tx) => {
    await takeTurn(context, tx);
    const [key] = await tx.query(
      rowsOf('ApiKey', sql`SELECT ${selection('ApiKey')} FROM relational.api_keys WHERE id = ${id}`),
    );
    if (key === undefined) throw noSuch('ApiKey', id);
    const end = await endOfMaker(tx, subject);
    // Whoever gets the secret has what the key has, and must lose it with his own.
    const beyond = key.scopes.filter((scope) => !scopes.includes(scope));
    if (beyond.length > 0)
      throw forbidden("A key's secret is given to nobody who has less than the key.", {
        hint: `The caller does not have ${beyond.join(', ')}.`,
      });
    if (end !== undefined && !(await isMadeBy(tx, id, subject)))
      throw forbidden('A key rotates itself, and those that were made with it.', {
        hint: 'Rotate it with its maker, with a token of somebody who may, or by `npm run keys`.',
      });
    if (key.revokedAt !== null || key.expiresAt.getTime() <= Date.now())
      throw conflict(`The key ${key.revokedAt === null ? 'has expired' : 'is revoked'}.`, {
        hint: 'Make another (`createApiKey`).',
      });
    const [counted] = await tx.query(
      statement(sql<{ count: string }>`
        SELECT count(*) FROM relational.api_key_secrets WHERE key_id = ${id} AND expires_at > now()`),
    );
    if (overlapSeconds > 0 && Number(counted!.count) >= RELATIONAL.keySecrets)
      throw conflict(`${RELATIONAL.keySecrets} secrets before the key's present one hold already.`, {
        hint: 'Wait until one has ended (`previousSecrets`), or end them all: `overlapSeconds: 0`.',
      });
    const [row] = await tx.query(
      rowsOf(
        'ApiKey',
        sql`
          UPDATE relational.api_keys SET prefix = ${prefix}, hash = ${hash} WHERE id = ${id}
          RETURNING ${selection('ApiKey')}`,
      ),
    );
    const previous = await tx.query(
      statement(sql<Pick<ReplacedSecretRow, 'prefix' | 'expiresAt'>>`
        UPDATE relational.api_key_secrets
        SET expires_at = least(expires_at, now() + make_interval(secs => ${overlapSeconds}))
        WHERE key_id = ${id} AND expires_at > now() RETURNING prefix, expires_at AS "expiresAt"`),
    );
    await tx.query(
      statement(sql`
        DELETE FROM relational.api_key_secrets WHERE key_id = ${id} AND prefix NOT IN (
          SELECT prefix FROM relational.api_key_secrets WHERE key_id = ${id}
          ORDER BY expires_at > now() DESC, replaced_at DESC LIMIT ${RELATIONAL.keySecrets})`),
    );
    const before = {
      prefix: key.prefix,
      until: previous.find((one) => one.prefix === key.prefix)!.expiresAt.toISOString(),
    };
    const details = { prefix, previous: before };
    await audit(tx, context, [{ action: 'key.rotate', subjectType: 'ApiKey', subjectId: id, details }]);
    return row!;
  });
}

/** Whether a key is another, or was made with it, or with one that was. */
async function isMadeBy(tx: Transaction, id: string, maker: string): Promise<boolean> {
  const makers = await tx.query(
    statement(sql<{ id: string }>`
      WITH RECURSIVE maker AS (
        SELECT id, created_by FROM relational.api_keys WHERE id = ${id}
        UNION SELECT key.id, key.created_by FROM relational.api_keys AS key JOIN maker ON key.id = maker.created_by
      )
      SELECT id FROM maker WHERE id = ${maker}`),
  );
  return makers.length > 0;
}

export const replacedSecrets = async (
  postgres: Postgres,
  context: RequestContext,
  ids: readonly string[],
): Promise<ReplacedSecretRow[]> =>
  await postgres.read(
    context,
    statement(sql<ReplacedSecretRow>`
      SELECT key_id AS "keyId", prefix, replaced_at AS "replacedAt", expires_at AS "expiresAt", last_used_at AS "lastUsedAt"
      FROM relational.api_key_secrets WHERE key_id = ANY(${ids}::text[]) ORDER BY replaced_at DESC, prefix`),
  );

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
            last_used_at AS "lastUsedAt", false AS replaced
          FROM relational.api_keys WHERE prefix = ANY(${prefixes}::text[])
          UNION ALL
          SELECT key.tenant_id, key.id, secret.prefix, secret.hash, key.scopes, least(secret.expires_at, key.expires_at),
            key.revoked_at, secret.last_used_at, true
          FROM relational.api_key_secrets AS secret
          JOIN relational.api_keys AS key ON key.tenant_id = secret.tenant_id AND key.id = secret.key_id
          WHERE secret.prefix = ANY(${prefixes}::text[])`),
      ),
  );

export async function useApiKeys(
  postgres: Postgres,
  context: RequestContext,
  prefixes: readonly string[],
): Promise<void> {
  await postgres.systemTransaction(context, async (tx) => {
    for (const table of ['api_keys', 'api_key_secrets'])
      // In one order, so that two processes cannot wait for one another, and once, whoever comes first.
      await tx.query(
        statement(sql`
            WITH used AS (
              SELECT prefix FROM ${sql.id('relational', table)} WHERE prefix = ANY(${prefixes}::text[])
                AND (last_used_at IS NULL OR last_used_at < now() - make_interval(secs => ${RELATIONAL.keyUseSeconds}))
              ORDER BY prefix FOR NO KEY UPDATE SKIP LOCKED
            )
            UPDATE ${sql.id('relational', table)} AS secret SET last_used_at = now() FROM used
            WHERE secret.prefix = used.prefix`),
      );
  });
}
