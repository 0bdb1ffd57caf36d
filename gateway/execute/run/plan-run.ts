import type { ExecutionResult } from 'graphql';
import type { ClientPaths } from '#gateway/respond/client-paths.ts';
import type { ClientValues } from '#gateway/respond/client-values.ts';
import type { ResponseHints } from '#gateway/respond/response-hints.ts';
import type { ResponseErrors } from '#gateway/respond/response-errors.ts';
import type { ShownTypes } from '#gateway/respond/shape-plan.ts';
import type { RequestContext } from '#subgraphs/shared/context.ts';
import type { Deferral } from '../answers/deferral.ts';
import type { SubgraphClient } from '../clients/subgraph-client.ts';
import type { JsonObject } from '../json-object.ts';
import type { SupergraphTypes } from '../supergraph-types.ts';
import type { Cancellation } from './fetch-errors.ts';
import type { ExecutableFetch } from './executable-plan.ts';
import type { Losses } from './losses.ts';
import type { Streaming } from './streaming.ts';
import type { TraceRecorder } from './trace.ts';

/** One run of a plan: what all its fetches share. */
export interface PlanRun {
  readonly clients: ReadonlyMap<string, SubgraphClient>;
  readonly types: SupergraphTypes;
  readonly variables: Readonly<Record<string, unknown>>;
  readonly context: RequestContext;
  /** By the context's signal. */
  readonly cancellation: Cancellation | undefined;
  /** What has been gathered; grows. */
  readonly data: JsonObject;
  /** Whether several places of the data may lead to one object. */
  meeting: boolean;
  readonly errors: ResponseErrors;
  /** What is told beside the answer. */
  readonly hints: ResponseHints;
  /** What objects lack because fetches failed. */
  readonly losses: Losses;
  /** What the caller may see; undefined for everything. */
  readonly shown: ShownTypes | undefined;
  readonly clientPaths: ClientPaths;
  readonly clientValues: ClientValues;
  readonly entityBatchSize: number;
  readonly trace: TraceRecorder | undefined;
  /** Of plans with deferred parts. */
  readonly deferral: Deferral | undefined;
  /** Of operations with lists that may come item by item. */
  readonly streaming: Streaming | undefined;
  /** The fetches that are made in this run; undefined for all of the plan's. */
  readonly only: ReadonlySet<ExecutableFetch> | undefined;
  /** Answers of shareable fetches, by what they ask. */
  shared: Map<string, Promise<ExecutionResult>> | undefined;
}
