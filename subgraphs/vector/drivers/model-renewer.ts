/** What embedding again has in common, whichever store keeps what another model embedded. */
import type { Embedder } from '#subgraphs/shared/ports.ts';
import type { Postgres } from '#subgraphs/shared/postgres/postgres.ts';
import { createRequestContext, type RequestContext } from '#subgraphs/shared/context.ts';
import type { RenewalState, VectorModel } from '../driver.ts';
import { modelOf } from '../indexing/embedding-model.ts';

/** Of whoever is at it, among all processes of a database. */
const RENEWAL_LOCK = 7_283_914_003;

/** The gateway's own work, for a tenant or for none. */
export const system = (tenantId = 'system'): RequestContext =>
  createRequestContext({ tenantId, subject: 'system:vector', roles: [], scopes: [], system: true });

/** Works where no other process does. */
export async function aloneAt(postgres: Postgres, work: () => Promise<RenewalState>): Promise<RenewalState> {
  return await postgres.systemTransaction(system(), async (tx) => {
    const [row] = await tx.query<{ held: boolean }>({
      sql: 'SELECT pg_try_advisory_xact_lock($1) AS held',
      parameters: [RENEWAL_LOCK],
    });
    return row?.held === true ? await work() : 'ELSEWHERE';
  });
}

/** The embedder's model with its dimensions, which are known once it has made a vector. */
export async function wholeModelOf(embedder: Embedder): Promise<VectorModel> {
  const context = system();
  const { name, dimensions } = await modelOf(context, embedder);
  return { model: name, dimensions: dimensions ?? (await embedder.embed(context, ['.'])).dimensions };
}

/** The models of before, for a person. */
export const wasOf = (collections: readonly VectorModel[], { model: to }: VectorModel): string =>
  [
    ...new Set(
      collections.map(({ model, dimensions }) => (model === to ? `${model} of ${dimensions} dimensions` : model)),
    ),
  ].join(', ');
