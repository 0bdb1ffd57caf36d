/**
 * Code fences as CommonMark has them, but for one that is never closed. There it runs to the end of the document and
 * takes all headings with it; here it ends before the first heading that follows an empty line, as its writer meant.
 */
import type { MarkdownIt, StateBlock } from 'markdown-it';
import { MARKDOWN } from '../bounds.ts';

type BlockRule = (state: StateBlock, startLine: number, endLine: number, silent: boolean) => boolean;

const HEADING = /^ {0,3}#{1,6}[ \t]+\S/;

/** The rule to put in the place of the parser's own. */
export function fenceThatEnds(parser: MarkdownIt): BlockRule {
  const fence = ruleOf(parser, 'fence');
  const mended = new WeakMap<object, number>();
  return (state, startLine, endLine, silent) => {
    if (!fence(state, startLine, endLine, silent)) return false;
    // Within a quote or a list it ends with them.
    if (silent || state.level > 0 || state.line < endLine || isClosed(state, startLine)) return true;
    const before = mended.get(state) ?? 0;
    const end = before < MARKDOWN.mendedFences ? headingBehind(state, startLine, endLine) : undefined;
    if (end === undefined) return true;
    mended.set(state, before + 1);
    const token = state.tokens.at(-1)!;
    token.content = state.getLines(startLine + 1, end, state.sCount[startLine]!, true);
    token.map = [startLine, end];
    state.line = end;
    return true;
  };
}

function isClosed(state: StateBlock, startLine: number): boolean {
  const last = state.line - 1;
  if (last === startLine) return false;
  const { markup } = state.tokens.at(-1)!;
  const line = state.src.slice(state.bMarks[last]! + state.tShift[last]!, state.eMarks[last]).trimEnd();
  return line.startsWith(markup) && line === markup.charAt(0).repeat(line.length);
}

function headingBehind(state: StateBlock, startLine: number, endLine: number): number | undefined {
  for (let line = startLine + 1; line < endLine; line++)
    if (state.isEmpty(line - 1) && HEADING.test(state.src.slice(state.bMarks[line], state.eMarks[line]))) return line;
  return undefined;
}

/** A rule that the parser came with. */
function ruleOf(parser: MarkdownIt, name: string): BlockRule {
  const { __rules__: rules } = parser.block.ruler as unknown as { __rules__: { name: string; fn: BlockRule }[] };
  const rule = rules.find((each) => each.name === name);
  if (rule === undefined) throw new Error(`The Markdown parser has no rule named ${name}.`);
  return rule.fn;
}
