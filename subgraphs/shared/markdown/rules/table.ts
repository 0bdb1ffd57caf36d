/**
 * GitHub's tables by rows. The parser's own rule makes a token for each cell, those that a row leaves out included, so
 * that two kilobytes become 65,536 cells and a document of such tables runs out of memory. Nobody here asks for cells:
 * links and chunks are of rows.
 */
import type { StateBlock } from 'markdown-it';

/** Emits `table_open`, one `inline` for each row but the delimiters', `table_close`. */
export function table(state: StateBlock, startLine: number, endLine: number, silent: boolean): boolean {
  if (startLine + 2 > endLine || !isRow(state, startLine) || !isRow(state, startLine + 1)) return false;
  const columns = columnsOf(lineAt(state, startLine + 1));
  if (columns === undefined || cellsOf(lineAt(state, startLine)) !== columns) return false;
  if (silent) return true;

  const open = state.push('table_open', 'table', 1);
  const terminators = state.md.block.ruler.getRules('blockquote');
  const parentType = state.parentType;
  state.parentType = 'table';
  row(state, startLine);
  let next = startLine + 2;
  while (next < endLine && isRow(state, next) && !terminators.some((rule) => rule(state, next, endLine, true)))
    row(state, next++);
  state.parentType = parentType;
  state.push('table_close', 'table', -1);
  open.map = [startLine, next];
  state.line = next;
  return true;
}

function row(state: StateBlock, line: number): void {
  const token = state.push('inline', '', 0);
  token.content = lineAt(state, line);
  token.map = [line, line + 1];
  token.children = [];
}

const isRow = (state: StateBlock, line: number): boolean =>
  !state.isEmpty(line) && state.sCount[line]! >= state.blkIndent && state.sCount[line]! - state.blkIndent < 4;

const lineAt = (state: StateBlock, line: number): string =>
  state.src.slice(state.bMarks[line]! + state.tShift[line]!, state.eMarks[line]).trim();

/** How many columns a row of delimiters has; undefined where it is none. */
function columnsOf(line: string): number | undefined {
  if (!/^[-:| \t]+$/.test(line) || !/[|:]/.test(line)) return undefined;
  const cells = line.replace(/^\|/, '').replace(/\|$/, '').split('|');
  return cells.every((cell) => /^:?-+:?$/.test(cell.trim())) ? cells.length : undefined;
}

/** Cells of a row: as many as pipes between them that are not escaped. */
const cellsOf = (line: string): number =>
  line.replace(/\\[^]/g, '').replace(/^\|/, '').replace(/\|$/, '').split('|').length;
