/** The query that a start suggests: one that this very API answers. */
import {
  isNonNullType,
  parse,
  validate,
  getNamedType,
  isLeafType,
  type GraphQLField,
  type GraphQLSchema,
} from 'graphql';

/** Touches all five kinds of store. */
const OVER_FIVE_STORES =
  '{ search(query: "retry with backoff", first: 3) { edges { score node { text document { title file { size } entities(first: 3) { edges { node { name } } } } } } } }';

/** What is asked of an API of which nothing else is known. */
const ITS_FIELDS = '{ __schema { queryType { fields { name description } } } }';

/** @param schema the API's */
export function firstQuery(schema: GraphQLSchema): string {
  if (validate(schema, parse(OVER_FIVE_STORES)).length === 0) return OVER_FIVE_STORES;
  const fields = Object.values(schema.getQueryType()?.getFields() ?? {});
  const field = fields.find((each) => !each.args.some(isRequired));
  if (field === undefined) return ITS_FIELDS;
  const type = getNamedType(field.type);
  if (isLeafType(type)) return `{ ${field.name} }`;
  const leaves =
    'getFields' in type
      ? Object.values(type.getFields() as Record<string, GraphQLField<unknown, unknown>>)
          .filter((each) => isLeafType(getNamedType(each.type)) && !each.args.some(isRequired))
          .map(({ name }) => name)
      : [];
  return `{ ${field.name} { ${['__typename', ...leaves.slice(0, 3)].join(' ')} } }`;
}

const isRequired = ({ type, defaultValue }: GraphQLField<unknown, unknown>['args'][number]): boolean =>
  isNonNullType(type) && defaultValue === undefined;
