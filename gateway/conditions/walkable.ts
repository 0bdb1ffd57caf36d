/**
 * Lists that may be walked in their own order until as many match as are asked for: root lists of which nothing is asked but their
 * rows, in an order that does not depend on which rows take part.
 */
import type { FieldNode, GraphQLField, ValueNode } from 'graphql';
import { APPROXIMATE } from './asked.ts';
import { isOwn } from './schema-parts.ts';
import type { GivenArguments, TypeList } from './declared-types.ts';
import { valueOf, type FilterPlace, type Variables } from './filter-places.ts';

/** A list as a client asked for it. */
export interface WalkedList {
  readonly list: TypeList;
  /** Its arguments but for the filter and the page, by name. */
  readonly given: GivenArguments;
  readonly first: number;
  readonly after: string | null;
}

const PAGING: ReadonlySet<string> = new Set(['first', 'after', 'last', 'before']);

/** How the list of this place is walked; undefined where it may not be. */
export function walkOf({ list, asked, fields }: FilterPlace, variables: Variables): WalkedList | undefined {
  const [first] = fields;
  if (list === undefined || asked === 'more' || first === undefined) return undefined;
  const given = argumentsOf(...first, variables);
  const valueAt = (name: string): unknown => given.get(name)?.value ?? null;
  if (valueAt('last') !== null || valueAt('before') !== null) return undefined;
  if (list.steady.some(({ argument, value }) => valueAt(argument) !== value)) return undefined;
  const size = valueAt('first') ?? list.first ?? list.page;
  const after = valueAt('after');
  // What does not fit, the list itself refuses.
  if (typeof size !== 'number' || !Number.isInteger(size) || size < 0 || size > list.page) return undefined;
  if (after !== null && (typeof after !== 'string' || asked === 'places')) return undefined;
  const others = [...given].filter(([name]) => name !== list.argument && !PAGING.has(name));
  return { list, given: new Map(others), first: size, after };
}

/** The arguments of a field, with those that it has by default; but not the gateway's own. */
export function argumentsOf(
  { arguments: nodes = [] }: FieldNode,
  { args }: GraphQLField<unknown, unknown>,
  variables: Variables,
): Map<string, { type: string; value: unknown }> {
  const literals = new Map(nodes.map(({ name, value }) => [name.value, value] as const));
  const found = new Map<string, { type: string; value: unknown }>();
  for (const argument of args) {
    const { name, type, defaultValue } = argument;
    if (name === APPROXIMATE || isOwn(argument)) continue;
    const literal: ValueNode | undefined = literals.get(name);
    const value = (literal === undefined ? undefined : valueOf(literal, type, variables)) ?? undefined;
    const said = literal !== undefined && value === undefined ? null : (value ?? defaultValue);
    if (said !== undefined) found.set(name, { type: String(type), value: said });
  }
  return found;
}
