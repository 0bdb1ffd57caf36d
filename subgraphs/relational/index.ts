/** Agents, documents, memory, artifacts, usage and the audit log: on PostgreSQL, else switched off. */
import { randomBytes } from 'node:crypto';
import type { BoundValues } from '#subgraphs/shared/bound.ts';
import type { Condition } from '#subgraphs/shared/filters/condition.ts';
import { SHARED } from '#subgraphs/shared/bounds.ts';
import type {
  AgentLookup,
  AuditSink,
  Chat,
  EntityLookup,
  GraphLookup,
  ShareLookup,
  UsageSink,
} from '#subgraphs/shared/ports.ts';
import type { Postgres } from '#subgraphs/shared/postgres/postgres.ts';
import { Extraction } from '#subgraphs/shared/extraction/extraction.ts';
import { WorkPool } from '#subgraphs/shared/work/work-pool.ts';
import type { Subgraph } from '#subgraphs/shared/subgraph.ts';
import { RELATIONAL } from './bounds.ts';
import type { RelationalDriver } from './driver.ts';
import { disabledDriver } from './drivers/disabled.ts';
import { createPostgresDriver } from './drivers/postgres/index.ts';
import { postgresChanges } from './drivers/postgres/outbox-changes.ts';
import { MODELS, type Model } from './models/columns.ts';
import { parseFilter } from './models/filters.ts';
import { parseOrder } from './models/orders.ts';
import type { OutboxChanges } from './indexing/changes.ts';
import { IndexingHub } from './indexing/hub.ts';
import type { Peppers } from './keys/secret.ts';
import { keyStore } from './keys/verify.ts';
import { buildSchema } from './schema/index.ts';
import { SessionRetention } from './sessions/retention.ts';

/** There is no store to choose: it is PostgreSQL. Bounds are said in `RELATIONAL` (./bounds.ts), with their defaults. */
export interface RelationalConfig extends Partial<BoundValues<typeof RELATIONAL>> {
  /** The most tokens that the embedding model takes: chunks are cut to fit. @default any number */
  readonly maxTokens?: number | undefined;
  /**
   * What API keys are made and verified with, the same in every process: the first makes them, all are accepted. Each at
   * least 32 bytes. @default one made here: keys hold as long as this subgraph
   */
  readonly apiKeyPeppers?: Peppers | undefined;
  /** Whether the vector store follows messages, so that they are found by meaning. @default false */
  readonly messagesIndexed?: boolean | undefined;
  /** The longest time for a whole answer, in milliseconds: what waits for stores waits no longer. @default no end */
  readonly requestMs?: number | undefined;
}

export interface RelationalDeps {
  /** The process's pool. It is not closed with the subgraph. Absent: the store is switched off. */
  readonly postgres?: Postgres;
  /** Which runs there are, asked when an artifact is recorded and for `node`. @default any run may have artifacts, and `node` finds none */
  readonly runs?: () => EntityLookup | undefined;
  /** Which entities and relations there are, asked for `node`, and which documents name them. @default neither is known */
  readonly graph?: () => GraphLookup | undefined;
  /** A model that sums up sessions. @default none is configured */
  readonly chat?: () => Chat | undefined;
  /** Threads for cutting long texts. @default threads of its own */
  readonly work?: WorkPool | undefined;
  /** Told of what goes wrong beside an answer. @default nobody is */
  readonly log?: (message: string, error?: unknown) => void;
}

/**
 * Makes the subgraph and applies its migrations.
 * @throws CodedError `STORE_UNAVAILABLE` when migrations cannot run
 */
