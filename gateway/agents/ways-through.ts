/** How operations reach the types of a schema from its roots, and examples of such operations. */
import {
  getNamedType,
  isInterfaceType,
  isLeafType,
  isObjectType,
  isRequiredArgument,
  type GraphQLArgument,
  type GraphQLField,
  type GraphQLInputField,
  type GraphQLInterfaceType,
  type GraphQLNamedType,
  type GraphQLObjectType,
  type GraphQLSchema,
} from 'graphql';
import { AGENTS } from '#gateway/bounds/agents.ts';

export interface Ways {
  /** The shortest way from `Query` to values of the type, such as `documents { nodes { file } }`; undefined where there is none. */
  to(type: GraphQLNamedType): string | undefined;
  /**
   * A whole operation that selects the field, with variables for what it must be given; undefined for what no operation
   * reaches.
   */
  example(type: GraphQLNamedType, field: GraphQLField<unknown, unknown> | GraphQLInputField): string | undefined;
}

type Composite = GraphQLObjectType | GraphQLInterfaceType;
type Field = GraphQLField<unknown, unknown>;

const isComposite = (type: GraphQLNamedType | undefined): type is Composite =>
  isObjectType(type) || isInterfaceType(type);
const required = ({ args }: Field): readonly GraphQLArgument[] => args.filter(isRequiredArgument);

/** What an example gives a field: what it must be given, else what says which one of its type it is, such as its name. */
function telling(field: Field): readonly GraphQLArgument[] {
  const must = required(field);
  const to = getNamedType(field.type);
  if (must.length > 0 || !isComposite(to)) return must;
  return field.args.filter(({ name, type }) => isLeafType(getNamedType(type)) && name in to.getFields());
}

export function waysThrough(schema: GraphQLSchema): Ways {
  const roots = new Map<GraphQLNamedType, string>();
  for (const [operation, type] of [
    ['query', schema.getQueryType()],
    ['mutation', schema.getMutationType()],
    ['subscription', schema.getSubscriptionType()],
  ] as const)
    if (type) roots.set(type, operation);
  const ways = new Map<GraphQLNamedType, readonly Field[]>();
  const query = schema.getQueryType();
  if (query) walk(query, ways);

  return {
    to(type) {
      const way = ways.get(type);
      return way === undefined || way.length === 0
        ? undefined
        : way.reduceRight((inner, { name }) => (inner === '' ? name : `${name} { ${inner} }`), '');
    },
    example(type, field) {
      if (!('args' in field)) return undefined;
      const operation = roots.get(type);
      const way = operation === undefined ? ways.get(type) : [];
      if (way === undefined) return undefined;
      const variables: string[] = [];
      const call = (each: Field): string => {
        const given = telling(each).map(({ name, type: of }) => {
          variables.push(`$${name}${variables.length === 0 ? '' : variables.length}: ${String(of)}`);
          return `${name}: $${name}${variables.length === 1 ? '' : variables.length - 1}`;
        });
        return given.length === 0 ? each.name : `${each.name}(${given.join(', ')})`;
      };
      const outer = way.map(call);
      const inner = `${call(field)}${selection(getNamedType(field.type))}`;
      const body = [...outer, inner].reduceRight((within, each) => `${each} { ${within} }`);
      return `${operation ?? 'query'}${variables.length === 0 ? '' : ` (${variables.join(', ')})`} { ${body} }`;
    },
  };
}

/** Breadth first, and what needs nothing to be given before what does. */
function walk(query: GraphQLObjectType, ways: Map<GraphQLNamedType, readonly Field[]>): void {
  ways.set(query, []);
  let level: Composite[] = [query];
  while (level.length > 0) {
    const next: Composite[] = [];
    const steps = level.flatMap((type) => Object.values(type.getFields()).map((field) => ({ type, field })));
    for (const { type, field } of [...steps].sort((a, b) => required(a.field).length - required(b.field).length)) {
      const to = getNamedType(field.type);
      if (!isComposite(to) || ways.has(to)) continue;
      ways.set(to, [...ways.get(type)!, field]);
      next.push(to);
    }
    level = next;
  }
}

/** A few plain fields of a type; of a page, those of its nodes. */
function selection(type: GraphQLNamedType, depth = 0): string {
  if (isLeafType(type)) return '';
  if (!isComposite(type)) return ' { __typename }';
  const fields = Object.values(type.getFields());
  const { nodes } = type.getFields();
  if (nodes !== undefined && depth === 0) return ` { nodes${selection(getNamedType(nodes.type), 1)} }`;
  const plain = fields
    .filter((field) => isLeafType(getNamedType(field.type)) && required(field).length === 0 && !field.deprecationReason)
    .slice(0, AGENTS.exampleFields)
    .map(({ name }) => name);
  if (plain.length > 0) return ` { ${plain.join(' ')} }`;
  const [one] = fields.filter((field) => required(field).length === 0 && isComposite(getNamedType(field.type)));
  return one === undefined || depth > 1
    ? ' { __typename }'
    : ` { ${one.name}${selection(getNamedType(one.type), depth + 1)} }`;
}
