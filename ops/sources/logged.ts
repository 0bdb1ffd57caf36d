/** Which tables a file of sources wants the changes of recorded. */
import type { Catalog } from '#subgraphs/sources/driver.ts';
import type { LoggedTable } from '#subgraphs/sources/changes/postgres-log.ts';
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
    if (table === undefined) faults.push(`there is no table ${path} that the user of the URL may read.`);
    else if (table.kind !== 'table' && table.kind !== 'partitioned table')
      faults.push(
        `${table.id} is a ${table.kind}, which has no changes of its own. Follow the tables that it is made of.`,
      );
    else if (table.policies === true)
      faults.push(
        `policies of the database say row by row who may read ${table.id}, and a record of its changes does not know them. Take its \`changes\` out.`,
      );
    else {
      const shown = table.columns.map(({ name }) => name).filter((name) => columns[name]?.hide !== true);
      return [{ schema: table.schema, name: table.name, columns: shown }];
    }
    return [];
  });
  return { tables, faults };
}
