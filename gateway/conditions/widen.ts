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
  for (const { field, ranks } of declared.orders.values())
    added.push(`extend enum ${field} {\n${[...ranks.values()].map(rankOrder).join('\n')}\n}`);
  const filtered = new Set(
    [...declared.lists].filter(([, { filter }]) => declared.conditions.has(filter)).map(([field]) => field),
  );
  return [withArguments(apiSdl, api.getQueryType()!.name, filtered), ...lists.values(), ...added].join('\n\n');
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

function rankOrder({ name, order }: RankCondition): string {
  const told = `By \`${name}\`, the greatest score first, equal scores by key; \`where\` must have it, by itself or within \`and\`. It stands alone, and is read forwards.${MARK}`;
  return `  ${JSON.stringify(told)}\n  ${order}`;
}

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
  // With arguments of its own it is an input of its own.
  const own = `${condition.name.charAt(0).toUpperCase()}${condition.name.slice(1)}`;
  const name = condition.takes.length === 0 ? `${stem(filter)}ListFilter` : `${stem(condition.filter)}${own}ListFilter`;
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
        ...condition.takes.map(argumentOf),
        '}',
      ].join('\n'),
    );
  return name;
}

function argumentOf({ name, type, required, description, literal }: LinkArgument): string {
  const told = description === undefined ? '' : `  ${JSON.stringify(description)}\n`;
  return `${told}  ${name}: ${type}${required ? '!' : ''}${literal === undefined ? '' : ` = ${literal}`}`;
}
