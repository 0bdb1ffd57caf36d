/** Which changes of a table's rows are carried over: those that are the same here, but that a scope takes the place of roles. */
import type { CatalogTable } from '#subgraphs/sources/driver.ts';
import type { KindName } from '#subgraphs/sources/model/kinds.ts';
import { canBeWritten } from '#subgraphs/sources/model/mutations.ts';
import type { SaidTable } from '../merge.ts';
import type { Action, Note, Permission, Rows, Table } from './metadata.ts';
import { placeOf, writtenRows, type Rights } from './rights.ts';

const CHANGES: readonly Exclude<Action, 'select'>[] = ['insert', 'update', 'delete'];

/** The scope that there is for changes; the file may say another. */
const SCOPE = 'sources:write';

/** @param permissions of the roles that count @param notes gets what is not carried over */
export function mutationsOf(
  kind: KindName,
  table: Table,
  found: CatalogTable,
  permissions: readonly Permission[],
  rights: Rights,
  notes: Note[],
): SaidTable['entry']['mutations'] {
  const changes = permissions.filter(({ action }) => action !== 'select');
  if (changes.length === 0) return undefined;
  const { id } = found;
  const whole =
    rights.tenancy === 'shared'
      ? 'rows that every tenant may read are read only. Say its `tenancy`, and its `mutations`'
      : !canBeWritten(kind, found)
        ? 'rows of views, and rows without a key, are read only'
        : undefined;
  if (whole !== undefined) {
    notes.push({ at: changes[0]!.at, told: `${id}: no changes are carried over: ${whole}.` });
    return undefined;
  }
  const said: Record<string, string> = {};
  for (const change of CHANGES) {
    const own = changes.filter(({ action }) => action === change);
    const reasons = own.map((permission) => reasonAgainst(permission, found, rights));
    for (const [index, reason] of reasons.entries())
      if (reason !== undefined)
        notes.push({
          at: placeOf(own[index]!),
          told: `${id}: ${change} by ${own[index]!.role} is not carried over: ${reason}. Where who has a scope may do more, say \`mutations: { ${change}: ${SCOPE} }\`.`,
        });
    if (own.length > 0 && reasons.every((reason) => reason === undefined)) said[change] = SCOPE;
  }
  if (said.insert !== undefined && said.update !== undefined) said.upsert = SCOPE;
  return Object.keys(said).length === 0 ? undefined : said;
}

/** Why a caller with the scope could do more here than the role there; undefined where he could not. */
function reasonAgainst(
  { action, rows, check, columns, presets, backendOnly }: Permission,
  { columns: all, key = [] }: CatalogTable,
  { tenancy, columns: seen }: Rights,
): string | undefined {
  if (backendOnly) return 'it is for servers with the admin secret alone (`backend_only`)';
  const tenant = typeof tenancy === 'object' ? tenancy.column : undefined;
  const isOwn = (of: Rows): boolean => of.kind === 'all' || (of.kind === 'variable' && of.column === tenant);
  if (!isOwn(rows)) return `which rows it may change is no tenant: ${writtenRows(rows)}`;
  if (!isOwn(check)) return `what rows must be is no tenant: ${writtenRows(check)}`;
  const [preset] = [...presets.keys()].filter((column) => column !== tenant);
  if (preset !== undefined)
    return `the server sets ${preset} to ${presets.get(preset)}; make it a default of the column`;
  const writable = all.filter(
    ({ name, generated }) =>
      name !== tenant &&
      generated !== true &&
      seen?.has(name) !== false &&
      (action !== 'update' || !key.includes(name)),
  );
  const more = columns === '*' ? [] : writable.filter(({ name }) => !columns.includes(name));
  return more.length === 0
    ? undefined
    : `it may not say ${more.map(({ name }) => name).join(', ')}, and which columns may be said is not limited here`;
}
