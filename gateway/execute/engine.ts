/** The federation engine: plans an operation on the supergraph, runs the plan on its subgraphs, and shapes the answer. */
import type { DocumentNode, ExecutionResult, GraphQLSchema } from 'graphql';
import type { RequestContext } from '#subgraphs/shared/context.ts';
import type { SubgraphClient } from './subgraph-client.ts';

export interface EngineOptions {
  supergraphSdl: string;
  /** By the name in the supergraph. A subgraph without a client answers `SUBGRAPH_UNAVAILABLE`. */
  clients: ReadonlyMap<string, SubgraphClient>;
  planning?: {
    /** Longest time to plan one operation, in milliseconds. @default 5000 */
    timeoutMs?: number;
    /** @default 2000 */
    cacheEntries?: number;
    /** Plans kept, in bytes of their text. @default 16 MiB */
    cacheBytes?: number;
  };
  /** Most representations in one `_entities` call; more are split over several. @default 500 */
  entityBatchSize?: number;
  /** Told of what no caller sees, such as a replaced planner. @default nothing */
  log?: (message: string, error?: unknown) => void;
}

/** One client operation. It must have been validated against {@link Engine.schema}. */
export interface EngineOperation {
  document: DocumentNode;
  operationName?: string | null;
  variables?: Record<string, unknown> | null;
  context: RequestContext;
  /** Adds `extensions.trace`: the plan, and what every fetch did. @default false */
  trace?: boolean;
}

export interface Engine {
  /** The API schema: what clients see. Validates and introspects; does not execute. */
  readonly schema: GraphQLSchema;
  readonly supergraphSdl: string;
  /** Runs a query or a mutation. Never rejects for what the operation or a subgraph does: errors are in the result. */
  execute(operation: EngineOperation): Promise<ExecutionResult>;
  /** Opens a subscription. Each event is a whole result; errors in one do not end the stream; `return()` ends it upstream at once. */
  subscribe(operation: EngineOperation): Promise<AsyncIterable<ExecutionResult> | ExecutionResult>;
  /** Plans what `other` was asked most recently, before this engine takes its place. What cannot be planned any more is left out. */
  warm(other: Engine): Promise<void>;
  /** Ends the planner. Operations under way still finish; new ones that need planning fail. Clients are their maker's to close. */
  close(): Promise<void>;
}

export async function createEngine(options: EngineOptions): Promise<Engine> {
  await Promise.resolve();
  throw new Error(`The engine is not built yet (${options.clients.size} clients).`);
}
