/** The relational store on PostgreSQL, in the schema `relational`. */
import { sql } from 'kysely';
import { grouped } from '#subgraphs/shared/grouped.ts';
import type { Postgres } from '#subgraphs/shared/postgres/postgres.ts';
import type { RelationalDriver, TenantRow } from '../../driver.ts';
import { aggregate } from './aggregates.ts';
import { auditChanged, auditRefused } from './audit.ts';
import * as agents from './agents.ts';
import * as keys from './api-keys.ts';
import * as cutting from './cutting.ts';
import * as documents from './documents.ts';
import { documentFacets } from './facets.ts';
import {
  byIdsStatement,
  countAmongStatement,
  countOfStatement,
  countStatement,
  isShareable,
  listAmongStatement,
  listOfStatement,
  listStatement,
} from './lists.ts';
import * as outbox from './outbox.ts';
import * as reconcile from './reconcile.ts';
import * as records from './records.ts';
import * as summaries from './session-summaries.ts';
import * as sessions from './sessions.ts';
import * as shares from './shares.ts';
import { statement } from './sql.ts';

/** Applies the migrations, and returns the driver. */
export async function createPostgresDriver(postgres: Postgres): Promise<RelationalDriver> {
  await postgres.migrate('relational', new URL('../../migrations/', import.meta.url));
  return {
    list: async (context, model, request) => {
      const where = sessions.ofCaller(context, model, request.where);
      return await postgres.read(context, listStatement(model, { ...request, where }), { replica: true });
    },
    count: async (context, model, where) => {
      const own = sessions.ofCaller(context, model, where);
      return Number((await postgres.read(context, countStatement(model, own), { replica: true }))[0]?.count ?? 0);
    },
    aggregate: async (context, model, request) =>
      await aggregate(postgres, context, model, {
        ...request,
        where: sessions.ofCaller(context, model, request.where),
      }),
    listOf: async (context, model, parent, ids, request) =>
      await postgres.read(context, listOfStatement(model, parent, ids, request), { replica: true }),
    countOf: async (context, model, parent, ids, where) => {
      const rows = await postgres.read(context, countOfStatement(model, parent, ids, where), { replica: true });
      return new Map(rows.map(({ id, count }) => [id, Number(count)]));
    },
    listAmong: async (context, model, lists, request) => {
      const rows = await postgres.read(context, listAmongStatement(model, lists, request), { replica: true });
      return grouped(rows, ({ parent }) => parent);
    },
    countAmong: async (context, model, lists, where) => {
      const rows = await postgres.read(context, countAmongStatement(model, lists, where), { replica: true });
      return new Map(rows.map(({ id, count }) => [id, Number(count)]));
    },
    byIds: async (context, model, ids) =>
      isShareable(model)
        ? await postgres.read(context, byIdsStatement(model, ids, context), shares.readingShared(context))
        : await postgres.read(context, byIdsStatement(model, ids), { replica: true }),
    tenant: async (context) => {
      const rows = await postgres.read(
        context,
        statement(sql<TenantRow>`SELECT tenant_id AS id, name, created_at AS "createdAt" FROM relational.tenants`),
      );
      return rows[0];
    },

    documentTexts: (...given) => documents.documentTexts(postgres, ...given),
    chunksOfDocuments: (...given) => documents.chunksOfDocuments(postgres, ...given),
    chunksAt: (...given) => documents.chunksAt(postgres, ...given),
    countChunksOfDocuments: (...given) => documents.countChunksOfDocuments(postgres, ...given),
    metadataKeys: (...given) => documents.metadataKeys(postgres, ...given),
    documentCollections: (...given) => documents.documentCollections(postgres, ...given),
    documentFacets: (...given) => documentFacets(postgres, ...given),
    indexing: (...given) => documents.indexing(postgres, ...given),
    upsertDocuments: (...given) => documents.upsertDocuments(postgres, ...given),
    deleteDocument: (...given) => documents.deleteDocument(postgres, ...given),

    versionsOfAgents: (...given) => agents.versionsOfAgents(postgres, ...given),
    createAgent: (...given) => agents.createAgent(postgres, ...given),
    updateAgent: (...given) => agents.updateAgent(postgres, ...given),
    deleteAgent: (...given) => agents.deleteAgent(postgres, ...given),

    rememberFact: (...given) => records.rememberFact(postgres, ...given),
    forgetFact: (...given) => records.forgetFact(postgres, ...given),
    createSession: (...given) => sessions.createSession(postgres, ...given),
    updateSession: (...given) => sessions.updateSession(postgres, ...given),
    appendMessages: (...given) => sessions.appendMessages(postgres, ...given),
    summarizeSession: (...given) => summaries.summarizeSession(postgres, ...given),
    sessionSummaries: (...given) => summaries.sessionSummaries(postgres, ...given),
    summariesOfSessions: (...given) => summaries.summariesOfSessions(postgres, ...given),
    messageParts: (...given) => sessions.messageParts(postgres, ...given),
    newestMessages: (...given) => summaries.newestMessages(postgres, ...given),
    deleteSession: (...given) => sessions.deleteSession(postgres, ...given),
    expiredSessions: (...given) => sessions.expiredSessions(postgres, ...given),
    expireSession: (...given) => sessions.expireSession(postgres, ...given),
    createApiKey: (...given) => keys.createApiKey(postgres, ...given),
    revokeApiKey: (...given) => keys.revokeApiKey(postgres, ...given),
    rotateApiKey: (...given) => keys.rotateApiKey(postgres, ...given),
    replacedSecrets: (...given) => keys.replacedSecrets(postgres, ...given),
    apiKeysOf: (...given) => keys.apiKeysOf(postgres, ...given),
    useApiKeys: (...given) => keys.useApiKeys(postgres, ...given),
    share: (...given) => shares.share(postgres, ...given),
    revokeShare: (...given) => shares.revokeShare(postgres, ...given),
    sharesOf: (...given) => shares.sharesOf(postgres, ...given),
    sharedDocuments: (...given) => shares.sharedDocuments(postgres, ...given),
    sharedObjects: (...given) => shares.sharedObjects(postgres, ...given),
    createArtifact: (...given) => records.createArtifact(postgres, ...given),
    recordUsage: (...given) => records.recordUsage(postgres, ...given),
    auditChanged: (...given) => auditChanged(postgres, ...given),
    auditRefused: (...given) => auditRefused(postgres, ...given),

    claimOutbox: (...given) => outbox.claimOutbox(postgres, ...given),
    completeOutbox: (...given) => outbox.completeOutbox(postgres, ...given),
    failOutbox: (...given) => outbox.failOutbox(postgres, ...given),
    outboxStatus: (...given) => outbox.outboxStatus(postgres, ...given),

    tenantIds: (...given) => reconcile.tenantIds(postgres, ...given),
    referenceDocuments: (...given) => reconcile.referenceDocuments(postgres, ...given),
    knownDocuments: (...given) => reconcile.knownDocuments(postgres, ...given),
    redeliver: (...given) => reconcile.redeliver(postgres, ...given),

    cutOtherwise: (...given) => cutting.cutOtherwise(postgres, ...given),
    documentsToCut: (...given) => cutting.documentsToCut(postgres, ...given),
    recut: (...given) => cutting.recut(postgres, ...given),

    health: async () => [await postgres.health()],
  };
}
