/** Workbooks: a heading for each sheet, and its rows as tables, which empty rows divide. */
import { unpack, type Archive } from '../archive.ts';
import { EXTRACTION } from '../bounds.ts';
import { MarkdownText } from '../markdown-text.ts';
import { corePropertiesOf, relationshipsOf } from '../office.ts';
import type { Reading } from '../reader.ts';
import { addTable, type Row } from '../table.ts';
import { UnreadableError } from '../unreadable.ts';
import { attributeOf, readXml } from '../xml.ts';
import { dateOf, isDateFormat } from './xlsx-dates.ts';

const WORKBOOK = 'xl/workbook.xml';

/** Reads a workbook: values as they were last worked out, formulas not. */
export function readXlsx(bytes: Uint8Array): Reading {
  const archive = unpack(
    bytes,
    (name) => /\.(?:xml|rels)$/i.test(name) && /^(?:docProps|_rels|xl\/(?:_rels|worksheets|[^/]*$))/.test(name),
  );
  const workbook = archive.get(WORKBOOK);
  if (workbook === undefined) throw new UnreadableError('it holds no workbook');
  const { sheets, from1904 } = sheetsOf(workbook);
  const parts = relationshipsOf(archive, WORKBOOK);
  const formats: Formats = { strings: sharedStringsOf(archive), dates: dateStylesOf(archive), from1904 };
  const text = new MarkdownText();
  for (const { name, id } of sheets) {
    const sheet = archive.get(parts.get(id)?.target ?? '');
    if (sheet === undefined) continue; // A chart of its own, or one that is not there.
    const tables = tablesOf(sheet, formats, text);
    if (tables.length === 0) continue;
    if (!text.heading(2, name) || !tables.every((rows) => addTable(text, rows))) break;
  }
  const own = corePropertiesOf(archive);
  return { text, ...own, facts: { ...own.facts, sheets: sheets.length } };
}

interface Formats {
  readonly strings: readonly string[];
  /** Numbers of the styles that show dates. */
  readonly dates: ReadonlySet<number>;
  /** Whether days are counted from 1904, as on old Macs. */
  readonly from1904: boolean;
}

function sheetsOf(workbook: Uint8Array) {
  const sheets: { name: string; id: string }[] = [];
  let from1904 = false;
  readXml(workbook, {
    onOpen: (name, attributes) => {
      if (name === 'sheet')
        sheets.push({
          name: attributes['name'] ?? '',
          id: attributeOf(attributes, 'r:id') ?? attributeOf(attributes, 'id') ?? '',
        });
      if (name === 'workbookPr') from1904 = /^(?:1|true)$/.test(attributes['date1904'] ?? '');
    },
  });
  return { sheets, from1904 };
}

/** Texts that cells refer to by their number. How they are to be pronounced (`rPh`) is no part of them. */
function sharedStringsOf(archive: Archive): string[] {
  const strings: string[] = [];
  const bytes = archive.get('xl/sharedStrings.xml');
  if (bytes === undefined) return strings;
  let text = '';
  let isText = false;
  let spoken = 0;
  readXml(bytes, {
    onOpen: (name) => {
      if (name === 'si') text = '';
      if (name === 'rPh') spoken += 1;
      isText = name === 't' && spoken === 0;
    },
    onText: (piece) => {
      if (isText) text += piece;
    },
    onClose: (name) => {
      if (name === 't') isText = false;
      if (name === 'rPh') spoken -= 1;
      if (name === 'si') strings.push(text);
    },
  });
  return strings;
}

function dateStylesOf(archive: Archive): Set<number> {
  const dates = new Set<number>();
  const bytes = archive.get('xl/styles.xml');
  if (bytes === undefined) return dates;
  const formats = new Map<number, string>();
  let isOfCells = false;
  let style = 0;
  readXml(bytes, {
    onOpen: (name, attributes) => {
      if (name === 'numFmt') formats.set(Number(attributes['numFmtId']), attributes['formatCode'] ?? '');
      else if (name === 'cellXfs') isOfCells = true;
      else if (name === 'xf' && isOfCells) {
        const id = Number(attributes['numFmtId'] ?? 0);
        if (isDateFormat(id, formats.get(id))) dates.add(style);
        style += 1;
      }
    },
    onClose: (name) => {
      if (name === 'cellXfs') isOfCells = false;
    },
  });
  return dates;
}

/** The tables of a sheet, up to the length that a text may have. */
function tablesOf(sheet: Uint8Array, formats: Formats, text: MarkdownText): Row[][] {
  const tables: Row[][] = [];
  let table: Row[] = [];
  let row = new Map<number, string>();
  let last = 0;
  let cell: { column: number; type: string; style: number } | undefined;
  let value: string | undefined;
  let length = 0;
  const isFull = (): boolean => length > EXTRACTION.textBytes;
  const endTable = (): void => {
    if (table.length > 0) tables.push(table);
    table = [];
  };
  readXml(sheet, {
    onOpen: (name, attributes) => {
      if (name === 'row') {
        const number = Number(attributes['r']) || last + 1;
        if (number > last + 1) endTable();
        last = number;
        row = new Map();
      } else if (name === 'c')
        cell = {
          column: columnOf(attributes['r'], row.size),
          type: attributes['t'] ?? 'n',
          style: Number(attributes['s'] ?? -1),
        };
      else if (cell !== undefined && (name === 'v' || name === 't')) value ??= '';
    },
    onText: (piece) => {
      if (value !== undefined) value += piece;
    },
    onClose: (name) => {
      if (name === 'c' && cell !== undefined) {
        const shown = isFull() || value === undefined ? '' : shownOf(cell, value.trim(), formats);
        if (shown !== '') row.set(cell.column, shown);
        length += shown.length;
        cell = undefined;
        value = undefined;
      } else if (name === 'row' && !isFull()) {
        if (row.size > 0) table.push(row);
        else endTable();
      }
    },
  });
  endTable();
  if (isFull()) text.leaveOut();
  return tables;
}

function shownOf({ type, style }: { type: string; style: number }, value: string, formats: Formats): string {
  if (type === 's') return formats.strings[Number(value)] ?? '';
  if (type === 'b') return value === '1' ? 'TRUE' : 'FALSE';
  if (type === 'n' && value !== '' && formats.dates.has(style)) return dateOf(Number(value), formats.from1904) ?? value;
  return value;
}

/** `C7` is in column 2; where a cell does not say it, it is the next one. */
function columnOf(reference: string | undefined, next: number): number {
  const letters = /^[A-Z]{1,3}/.exec(reference ?? '')?.[0];
  if (letters === undefined) return next;
  return [...letters].reduce((sum, letter) => sum * 26 + letter.charCodeAt(0) - 64, 0) - 1;
}
