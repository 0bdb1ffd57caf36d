/**
 * Goes through the stored texts whose keywords are missing, or of an earlier version of the terms, in pieces, each in a
 * transaction of its tenant's. Whoever is stopped goes on at its next start; several processes take turns. Until it is done,
 * keyword searches of these tenants say `approximate`.
 */
import { messageWithHint } from '#subgraphs/shared/errors.ts';
import type { Postgres } from '#subgraphs/shared/postgres/postgres.ts';
import { VECTOR } from '../../bounds.ts';
import { keywordsInTurns } from './keywords.ts';
import * as statements from './statements.ts';

export class KeywordRenewal {
  /** Resolves in any case. */
  readonly done: Promise<void>;
  readonly #postgres: Postgres;
  #closing = false;

  constructor(postgres: Postgres, log: (message: string) => void) {
    this.#postgres = postgres;
    this.done = this.#run(log).catch((error: unknown) => {
      if (!this.#closing)
        log(
          `Stored texts were not all gone through for keyword search; the next start goes on. ${messageWithHint(error)}`,
        );
    });
  }

  async close(): Promise<void> {
    this.#closing = true;
    await this.done;
  }

  async #run(log: (message: string) => void): Promise<void> {
    let texts = 0;
    for (;;) {
      const collections = await this.#postgres.systemTransaction(statements.system(), (tx) =>
        tx.query(statements.collectionsWithoutKeywords(VECTOR.keywordRenewalTexts)),
      );
      if (collections.length === 0 || this.#closing) break;
      if (texts === 0) log('Keyword search takes other words from texts than before: stored ones are gone through.');
      for (const { tenant_id: tenantId, collection } of collections)
        for (let gone = -1; gone !== 0 && !this.#closing; texts += gone) gone = await this.#piece(tenantId, collection);
    }
    if (texts > 0 && !this.#closing) log(`${texts} stored texts were gone through for keyword search.`);
  }

  /** @returns how many texts were gone through */
  async #piece(tenantId: string, collection: string): Promise<number> {
    return await this.#postgres.transaction(statements.system(tenantId), async (tx) => {
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
}
