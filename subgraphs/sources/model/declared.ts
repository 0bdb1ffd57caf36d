/** What the file says of columns of a store that has no types of its own. */
import type { Catalog, CatalogColumn, CatalogEnum } from '../driver.ts';
import type { SourceSettings } from './format.ts';

type Fault = (path: readonly (string | number)[], message: string) => void;

/** The catalogue as the file has it. */
export function declared(catalog: Catalog, { types = {} }: SourceSettings, fault: Fault): Catalog {
  const enums: CatalogEnum[] = [...catalog.enums];
  const tables = catalog.tables.map((table) => {
    const path = table.id in types ? table.id : table.name;
    const { columns: settings = {} } = types[path] ?? {};
    const columns = table.columns.map((column): CatalogColumn => {
      const { type, values } = settings[column.name] ?? {};
      if (type === undefined && values === undefined) return column;
      const at = ['types', path, 'columns', column.name];
      if (catalog.typeless !== true) {
        fault(
          at,
          `the type of ${column.name} of ${table.id} is the database's to say. Take \`type\` and \`values\` out.`,
        );
        return column;
      }
      if (values === undefined) return { ...column, kind: type!, list: false };
      const id = `${table.id}.${column.name}`;
      enums.push({ id, name: `${table.name} ${column.name}`, values });
      return { ...column, kind: 'enum', list: false, enum: id, values };
    });
    return { ...table, columns };
  });
  return { ...catalog, tables, enums };
}
