/** What filters ask of other stores, one condition after the other. */
import { countConditions, withoutConditions } from './count-conditions.ts';
import type { AskedLink, FilterValue } from './asking.ts';
import type { ForeignCondition, GivenArguments, LinkArgument, LinkCondition } from './declared-types.ts';
import type { Filters } from './filter-places.ts';
import type { GraphQLInputObjectType } from 'graphql';

const NONE: GivenArguments = new Map();

/** The link there, as the term has it. */
export const linkOf = ({ condition: { name, many, target, cut }, given }: Term): AskedLink => ({
  field: name,
  many,
  key: target.key,
  given,
  cut,
});

/** The link back from there; undefined where keys of what is there say it. */
export function linkBack({ condition: { back, source, takes, cut }, given }: Term): AskedLink | undefined {
  if (back === undefined) return undefined;
  const turned = takes.flatMap(({ name, turns }) => {
    const argument = given.get(name);
    if (argument === undefined) return [];
    const { type, value } = argument;
    const other = value === turns?.[0] ? turns?.[1] : value === turns?.[1] ? turns?.[0] : value;
    return [[name, { type, value: other }] as const];
  });
  return { ...back, key: source!.key, given: new Map(turned), cut };
}

/** What a condition gives of the arguments that it takes. */
export function givenArguments(takes: readonly LinkArgument[], given: FilterValue): GivenArguments {
  const own = takes.flatMap(({ name, type, required, defaultValue }) => {
    // Null is what the field itself makes of it.
    const value = given[name] ?? defaultValue;
    return value === undefined ? [] : [[name, { type: required ? `${type}!` : type, value }] as const];
  });
  return own.length === 0 ? NONE : new Map(own);
}

/** What a condition asks, of one or of many. */
export interface Term {
  readonly condition: ForeignCondition;
  readonly quantifier: 'one' | 'some' | 'none' | 'every' | 'count';
  /** What is to match; of `every`, what none may; of `count`, what the number must be. */
  readonly filter: FilterValue;
  /** Whether something that matches must be there, or must not. */
  readonly holds: boolean;
  /** Arguments of the link. */
  readonly given: GivenArguments;
}

/** As traces and errors call it: `DocumentFilter.entities.some`. */
export const nameOf = ({ condition: { filter, name }, quantifier }: Term): string =>
  `${filter}.${name}${quantifier === 'one' ? '' : `.${quantifier}`}`;

/** The terms of one condition that a filter gives. */
export function termsOf(declared: LinkCondition, given: FilterValue): Term[] {
  if ('links' in declared) {
    const [first, ...rest] = declared.links;
    const filter = rest.reduceRight<FilterValue>(
      (inner, { name, many }) => ({ [name]: many ? { some: inner } : inner }),
      given,
    );
    return [{ condition: first!, quantifier: first!.many ? 'some' : 'one', filter, holds: true, given: NONE }];
  }
  if (!declared.many) return [{ condition: declared, quantifier: 'one', filter: given, holds: true, given: NONE }];
  const link = givenArguments(declared.takes, given);
  return (['some', 'every', 'none', 'count'] as const).flatMap((quantifier) => {
    const filter = given[quantifier] as FilterValue | null | undefined;
    if (filter === null || filter === undefined) return [];
    const wanted = quantifier === 'every' ? { not: filter } : filter;
    return [
      {
        condition: declared,
        quantifier,
        filter: wanted,
        holds: quantifier === 'some' || quantifier === 'count',
        given: link,
      },
    ];
  });
}

/** A filter in two parts. */
export interface FilterParts {
  /** What asks for nothing of another store. */
  readonly plain: FilterValue;
  /** What does, where all of it must hold by itself; undefined where some is within `or` or `not`. */
  readonly terms: readonly Term[] | undefined;
}

export function partsOf(type: GraphQLInputObjectType, value: FilterValue, filters: Filters): FilterParts {
  const conditions = filters.conditions.get(type.name);
  const fields = type.getFields();
  const plain: Record<string, unknown> = {};
  let terms: Term[] | undefined = [];
  for (const [name, given] of Object.entries(value)) {
    const condition = conditions?.get(name);
    if (condition !== undefined && 'rank' in condition) {
      if (given !== null && given !== undefined) terms = undefined;
    } else if (condition !== undefined) {
      if (given !== null && given !== undefined) terms?.push(...termsOf(condition, given as FilterValue));
    } else if (countConditions(fields[name]!.type, given, filters) === 0)
      plain[name] = withoutConditions(fields[name]!.type, given, filters);
    else if (name === 'and') {
      const parts = (Array.isArray(given) ? given : [given]).map((each) => partsOf(type, each as FilterValue, filters));
      plain['and'] = parts.map((each) => each.plain);
      for (const each of parts) terms = each.terms && terms?.concat(each.terms);
    } else terms = undefined;
  }
  return { plain, terms };
}
