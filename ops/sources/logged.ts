/** Which tables a file of sources wants the changes of recorded. */
import type { Catalog } from '#subgraphs/sources/driver.ts';
import type { LoggedTable } from '#subgraphs/sources/changes/postgres-log.ts';
import { whyUnrecorded } from '#subgraphs/sources/model/changes.ts';
import type { SourceSettings } from '#subgraphs/sources/model/format.ts';

/** @returns what can be recorded, with the columns that are not hidden, and what cannot */
export function loggedTables(
  { types = {} }: Pick<SourceSettings, 'types'>,
  catalog: Catalog,
): { readonly tables: readonly LoggedTable[]; readonly faults: readonly string[] } {
  const faults: string[] = [];
  const tables = Object.entries(types).flatMap(([path, { changes, columns = {} }]): LoggedTable[] => {
    if (changes !== 'log') return [];
    const table = catalog.tables.find(({ id, name }) => path === id || path === name);
    const why =
      table === undefined ? `there is no table ${path} that the user of the URL may read.` : whyUnrecorded(table);
    if (table === undefined || why !== undefined) {
      faults.push(why!);
      return [];
    }
    const shown = table.columns.map(({ name }) => name).filter((name) => columns[name]?.hide !== true);
    return [{ schema: table.schema, name: table.name, columns: shown }];
  });
  return { tables, faults };
}
