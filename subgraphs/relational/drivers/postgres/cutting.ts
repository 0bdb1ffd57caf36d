/** Documents that were cut otherwise than they would be today: which, what is needed to cut them again, and doing it. */
import { sql } from 'kysely';
import { writeJson } from '#subgraphs/shared/exact-number.ts';
import type { RequestContext } from '#subgraphs/shared/context.ts';
import type { Postgres } from '#subgraphs/shared/postgres/postgres.ts';
import type { CutDocument, CutOtherwise, CutOtherwisePage, Recut } from '../../driver.ts';
import { audit } from './audit.ts';
import { bumpOutbox, chunkWrites } from './documents.ts';
import { statement } from './sql.ts';

/** By how they were cut, tenant and id: two ranges of one index, so that those cut as today are not looked at. */
export async function cutOtherwise(
  postgres: Postgres,
  context: RequestContext,
  { cutting, tenantId, after, limit }: CutOtherwisePage,
): Promise<CutOtherwise[]> {
  const [afterCutting, afterTenant, afterId] = after ?? ['', '', ''];
  const range = (side: '<' | '>') => sql`(
    SELECT cutting, tenant_id COLLATE "C" AS "tenantId", id FROM relational.documents
    WHERE cutting ${sql.raw(side)} ${cutting} AND (cutting, tenant_id COLLATE "C", id) > (${afterCutting}, ${afterTenant}, ${afterId})
      ${tenantId === undefined ? sql`` : sql`AND tenant_id = ${tenantId}`}
    ORDER BY cutting, tenant_id COLLATE "C", id LIMIT ${limit})`;
  return await postgres.systemTransaction(
    context,
    async (tx) =>
      await tx.query(
        statement(sql<CutOtherwise>`${range('<')} UNION ALL ${range('>')} ORDER BY 1, 2, 3 LIMIT ${limit}`),
      ),
  );
}

export const documentsToCut = async (
  postgres: Postgres,
  context: RequestContext,
  ids: readonly string[],
): Promise<CutDocument[]> =>
  await postgres.read(
    context,
    statement(sql<CutDocument>`
      SELECT document.id, document.digest AS was, document.title, document.source, document.collection, document.media_type AS "mediaType", document.metadata,
             content.text, content.entities, content.relations
      FROM relational.documents AS document JOIN relational.document_contents AS content ON content.document_id = document.id
      WHERE document.id = ANY(${ids}::text[]) ORDER BY document.id`),
  );

/**
 * Writes the chunks of documents that are still what they were when they were read, in one transaction. Whoever wrote
 * one meanwhile has cut it as well.
 */
export async function recut(
  postgres: Postgres,
  context: RequestContext,
  documents: readonly Recut[],
): Promise<{ id: string; changed: boolean }[]> {
  if (documents.length === 0) return [];
  const rows = documents.map(({ was, document: { id, digest, cutting } }) => ({ id, was, digest, cutting }));
  const given = sql`json_to_recordset(${writeJson(rows)}::json) AS given(id text, was text, digest text, cutting text)`;
  return await postgres.transaction(context, async (tx) => {
    // In the order of ids, as every writer of several documents locks them.
    const same = await tx.query(
      statement(sql<{ id: string }>`
        SELECT document.id FROM relational.documents AS document JOIN ${given} ON given.id = document.id AND given.was = document.digest
        ORDER BY document.id FOR UPDATE OF document`),
    );
    const ids = same.map(({ id }) => id);
    if (ids.length === 0) return [];
    const before = await tx.query(
      statement(sql<{ id: string; chunks: string[] }>`
        SELECT document_id AS id, array_agg(id ORDER BY index) AS chunks FROM relational.chunks
        WHERE document_id = ANY(${ids}::text[]) GROUP BY document_id`),
    );
    await tx.query(
      statement(sql`
        UPDATE relational.documents AS document SET cutting = given.cutting, digest = given.digest
        FROM ${given} WHERE document.id = given.id AND document.id = ANY(${ids}::text[])`),
    );
    const chunksBefore = new Map(before.map(({ id, chunks }) => [id, chunks.join()]));
    const changed = documents
      .map(({ document }) => document)
      .filter(
        ({ id, chunks }) => ids.includes(id) && chunks.map((chunk) => chunk.id).join() !== (chunksBefore.get(id) ?? ''),
      );
    if (changed.length > 0) {
      await tx.query(statement(sql`WITH ${chunkWrites(changed)} ${bumpOutbox('UPSERT', changed, ['VECTOR'])}`));
      await audit(
        tx,
        context,
        changed.map(({ id, source, contentHash, chunks }) => ({
          action: 'document.recut',
          subjectType: 'Document',
          subjectId: id,
          details: { source, contentHash, chunks: chunks.length },
        })),
      );
    }
    return ids.map((id) => ({ id, changed: changed.some((document) => document.id === id) }));
  });
}
