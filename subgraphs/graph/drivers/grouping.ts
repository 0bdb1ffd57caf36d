/** Groups the rows of a statement by the id that they answer, keeping their order. */
export function groupedBy<Row, Item>(
  rows: readonly Row[],
  keyOf: (row: Row) => string,
  itemOf: (row: Row) => Item,
): Map<string, Item[]> {
  const groups = new Map<string, Item[]>();
  for (const row of rows) {
    const key = keyOf(row);
    const group = groups.get(key);
    if (group) group.push(itemOf(row));
    else groups.set(key, [itemOf(row)]);
  }
  return groups;
}

/** How many there are, by id. */
export const countsOf = (rows: readonly { id: string; count: number }[]): Map<string, number> =>
  new Map(rows.map(({ id, count }) => [id, count]));

/** What each document names, from one row for each thing named. */
export function contentsOf(
  rows: readonly { document: string; entity: string | null; relation: string | null }[],
): Map<string, { entities: string[]; relations: string[] }> {
  const contents = new Map<string, { entities: string[]; relations: string[] }>();
  for (const { document, entity, relation } of rows) {
    const own = contents.get(document) ?? { entities: [], relations: [] };
    if (entity !== null) own.entities.push(entity);
    if (relation !== null) own.relations.push(relation);
    contents.set(document, own);
  }
  return contents;
}

/** How a list is read in one direction: what is past a key, and the order, in SQL as in Cypher. */
export const reading = (backward: boolean) =>
  backward
    ? { past: '<', way: 'DESC', isPast: (a: string, b: string) => a < b }
    : { past: '>', way: 'ASC', isPast: (a: string, b: string) => a > b };
