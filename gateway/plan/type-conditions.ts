/** Which type conditions hold, by the schema. */
import { isAbstractType, isInterfaceType, isObjectType, type GraphQLNamedType, type GraphQLSchema } from 'graphql';

/**
 * Whether whatever is of the type matches a fragment's condition, so that its fields are selected of it
 * (https://spec.graphql.org/October2021/#DoesFragmentTypeApply()). An interface itself may stand for objects that are
 * known no better.
 *
 * @param condition the name of the condition's type; a fragment without one always applies
 */
export function matchesCondition(
  schema: GraphQLSchema,
  type: GraphQLNamedType,
  condition: string | undefined,
): boolean {
  if (condition === undefined || condition === type.name) return true;
  const conditionType = schema.getType(condition);
  return (
    isAbstractType(conditionType) &&
    (isObjectType(type) || isInterfaceType(type)) &&
    schema.isSubType(conditionType, type)
  );
}
