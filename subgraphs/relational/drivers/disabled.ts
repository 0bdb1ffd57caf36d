/** The relational store switched off: the schema stays the same, and every call says what to set. */
import { storeDisabled } from '#subgraphs/shared/errors.ts';
import type { RelationalDriver } from '../driver.ts';

const refuse = async (): Promise<never> => {
  throw storeDisabled('The relational store', 'DATABASE_URL');
};

export const disabledDriver: RelationalDriver = {
  list: refuse,
  count: refuse,
  listOf: refuse,
  countOf: refuse,
  listAmong: refuse,
  countAmong: refuse,
  byIds: refuse,
  tenant: refuse,
  documentTexts: refuse,
  chunksOfDocuments: refuse,
  countChunksOfDocuments: refuse,
  versionsOfAgents: refuse,
  metadataKeys: refuse,
  documentFacets: refuse,
  indexing: refuse,
  upsertDocuments: refuse,
  deleteDocument: refuse,
  createAgent: refuse,
  updateAgent: refuse,
  deleteAgent: refuse,
  rememberFact: refuse,
  forgetFact: refuse,
  createApiKey: refuse,
  revokeApiKey: refuse,
  rotateApiKey: refuse,
  replacedSecrets: refuse,
  apiKeysOf: refuse,
  useApiKeys: refuse,
  share: refuse,
  revokeShare: refuse,
  sharesOf: refuse,
  // Nothing can have been shared: what else is read goes on.
  sharedDocuments: async () => [],
  sharedObjects: async () => [],
  createArtifact: refuse,
  recordUsage: refuse,
  auditRefused: refuse,
  claimOutbox: refuse,
  completeOutbox: refuse,
  failOutbox: refuse,
  outboxStatus: refuse,
  tenantIds: refuse,
  referenceDocuments: refuse,
  knownDocuments: refuse,
  redeliver: refuse,
  cutOtherwise: refuse,
  documentsToCut: refuse,
  recut: refuse,
  health: async () => [{ store: 'postgres', state: 'disabled' }],
};
