/** How long the lists of introspection are, from the schema itself: its whole answer is larger than most. */
import { isEnumType, isInputObjectType, isInterfaceType, isObjectType, isUnionType, type GraphQLSchema } from 'graphql';

/** How long they are taken to be, wherever they are asked for. */
export interface IntrospectionSizes {
  /** By `__Type.field`: the longest of the schema, since whoever names types may name those alone. */
  readonly greatest: ReadonlyMap<string, number>;
  /** By field, within `__schema { types }`, which has each type once: averages, rounded up. */
  readonly ofAll: ReadonlyMap<string, number>;
}

/** Measures the schema's lists. */
export function introspectionSizes(schema: GraphQLSchema): IntrospectionSizes {
  const types = Object.values(schema.getTypeMap());
  const withFields = types.filter((type) => isObjectType(type) || isInterfaceType(type));
  const fieldsOf = withFields.map((type) => Object.values(type.getFields()));
  const argumentsOf = fieldsOf.flat().map(({ args }) => args.length);
  const fields = fieldsOf.map(({ length }) => length);
  const enumValues = types.filter(isEnumType).map((type) => type.getValues().length);
  const inputFields = types.filter(isInputObjectType).map((type) => Object.keys(type.getFields()).length);
  const interfaces = withFields.map((type) => type.getInterfaces().length);
  const possibleTypes = types
    .filter((type) => isInterfaceType(type) || isUnionType(type))
    .map((type) => schema.getPossibleTypes(type).length);
  const directives = schema.getDirectives();
  const average = (lengths: readonly number[], among = types.length): number =>
    Math.ceil(lengths.reduce((total, length) => total + length, 0) / Math.max(among, 1));
  return {
    greatest: new Map(
      Object.entries({
        '__Schema.types': types.length,
        '__Schema.directives': directives.length,
        '__Type.fields': Math.max(1, ...fields),
        '__Type.interfaces': Math.max(1, ...interfaces),
        '__Type.possibleTypes': Math.max(1, ...possibleTypes),
        '__Type.enumValues': Math.max(1, ...enumValues),
        '__Type.inputFields': Math.max(1, ...inputFields),
        '__Field.args': Math.max(1, ...argumentsOf),
        '__Directive.args': Math.max(1, ...directives.map(({ args }) => args.length)),
        '__Directive.locations': Math.max(1, ...directives.map(({ locations }) => locations.length)),
      }),
    ),
    ofAll: new Map(
      Object.entries({
        fields: average(fields),
        interfaces: 1,
        possibleTypes: 1,
        enumValues: average(enumValues),
        inputFields: average(inputFields),
        args: average(argumentsOf, argumentsOf.length),
      }),
    ),
  };
}
