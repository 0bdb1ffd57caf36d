/**
 * Every bound of a resource, by room. What operators set is read from variables of the same table
 * (`gateway/config/variables.ts`), and given to the rooms as `Config.bounds`.
 */
import type { BoundValues, BoundVariables } from '#subgraphs/shared/bound.ts';
import { INFERENCE } from '#subgraphs/inference/bounds.ts';
import { OBJECT } from '#subgraphs/object/bounds.ts';
import { RUNS } from '#subgraphs/runs/bounds.ts';
import { GRAPH } from '#subgraphs/graph/bounds.ts';
import { MODEL } from '#subgraphs/graph-model/bounds.ts';
import { RELATIONAL } from '#subgraphs/relational/bounds.ts';
import { AGGREGATES } from '#subgraphs/shared/aggregates/bounds.ts';
import { SHARED } from '#subgraphs/shared/bounds.ts';
import { EXTRACTION } from '#subgraphs/shared/extraction/bounds.ts';
import { MARKDOWN } from '#subgraphs/shared/markdown/bounds.ts';
import { NEO4J } from '#subgraphs/shared/neo4j/bounds.ts';
import { REDIS } from '#subgraphs/shared/redis/bounds.ts';
import { POSTGRES } from '#subgraphs/shared/postgres/bounds.ts';
import { SOURCES } from '#subgraphs/sources/bounds.ts';
import { VECTOR } from '#subgraphs/vector/bounds.ts';
import { ADMISSION } from './admission.ts';
import { AGENTS } from './agents.ts';
import { APART } from './apart.ts';
import { ASK } from './ask.ts';
import { AUTH } from './auth.ts';
import { CONDITIONS } from './conditions.ts';
import { EXECUTE } from './execute.ts';
import { HTTP } from './http.ts';
import { INDEXING } from './indexing.ts';
import { LIMITS } from './limits.ts';
import { PLAN } from './plan.ts';
import { REMOTE } from './remote.ts';
import { RESPOND } from './respond.ts';
import { SUBSCRIBE } from './subscribe.ts';
import { SUPERGRAPH } from './supergraph.ts';
import { TELEMETRY } from './telemetry.ts';

/** The tables, in the order in which docs print them. */
export const BOUNDS = {
  http: HTTP,
  subscribe: SUBSCRIBE,
  agents: AGENTS,
  ask: ASK,
  auth: AUTH,
  limits: LIMITS,
  admission: ADMISSION,
  conditions: CONDITIONS,
  plan: PLAN,
  execute: EXECUTE,
  remote: REMOTE,
  respond: RESPOND,
  supergraph: SUPERGRAPH,
  indexing: INDEXING,
  apart: APART,
  telemetry: TELEMETRY,
  relational: RELATIONAL,
  graph: GRAPH,
  model: MODEL,
  sources: SOURCES,
  vector: VECTOR,
  shared: SHARED,
  aggregates: AGGREGATES,
  markdown: MARKDOWN,
  extraction: EXTRACTION,
  postgres: POSTGRES,
  neo4j: NEO4J,
  redis: REDIS,
  object: OBJECT,
  inference: INFERENCE,
  runs: RUNS,
} as const;

/** What operators may set, by room. */
export type AllBoundValues = { readonly [Room in keyof typeof BOUNDS]: BoundValues<(typeof BOUNDS)[Room]> };

type Intersection<Union> = (Union extends unknown ? (each: Union) => void : never) extends (all: infer All) => void
  ? All
  : never;

/** The variables that they set it with, and the types of their values. */
export type AllBoundVariables = Intersection<BoundVariables<(typeof BOUNDS)[keyof typeof BOUNDS]>>;
