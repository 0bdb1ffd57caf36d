/**
 * A subscription without an event is none: its root field may not be skipped (https://spec.graphql.org/draft/, section 5.2.4.1,
 * Single Root Field). graphql-js 16 does not look, opens a stream whose events show nothing, and fails over a condition with
 * a variable.
 */
import {
  GraphQLError,
  Kind,
  SingleFieldSubscriptionsRule,
  specifiedRules,
  type ASTVisitor,
  type DirectiveNode,
  type OperationDefinitionNode,
  type SelectionSetNode,
  type ValidationContext,
  type ValidationRule,
} from 'graphql';
import { tellingOfFilters } from './bare-filters.ts';
import { incrementalRule } from './incremental-rules.ts';

function subscriptionRootRule(context: ValidationContext): ASTVisitor {
  const { OperationDefinition: isSingle } = SingleFieldSubscriptionsRule(context) as {
    OperationDefinition(node: OperationDefinitionNode): void;
  };
  return {
    OperationDefinition(node) {
      if (node.operation.valueOf() !== 'subscription') return;
      const conditions = conditionsOf(node.selectionSet, context, new Set());
      for (const condition of conditions)
        context.reportError(
          new GraphQLError(`The root field of a subscription must not have \`@${condition.name.value}\`.`, {
            nodes: condition,
          }),
        );
      if (conditions.length === 0) isSingle(node);
    },
  };
}

function conditionsOf(
  { selections }: SelectionSetNode,
  context: ValidationContext,
  seen: Set<string>,
): DirectiveNode[] {
  return selections.flatMap((selection) => {
    const found = selection.directives?.find(({ name }) => name.value === 'skip' || name.value === 'include');
    const below = (): DirectiveNode[] => {
      if (selection.kind === Kind.INLINE_FRAGMENT) return conditionsOf(selection.selectionSet, context, seen);
      if (selection.kind === Kind.FIELD || seen.has(selection.name.value)) return [];
      seen.add(selection.name.value);
      const fragment = context.getFragment(selection.name.value);
      return fragment == null ? [] : conditionsOf(fragment.selectionSet, context, seen);
    };
    return [...(found === undefined ? [] : [found]), ...below()];
  });
}

/** The rules of the specification, and of that of incremental delivery. */
export const VALIDATION_RULES: readonly ValidationRule[] = [
  ...specifiedRules.map((rule) =>
    rule === SingleFieldSubscriptionsRule ? subscriptionRootRule : tellingOfFilters(rule),
  ),
  incrementalRule,
];
