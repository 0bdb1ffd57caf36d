/**
 * Front matter at the very beginning of a document: YAML 1.2 between two lines of `---`, or TOML 1.0 between two of
 * `+++`, as Hugo has it.
 */
import { parse as parseToml, TomlError } from 'smol-toml';
import { isScalar, parseDocument, visit, type Document } from 'yaml';
import { checkJson, type JsonValue } from '../json.ts';
import { MARKDOWN } from './bounds.ts';

export interface FrontMatter {
  /** What it says; empty where it cannot be read. Numbers that JSON would change are texts, as they were written. */
  readonly data: { [key: string]: JsonValue };
  /** Why it cannot be read, for people. */
  readonly problem?: string;
}

/** Front matter as it is written. */
export interface Matter {
  readonly language: 'yaml' | 'toml';
  readonly text: string;
}

/** Where front matter ends and the document begins. */
export interface Divided {
  /** What stands between its marks; undefined where the document begins without any. */
  readonly matter: Matter | undefined;
  /** Where the body begins, in UTF-16 code units. */
  readonly body: number;
}

/** As metadata it stands beside what else is known of a document, and the whole is bounded. */
const LIMITS = {
  bytes: MARKDOWN.frontMatterBytes,
  depth: MARKDOWN.frontMatterDepth,
  keys: MARKDOWN.frontMatterKeys,
};

/** `keys` is what tells it from a text between two rules. */
const MARKS = {
  yaml: {
    open: /^---[ \t]*\n/,
    close: /^(?:---|\.\.\.)[ \t]*$/m,
    keys: /^(?:[ \t]*(?:#.*)?\n)*(?:["']?[\p{L}\p{N}_$@][^:\n]{0,200}["']?[ \t]*:(?:\s|$)|\{)/u,
  },
  toml: {
    open: /^\+\+\+[ \t]*\n/,
    close: /^\+\+\+[ \t]*$/m,
    keys: /^(?:[ \t]*(?:#.*)?\n)*[ \t]*(?:[\w-]|"|'|\[)/,
  },
} as const;

/** Finds front matter in a text with `\n` between lines. */
export function divide(text: string): Divided {
  const none = { matter: undefined, body: 0 };
  const language = text.startsWith('+++') ? 'toml' : 'yaml';
  const marks = MARKS[language];
  const open = marks.open.exec(text)?.[0].length;
  if (open === undefined) return none;
  const close = marks.close.exec(text.slice(open, open + MARKDOWN.frontMatterCharacters));
  if (close === null) return none;
  const inside = text.slice(open, open + close.index);
  if (inside.trim() !== '' && !marks.keys.test(inside)) return none;
  return {
    matter: { language, text: inside },
    body: Math.min(open + close.index + close[0].length + 1, text.length),
  };
}

/** Reads front matter as JSON has it. Never throws: what cannot be read is a {@link FrontMatter.problem}. */
export function readFrontMatter({ language, text }: Matter): FrontMatter {
  try {
    const data = language === 'toml' ? tomlData(text) : yamlData(text);
    if (data === null || data === undefined) return { data: {} };
    if (typeof data !== 'object' || Array.isArray(data)) return unread('It is no list of keys and values.');
    return { data: checkJson(data, LIMITS) as FrontMatter['data'] };
  } catch (error) {
    return unread((error as Error).message);
  }
}

function yamlData(text: string): unknown {
  const document = parseDocument(text, { version: '1.2', schema: 'core', prettyErrors: true, logLevel: 'error' });
  const [error] = document.errors;
  if (error !== undefined) throw new Error(error.message.split('\n', 1)[0]!.replace(/:$/, ''));
  keepNumbers(document);
  return document.toJS({ maxAliasCount: MARKDOWN.aliases });
}

/** Dates are texts, as they were written; whole numbers that JSON would change too. */
function tomlData(text: string): unknown {
  try {
    return JSON.parse(
      JSON.stringify(
        parseToml(text, { integersAsBigInt: 'asNeeded', maxDepth: MARKDOWN.frontMatterDepth }),
        (_, value: unknown) => (typeof value === 'bigint' ? String(value) : value),
      ),
    );
  } catch (error) {
    if (error instanceof TomlError)
      throw new Error(`${error.message.split('\n', 1)[0]!} (line ${error.line})`, { cause: error });
    throw error;
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
