/** What every subgraph's `index.ts` returns, and what the gateway (or a server of its own) mounts. */
import type { GraphQLSchema } from 'graphql';
import type { Principal } from './context.ts';
import type { KeptObjects } from './kept-objects.ts';
import type { StoreErasure } from './erasure.ts';
import type { Examination } from './examination.ts';
import type { Ports } from './ports.ts';

/** The subgraphs of this project, in the order in which supergraph.yaml lists them. */
export const SUBGRAPH_NAMES = ['relational', 'graph', 'vector', 'object', 'inference', 'runs'] as const;
export type SubgraphName = (typeof SUBGRAPH_NAMES)[number];

/** The state of one store behind a subgraph, as `/health/ready` shows it. */
export interface StoreHealth {
  /** The store's name: `postgres`, `neo4j`, `qdrant`, `s3`, `files`, `openai`, `hashing`. */
  readonly store: string;
  /** `disabled` is a choice of the operator and does not make the process unready. */
  readonly state: 'ok' | 'disabled' | 'down';
  /** Time of the probe's round trip in milliseconds; absent when disabled. */
  readonly latencyMs?: number;
  /** What is wrong or missing, written for a person; without secrets. */
  readonly detail?: string;
}

/** A plain HTTP route that a subgraph serves beside GraphQL, such as signed downloads. */
export interface Route {
  readonly methods: readonly string[];
  /** The path's prefix, such as `/objects/`; the longest prefix wins. */
  readonly prefix: string;
  /**
   * Whether the gateway verifies the caller first, as for GraphQL; otherwise the route must (such as by a signature).
   * @default false
   */
  readonly authenticated?: boolean;
  /**
   * Answers one request. A thrown `CodedError` becomes its HTTP status with a JSON body. An event stream
   * (`text/event-stream`) is cut when the server stops.
   * @param principal who asks, where the route is {@link authenticated}
   */
  handle(request: Request, principal?: Principal): Promise<Response>;
}

/** A mounted subgraph. */
export interface Subgraph {
  readonly name: SubgraphName;
  readonly schema: GraphQLSchema;
  readonly routes: readonly Route[];
  /** Implementations of ports for other subgraphs and rooms, injected by `gateway/mount/`. */
  readonly provides: Partial<Ports>;
  /** Probes the stores; never throws, and answers within about a second. */
  health(): Promise<StoreHealth[]>;
  /**
   * Looks closer at the store than {@link health}: writes and takes away something of no tenant where that is the way to know
   * whether it may. Absent where health tells all.
   * @throws CodedError where the store cannot be asked
   */
  examine?(): Promise<Examination>;
  /** Its objects, for whoever copies all of them; absent for a subgraph that keeps none. */
  readonly objects?: KeptObjects | undefined;
  /** Removes everything of a tenant; absent where PostgreSQL alone keeps what the subgraph has, of which `Postgres` does it. */
  readonly erasure?: StoreErasure | undefined;
  /** Ends timers and clients that this subgraph made (not those injected into it). Idempotent. */
  close(): Promise<void>;
}
