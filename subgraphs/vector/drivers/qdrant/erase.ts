/** Removing everything of a tenant from Qdrant: from every collection that this project makes of the operator's name. */
import { addCounts, isOf, type StoreErasure } from '#subgraphs/shared/erasure.ts';
import { VECTOR } from '../../bounds.ts';
import type { QdrantConnection } from './connection.ts';
import { oneOf, PAYLOAD } from './filter.ts';

/** @param collection the operator's name: beside it are those of facts and messages, of other models, and of whole documents */
export function qdrantErasure(connection: QdrantConnection, collection: string): StoreErasure {
  const ours = new RegExp(`^${collection}(_facts|_messages)?(_[0-9a-f]{12})?(_documents)?$`);
  const collections = async (): Promise<string[]> => {
    const { collections: all } = await connection.ask(collection, (client) => client.getCollections());
    return all.map(({ name }) => name).filter((name) => ours.test(name));
  };
  const of = (tenantIds: readonly string[]) => ({ must: [oneOf(PAYLOAD.tenant, tenantIds)] });
  const count = async (tenantIds: readonly string[]) => {
    const counts: Record<string, number> = {};
    for (const name of await collections()) {
      const asked = { exact: true, filter: of(tenantIds) };
      counts[name] = (await connection.ask(name, (client) => client.count(name, asked))).count;
    }
    return addCounts(counts);
  };
  return {
    store: 'qdrant',
    async tenantIds(tenant) {
      const found = new Set<string>();
      for (const name of await collections()) {
        const facet = { key: PAYLOAD.tenant, limit: VECTOR.erasureTenants };
        // Where the server does not tell them, other stores do: whatever is here has a row in PostgreSQL's audit log.
        const { hits } = await connection.ask(name, (client) => client.facet(name, facet)).catch(() => ({ hits: [] }));
        for (const { value } of hits) if (isOf(tenant, String(value))) found.add(String(value));
      }
      return [...found].sort();
    },
    count,
    async erase(tenantIds, signal) {
      const counts = await count(tenantIds);
      for (const name of Object.keys(counts)) {
        signal.throwIfAborted();
        await connection.ask(name, (client) => client.delete(name, { wait: true, filter: of(tenantIds) }));
      }
      return counts;
    },
  };
}
