/**
 * What fields lead to, in short: enough to write a selection and its arguments. What every list has alike is left out, since the server's
 * instructions say it once (`CONVENTIONS`).
 */
import {
  getNamedType,
  isEnumType,
  isInputObjectType,
  isInterfaceType,
  isLeafType,
  isObjectType,
  isUnionType,
  type GraphQLNamedType,
} from 'graphql';
import { AGENTS } from '#gateway/bounds/agents.ts';
import type { Field } from './schema-entries.ts';

/** What is alike in all lists, filters and aggregates. */
export const CONVENTIONS =
  'Connections have `nodes`, `edges { node cursor }`, `pageInfo { hasNextPage endCursor }` and `totalCount`; page with `first` and `after`. ' +
  'Filters are as `where: { title: { contains: "x" }, status: { in: [FAILED] }, and: [], or: [], not: {} }`, with eq, ne, in, notIn, gt, gte, lt, lte, contains, startsWith, isNull; ' +
  'orders as `orderBy: [{ field: CREATED_AT, direction: DESC }]`. ' +
  'Aggregates are as `groupBy: [{ field: MODEL }]` and `groups { keys { model } count sum { tokens } }`.';

/** Arguments that all lists have, and that `describe` shows. */
export const OF_LISTS = new Set(['orderBy', 'having', 'first', 'after', 'last', 'before', 'approximate']);
/** What filters have beside conditions. */
const OF_FILTERS = new Set(['and', 'or', 'not']);
/** What connections have, and edges. */
const OF_PAGES = new Set(['edges', 'pageInfo', 'totalCount', 'cursor', 'approximate', 'truncated']);

/** Fields of a type that has some. */
export function fieldsOf(type: GraphQLNamedType): readonly Field[] {
  return isObjectType(type) || isInterfaceType(type) || isInputObjectType(type) ? Object.values(type.getFields()) : [];
}

const fieldOf = (type: GraphQLNamedType, name: string): Field | undefined =>
  fieldsOf(type).find((field) => field.name === name);

/** The types that one must know to select a field and give it arguments, the first the most. */
export function ledTo(field: Field): readonly GraphQLNamedType[] {
  const returned = getNamedType(field.type);
  const nodes = fieldOf(returned, 'nodes');
  const groups = fieldOf(returned, 'groups');
  const of = [nodes, groups].flatMap((each) => (each === undefined ? [] : [getNamedType(each.type)]));
  const isPlain = nodes !== undefined && shortOf(returned).length === 1;
  const given = ('args' in field ? field.args : [])
    .filter(({ name }) => !OF_LISTS.has(name))
    .map(({ name, type }) => {
      const named = getNamedType(type);
      return name === 'groupBy' ? getNamedType(fieldOf(named, 'field')?.type ?? type) : named;
    });
  return [...of, ...(isPlain ? [] : [returned]), ...given].filter((type) => !isLeafType(type) || isEnumType(type));
}

/** The types of what a type has, without those that every list has. */
export const within = (type: GraphQLNamedType): readonly GraphQLNamedType[] =>
  isInputObjectType(type)
    ? []
    : fieldsOf(type).map((field) => {
        const returned = getNamedType(field.type);
        const nodes = fieldOf(returned, 'nodes');
        return nodes === undefined ? returned : getNamedType(nodes.type);
      });

/** A type in one line; undefined for scalars, of which there is nothing to say. */
export function outline(type: GraphQLNamedType): string | undefined {
  if (isEnumType(type)) return `enum ${type.name} { ${valuesOf(type).join(' ')} }`;
  if (isUnionType(type))
    return `union ${type.name} = ${type
      .getTypes()
      .map(({ name }) => name)
      .join(' | ')}`;
  if (fieldsOf(type).length === 0) return undefined;
  return `${isInputObjectType(type) ? 'input' : 'type'} ${type.name} { ${shortOf(type).join('; ')} }`;
}

/** Its fields in short, without those that all of its kind have. */
function shortOf(type: GraphQLNamedType): string[] {
  const isPage = fieldOf(type, 'nodes') !== undefined;
  const leftOut = isInputObjectType(type) ? OF_FILTERS : isPage || /Aggregate$/.test(type.name) ? OF_PAGES : undefined;
  const edge = isPage ? fieldOf(type, 'edges') : undefined;
  const more = edge === undefined ? [] : fieldsOf(getNamedType(edge.type)).filter(({ name }) => name !== 'node' && !OF_PAGES.has(name)); // prettier-ignore
  return [
    ...fieldsOf(type)
      .filter(({ name }) => !leftOut?.has(name))
      .map(short),
    ...(more.length === 0 ? [] : [`edges { node; ${more.map(short).join('; ')} }`]),
  ];
}

function short(field: Field): string {
  const given = 'args' in field ? field.args.filter(({ name }) => !OF_LISTS.has(name)) : [];
  const printed = given.length === 0 ? '' : `(${given.map(({ name, type }) => `${name}: ${String(type)}`).join(', ')})`;
  // Of an enum, or of a filter by one, what it may be.
  const named = getNamedType(field.type);
  const of = isEnumType(named) ? named : getNamedType(fieldOf(named, 'eq')?.type ?? field.type);
  const values =
    isEnumType(of) && of.getValues().length <= AGENTS.outputValues ? ` /* ${valuesOf(of).join(' ')} */` : '';
  return `${field.name}${printed}: ${String(field.type)}${values}`;
}

const valuesOf = (type: GraphQLNamedType): string[] =>
  isEnumType(type) ? type.getValues().map(({ name }) => name) : [];
