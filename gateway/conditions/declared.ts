/**
 * What the subgraphs of a supergraph say of their lists and links (docs/cross-store-filters.md), and the conditions that follow:
 * by the filter's input type, and by their names.
 */
import {
  getNamedType,
  isInputObjectType,
  Kind,
  parse,
  parseConstValue,
  valueFromASTUntyped,
  type ConstDirectiveNode,
  type GraphQLInputObjectType,
  type GraphQLObjectType,
  type GraphQLSchema,
} from 'graphql';
import { featureOf, linksOf } from '#gateway/plan/links.ts';
import { CONDITION_DIRECTIVES, CONDITIONS_LINK, type LeadsArguments } from '#subgraphs/shared/conditions.ts';
import { declaredOrders, valueKindOf } from './declared-orders.ts';
import { rankConditionOf } from './declared-ranks.ts';
import type { Declared, DeclaredCondition, ForeignCondition, ThroughCondition, TypeList } from './declared-types.ts';
import { isOwn, linkedType, takenArgument, takesKeys, takesNumbers } from './schema-parts.ts';

const DEFAULTS = Object.fromEntries(
  CONDITION_DIRECTIVES.get('lists')!.args.map(({ name, defaultValue }) => [name, defaultValue] as const),
);

interface Declarations {
  readonly lists: { readonly field: string; readonly arguments: Readonly<Record<string, unknown>> }[];
  readonly leads: ({ readonly type: string; readonly field: string } & LeadsArguments)[];
  readonly ranks: { readonly field: string; readonly arguments: Readonly<Record<string, unknown>> }[];
}

function declarationsOf(supergraphSdl: string): Declarations | undefined {
  // Most supergraphs of others have none of it: they are not parsed for that.
  if (!supergraphSdl.includes(CONDITIONS_LINK)) return undefined;
  const document = parse(supergraphSdl, { noLocation: true });
  const link = linksOf(document).find(({ url }) => url === CONDITIONS_LINK);
  if (link === undefined) return undefined;
  const named = (name: string): string =>
    link.imports.get(`@${name}`)?.slice(1) ?? `${link.as ?? featureOf(link.url)}__${name}`;
  const [lists, leads, ranks] = [named('lists'), named('leads'), named('ranks')];
  const found: Declarations = { lists: [], leads: [], ranks: [] };
  for (const definition of document.definitions) {
    if (definition.kind !== Kind.OBJECT_TYPE_DEFINITION) continue;
    const type = definition.name.value;
    for (const { name, directives = [] } of definition.fields ?? [])
      for (const directive of directives) {
        if (directive.name.value === lists && type === 'Query')
          found.lists.push({ field: name.value, arguments: argumentsOf(directive) });
        if (directive.name.value === ranks && type === 'Query')
          found.ranks.push({ field: name.value, arguments: argumentsOf(directive) });
        if (directive.name.value === leads)
          found.leads.push({ type, field: name.value, ...(argumentsOf(directive) as LeadsArguments) });
      }
  }
  return found;
}

const argumentsOf = (directive: ConstDirectiveNode): Record<string, unknown> =>
  Object.fromEntries(
    (directive.arguments ?? []).map(({ name, value }) => [name.value, valueFromASTUntyped(value)] as const),
  );

/**
 * @param api what clients see: what it lacks leads nowhere
 * @param supergraphSdl whose fields have the directives
 */
export function declaredConditions(api: GraphQLSchema, supergraphSdl: string): Declared {
  const conditions = new Map<string, Map<string, DeclaredCondition>>();
  const declared = declarationsOf(supergraphSdl);
  const query = api.getQueryType();
  const byField = new Map<string, TypeList>();
  if (declared === undefined || query == null) return { conditions, lists: byField, orders: new Map() };
  const lists = new Map<string, TypeList>();
  const filtered = new Map<string, { type: string; through: readonly string[] }>();
  for (const { field, arguments: given } of declared.lists) {
    const list = listOf(query, field, given);
    if (list === undefined) continue;
    byField.set(field, list);
    filtered.set(list.filter, { type: list.type, through: (given['through'] as string[] | undefined) ?? [] });
    if (list.key !== '' && !lists.has(list.type)) lists.set(list.type, list);
  }
  const add = (condition: DeclaredCondition): void => {
    const filter = api.getType(condition.filter) as GraphQLInputObjectType;
    // A condition of the store itself is asked there.
    const there = filter.getFields()[condition.name];
    if (there !== undefined && !isOwn(there)) return;
    const byName = conditions.get(condition.filter) ?? new Map<string, DeclaredCondition>();
    conditions.set(condition.filter, byName.set(condition.name, condition));
  };
  for (const [filter, { type }] of filtered)
    for (const link of declared.leads.filter((each) => each.type === type)) {
      const condition = conditionOf(api, filter, link, lists);
      if (condition !== undefined) add(condition);
    }
  for (const [filter, { through }] of filtered)
    for (const said of through) {
      const condition = throughOf(filter, said, conditions);
      if (condition !== undefined) add(condition);
    }
  const ranks = declared.ranks.flatMap(
    ({ field, arguments: given }) => rankConditionOf(api, field, given, lists) ?? [],
  );
  for (const condition of ranks) add(condition);
  return { conditions, lists: byField, orders: declaredOrders(api, lists, conditions, ranks) };
}

