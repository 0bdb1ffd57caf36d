/** Agents, documents, memory, artifacts, usage and the audit log: on PostgreSQL, else switched off. */
import type { RunLookup, UsageSink } from '#subgraphs/shared/ports.ts';
import type { Postgres } from '#subgraphs/shared/postgres/postgres.ts';
import { WorkPool } from '#subgraphs/shared/work/work-pool.ts';
import type { Subgraph } from '#subgraphs/shared/subgraph.ts';
import { RELATIONAL } from './bounds.ts';
import type { RelationalDriver } from './driver.ts';
import { disabledDriver } from './drivers/disabled.ts';
import { createPostgresDriver } from './drivers/postgres/index.ts';
import { buildSchema } from './schema/index.ts';

/** There is no store to choose: it is PostgreSQL. */
export interface RelationalConfig {
  /** The most tokens that the embedding model takes: chunks are cut to fit. @default any number */
  readonly maxTokens?: number | undefined;
}

export interface RelationalDeps {
  /** The process's pool. It is not closed with the subgraph. Absent: the store is switched off. */
  readonly postgres?: Postgres;
  /** Which runs there are, asked when an artifact is recorded. @default whatever is named is taken to be one */
  readonly runs?: () => RunLookup | undefined;
  /** Threads for cutting long texts. @default threads of its own */
  readonly work?: WorkPool | undefined;
}

/**
 * Makes the subgraph and applies its migrations.
 * @throws CodedError `STORE_UNAVAILABLE` when migrations cannot run
 */
export async function createRelational(
  { maxTokens }: RelationalConfig,
  { postgres, work, runs }: RelationalDeps,
): Promise<Subgraph> {
  const ownWork = work === undefined ? new WorkPool() : undefined;
  const driver = postgres === undefined ? disabledDriver : await createPostgresDriver(postgres);
  return {
    name: 'relational',
    schema: buildSchema({ driver, cutting: { work: work ?? ownWork!, maxTokens }, runs }),
    routes: [],
    provides: { usageSink: usageSink(driver) },
    health: () => driver.health(),
    close: async () => await ownWork?.close(),
  };
}

/**
 * Providers count in whole numbers that PostgreSQL's integer holds; anything else is brought there rather than lost.
 */
const whole = (tokens: number): number => Math.min(Math.max(Math.round(tokens) || 0, 0), 0x7fffffff);

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
