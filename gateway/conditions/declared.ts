/**
 * What the subgraphs of a supergraph say of their lists and links (docs/cross-store-filters.md), and the conditions that follow:
 * by the filter's input type, and by their names.
 */
import {
  astFromValue,
  getNamedType,
  getNullableType,
  isInputObjectType,
  isListType,
  isObjectType,
  Kind,
  parse,
  parseConstValue,
  print,
  valueFromASTUntyped,
  type ConstDirectiveNode,
  type GraphQLField,
  type GraphQLInputObjectType,
  type GraphQLObjectType,
  type GraphQLOutputType,
  type GraphQLSchema,
} from 'graphql';
import { featureOf, linksOf } from '#gateway/plan/links.ts';
import { CONDITION_DIRECTIVES, CONDITIONS_LINK, type LeadsArguments } from '#subgraphs/shared/conditions.ts';

/** A root field that lists a type by a filter. */
export interface TypeList {
  readonly type: string;
  readonly field: string;
  /** The argument that takes the filter. */
  readonly argument: string;
  /** The filter's input type. */
  readonly filter: string;
  /** The field of the type that is its key, and that of the filter that takes keys. */
  readonly key: string;
  /** The most keys of one `in`. */
  readonly values: number;
  /** The most items of a page. */
  readonly page: number;
  /** Whether it tells how many there are. */
  readonly counts: boolean;
  /** How many items come where `first` is absent; undefined where nobody says. */
  readonly first: number | undefined;
  /** The most items of all pages together; Infinity where the list goes on to its end. */
  readonly most: number;
  /** The arguments, and their values, for which the order of its items does not depend on which of them take part. */
  readonly steady: readonly { readonly argument: string; readonly value: unknown }[];
}

/** A condition that one input type gains: on what a field of the filtered type leads to. */
export interface ForeignCondition {
  /** The field of the filtered type, and the condition's name. */
  readonly name: string;
  /** The input type that has it, and what that filters. */
  readonly filter: string;
  readonly type: string;
  /** Whether it is on many: `some`, `every` and `none` of them. */
  readonly many: boolean;
  /** How what is there is listed. */
  readonly target: TypeList;
  /** How what is filtered is listed, where it can be. */
  readonly source: TypeList | undefined;
  /** The filter's field that takes keys, and whose they are: of the target (`by`), or of what is filtered (`back` leads to it). */
  readonly column: string;
  readonly back: { readonly field: string; readonly many: boolean } | undefined;
  readonly values: number;
  /** The arguments of the link that the condition takes too. */
  readonly takes: readonly LinkArgument[];
  /** The field of the link's connection that is true where it lacks some of what there is. */
  readonly cut: string | undefined;
}

/** Arguments that a field is given, by name. */
export type GivenArguments = ReadonlyMap<string, { readonly type: string; readonly value: unknown }>;

/** An argument of a link, such as how far it goes. */
export interface LinkArgument {
  readonly name: string;
  readonly type: string;
  readonly description: string | undefined;
  readonly defaultValue: unknown;
  /** The same as GraphQL writes it. */
  readonly literal: string | undefined;
  /** For the way back each of these values is the other. */
  readonly turns: readonly [string, string] | undefined;
}

/** A name for a way of several links. */
export interface ThroughCondition {
  readonly name: string;
  readonly filter: string;
  readonly links: readonly ForeignCondition[];
}

export type DeclaredCondition = ForeignCondition | ThroughCondition;

/** By the filter's input type, and by name. */
export type DeclaredConditions = ReadonlyMap<string, ReadonlyMap<string, DeclaredCondition>>;

export interface Declared {
  readonly conditions: DeclaredConditions;
  /** By the root field. */
  readonly lists: ReadonlyMap<string, TypeList>;
}

const DEFAULTS = Object.fromEntries(
  CONDITION_DIRECTIVES.get('lists')!.args.map(({ name, defaultValue }) => [name, defaultValue] as const),
);

interface Declarations {
  readonly lists: { readonly field: string; readonly arguments: Readonly<Record<string, unknown>> }[];
  readonly leads: ({ readonly type: string; readonly field: string } & LeadsArguments)[];
}

