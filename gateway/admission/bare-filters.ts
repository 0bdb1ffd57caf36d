/** graphql-js's rules on values, whose errors say what was meant by a value in the place of a filter, and by another API's operator. */
import {
  GraphQLError,
  Kind,
  print,
  ValuesOfCorrectTypeRule,
  VariablesInAllowedPositionRule,
  visit,
  type ASTNode,
  type GraphQLInputType,
  type ValidationContext,
  type ValidationRule,
  type ValueNode,
} from 'graphql';
import { instead } from '#gateway/plan/bare-filters.ts';
import { withOurOperators } from '#gateway/plan/foreign-operators.ts';

/** @param typeIn the name of the type that an error's message asks for */
const telling =
  (rule: ValidationRule, typeIn: RegExp): ValidationRule =>
  (context) =>
    rule(
      Object.create(context, {
        reportError: { value: (error: GraphQLError) => context.reportError(told(error, context, typeIn)) },
      }) as ValidationContext,
    );

function told(error: GraphQLError, context: ValidationContext, typeIn: RegExp): GraphQLError {
  const ours = withOurOperators(error.message, (type) => context.getSchema().getType(type));
  if (ours !== error.message) return new GraphQLError(ours, { nodes: error.nodes, extensions: error.extensions });
  const name = typeIn.exec(error.message)?.[1];
  // Of a variable, where it is used and not where it is declared.
  const node = error.nodes?.at(-1) as ValueNode | undefined;
  if (name === undefined || node === undefined) return error;
  const isList = name.includes('[');
  const type = context.getSchema().getType(name.replace(/[[\]!]/g, '')) as GraphQLInputType | undefined;
  const said = instead(fieldOf(node, context.getDocument()), type, print(node), node.kind === Kind.LIST && !isList);
  return said === ''
    ? error
    : new GraphQLError(`${error.message}${said}`, { nodes: error.nodes, extensions: error.extensions });
}

/** The argument, or field of an input, that has the value; undefined for the default of a variable. */
function fieldOf(value: ValueNode, document: ASTNode): string | undefined {
  let found: string | undefined;
  const look = (node: { name: { value: string }; value: ValueNode }): void => {
    if (node.value === value || (node.value.kind === Kind.LIST && node.value.values.includes(value)))
      found ??= node.name.value;
  };
  visit(document, { Argument: look, ObjectField: look });
  return found;
}

const RULES: ReadonlyMap<ValidationRule, ValidationRule> = new Map([
  [ValuesOfCorrectTypeRule, telling(ValuesOfCorrectTypeRule, /^Expected value of type "([^"]+)"/)],
  [
    VariablesInAllowedPositionRule,
    telling(VariablesInAllowedPositionRule, /used in position expecting type "([^"]+)"\.$/),
  ],
]);

/** The rule in whose place another of this file stands, or the rule itself. */
export const tellingOfFilters = (rule: ValidationRule): ValidationRule => RULES.get(rule) ?? rule;
