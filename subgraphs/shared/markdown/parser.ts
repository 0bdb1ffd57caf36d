/**
 * The one Markdown parser: CommonMark with GitHub's tables, strikethrough and bare URLs, and wiki links. In two stages, so
 * that who needs blocks alone does not pay for what is in their lines. Bounded for texts that were written to be slow:
 * nesting ends at {@link MAX_NESTING}, a paragraph of {@link MAX_INLINE} is text without marks.
 */
import MarkdownIt, { type Env, type MarkdownIt as Parser, type StateCore, type Token } from 'markdown-it';
import { fenceThatEnds } from './rules/fence.ts';
import { table } from './rules/table.ts';
import { wikiLink } from './rules/wiki-link.ts';

export type { Token } from 'markdown-it';

/** How deep quotes, lists and emphasis may stand in each other; what is deeper is part of what is around it. */
const MAX_NESTING = 40;

/** The longest run of text, in UTF-16 code units, that links and emphasis are looked for in. */
const MAX_INLINE = 16 * 1024;

const LONGEST_HOST = 253;
const HOST = /^(?:[a-z0-9-]{1,63}\.){1,8}[a-z]{2,63}/i;

const blockStage = parser();
blockStage.core.ruler.enableOnly(['block']);

const inlineStage = parser();
inlineStage.core.ruler.at('inline', ({ tokens, env }: StateCore) => {
  for (const token of tokens) {
    if (token.type !== 'inline') continue;
    token.children = [];
    if (token.content.length <= MAX_INLINE) inlineStage.inline.parse(token.content, inlineStage, env, token.children);
    else token.children.push(longText(token.content));
  }
});
inlineStage.core.ruler.enableOnly(['inline', 'linkify', 'text_join']);

function parser(): Parser {
  const made = new MarkdownIt({ html: true, linkify: true, maxNesting: MAX_NESTING });
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