function declarationsOf(supergraphSdl: string): Declarations | undefined {
  // Most supergraphs of others have none of it: they are not parsed for that.
  if (!supergraphSdl.includes(CONDITIONS_LINK)) return undefined;
  const document = parse(supergraphSdl, { noLocation: true });
  const link = linksOf(document).find(({ url }) => url === CONDITIONS_LINK);
  if (link === undefined) return undefined;
  const named = (name: string): string =>
    link.imports.get(`@${name}`)?.slice(1) ?? `${link.as ?? featureOf(link.url)}__${name}`;
  const [lists, leads] = [named('lists'), named('leads')];
  const found: Declarations = { lists: [], leads: [] };
  for (const definition of document.definitions) {
    if (definition.kind !== Kind.OBJECT_TYPE_DEFINITION) continue;
    const type = definition.name.value;
    for (const { name, directives = [] } of definition.fields ?? [])
      for (const directive of directives) {
        if (directive.name.value === lists && type === 'Query')
          found.lists.push({ field: name.value, arguments: argumentsOf(directive) });
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
  if (declared === undefined || query == null) return { conditions, lists: byField };
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
  return { conditions, lists: byField };
}

/** Marks what this room has added, in its description: the widened schema is read again. */
export const MARK = ' The gateway asks the store that has it.';

/** Whether this room has added it. */
const isOwn = (added: { readonly description?: string | null } | null | undefined): boolean =>
  added?.description?.endsWith(MARK) === true;

function listOf(
  query: GraphQLObjectType,
  field: string,
  given: Readonly<Record<string, unknown>>,
): TypeList | undefined {
  const { filter: argument, key = '', values, page, first, most, steady } = { ...DEFAULTS, ...given };
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
    values: values as number,
    page: page as number,
    counts: connection.getFields()['totalCount'] !== undefined,
    first: (first as number | null | undefined) ?? undefined,
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

function takesKeys(filter: GraphQLInputObjectType, field: string): boolean {
  const operators = getNamedType(filter.getFields()[field]?.type);
  return isInputObjectType(operators) && ['in', 'notIn'].every((name) => operators.getFields()[name] !== undefined);
}

/** What a field leads to: the type of a connection's nodes, or an object. */
function linkedType(type: GraphQLOutputType): { node: GraphQLObjectType; many: boolean } | undefined {
  const named = getNamedType(type);
  if (!isObjectType(named) || isListType(getNullableType(type))) return undefined;
  const { nodes, pageInfo } = named.getFields();
  if (nodes === undefined || pageInfo === undefined) return { node: named, many: false };
  const node = getNamedType(nodes.type);
  return isObjectType(node) ? { node, many: true } : undefined;
}

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
  const common = { name: field, filter, type, many: to!.many, target, takes: own, cut };
  if (by !== undefined && !to!.many && takesKeys(input, by))
    return { ...common, source, column: by, back: undefined, values: target.values };
  const leadsBack = back === undefined ? undefined : to!.node.getFields()[back];
  const there = leadsBack && linkedType(leadsBack.type);
  if (there?.node.name !== type || source?.filter !== filter) return undefined;
  return { ...common, source, column: source.key, back: { field: back!, many: there.many }, values: source.values };
}

/** @param turns `direction: OUT IN` */
function takenArgument(
  { args }: GraphQLField<unknown, unknown>,
  name: string,
  turns: string | undefined,
): LinkArgument | undefined {
  const found = args.find((each) => each.name === name);
  if (found === undefined) return undefined;
  const literal = found.defaultValue === undefined ? undefined : astFromValue(found.defaultValue, found.type);
  const [turned, one, other] = turns?.split(/[:\s]+/) ?? [];
  return {
    name,
    type: String(getNullableType(found.type)),
    description: found.description ?? undefined,
    defaultValue: found.defaultValue,
    literal: literal == null ? undefined : print(literal),
    turns: turned === name && one !== undefined && other !== undefined ? [one, other] : undefined,
  };
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
    if (link === undefined || 'links' in link) return undefined;
    links.push(link);
  }
  return links.length < 2 ? undefined : { name: name!, filter, links };
}
