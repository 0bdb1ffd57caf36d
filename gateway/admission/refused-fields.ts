/** Which actions of an operation were refused, as its answer says: what the audit log keeps. */
import { getOperationAST, Kind, type DocumentNode, type ExecutionResult, type SelectionSetNode } from 'graphql';

/** A root field of an operation, or the operation as a whole, that its caller may not have. */
export interface RefusedField {
  /** Such as `Mutation.createAgent`, `Query` where it cannot be told which, `operation` for one that was not read any further. */
  readonly action: string;
  readonly code: string;
}

/** Codes that say that a caller may not do something. */
const REFUSING: ReadonlySet<unknown> = new Set([
  'FORBIDDEN',
  'UNAUTHENTICATED',
  'BUDGET_EXCEEDED',
  'QUERY_NOT_IN_SAFELIST',
  'PERSISTED_QUERY_ID_REQUIRED',
  'PERSISTED_QUERY_NOT_IN_LIST',
]);

/** What an operation as a whole was refused with, where that is that its caller may not. */
export const wholeRefusal = (code: unknown): RefusedField[] =>
  REFUSING.has(code) ? [{ action: 'operation', code: String(code) }] : [];

const ROOT = { query: 'Query', mutation: 'Mutation', subscription: 'Subscription' } as const;

interface Told {
  readonly path?: readonly (string | number)[] | undefined;
  readonly extensions: Readonly<Record<string, unknown>>;
}

/**
 * What was refused, each action once with each code. A mutation that names what its tenant does not have counts too: to
 * the stores, what another tenant has and what nobody has are the same.
 */
export function refusedFields(
  {
    errors,
    incremental,
  }: ExecutionResult & { readonly incremental?: readonly { readonly errors?: readonly Told[] }[] },
  document: DocumentNode,
  operationName: string | undefined,
): RefusedField[] {
  const told: readonly Told[] = [...(errors ?? []), ...(incremental ?? []).flatMap((part) => part.errors ?? [])];
  const operation = getOperationAST(document, operationName);
  if (told.length === 0 || operation === null || operation === undefined) return [];
  const root = ROOT[operation.operation];
  const refused = new Map<string, RefusedField>();
  for (const { path, extensions } of told) {
    const { code } = extensions;
    if (!REFUSING.has(code) && !(code === 'NOT_FOUND' && operation.operation === 'mutation')) continue;
    const name = path === undefined ? undefined : fieldOf(operation.selectionSet, document, String(path[0]));
    const action = name === undefined ? root : `${root}.${name}`;
    refused.set(`${action} ${String(code)}`, { action, code: String(code) });
  }
  return [...refused.values()];
}

/** The field that a name in the answer stands for. */
function fieldOf({ selections }: SelectionSetNode, document: DocumentNode, responseName: string): string | undefined {
  const looked = new Set<string>();
  const lookIn = (list: SelectionSetNode['selections']): string | undefined => {
    for (const selection of list) {
      if (selection.kind === Kind.FIELD) {
        if ((selection.alias ?? selection.name).value === responseName) return selection.name.value;
        continue;
      }
      let inner = selection.kind === Kind.INLINE_FRAGMENT ? selection.selectionSet : undefined;
      if (selection.kind === Kind.FRAGMENT_SPREAD && !looked.has(selection.name.value)) {
        looked.add(selection.name.value);
        const fragment = document.definitions.find(
          (each) => each.kind === Kind.FRAGMENT_DEFINITION && each.name.value === selection.name.value,
        );
        inner = fragment?.kind === Kind.FRAGMENT_DEFINITION ? fragment.selectionSet : undefined;
      }
      const found = inner === undefined ? undefined : lookIn(inner.selections);
      if (found !== undefined) return found;
    }
    return undefined;
  };
  return lookIn(selections);
}
