/**
 * What may be seen of a table here, by what roles may see there. There, each role sees rows and columns of its own; here, whose
 * rows they are is said once for all callers. So what all roles that count may see is carried over, and no more.
 */
import type { CatalogTable } from '#subgraphs/sources/driver.ts';
import type { Note, Permission, Rows, Table } from './metadata.ts';

export interface Rights {
  readonly notes: readonly Note[];
  /** Why nothing of it is shown; undefined where it is. */
  readonly hidden?: string;
  readonly tenancy?: { column: string } | 'shared';
  /** The columns that may be seen; undefined: all. */
  readonly columns: ReadonlySet<string> | undefined;
  /** The most rows of one query. */
  readonly limit?: number | undefined;
  /** Whether rows may be counted and measured. */
  readonly aggregates?: boolean;
}

/** @param permissions of the roles that count */
export function rightsOf(
  table: Table,
  { id, columns }: CatalogTable,
  permissions: readonly Permission[],
  tenantVariable: string | undefined,
): Rights {
  const selects = permissions.filter(({ action }) => action === 'select');
  const roles = selects.map(({ role }) => role).join(', ');
  const hide = (at: string, why: string): Rights => ({
    notes: [{ at, told: `${id} is hidden: ${why}` }],
    hidden: `${why} (${at})`,
    columns: undefined,
  });
  if (selects.length === 0)
    return hide(table.at, 'no role may select it. Take `hide` out, and say its `tenancy`, where callers may.');
  const refused = selects.find(({ rows }) => !isTenancy(rows, tenantVariable));
  if (refused !== undefined)
    return hide(
      placeOf(refused),
      `which rows ${refused.role} may select is no tenant: ${writtenRows(refused.rows)}. Serve a view that holds the condition, or take \`hide\` out and say its \`tenancy\`.`,
    );
  const tenants = new Set(selects.flatMap(({ rows }) => (rows.kind === 'variable' ? [rows.column] : [])));
  const [tenant, another] = tenants;
  if (another !== undefined)
    return hide(
      table.at,
      `roles find their rows by different columns (${[...tenants].join(', ')}). Take \`hide\` out and say its \`tenancy\`.`,
    );
  if (tenant !== undefined && !columns.some(({ name, list }) => name === tenant && !list))
    return hide(
      table.at,
      `it has no column ${tenant} that the database's user may read. Give it one, or serve a view.`,
    );
  const notes: Note[] = [];
  const all = selects.filter(({ rows }) => rows.kind === 'all');
  if (tenant !== undefined)
    for (const { at, role } of all)
      notes.push({ at, told: `${id}: ${role} could select the rows of all tenants, and sees those of its own here.` });
  const limited = selects.flatMap(({ limit }) => limit ?? []);
  const seen = new Set(
    columns
      .map(({ name }) => name)
      .filter((name) => selects.every((select) => select.columns === '*' || select.columns.includes(name))),
  );
  const some = columns.filter(
    ({ name }) => !seen.has(name) && selects.some((select) => select.columns === '*' || select.columns.includes(name)),
  );
  if (some.length > 0)
    notes.push({
      at: table.at,
      told: `${id}: ${some.map(({ name }) => name).join(', ')} ${some.length === 1 ? 'is' : 'are'} hidden, which not all of the roles ${roles} may see. \`--role\` carries over what one of them may see.`,
    });
  const aggregates = selects.filter((select) => select.aggregates);
  if (aggregates.length > 0 && aggregates.length < selects.length)
    notes.push({
      at: table.at,
      told: `${id}: it has no aggregates, which not all of the roles ${roles} may ask for. Take \`aggregates: false\` out, where all may.`,
    });
  return {
    notes,
    tenancy: tenant === undefined ? 'shared' : { column: tenant },
    columns: seen,
    // Who had no limit there has the largest page here, as all others.
    limit: limited.length === 0 ? undefined : Math.min(...limited),
    aggregates: aggregates.length === selects.length,
  };
}

/** Whether it says whose rows they are, and no more. */
export const isTenancy = (rows: Rows, tenantVariable: string | undefined): boolean =>
  rows.kind === 'all' || (rows.kind === 'variable' && rows.variable === tenantVariable);

export const placeOf = ({ at, rows, check }: Permission): string =>
  rows.kind === 'other' ? rows.at : check.kind === 'other' ? check.at : at;

export function writtenRows(rows: Rows): string {
  if (rows.kind === 'all') return 'all of them';
  return rows.kind === 'variable' ? `${rows.column} is ${rows.variable}` : rows.shown;
}

/** The session variables that filters of the roles that count have by themselves, with how many have each. */
export function variablesOf(permissions: readonly Permission[]): Map<string, number> {
  const counts = new Map<string, number>();
  for (const { action, rows } of permissions)
    if (action === 'select' && rows.kind === 'variable')
      counts.set(rows.variable, (counts.get(rows.variable) ?? 0) + 1);
  return counts;
}
