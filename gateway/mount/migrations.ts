/** Where the migrations of each schema of PostgreSQL are, for whoever looks at a database without mounting on it. */
export const MIGRATIONS: Readonly<Record<string, URL>> = {
  relational: new URL('../../subgraphs/relational/migrations/', import.meta.url),
  graph: new URL('../../subgraphs/graph/migrations/', import.meta.url),
  vector: new URL('../../subgraphs/vector/migrations/', import.meta.url),
  inference: new URL('../../subgraphs/inference/migrations/', import.meta.url),
  runs: new URL('../../subgraphs/runs/migrations/', import.meta.url),
};
