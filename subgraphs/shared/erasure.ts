/** Removing everything of a tenant from a store. */

/** How many of what, by what a store calls it: tables, labels, collections, objects. */
export type Counts = Readonly<Record<string, number>>;

/** One store's part. All of it may be done again: what is gone is counted as none. */
export interface StoreErasure {
  /** What the store is called in reports, such as `neo4j`. */
  readonly store: string;
  /**
   * What anything is kept under here, of a tenant and its projects; empty for a store that cannot tell.
   * @throws CodedError
   */
  tenantIds(tenant: string): Promise<readonly string[]>;
  /** What is kept under these ids now, kinds without anything left out. @throws CodedError */
  count(tenantIds: readonly string[]): Promise<Counts>;
  /** Removes it. @returns how much was there @throws CodedError */
  erase(tenantIds: readonly string[], signal: AbortSignal): Promise<Counts>;
}

/** Whether something is kept under `id` for the tenant, or for a project of it. */
export const isOf = (tenant: string, id: string): boolean => id === tenant || id.startsWith(`${tenant}.`);

/** Sums by kind, kinds without anything left out. */
export function addCounts(...all: readonly Counts[]): Counts {
  const sums: Record<string, number> = {};
  for (const counts of all) for (const [kind, count] of Object.entries(counts)) sums[kind] = (sums[kind] ?? 0) + count;
  return Object.fromEntries(Object.entries(sums).filter(([, count]) => count > 0));
}
