/** What reads one format, and what it makes of a file. */
import type { JsonValue } from '../json.ts';
import { EXTRACTION } from './bounds.ts';
import { inOneLine, type MarkdownText } from './markdown-text.ts';

/** What a reader makes of a file. */
export interface Reading {
  readonly text: MarkdownText;
  /** What the file says that it is called. */
  readonly title?: string | undefined;
  /** What else it says of itself, such as its author. */
  readonly facts?: { readonly [name: string]: JsonValue };
}

/** Reads the bytes of a format. @throws UnreadableError, or what its library throws */
export type BytesReader = (bytes: Uint8Array) => Reading | Promise<Reading>;

/** Reads the text of a format. @param name of the file. @throws as {@link BytesReader} */
export type TextReader = (text: string, name: string) => Reading | Promise<Reading>;

/** Those facts that are known, cut to what is kept of one. */
export function factsOf(
  facts: Readonly<Record<string, string | number | undefined | null>>,
): Record<string, JsonValue> {
  const known: Record<string, JsonValue> = {};
  for (const [name, value] of Object.entries(facts)) {
    const kept = typeof value === 'string' ? inOneLine(value).slice(0, EXTRACTION.factCharacters) : value;
    if (kept !== undefined && kept !== null && !NOTHING.test(String(kept))) known[name] = kept;
  }
  return known;
}

/** What programs write where nobody has said anything. */
const NOTHING = /^(?:|\((?:unspecified|anonymous)\)|unspecified|generated (?:by|using) python-(?:docx|pptx))$/i;
