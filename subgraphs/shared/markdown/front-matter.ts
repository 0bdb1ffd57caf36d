/** Front matter: YAML 1.2 between two lines of `---` at the very beginning of a document. */
import { isScalar, parseDocument, visit, type Document } from 'yaml';
import { checkJson, type JsonValue } from '../json.ts';
import { MARKDOWN } from './bounds.ts';

export interface FrontMatter {
  /** What it says; empty where it cannot be read. Numbers that JSON would change are texts, as they were written. */
  readonly data: { [key: string]: JsonValue };
  /** Why it cannot be read, for people. */
  readonly problem?: string;
}

/** Where front matter ends and the document begins. */
export interface Divided {
  /** The YAML, without its marks; undefined where the document begins without any. */
  readonly yaml: string | undefined;
  /** Where the body begins, in UTF-16 code units. */
  readonly body: number;
}

/** As metadata it stands beside what else is known of a document, and the whole is bounded. */
const LIMITS = {
  bytes: MARKDOWN.frontMatterBytes,
  depth: MARKDOWN.frontMatterDepth,
  keys: MARKDOWN.frontMatterKeys,
};

const OPEN = /^---[ \t]*\n/;
const CLOSE = /^(?:---|\.\.\.)[ \t]*$/m;
/** What tells it from a text between two rules. */
const BEGINS_WITH_KEY = /^(?:[ \t]*(?:#.*)?\n)*(?:["']?[\p{L}\p{N}_$@][^:\n]{0,200}["']?[ \t]*:(?:\s|$)|\{)/u;

/** Finds front matter in a text with `\n` between lines. */
export function divide(text: string): Divided {
  const open = OPEN.exec(text)?.[0].length;
  if (open === undefined) return { yaml: undefined, body: 0 };
  const close = CLOSE.exec(text.slice(open, open + MARKDOWN.frontMatterCharacters));
  if (close === null) return { yaml: undefined, body: 0 };
  const yaml = text.slice(open, open + close.index);
  if (yaml.trim() !== '' && !BEGINS_WITH_KEY.test(yaml)) return { yaml: undefined, body: 0 };
  return { yaml, body: Math.min(open + close.index + close[0].length + 1, text.length) };
}

/** Reads YAML as JSON has it. Never throws: what cannot be read is a {@link FrontMatter.problem}. */
export function readFrontMatter(yaml: string): FrontMatter {
  try {
    const document = parseDocument(yaml, { version: '1.2', schema: 'core', prettyErrors: true, logLevel: 'error' });
    const [error] = document.errors;
    if (error !== undefined) return unread(error.message.split('\n', 1)[0]!.replace(/:$/, ''));
    keepNumbers(document);
    const data: unknown = document.toJS({ maxAliasCount: MARKDOWN.aliases });
    if (data === null || data === undefined) return { data: {} };
    if (typeof data !== 'object' || Array.isArray(data)) return unread('It is no list of keys and values.');
    return { data: checkJson(data, LIMITS) as FrontMatter['data'] };
  } catch (error) {
    return unread((error as Error).message);
  }
}

const unread = (problem: string): FrontMatter => ({ data: {}, problem });

/** 9007199254740993, 007 and 1.10 stay what was written: as numbers they would be others, or look so. */
function keepNumbers(document: Document.Parsed): void {
  visit(document, {
    Scalar: (_, node) => {
      if (!isScalar(node) || typeof node.value !== 'number') return;
      if (node.source !== undefined && String(node.value) !== node.source) node.value = node.source;
    },
  });
}
