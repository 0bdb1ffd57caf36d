/**
 * Goes through the stored texts whose keywords are missing, or of an earlier version of the terms, in pieces, each in a
 * transaction of its tenant's. Whoever is stopped goes on at its next start; several processes take turns. Until it is done,
 * keyword searches of these tenants say `approximate`.
 */
import type { Postgres } from '#subgraphs/shared/postgres/postgres.ts';
import { VECTOR } from '../../bounds.ts';
import { keywordsInTurns } from './keywords.ts';
import { Renewal } from '../renewal.ts';
import { system } from '../system-context.ts';
import * as statements from './statements.ts';

/** @param log told what an operator should know */
export const renewKeywords = (postgres: Postgres, log: (message: string) => void): Renewal =>
  new Renewal({
    run: (stopping) => run(postgres, log, stopping),
    failed: 'Stored texts were not all gone through for keyword search',
    log,
  });

async function run(postgres: Postgres, log: (message: string) => void, stopping: () => boolean): Promise<void> {
  let texts = 0;
  for (;;) {
    const collections = await postgres.systemTransaction(system(), (tx) =>
      tx.query(statements.collectionsWithoutKeywords(VECTOR.keywordRenewalTexts)),
    );
    if (collections.length === 0 || stopping()) break;
    if (texts === 0) log('Keyword search takes other words from texts than before: stored ones are gone through.');
    for (const { tenant_id: tenantId, collection } of collections)
      for (let gone = -1; gone !== 0 && !stopping(); texts += gone) gone = await piece(postgres, tenantId, collection);
  }
  if (texts > 0 && !stopping()) log(`${texts} stored texts were gone through for keyword search.`);
}

/** @returns how many texts were gone through */
async function piece(postgres: Postgres, tenantId: string, collection: string): Promise<number> {
  return await postgres.transaction(system(tenantId), async (tx) => {
    await tx.query(statements.holdCollection(collection));
    const chunks = await tx.query(statements.chunksWithoutKeywords(collection, VECTOR.keywordRenewalTexts));
    if (chunks.length > 0) {
      const keywords = await keywordsInTurns(tenantId, chunks);
      const chunkIds = chunks.map((chunk) => chunk.chunk_id);
      await tx.query(statements.writeKeywords(tenantId, collection, chunkIds, keywords));
    }
    return chunks.length;
  });
}
