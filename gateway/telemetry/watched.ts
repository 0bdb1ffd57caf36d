/** What is asked of the server whenever metrics are read. Each is bounded in time, and what is not known is left out. */
export interface Watched {
  /** Stores by subgraph, as `/health/ready` tells them. */
  stores(): Promise<Readonly<Record<string, readonly { readonly store: string; readonly state: string }[]>>>;
  /** Whether requests are answered. */
  ready(): boolean;
  /** Whether the supergraph that serves is the last that was written. */
  current(): boolean;
  /** How many requests each limit has refused. */
  refused(): Readonly<Record<string, number>>;
  /** Plans that are kept, and how often one was at hand. */
  plans(): { readonly entries: number; readonly hits: number; readonly misses: number };
  /** Connections to PostgreSQL; undefined without one. */
  pool(): { readonly used: number; readonly idle: number; readonly waiting: number; readonly max: number } | undefined;
  /** What is to be delivered to other stores; undefined where there is no such thing. */
  outbox(): Promise<
    { readonly pending: number; readonly failed: number; readonly oldestPendingSeconds: number | null } | undefined
  >;
  /** Subgraphs elsewhere by name: how their circuit breakers stand. */
  breakers(): Readonly<Record<string, 'closed' | 'half-open' | 'open'>>;
  /** Open WebSockets. */
  sockets(): number;
}
