/**
 * Embeds again what another model embedded: the vectors of a tenant's collection gather in a table beside it, and take the places
 * of the others in one transaction, so that nobody ever sees vectors of two models. Whoever is stopped finds what is there
 * already. Until a tenant is done, its searches by meaning are refused, and those by words answered.
 */
import { BUILT_IN_MODELS, isBuiltIn } from '#subgraphs/shared/built-in-models.ts';
import type { Embedder } from '#subgraphs/shared/ports.ts';
import type { Postgres, Transaction } from '#subgraphs/shared/postgres/postgres.ts';
import { VECTOR } from '../../bounds.ts';
import type { ModelRenewer, RenewalPlan, RenewalState, VectorModel } from '../../driver.ts';
import { aloneAt, embedAgain, wasOf, wholeModelOf } from '../model-renewer.ts';
import { system } from '../system-context.ts';
import type { Ranker } from './ranker.ts';
import * as statements from './statements.ts';

export interface PostgresModelRenewerOptions {
  readonly postgres: Postgres;
  readonly collection: string;
  readonly ranker: Ranker;
  readonly embedder: Embedder;
}

/** Before all ordinals. */
const FIRST = '-1';

type Stored = Parameters<typeof statements.writeRenewed>[2][number];

export class PostgresModelRenewer implements ModelRenewer {
  readonly #options: PostgresModelRenewerOptions;
  /** Where it is among a tenant's chunks: those before are looked at once more before vectors are exchanged. */
  #at: { readonly tenantId: string; readonly model: string; readonly after: string } | undefined;

  constructor(options: PostgresModelRenewerOptions) {
    this.#options = options;
  }

  async plan(free: boolean): Promise<RenewalPlan | undefined> {
    const { embedder } = this.#options;
    const to = await wholeModelOf(embedder);
    if (free && !isBuiltIn(to.model)) return undefined;
    const { postgres, collection } = this.#options;
    const tenants = await postgres.systemTransaction(system(), (tx) =>
      tx.query(statements.collectionsOfOthers(collection, to, free ? BUILT_IN_MODELS : undefined)),
    );
    if (tenants.length === 0) return undefined;
    const sum = (of: 'chunks' | 'renewed') => tenants.reduce((all, tenant) => all + Number(tenant[of]), 0);
    return {
      from: [...new Set(tenants.map(({ model }) => model))],
      was: wasOf(tenants, to),
      to,
      what: `what is stored of ${tenants.length} ${tenants.length === 1 ? 'tenant' : 'tenants'}`,
      done: sum('renewed'),
      total: sum('chunks'),
    };
  }

  async piece({ to, from }: RenewalPlan, stopping: () => boolean): Promise<RenewalState> {
    const { postgres, collection } = this.#options;
    return await aloneAt(postgres, async () => {
      const [tenant] = await postgres.systemTransaction(system(), (tx) =>
        tx.query(statements.collectionOfOthers(collection, to, from)),
      );
      if (tenant === undefined) return 'DONE';
      await this.#pieceOf(tenant.tenant_id, to, stopping);
      return 'MORE';
    });
  }

  async #pieceOf(tenantId: string, model: VectorModel, stopping: () => boolean): Promise<void> {
    const { postgres, collection, ranker } = this.#options;
    const context = system(tenantId);
    await ranker.prepare(model);
    const after = this.#at?.tenantId === tenantId && this.#at.model === model.model ? this.#at.after : FIRST;
    const chunks = await postgres.transaction(context, (tx) =>
      tx.query(statements.chunksToRenew(collection, model, after, VECTOR.modelRenewalTexts)),
    );
    if (chunks.length > 0) {
      const rows = await this.#embedded(tenantId, chunks, model, stopping);
      await postgres.transaction(context, (tx) => tx.query(statements.writeRenewed(collection, model, rows)));
    }
    this.#at = { tenantId, model: model.model, after: chunks.at(-1)?.ordinal ?? after };
    if (chunks.length === VECTOR.modelRenewalTexts) return;
    this.#at = undefined;
    const count = await postgres.transaction(context, (tx) => this.#exchange(tx, tenantId, model, stopping));
    ranker.written(count);
  }

  /** Puts the vectors in their places; those of chunks that were written a moment ago are made now. @returns how many */
  async #exchange(tx: Transaction, tenantId: string, model: VectorModel, stopping: () => boolean): Promise<number> {
    const { collection } = this.#options;
    await tx.query(statements.holdCollection(collection));
    for (;;) {
      const chunks = await tx.query(statements.chunksToRenew(collection, model, FIRST, VECTOR.modelRenewalTexts));
      if (chunks.length === 0) break;
      await tx.query(
        statements.writeRenewed(collection, model, await this.#embedded(tenantId, chunks, model, stopping)),
      );
    }
    const [renewed] = await tx.query(statements.changeModel(collection, model));
    if (renewed === undefined) return 0; // Another process was first.
    return (await tx.query(statements.takeRenewed(collection, renewed.revision))).length;
  }

  async #embedded(
    tenantId: string,
    chunks: readonly { chunk_id: string; title: string; text: string; content_hash: string }[],
    model: VectorModel,
    stopping: () => boolean,
  ): Promise<Stored[]> {
    const stored = chunks.map(({ title, text, content_hash: hash }) => ({ title, text, contentHash: hash }));
    const renewed = await embedAgain(system(tenantId), this.#options.embedder, stored, model, stopping);
    return chunks.map(({ chunk_id: chunkId, content_hash: ofHash }, index) => ({
      chunkId,
      ofHash,
      ...renewed[index]!,
    }));
  }
}
