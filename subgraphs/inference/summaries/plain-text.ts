/** Markdown and HTML as the prose that they hold: what a summary may quote. */
import { INFERENCE } from '../bounds.ts';

/**
 * The paragraphs of `text`, each on one line: without front matter, code, tables, badges, images, headings, HTML, link
 * targets and marks of emphasis. Plain text comes through as it is.
 */
export function paragraphsOf(text: string): string[] {
  const paragraphs: string[] = [];
  let lines: string[] = [];
  const end = (): void => {
    if (lines.length === 0) return;
    const paragraph = plain(lines.join(' '));
    if (paragraph !== '') paragraphs.push(paragraph);
    lines = [];
  };
  for (const line of prose(text)) {
    if (paragraphs.length >= INFERENCE.extractiveParagraphs) return paragraphs;
    if (line === '') end();
    else if (/^(?:[-*+]|\d{1,3}[.)])\s/.test(line)) {
      end(); // A list's items are not sentences of one paragraph.
      lines.push(line.replace(/^\S+\s+/, ''));
    } else lines.push(line);
  }
  end();
  return paragraphs;
}

/** The lines that may be prose; an empty one where something else stood. */
function* prose(text: string): Generator<string> {
  const lines = text
    .replace(/^\uFEFF?---\r?\n[^]{0,5000}?\r?\n---\r?\n/, '')
    .replace(/<!--[^]*?(?:-->|$)/g, '')
    .replace(/<(script|style|pre|svg|table)\b[^]*?(?:<\/\1>|$)/gi, '\n')
    .split(/\r\n|[\n\r\u2028\u2029]/);
  let fence: string | undefined;
  for (let at = 0; at < lines.length; at++) {
    const line = lines[at]!;
    const trimmed = line.trim();
    const mark = /^(`{3,}|~{3,})/.exec(trimmed)?.[1];
    if (fence !== undefined) {
      if (mark?.startsWith(fence) && trimmed === mark) fence = undefined;
      yield '';
    } else if (mark) {
      fence = mark;
      yield '';
    } else if (/^(?: {4}|\t)/.test(line) && lines[at - 1]?.trim() === '' && !/^(?:[-*+]|\d+[.)])\s/.test(trimmed)) {
      yield ''; // Indented code.
    } else if (
      /^#{1,6}(?:\s|$)/.test(trimmed) ||
      /^\|/.test(trimmed) ||
      /^:?-{2,}:?\s*\|/.test(trimmed) ||
      /^\[[^\]]+\]:\s/.test(trimmed)
    ) {
      yield ''; // Headings, tables, link definitions.
    } else if (/^(?:=+|-+|\*{3,}|_{3,})$/.test(trimmed)) {
      yield '';
    } else if (
      /^(?:=+|-+)$/.test(lines[at + 1]?.trim() ?? '') &&
      trimmed !== '' &&
      (lines[at + 1]?.trim().length ?? 0) >= 3
    ) {
      yield ''; // A heading that the next line underlines.
    } else {
      yield trimmed.replace(/^(?:>\s?)+/, '').replace(/^\[!\w+\]$/, '');
    }
  }
}

/**
 * Inline marks away, what they mark stays. Every repetition is bounded, so that a text of brackets costs no more than
 * another: a link or an emphasis longer than that is no prose.
 */
function plain(text: string): string {
  return text
    .replace(/\[!\[[^\]]{0,200}\](?:\([^)]{0,500}\)|\[[^\]]{0,200}\])\](?:\([^)]{0,500}\)|\[[^\]]{0,200}\])/g, ' ')
    .replace(/!\[[^\]]{0,200}\](?:\([^)]{0,500}\)|\[[^\]]{0,200}\])/g, ' ')
    .replace(/\[([^[\]]{0,300})\](?:\((?:[^()]|\([^()]{0,100}\)){0,500}\)|\[[^[\]]{0,200}\])/g, '$1')
    .replace(/<https?:[^<>\s]{0,500}>/g, ' ')
    .replace(/<\/?[a-zA-Z][^<>]{0,1000}>/g, ' ')
    .replace(/(\*\*|__|~~)(?=\S)([^*~]{0,300}?\S)\1/g, '$2')
    .replace(/(?<![\w*])\*(?=\S)([^*]{0,300}\S)\*(?!\w)/g, '$1')
    .replace(/`{1,3}([^`]{0,500})`{1,3}/g, '$1')
    .replace(/&nbsp;/g, ' ')
    .replace(/&lt;/g, '<')
    .replace(/&gt;/g, '>')
    .replace(/&quot;/g, '"')
    .replace(/&amp;/g, '&')
    .replace(/\s+/g, ' ')
    .trim();
}
