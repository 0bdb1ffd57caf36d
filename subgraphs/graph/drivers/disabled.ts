/** Stands in where no store is configured: the schema stays the same, and every call says what to set. */
import { storeDisabled } from '#subgraphs/shared/errors.ts';
import type { GraphDriver } from '../driver.ts';

export function createDisabledGraph(): GraphDriver {
  const refuse = (): Promise<never> => Promise.reject(storeDisabled('The graph store', 'NEO4J_URI or DATABASE_URL'));
  return {
    entitiesByIds: refuse,
    findEntities: refuse,
    countEntities: refuse,
    aggregate: refuse,
    matching: refuse,
    names: refuse,
    facets: refuse,
    countRelationsOf: refuse,
    relationsOf: refuse,
    relationsByIds: refuse,
    expandFrontier: refuse,
    documentEntities: refuse,
    countDocumentEntities: refuse,
    entityDocuments: refuse,
    countEntityDocuments: refuse,
    upsertEntities: refuse,
    upsertRelations: refuse,
    deleteEntities: refuse,
    deleteRelations: refuse,
    indexDocuments: refuse,
    documentIds: refuse,
    documentContents: refuse,
    storedItems: refuse,
    documentsOf: refuse,
    health: async () => [{ store: 'postgres', state: 'disabled', detail: 'Set NEO4J_URI or DATABASE_URL.' }],
    close: async () => undefined,
  };
}
