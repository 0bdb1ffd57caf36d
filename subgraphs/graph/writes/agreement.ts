/** Whether the graph has what documents say: which entities and relations they name, and with which properties. */
import { isDeepStrictEqual } from 'node:util';
import type { RequestContext } from '#subgraphs/shared/context.ts';
import { GRAPH } from '../bounds.ts';
import type { DocumentGraph, GraphDriver } from '../driver.ts';
import { documentBatch, entityPatches, relationPatches } from './prepare.ts';

/** One property of an entity or a relation, as one document gives it. */
export interface DocumentProperty {
  readonly documentId: string;
  /** Of the entity or relation. */
  readonly itemId: string;
  readonly key: string;
  /** Whether it is stored so. */
  readonly agrees: boolean;
  /** Documents that name the same entity or relation; one of them may have given the property another value since. */
  readonly documents: readonly string[];
}

/** The documents of which the graph knows other entities or relations than they name. */
export async function differingDocuments(
  context: RequestContext,
  driver: GraphDriver,
  documents: readonly DocumentGraph[],
): Promise<string[]> {
  const { documentIds, mentions, assertions } = documentBatch(context.principal.tenantId, documents);
  const stored = await driver.documentContents(context, documentIds);
  const same = (found: readonly string[], wanted: readonly string[]): boolean => {
    const set = new Set(wanted);
    return found.length === set.size && found.every((id) => set.has(id));
  };
  return documentIds.filter((id) => {
    const { entities, relations } = stored.get(id) ?? { entities: [], relations: [] };
    const wanted = mentions.flatMap(({ documentId, entityId }) => (documentId === id ? [entityId] : []));
    return (
      !same(entities, wanted) ||
      !same(
        relations,
        assertions.flatMap(({ documentId, relationId }) => (documentId === id ? [relationId] : [])),
      )
    );
  });
}

/**
 * Compares the properties that documents give with those stored. What a hand wrote is left out: it may say something
 * else, and rightly.
 * @param only these entities and relations, whether they agree or not; where absent, properties that do not agree
 */
export async function documentProperties(
  context: RequestContext,
  driver: GraphDriver,
  documents: readonly DocumentGraph[],
  only?: readonly string[],
): Promise<DocumentProperty[]> {
  const { tenantId } = context.principal;
  const wanted = only === undefined ? undefined : new Set(only);
  const given = documents.map(({ documentId, entities, relations }) => ({
    documentId,
    items: [...entityPatches(tenantId, entities), ...relationPatches(tenantId, relations)].filter(
      ([id, { properties }]) => (wanted?.has(id) ?? true) && Object.keys(properties).length > 0,
    ),
  }));
  const [relations, entities] = partition(
    [...new Set(given.flatMap(({ items }) => items.map(([id]) => id)))],
    given.flatMap(({ items }) => items),
  );
  if (entities.length + relations.length === 0) return [];
  const stored = await driver.storedItems(context, entities, relations);
  const found = given.flatMap(({ documentId, items }) =>
    items.flatMap(([itemId, { properties }]) => {
      const item = stored.get(itemId);
      // One that is not there at all is missed by its mention.
      if (item === undefined || item.byHand) return [];
      return Object.entries(properties).map(([key, value]) => ({
        documentId,
        itemId,
        key,
        agrees:
          value === null
            ? !Object.hasOwn(item.properties, key)
            : Object.hasOwn(item.properties, key) && isDeepStrictEqual(item.properties[key], value),
        documents: [] as readonly string[],
      }));
    }),
  );
  if (wanted !== undefined) return found;
  const differing = found.filter(({ agrees }) => !agrees);
  if (differing.length === 0) return [];
  const ids = new Set(differing.map(({ itemId }) => itemId));
  const documentsOf = await driver.documentsOf(
    context,
    entities.filter((id) => ids.has(id)),
    relations.filter((id) => ids.has(id)),
    GRAPH.givers,
  );
  return differing.map((property) => ({ ...property, documents: documentsOf.get(property.itemId) ?? [] }));
}

/** Relations' ids and entities' ids apart. */
function partition(ids: readonly string[], items: readonly (readonly [string, object])[]): [string[], string[]] {
  const relations = new Set(items.flatMap(([id, item]) => ('from' in item ? [id] : [])));
  return [ids.filter((id) => relations.has(id)), ids.filter((id) => !relations.has(id))];
}
