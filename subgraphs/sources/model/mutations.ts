/** Which rows of a type may be changed, and how: what the file says of it, held to what the store says. */
import type { CatalogTable } from '../driver.ts';
import type { Draft } from './draft.ts';
import { KINDS, type KindName } from './kinds.ts';
import type { ModelMutations } from './model.ts';

/** @returns undefined where the file says of none. @param fault is told what is wrong with it */
export function mutationsOf(
  kind: KindName,
  { table, settings, tenant, relation, type, fieldOf }: Draft,
  fault: (message: string) => void,
): ModelMutations | undefined {
  const { mutations } = settings;
  if (mutations === undefined) return undefined;
  const refuse = (message: string): undefined => {
    fault(message);
    return undefined;
  };
  if (!('writes' in KINDS[kind]))
    return refuse(`stores of the kind ${kind} are read only. Take \`mutations\` of ${table.id} out.`);
  if (!['table', 'partitioned table', 'foreign table'].includes(table.kind))
    return refuse(`${table.id} is a ${table.kind}, whose rows are not changed. Take its \`mutations\` out.`);
  if (relation.tenant === undefined && relation.onlyTenant === undefined)
    return refuse(
      `${table.id} is \`shared\`: every tenant could change the rows of all. Give it the \`tenancy\` of a column or of one tenant, or take its \`mutations\` out.`,
    );
  if (type.key.length === 0)
    return refuse(
      `${table.id} has no key that is shown, by which rows are changed. Say its \`key\`, or take its \`mutations\` out.`,
    );
  const columns = new Map(table.columns.map((column) => [column.name, column]));
  const key = type.key.map((field) => columns.get(relation.columns[field]!.name)!);
  if (key.some((column) => column.kind === 'bytes'))
    return refuse(`the key of ${table.id} has bytes, by which rows are not changed. Take its \`mutations\` out.`);
  const fields = type.columns.flatMap((model) => {
    const column = columns.get(relation.columns[model.field]!.name)!;
    const isList = column.list && ['bytes', 'json', 'other'].includes(column.kind);
    if (column.generated === true || column.name === tenant || isList || isUnwritten(column.native)) return [];
    return [{ field: model.field, required: !column.nullable && column.default !== true }];
  });
  if (fields.length === 0 && (mutations.insert ?? mutations.upsert) !== undefined)
    return refuse(
      `${table.id} has no column that may be written. Take \`insert\` and \`upsert\` out of its \`mutations\`.`,
    );
  const known = new Set(fields.map(({ field }) => field));
  const uniques = table.uniques.flatMap((set) => {
    const own = set.filter((column) => column !== tenant).map((column) => fieldOf.get(column));
    return own.length > 0 && own.every((field) => field !== undefined && known.has(field)) ? [own as string[]] : [];
  });
  const sets = new Map([type.key, ...uniques].map((set) => [set.join(), set]));
  const found = [...sets.values()].filter((set) => set.every((field) => known.has(field)));
  if (found.length === 0 && mutations.upsert !== undefined)
    return refuse(
      `${table.id} has nothing unique that may be written, by which it is told whether there is a row already. Take \`upsert\` out of its \`mutations\`.`,
    );
  return {
    scopes: mutations,
    fields,
    uniques: found,
    held: type.links
      .filter(({ many, pairs }) => !many && isForeignKey(table, relation.columns, pairs, tenant))
      .map(({ field }) => field),
  };
}

/** Types of MariaDB and MySQL that have no text which makes their values. */
const isUnwritten = (native: string): boolean =>
  /^((geometry|point|linestring|polygon|multi\w+|geom(etry)?collection)$|vector\()/.test(native);

function isForeignKey(
  { foreignKeys }: CatalogTable,
  columns: Draft['relation']['columns'],
  pairs: readonly (readonly [string, string])[],
  tenant: string | undefined,
): boolean {
  const own = pairs
    .map(([field]) => columns[field]!.name)
    .sort()
    .join('\n');
  return foreignKeys.some(
    (key) =>
      key.columns
        .filter((column) => column !== tenant)
        .sort()
        .join('\n') === own,
  );
}

/** What there is that may be changed of a table, for files that are written. */
export const canBeWritten = (kind: KindName, table: CatalogTable): boolean =>
  'writes' in KINDS[kind] && table.kind !== 'view' && table.kind !== 'materialized view' && table.key !== undefined;
