/**
 * Compares a federated answer with the one expected. Errors may be told at other depths, since a subgraph reports what it
 * saw, but each must explain a null, and none may be lost.
 */
import { print, type DocumentNode, type ExecutionResult } from 'graphql';

/** @throws Error that shows the operation and both answers */
export function checkAnswer(
  actual: ExecutionResult,
  expected: ExecutionResult,
  document: DocumentNode,
  variables: object,
): void {
  const told = `${print(document)}\n${JSON.stringify(variables)}\n${JSON.stringify(actual.errors)}\n`;
  const same = JSON.stringify(actual.data) === JSON.stringify(expected.data);
  if (!same)
    throw new Error(`${told}expected ${JSON.stringify(expected.data)}\n     got ${JSON.stringify(actual.data)}`);
  if (actual.data === undefined) return; // It was refused.
  for (const { path, message, extensions } of actual.errors ?? []) {
    // A failed fetch is told once, at what leads to all that it was for.
    const leads = extensions?.affected === undefined ? leadsToNull : leadsToNulls;
    if (!leads(actual.data, path ?? [])) throw new Error(`${told}no null for ${message} at ${JSON.stringify(path)}`);
  }
  for (const { path, message } of expected.errors ?? []) {
    // Of siblings that fail, either may be told: what counts is that the null they led to is explained.
    const at = nullAt(actual.data, path ?? []);
    if (!actual.errors?.some((error) => related(error.path ?? [], at)))
      throw new Error(`${told}lost ${message} at ${JSON.stringify(path)}`);
  }
}

function leadsToNull(data: unknown, path: readonly (string | number)[]): boolean {
  let value = data;
  for (const part of path) {
    if (value === null) return true;
    value = (value as Record<string | number, unknown>)[part];
    if (value === undefined) return false;
  }
  return value === null;
}

/** Whether there is a null in what the path leads to, or on its way. */
function leadsToNulls(data: unknown, path: readonly (string | number)[]): boolean {
  let value = data;
  for (const part of path) {
    if (value === null) return true;
    value = (value as Record<string | number, unknown>)[part];
  }
  return hasNull(value);
}

const hasNull = (value: unknown): boolean =>
  value === null || (typeof value === 'object' && Object.values(value as object).some(hasNull));

/** The part of the path that leads to the null that ends it. */
function nullAt(data: unknown, path: readonly (string | number)[]): readonly (string | number)[] {
  let value = data;
  for (let length = 0; length < path.length; length++) {
    if (value === null || value === undefined) return path.slice(0, length);
    value = (value as Record<string | number, unknown>)[path[length]!];
  }
  return path;
}

const related = (one: readonly unknown[], other: readonly unknown[]): boolean => {
  const length = Math.min(one.length, other.length);
  return one.slice(0, length).every((part, index) => part === other[index]);
};
