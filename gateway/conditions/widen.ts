/** The API's schema with the conditions that the gateway adds to filters. */
import {
  buildSchema,
  isInputObjectType,
  Kind,
  parse,
  parseType,
  print,
  visit,
  type GraphQLSchema,
  type InputValueDefinitionNode,
} from 'graphql';
import { APPROXIMATE, APPROXIMATE_DESCRIPTION } from './asked.ts';
import { declaredConditions } from './declared.ts';
import type { DeclaredCondition, ForeignCondition, LinkArgument, RankCondition } from './declared-types.ts';
import { MARK } from './schema-parts.ts';
import { widenedOrders } from './widen-orders.ts';

/**
 * @param apiSdl what clients see of a supergraph
 * @returns the same where no subgraph says that lists lead to one another
 */
export function widenedFilters(apiSdl: string, supergraphSdl: string): string {
  const api = buildSchema(apiSdl, { assumeValid: true, noLocation: true });
  const added: string[] = [];
  const lists = new Map<string, string>();
  const declared = declaredConditions(api, supergraphSdl);
  for (const [filter, byName] of declared.conditions) {
    const fields = [...byName.values()].map(
      (condition) =>
        `  ${JSON.stringify(described(condition))}\n  ${condition.name}: ${inputOf(api, condition, lists)}`,
    );
    added.push(`extend input ${filter} {\n${fields.join('\n')}\n}`);
  }
  if (added.length === 0) return apiSdl;
  const orders = widenedOrders(api, declared.orders);
  added.push(...orders.added);
  const filtered = new Set(
    [...declared.lists].filter(([, { filter }]) => declared.conditions.has(filter)).map(([field]) => field),
  );
  const withApproximate = withArguments(apiSdl, api.getQueryType()!.name, filtered);
  return [orders.change(withApproximate), ...lists.values(), ...added].join('\n\n');
}

/** Adds to these root lists what says whether they may be cut short. */
function withArguments(apiSdl: string, query: string, lists: ReadonlySet<string>): string {
  const argument: InputValueDefinitionNode = {
    kind: Kind.INPUT_VALUE_DEFINITION,
    name: { kind: Kind.NAME, value: APPROXIMATE },
    description: {
      kind: Kind.STRING,
      value: APPROXIMATE_DESCRIPTION,
    },
    type: parseType('Boolean', { noLocation: true }),
    defaultValue: { kind: Kind.BOOLEAN, value: false },
  };
  const document = visit(parse(apiSdl, { noLocation: true }), {
    ObjectTypeDefinition: (type) => (type.name.value === query ? undefined : false),
    FieldDefinition: (field) =>
      !lists.has(field.name.value) || field.arguments?.some(({ name }) => name.value === APPROXIMATE) === true
        ? undefined
        : { ...field, arguments: [...(field.arguments ?? []), argument] },
  });
  return print(document);
}

/** The type of a condition's value. */
function inputOf(api: GraphQLSchema, condition: DeclaredCondition, inputs: Map<string, string>): string {
  if ('links' in condition) return condition.links.at(-1)!.target.filter;
  if ('rank' in condition) {
    if (!isInputObjectType(api.getType(condition.input))) inputs.set(condition.input, rankInput(condition));
    return condition.input;
  }
  return condition.many ? listFilter(api, condition, inputs) : condition.target.filter;
}

const rankInput = ({ input, rank: { field, takes } }: RankCondition): string =>
  [
    `"What is asked of \`${field}\`, which ranks what is filtered."`,
    `input ${input} {`,
    ...takes.map(argumentOf),
    '}',
  ].join('\n');

function described(condition: DeclaredCondition): string {
  if ('rank' in condition)
    return `Its score in \`${condition.rank.field}\` is at least \`${condition.rank.least}\`; without that it filters nothing, and says what lists are sorted by as ${condition.order}.${MARK}`;
  if ('links' in condition)
    return `Leads by \`${condition.links.map(({ name }) => name).join('.')}\` to something that must match this.${MARK}`;
  return condition.many
    ? `How many of its \`${condition.name}\` must match.${MARK}`
    : `Its \`${condition.name}\` must be there, and match this.${MARK}`;
}

/** The name of the input that asks for `some`, `every` or `none`, as sources have it for their own links. */
function listFilter(api: GraphQLSchema, condition: ForeignCondition, lists: Map<string, string>): string {
  const { filter } = condition.target;
  const stem = (name: string): string => name.replace(/Filter$/, '');
  const shared = `${stem(filter)}ListFilter`;
  const there = isCounted(api, shared, lists);
  // With arguments of its own it is an input of its own; and where only one of two tells how many there are.
  const own = `${stem(condition.filter)}${condition.name.charAt(0).toUpperCase()}${condition.name.slice(1)}ListFilter`;
  const name = condition.takes.length === 0 && (there ?? condition.counts) === condition.counts ? shared : own;
  if (!lists.has(name) && !isInputObjectType(api.getType(name)))
    lists.set(
      name,
      [
        '"Conditions on what is led to; on those that the caller may see. All that are given must hold."',
        `input ${name} {`,
        '  "At least one matches; `{}` matches where there is any."',
        `  some: ${filter}`,
        '  "All of them match, also where there are none."',
        `  every: ${filter}`,
        '  "None of them matches; `{}` matches where there are none."',
        `  none: ${filter}`,
        ...(condition.counts
          ? [`  "How many there are must be so, whatever they are."`, `  count: ${countFilter(api, lists)}`]
          : []),
        ...condition.takes.map(argumentOf),
        '}',
      ].join('\n'),
    );
  return name;
}

/** Whether an input of this name asks for a number; undefined where there is none. */
function isCounted(api: GraphQLSchema, name: string, inputs: ReadonlyMap<string, string>): boolean | undefined {
  const made = inputs.get(name);
  if (made !== undefined) return made.includes('\n  count: ');
  const there = api.getType(name);
  return isInputObjectType(there) ? there.getFields()['count'] !== undefined : undefined;
}

/** The name of the input that asks for a number. */
function countFilter(api: GraphQLSchema, inputs: Map<string, string>): string {
  // The one that whole numbers have already, where there is one.
  const there = api.getType('IntFilter');
  if (isInputObjectType(there) && ['in', 'gte'].every((each) => there.getFields()[each] !== undefined))
    return there.name;
  const name = 'CountFilter';
  if (!inputs.has(name) && !isInputObjectType(api.getType(name)))
    inputs.set(
      name,
      `"Conditions on how many there are. All that are given must hold."
input ${name} {
  "Equal to this."
  eq: Int
  "Not equal to this."
  ne: Int
  "Greater than this."
  gt: Int
  "At least this."
  gte: Int
  "Less than this."
  lt: Int
  "At most this."
  lte: Int
  "One of these; an empty list matches nothing."
  in: [Int!]
  "None of these."
  notIn: [Int!]
}`,
    );
  return name;
}

function argumentOf({ name, type, required, description, literal }: LinkArgument): string {
  const told = description === undefined ? '' : `  ${JSON.stringify(description)}\n`;
  return `${told}  ${name}: ${type}${required ? '!' : ''}${literal === undefined ? '' : ` = ${literal}`}`;
}
