/**
 * What an operation asks of the schema itself (`__schema`, `__type`, `__search`, `__definitions`), at its root or at a field
 * below that gives the query type again: graphql-js answers it, each place of the operation once for each run.
 */
import {
  executeSync,
  Kind,
  type DocumentNode,
  type FieldNode,
  type FragmentDefinitionNode,
  type GraphQLError,
  type GraphQLSchema,
  type SelectionNode,
} from 'graphql';
import { withUsedVariables } from '#gateway/plan/specialise.ts';
import type { OperationPart } from '#gateway/plan/flatten.ts';
import type { Budget } from '#subgraphs/shared/budget.ts';
import { introspectionSize, type IntrospectionSize } from './introspection-size.ts';
import { jsonOf } from './json-text.ts';
import type { Found, SearchContext } from './semantic-introspection.ts';

/** The answer for one place, the same as JSON, and what failed; the value is null where all of it did. */
export interface Introspected {
  readonly value: unknown;
  readonly text: string;
  /** Their paths begin at the place. */
  readonly failures: readonly GraphQLError[];
}

/** Answers the question of one place, as {@link introspectionAt} wrote it. */
export type Introspect = (question: DocumentNode) => Introspected;

const ANSWER = 'answer';

/** @param nodes the fields of `part` that are one in the answer */
export function introspectionAt(nodes: readonly FieldNode[], { operation, fragments }: OperationPart): DocumentNode {
  const selections = nodes.map((node) => ({ ...node, alias: { kind: Kind.NAME, value: ANSWER } as const }));
  const used = withUsedVariables({
    operation: {
      ...operation,
      operation: 'query' as never,
      directives: [],
      selectionSet: { kind: Kind.SELECTION_SET, selections },
    },
    fragments: reached(selections, fragments),
  });
  return { kind: Kind.DOCUMENT, definitions: [used.operation, ...used.fragments.values()] };
}

type Fragments = OperationPart['fragments'];

function reached(selections: readonly SelectionNode[], fragments: Fragments): Fragments {
  const found = new Map<string, FragmentDefinitionNode>();
  const walk = (below: readonly SelectionNode[]): void => {
    for (const selection of below) {
      if (selection.kind !== Kind.FRAGMENT_SPREAD) {
        walk(selection.selectionSet?.selections ?? []);
      } else if (!found.has(selection.name.value)) {
        const fragment = fragments.get(selection.name.value)!;
        found.set(selection.name.value, fragment);
        walk(fragment.selectionSet.selections);
      }
    }
  };
  walk(selections);
  return found;
}

/**
 * Answers what one run asks, with its answer's budget: each question is measured before it is answered.
 * @param found what the operation's searches found, all of them
 * @returns throws `QUERY_TOO_COSTLY` where the budget has not enough left
 */
export function introspecting(
  schema: GraphQLSchema,
  variables: Readonly<Record<string, unknown>>,
  found: Found,
  budget: Budget | undefined,
): Introspect {
  /** Made when something is asked: hardly any operation does. */
  let known: Map<DocumentNode, Introspected> | undefined;
  let contextValue: SearchContext | undefined;
  let bytes = 0;
  return (question) => {
    let introspected = known?.get(question);
    if (introspected === undefined) {
      contextValue ??= { found, coordinates: new Set() };
      const check = (least: IntrospectionSize): void => budget?.reach(least.objects, bytes + least.bytes);
      const size = introspectionSize(schema, question, variables, contextValue, check);
      bytes += size.bytes;
      budget?.reach(size.objects, bytes);
      budget?.write(size.objects, 0);
      const { data, errors = [] } = executeSync({
        schema,
        document: question,
        variableValues: variables,
        contextValue,
      });
      const value = data?.[ANSWER] ?? null;
      introspected = { value, text: jsonOf(value), failures: errors };
      (known ??= new Map<DocumentNode, Introspected>()).set(question, introspected);
    }
    return introspected;
  };
}
