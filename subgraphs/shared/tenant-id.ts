/**
 * What data is kept apart by: a tenant, or a project below it. Everything of a project is kept under `<tenant>.<project>`
 * where that of the tenant itself is under `<tenant>`: one key in every store, cache and signed link, so that whatever keeps
 * tenants apart keeps projects apart, and nothing can know the one and forget the other. Names have no dots, so that no
 * two pairs are written alike and no claim can name a project by way of its tenant.
 */

/** The names of tenants and projects are short and plain, because they become key prefixes, labels and setting values. */
export const TENANT_NAME = /^[A-Za-z0-9][A-Za-z0-9_-]{0,62}$/;

const TENANT_ID = /^[A-Za-z0-9][A-Za-z0-9_-]{0,62}(?:\.[A-Za-z0-9][A-Za-z0-9_-]{0,62})?$/;

/** Whether data can be kept under it: a tenant, or a project of one. */
export const isTenantId = (text: string): boolean => TENANT_ID.test(text);

/** What the data of a project is kept under; that of the tenant itself where there is none. Both match {@link TENANT_NAME}. */
export const tenantIdOf = (tenant: string, project: string | undefined): string =>
  project === undefined ? tenant : `${tenant}.${project}`;

/** The tenant of what data is kept under: what limits, budgets and turns are of, however many projects it has. */
export function tenantOf(tenantId: string): string {
  const dot = tenantId.indexOf('.');
  return dot < 0 ? tenantId : tenantId.slice(0, dot);
}

/** The project of what data is kept under; undefined for what is of no project. */
export function projectOf(tenantId: string): string | undefined {
  const dot = tenantId.indexOf('.');
  return dot < 0 ? undefined : tenantId.slice(dot + 1);
}
