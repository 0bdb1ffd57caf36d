/** How long the lists of introspection are, from the schema itself: its whole answer is larger than most. */
import { isEnumType, isInputObjectType, isInterfaceType, isObjectType, type GraphQLSchema } from 'graphql';

/** By `__Type.field`; averages over the schema's types, rounded up. */
export function introspectionSizes(schema: GraphQLSchema): ReadonlyMap<string, number> {
  const types = Object.values(schema.getTypeMap());
  const withFields = types.filter((type) => isObjectType(type) || isInterfaceType(type));
  const fields = withFields.flatMap((type) => Object.values(type.getFields()));
  const average = (total: number): number => Math.ceil(total / Math.max(types.length, 1));
  const sizes: Record<string, number> = {
    '__Schema.types': types.length,
    '__Schema.directives': schema.getDirectives().length,
    '__Type.fields': average(fields.length),
    '__Type.interfaces': 1,
    '__Type.possibleTypes': 1,
    '__Type.enumValues': average(types.filter(isEnumType).flatMap((type) => type.getValues()).length),
    '__Type.inputFields': average(
      types.filter(isInputObjectType).flatMap((type) => Object.values(type.getFields())).length,
    ),
    '__Field.args': Math.ceil(fields.flatMap(({ args }) => args).length / Math.max(fields.length, 1)),
    '__Directive.args': 2,
    '__Directive.locations': 4,
  };
  return new Map(Object.entries(sizes));
}
