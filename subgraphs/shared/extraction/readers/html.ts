/** HTML: what a page says of itself, and its text. */
import { Parser } from 'htmlparser2';
import { EXTRACTION } from '../bounds.ts';
import { addHtml } from '../html-to-markdown.ts';
import { MarkdownText, inOneLine } from '../markdown-text.ts';
import { factsOf, type Reading } from '../reader.ts';

/** Pages say what they are written in within their first lines. */
const DECLARED =
  /<meta\s[^>]{0,200}?charset\s{0,20}=\s{0,20}["']?([\w-]{1,40})|<\?xml[^>]{0,100}encoding=["']([\w-]{1,40})/i;

/** The encoding that a page names; undefined where it names none. */
export function declaredEncoding(bytes: Uint8Array): string | undefined {
  const start = Buffer.from(bytes.buffer, bytes.byteOffset, Math.min(bytes.byteLength, EXTRACTION.declarationBytes));
  const found = DECLARED.exec(start.toString('latin1'));
  return found?.[1] ?? found?.[2];
}

/** Reads a page. */
export function readHtml(html: string): Reading {
  const { title, ...facts } = headOf(html);
  const text = new MarkdownText();
  addHtml(text, html);
  return { text, title, facts: factsOf(facts) };
}

interface Head {
  title?: string;
  author?: string;
  description?: string;
  language?: string;
}

/** What the head of a page says of it. */
function headOf(html: string): Head {
  const head: Head = {};
  let title: string | undefined;
  let isOver = false;
  const parser = new Parser({
    onopentag: (name, attributes) => {
      if (isOver) return;
      if (name === 'body') isOver = true;
      else if (name === 'html' && attributes['lang'] !== undefined) head.language = attributes['lang'];
      else if (name === 'title') title ??= '';
      else if (name === 'meta') {
        const property = (attributes['name'] ?? attributes['property'] ?? '').toLowerCase();
        const content = attributes['content'];
        if (property === 'author' && content !== undefined) head.author ??= content;
        if (/^(?:og:)?description$/.test(property) && content !== undefined) head.description ??= content;
      }
    },
    ontext: (piece) => {
      if (!isOver && title !== undefined && head.title === undefined) title += piece;
    },
    onclosetag: (name) => {
      if (name === 'title' && title !== undefined && !isOver) head.title ??= inOneLine(title);
      if (name === 'head') isOver = true;
    },
  });
  // The parser takes ever longer for what is nested deeply, and the head is at the beginning.
  for (let at = 0; at < html.length && !isOver && at < HEAD; at += STEP) parser.write(html.slice(at, at + STEP));
  parser.end();
  return head;
}

const STEP = EXTRACTION.declarationBytes;
const HEAD = EXTRACTION.detectedBytes;
