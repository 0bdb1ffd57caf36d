/**
 * One event is one line, and says nothing that its reader does not see: what clients send may hold characters that end
 * lines, move cursors, change colours or the direction of writing.
 */

/** Controls, and what ends lines or turns text round, beyond what JSON escapes. */
const INVISIBLE = /[\u007f-\u009f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]/g;

const escapeOf = (character: string): string => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`;

/** A line of JSON in which such characters, which stand in strings alone, are escaped. */
export const escapeInvisible = (line: string): string => line.replace(INVISIBLE, escapeOf);

/**
 * A line of JSON whose texts hold no control characters once they are read, but for the ends of lines in stacks: for
 * terminals, which obey them. What cannot be read as JSON is escaped as it is.
 */
export function onOneLine(line: string): string {
  try {
    return JSON.stringify(visible(JSON.parse(line), ''));
  } catch {
    return visibleText(line);
  }
}

function visible(value: unknown, key: string): unknown {
  if (typeof value === 'string')
    return key === 'stack' ? value.split('\n').map(visibleText).join('\n') : visibleText(value);
  if (Array.isArray(value)) return value.map((item) => visible(item, ''));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, item]) => [visibleText(name), visible(item, name)]));
}

/** A text in which control characters, and what ends lines or turns text round, are escaped. */
export const visibleText = (text: string): string =>
  // eslint-disable-next-line no-control-regex -- control characters are what is replaced
  text.replace(/[\u0000-\u001f]/g, escapeOf).replace(INVISIBLE, escapeOf);
