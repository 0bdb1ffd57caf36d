/** What columns of nodes and relationships are called, and how Cypher has names. */

/** Runs one statement that reads. */
export type Ask = (cypher: string, parameters: Record<string, unknown>) => Promise<Record<string, unknown>[]>;

/** A name as Cypher has it. */
export const quoted = (name: string): string => `\`${name.replaceAll('`', '``')}\``;

/** The column of what names a node or a relationship. */
export const ELEMENT_ID = 'elementId';
/** The columns of what is at the ends of a relationship. */
export const [START_ID, END_ID] = ['startId', 'endId'];
const OWN: ReadonlySet<string> = new Set([ELEMENT_ID, START_ID, END_ID]);

/** The column of a property is its own name, but where that is one of ours. */
export const columnNames = {
  columnOf: (key: string): string => (OWN.has(key) ? `properties.${key}` : key),
  keyOf: (column: string): string => {
    const key = column.replace(/^properties\./, '');
    return OWN.has(key) ? key : column;
  },
};
