/** Comma-separated values, and those that semicolons or tabs separate: a table whose header is the first row. */
import Papa from 'papaparse';
import { EXTRACTION } from '../bounds.ts';
import { MarkdownText } from '../markdown-text.ts';
import type { Reading } from '../reader.ts';
import { addTable, rowOf, type Row } from '../table.ts';

/** Reads rows up to the length that a text may have. */
export function readCsv(csv: string): Reading {
  const rows: Row[] = [];
  const text = new MarkdownText();
  let length = 0;
  Papa.parse<string[]>(csv, {
    skipEmptyLines: 'greedy',
    step: ({ data }, parser) => {
      rows.push(rowOf(data));
      for (const cell of data) length += cell.length + 1;
      if (length <= EXTRACTION.textBytes) return;
      text.leaveOut();
      parser.abort();
    },
  });
  addTable(text, rows);
  return { text, facts: { rows: Math.max(rows.length - 1, 0) } };
}
