/** No vector store: every call says what to set. */
import { storeDisabled } from '#subgraphs/shared/errors.ts';
import type { VectorDriver } from '../driver.ts';

const refuse = async (): Promise<never> => {
  throw storeDisabled('The vector store', 'QDRANT_URL or DATABASE_URL');
};

export const disabledVectors: VectorDriver = {
  store: 'none',
  search: refuse,
  similarToChunks: refuse,
  similarToDocuments: refuse,
  upsert: refuse,
  delete: refuse,
  storedHashes: refuse,
  contentHashes: refuse,
  texts: refuse,
  storedChunks: refuse,
  indexDocuments: refuse,
  removeDocuments: refuse,
  documentIds: refuse,
  metadataKeys: refuse,
  documentCollections: refuse,
  collectionInfo: refuse,
  health: async () => ({ store: 'vector', state: 'disabled', detail: 'Set QDRANT_URL or DATABASE_URL.' }),
  close: async () => undefined,
};