function listOf(
  query: GraphQLObjectType,
  field: string,
  given: Readonly<Record<string, unknown>>,
): TypeList | undefined {
  const { filter: argument, key = '', values, page, first, most, steady, sorts } = { ...DEFAULTS, ...given };
  const definition = query.getFields()[field];
  const filter = getNamedType(definition?.args.find(({ name }) => name === argument)?.type);
  const type = definition && linkedType(definition.type);
  if (type === undefined || !isInputObjectType(filter) || !joins(filter)) return undefined;
  if (key !== '' && (type.node.getFields()[key as string] === undefined || !takesKeys(filter, key as string)))
    return undefined;
  const connection = getNamedType(definition!.type) as GraphQLObjectType;
  return {
    type: type.node.name,
    field,
    argument: argument as string,
    filter: filter.name,
    key: key as string,
    keyKind: valueKindOf(type.node.getFields()[key as string]?.type) ?? 'text',
    values: values as number,
    numeric: key !== '' && takesNumbers(filter, key as string),
    page: page as number,
    counts: connection.getFields()['totalCount'] !== undefined,
    first: (first as number | null | undefined) ?? undefined,
    sorts: (sorts as readonly string[] | null | undefined) ?? [],
    most: (most as number | null | undefined) ?? Infinity,
    steady: ((steady as string[] | null | undefined) ?? []).map(steadyOf),
  };
}

/** Of `mode: VECTOR`. */
function steadyOf(said: string): TypeList['steady'][number] {
  const at = said.indexOf(':');
  return { argument: said.slice(0, at).trim(), value: valueFromASTUntyped(parseConstValue(said.slice(at + 1))) };
}

/** Whether conditions can be added to what a caller gives: by `and` and `or`. */
const joins = (filter: GraphQLInputObjectType): boolean =>
  ['and', 'or'].every((name) => getNamedType(filter.getFields()[name]?.type) === filter);

function conditionOf(
  api: GraphQLSchema,
  filter: string,
  { type, field, by, back, takes = [], turns, cut }: Declarations['leads'][number],
  lists: ReadonlyMap<string, TypeList>,
): ForeignCondition | undefined {
  const input = api.getType(filter) as GraphQLInputObjectType;
  const definition = (api.getType(type) as GraphQLObjectType | undefined)?.getFields()[field];
  const to = definition && linkedType(definition.type);
  const target = to && lists.get(to.node.name);
  if (target === undefined) return undefined;
  const source = lists.get(type);
  const own = takes.flatMap((name) => takenArgument(definition!, name, turns) ?? []);
  const connection = getNamedType(definition!.type) as GraphQLObjectType;
  const counts = to!.many && connection.getFields()['totalCount'] !== undefined;
  const common = { name: field, filter, type, many: to!.many, counts, target, takes: own, cut };
  if (by !== undefined && !to!.many && takesKeys(input, by))
    return {
      ...common,
      source,
      column: by,
      back: undefined,
      values: target.values,
      numeric: takesNumbers(input, by),
      oneWay: false,
    };
  if (source?.filter !== filter) return undefined;
  const { key: column, values, numeric } = source;
  const keyed = { ...common, source, column, values, numeric };
  if (back === undefined) return by === undefined ? { ...keyed, back, oneWay: true } : undefined;
  const leadsBack = to!.node.getFields()[back];
  const there = leadsBack && linkedType(leadsBack.type);
  if (there?.node.name !== type) return undefined;
  return { ...keyed, back: { field: back, many: there.many }, oneWay: false };
}

function throughOf(
  filter: string,
  said: string,
  conditions: ReadonlyMap<string, ReadonlyMap<string, DeclaredCondition>>,
): ThroughCondition | undefined {
  const [name, way] = said.split(':').map((part) => part.trim());
  const links: ForeignCondition[] = [];
  for (const step of way?.split('.') ?? []) {
    const link = conditions.get(links.at(-1)?.target.filter ?? filter)?.get(step);
    if (link === undefined || 'links' in link || 'rank' in link) return undefined;
    links.push(link);
  }
  return links.length < 2 ? undefined : { name: name!, filter, links };
}
