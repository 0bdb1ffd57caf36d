/** Fields that ask of the schema itself, which no subgraph knows whole: the gateway answers them. */
import { isInterfaceType, isObjectType, type GraphQLField, type GraphQLNamedType } from 'graphql';

const META_FIELDS: ReadonlySet<string> = new Set(['__schema', '__type', '__search', '__definitions']);

/** Whether a field of this name, which the query type has wherever it is, asks of the schema. */
export const isMetaField = (name: string): boolean => META_FIELDS.has(name);

/** The field of that name for whoever looks for what subgraphs answer: undefined for meta fields, and where there is none. */
export const fieldOf = (
  type: GraphQLNamedType | undefined | null,
  name: string,
): GraphQLField<unknown, unknown> | undefined =>
  !isMetaField(name) && (isObjectType(type) || isInterfaceType(type)) ? type.getFields()[name] : undefined;
