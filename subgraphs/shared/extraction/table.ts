/** Rows as a table of Markdown, whose header each piece of it repeats when it is cut. */
import { EXTRACTION } from './bounds.ts';
import { inOneLine, type MarkdownText } from './markdown-text.ts';

/** A row: texts by the number of their column, from 0. */
export type Row = ReadonlyMap<number, string>;

/** A row of a list of texts; blank ones are not there. */
export const rowOf = (cells: readonly string[]): Row =>
  new Map(cells.flatMap((cell, at) => (cell.trim() === '' ? [] : [[at, cell] as const])));

/**
 * Adds a table whose first row is its header; columns that are empty in all rows are left out. A single column is a list of
 * lines, for a table of one says no more.
 */
export function addTable(text: MarkdownText, rows: readonly Row[]): boolean {
  const used = new Set<number>();
  for (const row of rows) for (const column of row.keys()) used.add(column);
  const columns = [...used].sort((a, b) => a - b);
  if (columns.length > EXTRACTION.columns) {
    columns.length = EXTRACTION.columns;
    text.leaveOut();
  }
  if (columns.length === 0) return true;
  if (columns.length === 1)
    return text.add(
      rows
        .map((row) => `- ${inOneLine(row.get(columns[0]!) ?? '')}`)
        .filter((line) => line !== '- ')
        .join('\n'),
    );
  const line = (row: Row): string => `| ${columns.map((column) => cellOf(row.get(column) ?? '')).join(' | ')} |`;
  const [header, ...others] = rows;
  const lines = [line(header!), `|${' --- |'.repeat(columns.length)}`];
  // No longer than what there is room for in any case: a few wide rows could stand for gigabytes.
  let length = lines[0]!.length;
  for (const row of others) {
    const next = line(row);
    lines.push(next);
    length += next.length;
    if (length > EXTRACTION.textBytes) break;
  }
  return text.add(lines.join('\n'));
}

const cellOf = (cell: string): string => inOneLine(cell).replace(/[\\|]/g, '\\$&');
