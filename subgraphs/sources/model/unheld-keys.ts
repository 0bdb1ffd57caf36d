import type { YamlFile } from '#subgraphs/shared/yaml-file.ts';
import type { Catalog } from '../driver.ts';
import type { SourcesFile } from './format.ts';
import { KINDS } from './kinds.ts';

/**
 * Keys that the file says and nothing of the database holds: rows that have one alike would be lost between pages.
 * @returns what is to be said of each, with file and line. Views, and stores without unique indexes, have nothing that could hold one
 */
export function unheldKeys(file: YamlFile<SourcesFile>, source: string, { tables }: Catalog): string[] {
  const { kind, types = {} } = file.data.sources[source]!;
  if (!('writes' in KINDS[kind])) return [];
  return Object.entries(types).flatMap(([named, { key, tenancy = file.data.sources[source]!.tenancy }]) => {
    const table = tables.find(({ id, name }) => id === named || name === named);
    if (key === undefined || table === undefined || table.kind === 'view' || table.kind === 'foreign table') return [];
    const tenant = typeof tenancy === 'object' && 'column' in tenancy ? tenancy.column : undefined;
    if (table.uniques.some((set) => set.every((column) => column === tenant || key.includes(column)))) return [];
    return [
      `${file.at(['sources', source, 'types', named, 'key'])}: ${source}: no unique index of ${table.id} holds the key (${key.join(', ')}). Rows that have it alike are lost between pages: make such an index, or say another key.`,
    ];
  });
}
