/** The text of a line's marks: what is read, without how it is marked. */
import { isMarkup, readHtml } from './html.ts';
import type { Token } from './parser.ts';

/** What a line's tokens say. @param pictures whether what stands for pictures is text too */
export function textOf(children: readonly Token[], pictures: boolean): string {
  const tags = children.filter(({ type }) => type === 'html_inline').map(({ content }) => content);
  let seen = 0;
  return children
    .map((token): string => {
      switch (token.type) {
        case 'softbreak':
        case 'hardbreak':
          return ' ';
        case 'image':
          return pictures ? ` ${textOf(token.children ?? [], true)} ` : '';
        case 'html_inline': {
          const at = seen++;
          if (!isMarkup(token.content, tags.slice(0, at), tags.slice(at + 1))) return token.content;
          return /^<br\b/i.test(token.content) ? ' ' : pictures ? ` ${pictureOf(token.content)} ` : '';
        }
        default:
          return token.content;
      }
    })
    .join('');
}

function pictureOf(html: string): string {
  let found = '';
  readHtml(html, { onPicture: (alt) => (found = alt) });
  return found;
}

/** Without line breaks, and with one space between words. */
export const inOneLine = (text: string): string => text.replace(/\s+/g, ' ').trim();
