/**
 * Source code as Markdown: a heading and a fence for each declaration, so that a passage says what it is of. By syntax for
 * those languages whose grammars Lezer has; others are one fence, which is cut between their blocks.
 */
import type { SyntaxNode, Tree } from '@lezer/common';
import { EXTRACTION } from '../bounds.ts';
import { languageOf } from '../formats.ts';
import { fenced, inOneLine, MarkdownText } from '../markdown-text.ts';
import type { Reading } from '../reader.ts';

interface Grammar {
  parse(code: string): Tree;
}

/** Grammars by language, each loaded when it is needed. */
const GRAMMARS: Readonly<Record<string, () => Promise<Grammar>>> = {
  javascript: async () => (await import('@lezer/javascript')).parser.configure({ dialect: 'jsx' }),
  typescript: async () => (await import('@lezer/javascript')).parser.configure({ dialect: 'ts' }),
  tsx: async () => (await import('@lezer/javascript')).parser.configure({ dialect: 'jsx ts' }),
  python: async () => (await import('@lezer/python')).parser,
  java: async () => (await import('@lezer/java')).parser,
  cpp: async () => (await import('@lezer/cpp')).parser,
  rust: async () => (await import('@lezer/rust')).parser,
  go: async () => (await import('@lezer/go')).parser,
  php: async () => (await import('@lezer/php')).parser,
};

/** Reads code, with the comment at its beginning first. */
export async function readSource(code: string, name: string): Promise<Reading> {
  const normal = code.replace(/\r\n?/g, '\n').replace(/\0/g, '\ufffd');
  const language = languageOf(name) ?? '';
  const text = new MarkdownText();
  const grammar = Object.hasOwn(GRAMMARS, language) ? await GRAMMARS[language]!() : undefined;
  if (grammar === undefined) text.add(fenced(normal, language));
  else
    for (const { heading, level, from, to } of piecesOf(grammar.parse(normal).topNode, normal)) {
      const own = normal
        .slice(from, to)
        .replace(/^(?:[^\S\n]*\n)+/, '')
        .trimEnd();
      if (own === '') continue;
      if ((heading !== '' && !text.heading(level, heading)) || !text.add(fenced(own, language))) break;
    }
  return { text, facts: language === '' ? {} : { language } };
}

/** A piece of code; all of them together are the whole of it. */
interface Piece {
  readonly heading: string;
  readonly level: number;
  readonly from: number;
  to: number;
}

const DECLARATION =
  /(?:Function|Class|Interface|Struct|Enum|Trait|Impl|Mod|Method|Constructor|Namespace|TypeDecl|TypeAlias|Record|Macro|Template|Decorated|Attribute)/;
/** What stands around a declaration. */
const WRAPPER = /^(?:ExportDeclaration|DecoratedStatement|AttributeItem|TemplateDeclaration)$/;
const COMMENT = /Comment$/;
const BODY = /^(?:Body|ClassBody|InterfaceBody|EnumBody|DeclarationList|FieldDeclarationList|CompoundStatement|Block)$/;
/** What has members that are worth headings of their own: a function's block is one thing. */
const HAS_MEMBERS = /Class|Interface|Impl|Trait|Namespace|Mod|Struct/;

function piecesOf(parent: SyntaxNode, code: string, level = 2): Piece[] {
  const pieces: Piece[] = [];
  const isTop = level === 2;
  let from = isTop ? 0 : parent.from;
  let comment: number | undefined;
  for (let node = parent.firstChild; node !== null; node = node.nextSibling) {
    if (COMMENT.test(node.name)) {
      comment ??= node.from;
      continue;
    }
    const begin = lineStart(code, comment ?? node.from, from);
    comment = undefined;
    const { declaration, isDeclaration } = declarationOf(node);
    if (!isDeclaration || linesIn(code, node.from, node.to) < EXTRACTION.fewLines) continue;
    addRest(pieces, code, from, begin, level, isTop);
    const heading = signatureOf(code.slice(declaration.from, declaration.to));
    const body =
      node.to - begin > EXTRACTION.memberCharacters &&
      level < 2 + EXTRACTION.memberLevels &&
      HAS_MEMBERS.test(declaration.name)
        ? bodyOf(declaration)
        : undefined;
    const members = body === undefined ? [] : piecesOf(body, code, level + 1);
    if (members.length > 1) {
      pieces.push({ heading, level, from: begin, to: members[0]!.from }, ...members);
      // What closes it belongs to the last of its members.
      members.at(-1)!.to = node.to;
    } else pieces.push({ heading, level, from: begin, to: node.to });
    from = node.to;
  }
  addRest(pieces, code, from, isTop ? code.length : parent.to, level, isTop);
  return pieces;
}

/** Code between two declarations; what is at the top of a file, or of a class, needs no name. */
function addRest(pieces: Piece[], code: string, from: number, to: number, level: number, isTop: boolean): void {
  const rest = code.slice(from, to);
  if (!/[\p{L}\p{N}]/u.test(rest)) {
    const last = pieces.at(-1);
    if (last !== undefined && last.to === from) last.to = to;
    return;
  }
  const isFirst = pieces.length === 0;
  pieces.push({ heading: isFirst && isTop ? '' : signatureOf(withoutComments(rest)), level, from, to });
}

function declarationOf(node: SyntaxNode): { declaration: SyntaxNode; isDeclaration: boolean } {
  let declaration = node;
  while (WRAPPER.test(declaration.name)) {
    let inner = declaration.firstChild;
    while (
      inner !== null &&
      (!DECLARATION.test(inner.name) || /^(?:Attribute|TemplateParameterList)$/.test(inner.name))
    )
      inner = inner.nextSibling;
    if (inner === null) break;
    declaration = inner;
  }
  return {
    declaration,
    isDeclaration:
      DECLARATION.test(declaration.name) ||
      (node.name === 'ExportDeclaration' && node === declaration) ||
      /^VariableDeclaration$/.test(node.name),
  };
}

function bodyOf(declaration: SyntaxNode): SyntaxNode | undefined {
  for (let node = declaration.lastChild; node !== null; node = node.prevSibling) if (BODY.test(node.name)) return node;
  return undefined;
}

const linesIn = (code: string, from: number, to: number): number => {
  let lines = 1;
  for (let at = code.indexOf('\n', from); at !== -1 && at < to; at = code.indexOf('\n', at + 1)) lines += 1;
  return lines;
};

/** Where the line of a place begins, but not before another. */
const lineStart = (code: string, at: number, earliest: number): number => {
  const start = code.lastIndexOf('\n', at - 1) + 1;
  return code.slice(start, at).trim() === '' && start >= earliest ? start : Math.max(at, earliest);
};

const withoutComments = (code: string): string =>
  code
    .split('\n')
    .filter((line) => !/^\s*(?:\/\/|\/\*|\*|#(?!include|define)|$)/.test(line))
    .join('\n');

/** The first line of a declaration, without what opens its body. */
const signatureOf = (code: string): string =>
  inOneLine(code.trim().split('\n', 1)[0] ?? '')
    .replace(/\s*(?:=>)?\s*[{(:=,;]*$/, '')
    .slice(0, EXTRACTION.headingCharacters);