export async function createRelational(
  config: RelationalConfig,
  { postgres, work, runs, graph, chat, log = () => undefined }: RelationalDeps,
): Promise<Subgraph> {
  const ownWork = work === undefined ? new WorkPool() : undefined;
  const extraction = new Extraction();
  const driver = postgres === undefined ? disabledDriver : await createPostgresDriver(postgres);
  const { maxTokens, apiKeyPeppers: peppers = [randomBytes(32).toString('hex')] } = config;
  const {
    apiKeys: most = RELATIONAL.apiKeys,
    keyDays = RELATIONAL.keyDays,
    keyMaxDays = RELATIONAL.keyMaxDays,
    keyOverlapSeconds: overlap = RELATIONAL.keyOverlapSeconds,
    keyMaxOverlapSeconds: maxOverlap = RELATIONAL.keyMaxOverlapSeconds,
  } = config;
  const { sessionDays: days } = config;
  const retention = postgres && days !== undefined ? new SessionRetention(driver, { days, log }) : undefined;
  retention?.start();
  const changes = postgres === undefined ? silentChanges : postgresChanges(postgres, log);
  const hub = new IndexingHub(driver, changes, { ...config, log });
  const { waitMs = RELATIONAL.waitMs, waitMaxMs = RELATIONAL.waitMaxMs, requestMs = Infinity } = config;
  const store = keyStore(driver, peppers, log);
  const keys = { peppers, most, days: keyDays, maxDays: keyMaxDays, overlap, maxOverlap, store };
  return {
    name: 'relational',
    schema: buildSchema({
      driver,
      keys,
      cutting: { work: work ?? ownWork!, extraction, maxTokens },
      hub,
      waits: { waitMs, waitMaxMs, requestMs },
      runs,
      graph,
      chat,
      messagesIndexed: config.messagesIndexed,
      naming: config.naming,
    }),
    routes: [],
    provides: {
      usageSink: usageSink(driver),
      keyStore: keys.store,
      auditSink: auditSink(driver),
      shares: shareLookup(driver),
      agentLookup: agentLookup(driver),
    },
    health: () => driver.health(),
    close: async () => {
      await retention?.close();
      await hub.close();
      await extraction.close();
      await ownWork?.close();
    },
  };
}

/**
 * Providers count in whole numbers that PostgreSQL's integer holds; anything else is brought there rather than lost.
 */
const whole = (tokens: number): number => Math.min(Math.max(Math.round(tokens) || 0, 0), 0x7fffffff);

const shareLookup = (driver: RelationalDriver): ShareLookup => ({
  documents: (context) => driver.sharedDocuments(context, SHARED.sharedDocuments),
  objects: async (context, keys) =>
    new Map((await driver.sharedObjects(context, keys)).map(({ key, tenantId }) => [key, tenantId])),
});

/** Without the store nothing changes. */
const silentChanges: OutboxChanges = {
  start: () => undefined,
  ready: () => Promise.resolve(),
  close: () => Promise.resolve(),
};

const agentLookup = (driver: RelationalDriver): AgentLookup => ({
  named: async (context, name) => {
    const order = parseOrder(MODELS.Agent as Model, undefined);
    const list = (where: Condition | undefined, limit: number) =>
      driver.list(context, 'Agent', { where, order, after: undefined, limit });
    const found = await list(parseFilter(MODELS.Agent as Model, { name: { eq: name } }), SHARED.suggestions);
    const known = found.length > 0 ? [] : await list(undefined, SHARED.pageMost);
    return { ids: found.map(({ id }) => id), known: [...new Set(known.map((agent) => agent.name))] };
  },
});

/** Without the store there is no log. */
const auditSink = (driver: RelationalDriver): AuditSink => ({
  changed: async (context, rows) => {
    if (driver !== disabledDriver) await driver.auditChanged(context, rows);
  },
  refused: async (context, actions) => {
    if (driver !== disabledDriver) await driver.auditRefused(context, actions);
  },
});

function usageSink(driver: RelationalDriver): UsageSink {
  return {
    record: async (context, { operation, provider, model, inputTokens, outputTokens, estimated }) => {
      const usage = {
        operation,
        provider: provider.slice(0, RELATIONAL.nameCharacters),
        model: model.slice(0, RELATIONAL.nameCharacters),
        inputTokens: whole(inputTokens),
        outputTokens: whole(outputTokens),
        estimated,
      };
      await driver.recordUsage(context, usage, { audit: false });
    },
  };
}
