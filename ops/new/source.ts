/** Reading TypeScript sources as trees, and writing into them without touching the rest. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import ts from 'typescript';

/** Parses a file. @param path from the project's folder, which is also the tree's file name */
export async function parseSource(root: string, path: string): Promise<ts.SourceFile> {
  return ts.createSourceFile(path, await readFile(join(root, path), 'utf8'), ts.ScriptTarget.Latest, true);
}

/** Every node below, in the order of the text, that is of a kind. */
export function nodesOf<T extends ts.Node>(below: ts.Node, is: (node: ts.Node) => node is T): T[] {
  const found: T[] = [];
  const visit = (node: ts.Node): void => {
    if (is(node)) found.push(node);
    ts.forEachChild(node, visit);
  };
  visit(below);
  return found;
}

/** The name of a property or member, where it is a plain one. */
export const nameOf = (name: ts.PropertyName | ts.BindingName | undefined): string | undefined =>
  name !== undefined && (ts.isIdentifier(name) || ts.isStringLiteral(name)) ? name.text : undefined;

/** A property of an object literal by its name. */
export const propertyOf = (object: ts.ObjectLiteralExpression, name: string): ts.Expression | undefined =>
  object.properties.filter(ts.isPropertyAssignment).find((property) => nameOf(property.name) === name)?.initializer;

/** An expression without what only the compiler reads: `(x)`, `x as T`, `x satisfies T`. */
export function bare(expression: ts.Expression): ts.Expression {
  if (ts.isParenthesizedExpression(expression) || ts.isAsExpression(expression) || ts.isSatisfiesExpression(expression))
    return bare(expression.expression);
  return expression;
}

/** Text to be put in front of a place. */
export interface Insertion {
  readonly at: number;
  readonly text: string;
}

/** A text with insertions, given in any order. */
export const withInsertions = (text: string, insertions: readonly Insertion[]): string =>
  insertions
    .toSorted((one, other) => other.at - one.at)
    .reduce((so, { at, text: more }) => so.slice(0, at) + more + so.slice(at), text);

/** Puts one more element behind the last of a list in braces or brackets. */
export function append(list: ts.NodeArray<ts.Node>, text: string): Insertion {
  const last = list.at(-1);
  return last === undefined
    ? { at: list.pos, text }
    : list.hasTrailingComma
      ? { at: list.end, text: `${text},` }
      : { at: last.end, text: `,${text}` };
}
