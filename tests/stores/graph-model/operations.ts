/** Every way to ask a schema for something: all filters, sorts, aggregates and connections, to a depth. */
import {
  getNamedType,
  getNullableType,
  isEnumType,
  isInputObjectType,
  isLeafType,
  isListType,
  isObjectType,
  isUnionType,
  isInterfaceType,
} from 'graphql';
import type { GraphQLField, GraphQLInputField, GraphQLInputType, GraphQLOutputType, GraphQLSchema } from 'graphql';

export interface Probe {
  readonly query: string;
  readonly variables: Record<string, unknown>;
}

/** Values of leafs that a guess at another tenant's data would use. */
export interface Guesses {
  readonly text: string;
  readonly number: number;
}

/**
 * Operations on every root field: each with everything that can be selected, and each filter and order of it by itself.
 */
export function probes(schema: GraphQLSchema, guesses: Guesses, depth: number): Probe[] {
  const found: Probe[] = [];
  for (const field of Object.values(schema.getQueryType()!.getFields())) {
    if (field.name.startsWith('_')) continue;
    const small = selection(schema, field.type, 0, true);
    found.push({ query: `{ ${field.name} ${selection(schema, field.type, depth - 1)} }`, variables: {} });
    for (const argument of field.args.filter(({ name }) => name === 'where' || name === 'sort')) {
      for (const value of values(argument.type, guesses, depth + 2)) {
        found.push({
          query: `query ($v: ${argument.type}) { ${field.name}(${argument.name}: $v) ${small} }`,
          variables: { v: value },
        });
      }
    }
    found.push(...nestedFilters(field, guesses));
  }
  return found;
}

/** The filters of relationships of what a root field lists. */
function nestedFilters(root: GraphQLField<unknown, unknown>, guesses: Guesses): Probe[] {
  const type = getNamedType(root.type);
  if (!isListType(getNullableType(root.type)) || !isObjectType(type)) return [];
  return Object.values(type.getFields()).flatMap((field) =>
    field.args
      .filter(({ name }) => name === 'where' || name === 'sort')
      .flatMap((argument) =>
        values(argument.type, guesses, 2).map((value): Probe => {
          const inner = field.name.endsWith('Connection')
            ? '{ totalCount edges { node { __typename } } }'
            : '{ __typename }';
          return {
            query: `query ($v: ${argument.type}) { ${root.name} { ${field.name}(${argument.name}: $v) ${inner} } }`,
            variables: { v: value },
          };
        }),
      ),
  );
}

function values(type: GraphQLInputType, guesses: Guesses, depth: number): unknown[] {
  const nullable = getNullableType(type);
  if (isListType(nullable)) return values(nullable.ofType as GraphQLInputType, guesses, depth).map((value) => [value]);
  if (isEnumType(nullable)) return [nullable.getValues()[0]!.name];
  if (isLeafType(nullable)) {
    if (nullable.name === 'Boolean') return [true];
    if (nullable.name === 'DateTime') return ['2020-01-01T00:00:00Z'];
    return nullable.name === 'BigInt'
      ? [String(guesses.number)]
      : ['Int', 'Float'].includes(nullable.name)
        ? [guesses.number]
        : [guesses.text];
  }
  if (depth === 0 || !isInputObjectType(nullable)) return [];
  const fields = Object.values(nullable.getFields());
  // One operator stands for all on one value; what leads further is followed.
  const operator = fields.find(({ name }) => ['contains', 'gte', 'eq'].includes(name));
  const followed = fields.filter((field) => isInputObjectType(inner(field)) && !['AND', 'OR'].includes(field.name));
  const leafs = operator === undefined ? fields.filter((field) => !isInputObjectType(inner(field))) : [operator];
  const price = (field: GraphQLInputField): number => (field.name === 'NOT' ? 2 : 1);
  const found = [...followed, ...leafs].map((field) =>
    values(field.type, guesses, Math.max(depth - price(field), 0)).map((value) => ({ [field.name]: value })),
  );
  // Behind a relationship, fields of one type are filtered alike: two of each stand for all.
  return depth <= 2 ? found.flatMap((each) => each.slice(0, 2)).slice(0, 4) : found.flat();
}

const inner = (field: GraphQLInputField) => getNamedType(field.type);

/** @param short leaves relationships of nodes out */
function selection(schema: GraphQLSchema, type: GraphQLOutputType, depth: number, short = false): string {
  const named = getNamedType(type);
  if (isUnionType(named) || isInterfaceType(named)) {
    return `{ __typename ${schema
      .getPossibleTypes(named)
      .map(
        (possible) => `... on ${possible.name} ${selection(schema, possible, short ? 0 : Math.min(depth, 1), short)}`,
      )
      .join(' ')} }`;
  }
  if (!isObjectType(named)) return '';
  // Generated types hold what nodes are reached by; only nodes count.
  const generated = named.name.startsWith('Model');
  const fields = Object.values(named.getFields()).filter(
    (field) => isLeafType(getNamedType(field.type)) || generated || (depth > 0 && !short),
  );
  return `{ __typename ${fields.map((field) => `${field.name} ${selection(schema, field.type, generated ? depth : depth - 1, short)}`).join(' ')} }`;
}
