/** What the picture says of each room, and where it draws it. The arrows are not here: they are read from the imports. */

/** A box of the picture. */
export interface PlacedRoom {
  /** The room, or a file directly on its floor, relative to the project's folder. */
  readonly path: string;
  /** What it does, in the room that a box has. */
  readonly does: string;
  /** Counted from 0, from the top of the floor; rooms import downwards. */
  readonly row: number;
  /** Left edge and width, in columns of 24. @default the row is shared out evenly, in the order of its rooms */
  readonly columns?: readonly [left: number, width: number];
  /** Where a query passes, as docs/architecture.md walks it. */
  readonly step?: number;
}

/** A line across the whole floor for rooms that import, or are imported by, nearly every other on it. */
export interface Line {
  /** Rooms, files, or `<folder>/*` for all files directly in it that are not named elsewhere. */
  readonly paths: readonly string[];
  readonly title: string;
  readonly does: string;
}

export interface Floor {
  readonly path: string;
  readonly does: string;
  /** Above all rooms of the floor: imports them. */
  readonly roof?: Line;
  readonly rooms: readonly PlacedRoom[];
  /** Below all rooms of the floor: is imported by them. */
  readonly ground?: Line;
}

/** From the top: each floor may import those below it. */
export const FLOORS: readonly Floor[] = [
  {
    path: 'ops',
    does: 'what starts and stops it, and the commands around it',
    roof: {
      paths: ['ops/*'],
      title: 'ops/*.ts',
      does: 'one file for each command: start, ingest, schema, compose, docs …',
    },
    rooms: [
      { path: 'ops/serve', does: 'the process, its workers', row: 0 },
      { path: 'ops/reconcile', does: 'compare stores, repair', row: 0 },
      { path: 'ops/sources', does: 'name your own stores', row: 0 },
      { path: 'ops/graph-introspect', does: 'model an existing graph', row: 0 },
      { path: 'ops/compare', does: 'beside another gateway', row: 0 },
      { path: 'ops/doctor', does: 'look at stores', row: 0 },
      { path: 'ops/erasure', does: 'erase tenants', row: 1 },
      { path: 'ops/backup', does: 'copy, restore', row: 1 },
      { path: 'ops/config', does: 'settings, faults', row: 0 },
      { path: 'ops/keys', does: 'API keys', row: 0 },
      { path: 'ops/mcp', does: 'MCP over stdio', row: 0 },
      { path: 'ops/persist', does: 'lists of operations', row: 0 },
      { path: 'ops/new', does: 'skeletons', row: 0 },
      { path: 'ops/ingest', does: 'folders, packages', row: 1 },
      { path: 'ops/embedded', does: 'PostgreSQL, data folder', row: 1 },
      { path: 'ops/bootstrap', does: 'install, run scripts', row: 1 },
      { path: 'ops/image', does: 'containers', row: 0 },
      { path: 'ops/bundle', does: 'off-grid archive', row: 0 },
      { path: 'ops/build', does: 'bundles the product', row: 1 },
      { path: 'ops/architecture', does: 'reads imports, draws this', row: 1 },
      { path: 'ops/hooks', does: 'before a commit', row: 1 },
    ],
  },
  {
    path: 'gateway',
    does: 'what a request flows through',
    roof: {
      paths: ['gateway/*'],
      title: 'server.ts',
      does: 'what is started, in which order, and what a request passes',
    },
    rooms: [
      { path: 'gateway/mount', does: 'subgraphs, ports', row: 0, columns: [0, 4] },
      { path: 'gateway/subscribe', does: 'WebSocket, SSE, multipart', row: 0, columns: [5.75, 5.5] },
      { path: 'gateway/http', does: 'listening, guards, routes', row: 0, columns: [12.75, 5.5], step: 1 },
      { path: 'gateway/agents', does: 'MCP', row: 0, columns: [20, 4] },
      { path: 'gateway/config', does: 'environment', row: 1, columns: [0, 4] },
      { path: 'gateway/auth', does: 'token → principal', row: 1, columns: [4.75, 4.5], step: 2 },
      { path: 'gateway/admission', does: 'parse, limits, validation', row: 1, columns: [10, 4.5], step: 3 },
      { path: 'gateway/conditions', does: 'filters across stores', row: 1, columns: [15.25, 4.25] },
      { path: 'gateway/indexing', does: 'outbox → stores', row: 1, columns: [20.25, 3.75] },
      { path: 'gateway/supergraph', does: 'compose, reload', row: 2, columns: [0, 4] },
      { path: 'gateway/execute', does: 'clients · run · in-process · answers', row: 2, columns: [7, 11.25], step: 5 },
      { path: 'gateway/limits', does: 'rates, how many at once', row: 2, columns: [20, 4] },
      { path: 'gateway/plan', does: 'query plan, in a process', row: 3, columns: [5.75, 5.5], step: 4 },
      { path: 'gateway/respond', does: 'shape of the answer', row: 3, columns: [12.75, 5.5], step: 6 },
    ],
    ground: {
      paths: ['gateway/telemetry', 'gateway/bounds', 'gateway/errors.ts', 'gateway/endings.ts'],
      title: 'telemetry · bounds · errors.ts',
      does: 'logs without secrets, metrics and traces, bounds of resources, the table of error codes',
    },
  },
  {
    path: 'subgraphs',
    does: 'one for each kind of data, none imports another',
    rooms: [
      { path: 'subgraphs/relational', does: 'documents', row: 0 },
      { path: 'subgraphs/graph', does: 'entities', row: 0 },
      { path: 'subgraphs/graph-model', does: 'your own graph', row: 0 },
      { path: 'subgraphs/sources', does: 'your own stores', row: 0 },
      { path: 'subgraphs/vector', does: 'search', row: 0 },
      { path: 'subgraphs/object', does: 'bytes', row: 0 },
      { path: 'subgraphs/inference', does: 'models', row: 0 },
      { path: 'subgraphs/runs', does: 'event streams', row: 0 },
    ],
  },
  {
    path: 'subgraphs/shared',
    does: 'what they share: schema builder, ports, errors, ids, cursors, Markdown, text of files, PostgreSQL and Neo4j connections',
    rooms: [],
  },
];
