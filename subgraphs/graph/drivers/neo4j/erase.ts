/** Removing everything of a tenant from Neo4j: nodes of our own labels alone, with the relations between them. */
import { createRequestContext } from '#subgraphs/shared/context.ts';
import { addCounts, type Counts, type StoreErasure } from '#subgraphs/shared/erasure.ts';
import type { Neo4jClient } from '#subgraphs/shared/neo4j/neo4j.ts';
import { GRAPH } from '../../bounds.ts';

const LABELS = ['TributaryRelation', 'TributaryEntity', 'TributaryDocument', 'TributaryTenant'] as const;

export function neo4jErasure(client: Neo4jClient): StoreErasure {
  const ask = async (
    mode: 'executeRead' | 'executeWrite',
    cypher: string,
    parameters: Record<string, unknown>,
    signal?: AbortSignal,
  ): Promise<Record<string, unknown>[]> => {
    const principal = { tenantId: 'system', subject: 'system:erasure', roles: [], scopes: [], system: true };
    const context = createRequestContext(principal, signal === undefined ? {} : { signal });
    return await client.transaction(context, mode, async (run) =>
      (await run(cypher, parameters)).records.map((record) => record.toObject()),
    );
  };
  return {
    store: 'neo4j',
    async tenantIds(tenant) {
      const found = new Set<string>();
      for (const label of LABELS) {
        const rows = await ask(
          'executeRead',
          `MATCH (n:${label}) WHERE n.tenantId = $tenant OR n.tenantId STARTS WITH $projects RETURN DISTINCT n.tenantId AS id`,
          { tenant, projects: `${tenant}.` },
        );
        for (const { id } of rows) found.add(id as string);
      }
      return [...found].sort();
    },
    async count(tenantIds) {
      const counts: Record<string, number> = {};
      for (const label of LABELS) {
        const cypher = `MATCH (n:${label}) WHERE n.tenantId IN $tenantIds RETURN count(n) AS count`;
        counts[label] = Number((await ask('executeRead', cypher, { tenantIds }))[0]!['count']);
      }
      return addCounts(counts);
    },
    async erase(tenantIds, signal) {
      const counts: Counts[] = [];
      for (const label of LABELS) {
        for (let removed = Infinity; removed > 0;) {
          const rows = await ask(
            'executeWrite',
            `MATCH (n:${label}) WHERE n.tenantId IN $tenantIds WITH n LIMIT ${GRAPH.erasureNodes} DETACH DELETE n RETURN count(*) AS removed`,
            { tenantIds },
            signal,
          );
          removed = Number(rows[0]!['removed']);
          counts.push({ [label]: removed });
        }
      }
      return addCounts(...counts);
    },
  };
}
