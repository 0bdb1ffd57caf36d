/** Whether changes of a type's rows can be followed, and how: what the file says of it, held to what the store says. */
import type { CatalogTable } from '../driver.ts';
import type { Draft } from './draft.ts';
import { KINDS, type KindName } from './kinds.ts';
import { isSortable, type ModelChanges } from './model.ts';

/** Why no record of a table's changes can be kept; undefined where one can. */
export function whyUnrecorded({ id, kind, policies }: CatalogTable): string | undefined {
  if (kind !== 'table' && kind !== 'partitioned table')
    return `${id} is a ${kind}, which has no changes of its own. Follow the tables that it is made of.`;
  return policies === true
    ? `policies of the database say row by row who may read ${id}, and a record of its changes does not know them. Take its \`changes\` out.`
    : undefined;
}

/** @returns undefined where the file says of none. @param fault is told what is wrong with it */
export function changesOf(
  kind: KindName,
  { table, settings, relation, type, fieldOf, tenant }: Draft,
  fault: (message: string, ofStore?: boolean) => void,
): ModelChanges | undefined {
  const { changes } = settings;
  if (changes === undefined) return undefined;
  const refuse = (message: string, ofStore?: boolean): undefined => {
    fault(message, ofStore);
    return undefined;
  };
  if (changes === 'log') {
    if (!('records' in KINDS[kind]))
      return refuse(
        `stores of the kind ${kind} keep no record of changes. Say \`changes: { column: … }\` of ${table.id}, a column that grows with each change, or take it out.`,
      );
    const why = whyUnrecorded(table);
    if (why !== undefined) return refuse(why);
    const served = [
      ...Object.values(relation.columns).map(({ name }) => name),
      ...(tenant === undefined ? [] : [tenant]),
    ];
    const missing = served.filter((column) => table.logged?.includes(column) !== true);
    if (missing.length > 0)
      return refuse(
        table.logged === undefined
          ? `the database records no changes of ${table.id}. Run what \`npm run -s sources:changes\` prints, as its owner, and save the file again.`
          : `the database records changes of ${table.id} without ${missing.join(', ')}. Run what \`npm run -s sources:changes\` prints once more, as its owner, and save the file again.`,
        // The file cannot know of columns that come.
        table.logged !== undefined,
      );
    return { kind: 'log' };
  }
  const field = fieldOf.get(changes.column);
  const column = type.columns.find((each) => each.field === field);
  if (field === undefined || column === undefined || !isSortable(column))
    return refuse(
      `there is no column ${JSON.stringify(changes.column)} of ${table.id} by which its changes could be told. Name one that is not hidden and has an order, such as a moment that each change sets.`,
    );
  if (type.key.length === 0)
    return refuse(
      `${table.id} has no key that is shown, by which changes are put in order. Say its \`key\`, or take its \`changes\` out.`,
    );
  return { kind: 'column', field };
}
