/** JSON, and JSON Lines: what is nested becomes headings and lists, records of the same kind a table. */
import { parseExactJson } from '../../exact-number.ts';
import { EXTRACTION } from '../bounds.ts';
import { fenced, inOneLine, MarkdownText } from '../markdown-text.ts';
import type { Reading } from '../reader.ts';
import { addTable, rowOf } from '../table.ts';

/** Reads JSON; what is none, as JSON with comments, is text as it is written. */
export function readJson(json: string): Reading {
  const text = new MarkdownText();
  const value = parsed(json);
  if (value === undefined) text.add(fenced(json, 'json'));
  else addValue(text, value, [], 1);
  return { text, title: titleOf(value), facts: value === undefined ? { problem: 'It is no JSON.' } : {} };
}

/** Reads a value on each line. */
export function readJsonLines(lines: string): Reading {
  const text = new MarkdownText();
  const values: unknown[] = [];
  const others: string[] = [];
  for (const line of lines.split(/\r\n|\n|\r/)) {
    if (line.trim() === '') continue;
    const value = parsed(line);
    if (value === undefined) others.push(line);
    else values.push(value);
  }
  if (values.length > 0) addList(text, values, [], 1);
  if (others.length > 0) text.add(fenced(others.join('\n'), 'json'));
  return {
    text,
    facts: {
      records: values.length,
      ...(others.length > 0 && { problem: `${others.length} lines are no JSON.` }),
    },
  };
}

/** Numbers stay as they were written. Undefined where it is no JSON. */
function parsed(json: string): unknown {
  try {
    return parseExactJson(json.replace(/^\ufeff/, ''), undefined, (text) => text);
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

const titleOf = (value: unknown): string | undefined => {
  const title = isObject(value) ? (value['title'] ?? value['name']) : undefined;
  return typeof title === 'string' ? title : undefined;
};

type Plain = { readonly [key: string]: unknown };
const isObject = (value: unknown): value is Plain =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
const isScalar = (value: unknown): boolean => typeof value !== 'object' || value === null;
const shown = (value: unknown): string => inOneLine(typeof value === 'string' ? value : JSON.stringify(value));

/** @param path keys that lead to it; @param level of the next heading. @returns whether there is room for more */
function addValue(text: MarkdownText, value: unknown, path: readonly string[], level: number): boolean {
  if (Array.isArray(value)) return addList(text, value, path, level);
  if (!isObject(value)) return text.add(shown(value));
  if (level > EXTRACTION.jsonHeadings) return text.add(linesOf(value, 0).join('\n'));
  const entries = Object.entries(value);
  // What is said in a line comes first: behind a heading it would be a part of what that names.
  const lines = entries.filter(([, each]) => isLine(each)).map(([key, each]) => `- ${inOneLine(key)}: ${lineOf(each)}`);
  if (lines.length > 0 && !text.add(lines.join('\n'))) return false;
  for (const [key, each] of entries) {
    if (isLine(each)) continue;
    if (!text.heading(level, key) || !addValue(text, each, [...path, key], level + 1)) return false;
  }
  return true;
}

/** Whether it is said in one line: a value, or a list of values. */
const isLine = (value: unknown): boolean =>
  isScalar(value) || (Array.isArray(value) ? value.every(isScalar) : Object.keys(value as Plain).length === 0);
const lineOf = (value: unknown): string =>
  Array.isArray(value) ? value.map(shown).join(', ') : isScalar(value) ? shown(value) : '{}';

function addList(text: MarkdownText, list: readonly unknown[], path: readonly string[], level: number): boolean {
  const keys = columnsOf(list);
  if (keys !== undefined) {
    const rows = list.map((each) =>
      rowOf(keys.map((key) => ((each as Plain)[key] === undefined ? '' : lineOf((each as Plain)[key])))),
    );
    return addTable(text, [rowOf(keys), ...rows]);
  }
  if (list.every(isScalar)) return text.add(list.map((each) => `- ${shown(each)}`).join('\n'));
  for (const [at, each] of list.entries()) {
    if (isScalar(each)) {
      if (!text.add(`- ${shown(each)}`)) return false;
    } else if (level > EXTRACTION.jsonHeadings) {
      if (!text.add(linesOf(each, 0).join('\n'))) return false;
    } else if (!text.heading(level, nameOf(each, at, path)) || !addValue(text, each, path, level + 1)) return false;
  }
  return true;
}

/** What a record of a list is called: by what it says, else by its place. */
function nameOf(record: unknown, at: number, path: readonly string[]): string {
  const name = isObject(record)
    ? [record['title'], record['name'], record['label'], record['id'], record['key']].find(
        (each) => typeof each === 'string' || typeof each === 'number',
      )
    : undefined;
  return name === undefined
    ? `${path.at(-1) ?? ''}[${at}]`
    : inOneLine(String(name)).slice(0, EXTRACTION.cellCharacters);
}

/** The columns of records that fit into a table; undefined where they do not. */
function columnsOf(list: readonly unknown[]): string[] | undefined {
  if (list.length < 2) return undefined;
  const keys = new Set<string>();
  for (const each of list) {
    if (!isObject(each)) return undefined;
    for (const [key, value] of Object.entries(each)) {
      if (!isLine(value) || lineOf(value).length > EXTRACTION.cellCharacters) return undefined;
      keys.add(key);
      if (keys.size > EXTRACTION.tableColumns) return undefined;
    }
  }
  return keys.size === 0 ? undefined : [...keys];
}

/** Lists within lists, for what lies deeper than headings go; the deepest stays as it is written. */
function linesOf(value: unknown, depth: number): string[] {
  const indent = '  '.repeat(depth);
  const entries: (readonly [string, unknown])[] = Array.isArray(value)
    ? value.map((each: unknown, at) => [`[${at}]`, each] as const)
    : Object.entries(value as Plain);
  return entries.flatMap(([key, each]) => {
    if (isLine(each)) return [`${indent}- ${inOneLine(key)}: ${lineOf(each)}`];
    if (depth >= EXTRACTION.nesting) return [`${indent}- ${inOneLine(key)}: ${JSON.stringify(each)}`];
    return [`${indent}- ${inOneLine(key)}:`, ...linesOf(each, depth + 1)];
  });
}
