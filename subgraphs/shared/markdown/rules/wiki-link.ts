/** `[[page]]`, `[[folder/page#part|shown]]`: links by name, as wikis and note-taking programs have them. */
import type { StateInline } from 'markdown-it';

const OPEN = 0x5b;
const WIKI_LINK = /\[\[([^[\]|#\n]{1,300})(?:#[^[\]|\n]{0,300})?(?:\\?\|([^[\]\n]{0,300}))?\]\]/y;

/** Emits a `wiki_link` with the target in `meta.target`, and what is shown as its content. */
export function wikiLink(state: StateInline, silent: boolean): boolean {
  if (state.src.charCodeAt(state.pos) !== OPEN || state.src.charCodeAt(state.pos + 1) !== OPEN) return false;
  WIKI_LINK.lastIndex = state.pos;
  const found = WIKI_LINK.exec(state.src);
  if (found === null || WIKI_LINK.lastIndex > state.posMax) return false;
  if (!silent) {
    // Within a table, the pipe between target and text is escaped.
    const target = found[1]!.replace(/\\$/, '').trim();
    const token = state.push('wiki_link', '', 0);
    token.meta = { target };
    token.content = found[2]?.trim() || target;
  }
  state.pos = WIKI_LINK.lastIndex;
  return true;
}
