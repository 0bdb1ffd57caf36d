/**
 * The one Markdown parser: CommonMark with GitHub's tables, strikethrough and bare URLs, and wiki links. In two stages, so
 * that who needs blocks alone does not pay for what is in their lines. Bounded for texts that were written to be slow:
 * nesting ends at `MARKDOWN.nesting`, a paragraph of `MARKDOWN.inlineCharacters` is text without marks.
 */
import MarkdownIt, { type Env, type MarkdownIt as Parser, type StateCore, type Token } from 'markdown-it';
import { MARKDOWN } from './bounds.ts';
import { fenceThatEnds } from './rules/fence.ts';
import { table } from './rules/table.ts';
import { wikiLink } from './rules/wiki-link.ts';

export type { Token } from 'markdown-it';

const LONGEST_HOST = 253;
const HOST = /^(?:[a-z0-9-]{1,63}\.){1,8}[a-z]{2,63}/i;

const blockStage = parser();
blockStage.core.ruler.enableOnly(['block']);

const inlineStage = parser();
inlineStage.core.ruler.at('inline', ({ tokens, env }: StateCore) => {
  for (const token of tokens) {
    if (token.type !== 'inline') continue;
    token.children = [];
    if (token.content.length <= MARKDOWN.inlineCharacters)
      inlineStage.inline.parse(token.content, inlineStage, env, token.children);
    else token.children.push(longText(token.content));
  }
});
inlineStage.core.ruler.enableOnly(['inline', 'linkify', 'text_join']);

function parser(): Parser {
  const made = new MarkdownIt({ html: true, linkify: true, maxNesting: MARKDOWN.nesting });
  // `README.md` is no host in Moldova: only what has a scheme, or begins with `www.` as GitHub takes it.
  made.linkify.set({ fuzzyLink: false, fuzzyEmail: false, fuzzyIP: false });
  made.linkify.add('www.', {
    validate: (text, at) => HOST.exec(text.slice(at, at + LONGEST_HOST))?.[0].length ?? 0,
    normalize: (match) => (match.url = `https://${match.url}`),
  });
  made.block.ruler.at('fence', fenceThatEnds(made), { alt: ['paragraph', 'reference', 'blockquote', 'list'] });
  made.block.ruler.at('table', table, { alt: ['paragraph', 'reference'] });
  made.inline.ruler.before('link', 'wiki_link', wikiLink);
  return made;
}

/** Of a type of its own: looking for URLs in it would take the longer, the more it has. */
function longText(content: string): Token {
  const { Token: TokenOf } = new inlineStage.core.State('', inlineStage, {});
  return Object.assign(new TokenOf('long_text', '', 0), { content });
}

/** What {@link parseBlocks} found, and {@link parseInline} completes. */
export interface Parsed {
  readonly tokens: Token[];
  readonly env: Env;
}

/** The blocks of a text, with their lines. `text` has `\n` between lines, and no NUL. */
export function parseBlocks(text: string): Parsed {
  const env: Env = {};
  return { tokens: blockStage.parse(text, env), env };
}

/** Reads what is in the lines of the blocks: afterwards each `inline` token has its children. */
export function parseInline({ tokens, env }: Parsed): void {
  const state = new inlineStage.core.State('', inlineStage, env);
  state.tokens = tokens;
  inlineStage.core.process(state);
}
