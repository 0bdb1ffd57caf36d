/**
 * Conditions on what another store has, as conditions on keys. Each is worked out in one of two ways, which give the same:
 *
 * - Keys are pushed down: what matches there is listed, and with it what it leads back to.
 * - Candidates are looked at: what meets the list's own conditions is listed, with what it leads to, and asked which of that
 *   matches.
 *
 * The first page is pushed in any case. Where it is not all, what both ways have to read is counted, and the one that reads less is
 * gone; should pushing come to more keys than are pushed, the other way is tried where it can be gone.
 */
import {
  getNamedType,
  getNullableType,
  isInputObjectType,
  isListType,
  type GraphQLInputObjectType,
  type GraphQLInputType,
  type GraphQLSchema,
} from 'graphql';
import { tooCostly, type AskedLink, type Asking, type FilterValue, type Listed } from './asking.ts';
import type { ForeignCondition, TypeList } from './declared.ts';
import type { Filters } from './filter-places.ts';

/** What one condition came to, for `extensions.trace`. Times are in milliseconds. */
export interface ConditionTrace {
  /** Such as `DocumentFilter.entities.some`. */
  condition: string;
  way: 'push' | 'candidates';
  /** What matches there, and what meets the list's own conditions, as they were counted; absent where nobody counted. */
  estimated?: { matching: number; candidates: number | null };
  /** Objects that were read, and keys that they came to. */
  read: number;
  keys: number;
  /** Why the way was changed in the middle. */
  changed?: string;
  startMs: number;
  durationMs: number;
}

/** What a condition asks, of one or of many. */
interface Term {
  readonly condition: ForeignCondition;
  readonly quantifier: 'one' | 'some' | 'none' | 'every';
  readonly filter: FilterValue;
}

/** Keys that a column must have, or must not have. */
interface KeySet {
  readonly column: string;
  readonly keys: ReadonlySet<string>;
  readonly holds: boolean;
}

/** A condition could not be looked at. */
export class ConditionFailed extends Error {
  readonly condition: string;

  constructor(condition: string, cause: unknown) {
    super(`The condition ${condition} could not be looked at.`, { cause });
    this.name = 'ConditionFailed';
    this.condition = condition;
  }
}

/** Of one operation: what is written twice is looked at once. */
export class Evaluation {
  readonly trace: ConditionTrace[] = [];
  readonly #schema: GraphQLSchema;
  readonly #filters: Filters;
  readonly #asking: Asking;
  readonly #start = performance.now();
  readonly #known = new Map<string, Promise<KeySet>>();

  constructor(schema: GraphQLSchema, filters: Filters, asking: Asking) {
    this.#schema = schema;
    this.#filters = filters;
    this.#asking = asking;
  }

  /** The value without conditions on other stores. @throws ConditionFailed */
  async resolve(outer: GraphQLInputType, value: unknown): Promise<unknown> {
    if (value === null || value === undefined) return value;
    const type = getNullableType(outer);
    if (isListType(type)) {
      const item = type.ofType as GraphQLInputType;
      const items = Array.isArray(value) ? (value as unknown[]) : [value];
      return this.#filters.reaching.has(getNamedType(item).name)
        ? await Promise.all(items.map((each) => this.resolve(item, each)))
        : value;
    }
    return isInputObjectType(type) && this.#filters.reaching.has(type.name)
      ? await this.#resolveFilter(type, value as FilterValue)
      : value;
  }

  async #resolveFilter(type: GraphQLInputObjectType, value: FilterValue): Promise<FilterValue> {
    const fields = type.getFields();
    const conditions = this.#filters.conditions.get(type.name);
    const own: Record<string, unknown> = {};
    const terms: Term[] = [];
    for (const [name, given] of Object.entries(value)) {
      const condition = conditions?.get(name);
      if (condition === undefined) own[name] = await this.resolve(fields[name]!.type, given);
      else if (given !== null && given !== undefined) terms.push(...termsOf(condition, given as FilterValue));
    }
    // One after the other: each narrows what the next has to look at.
    for (const term of terms) add(own, await this.#keysOf(term, own), term.condition);
    return own;
  }

  async #keysOf(term: Term, own: FilterValue): Promise<KeySet> {
    const { condition, quantifier, filter } = term;
    const name = `${condition.filter}.${condition.name}${quantifier === 'one' ? '' : `.${quantifier}`}`;
    try {
      const inner = this.#schema.getType(condition.target.filter) as GraphQLInputObjectType;
      const resolved = await this.#resolveFilter(inner, filter);
      const wanted = quantifier === 'every' ? { not: resolved } : resolved;
      const holds = quantifier === 'one' || quantifier === 'some';
      const key = JSON.stringify([name, wanted, own]);
      let known = this.#known.get(key);
      if (known === undefined) this.#known.set(key, (known = this.#work(condition, wanted, holds, own, name)));
      return await known;
    } catch (error) {
      throw error instanceof ConditionFailed ? error : new ConditionFailed(name, error);
    }
  }

  async #work(
    condition: ForeignCondition,
    wanted: FilterValue,
    holds: boolean,
    own: FilterValue,
    name: string,
  ): Promise<KeySet> {
    const { target, source, column, back } = condition;
    const started = performance.now();
    const trace: ConditionTrace = {
      condition: name,
      way: 'push',
      read: 0,
      keys: 0,
      startMs: round(started - this.#start),
      durationMs: 0,
    };
    this.trace.push(trace);
    const finish = (keys: ReadonlySet<string>, ofSource = false): KeySet => {
      Object.assign(trace, { keys: keys.size, durationMs: round(performance.now() - started) });
      return ofSource ? { column: source!.key, keys, holds: true } : { column, keys, holds };
    };
    const pushed = new Set<string>();
    // What is filtered can be listed itself, and fewer may meet its own conditions than match there.
    const byCandidates = async (most: number): Promise<KeySet | undefined> => {
      if (source === undefined) return undefined;
      const candidates = source.counts ? await this.#asking.count(source, own) : Infinity;
      trace.estimated = { matching: trace.estimated?.matching ?? most, candidates: told(candidates) };
      if (candidates * 2 >= most || candidates > this.#asking.bounds.pushed) return undefined;
      trace.way = 'candidates';
      return finish(await this.#candidates(condition, wanted, holds, own, trace), true);
    };
    let first = true;
    const link: AskedLink | undefined = back && { ...back, key: source!.key };
    for await (const { items, last } of this.#asking.pages(target, wanted, link)) {
      trace.read += items.length;
      for (const { key, linked } of items) for (const each of back === undefined ? [key] : linked) pushed.add(each);
      if (last) break;
      if (first && target.counts) {
        first = false;
        const matching = await this.#asking.count(target, wanted);
        trace.estimated = { matching, candidates: null };
        const perItem = back === undefined ? 1 : Math.max(1, pushed.size / Math.max(1, trace.read));
        const found = await byCandidates(matching * perItem);
        if (found !== undefined) return found;
      }
      if (pushed.size > this.#asking.bounds.pushed) break;
    }
    if (pushed.size <= this.#asking.bounds.pushed) return finish(pushed);
    trace.changed = `more than ${this.#asking.bounds.pushed} keys match`;
    const found = await byCandidates(Infinity);
    if (found !== undefined) return found;
    throw tooCostly(`More than ${this.#asking.bounds.pushed} keys match`, 'CONDITION_KEYS');
  }

  /** The candidates of which the condition is true. */
  async #candidates(
    condition: ForeignCondition,
    wanted: FilterValue,
    holds: boolean,
    own: FilterValue,
    trace: ConditionTrace,
  ): Promise<Set<string>> {
    const { name, many, target } = condition;
    const found = new Set<string>();
    const looked = new Map<string, boolean>();
    for await (const { items } of this.#asking.pages(condition.source!, own, { field: name, many, key: target.key })) {
      trace.read += items.length;
      await this.#look(items, target, wanted, looked);
      for (const { key, linked } of items) if (linked.some((each) => looked.get(each)) === holds) found.add(key);
    }
    return found;
  }

  async #look(
    items: readonly Listed[],
    target: TypeList,
    wanted: FilterValue,
    looked: Map<string, boolean>,
  ): Promise<void> {
    const unknown = [...new Set(items.flatMap(({ linked }) => linked))].filter((key) => !looked.has(key));
    for (let at = 0; at < unknown.length; at += target.values) {
      const keys = unknown.slice(at, at + target.values);
      for (const key of keys) looked.set(key, false);
      const among = { and: [wanted, { [target.key]: { in: keys } }] };
      for await (const { items: matching } of this.#asking.pages(target, among, undefined))
        for (const { key } of matching) looked.set(key, true);
    }
  }
}

function termsOf(
  declared: Parameters<typeof add>[2] | { readonly links: readonly ForeignCondition[] },
  given: FilterValue,
): Term[] {
  if ('links' in declared) {
    const [first, ...rest] = declared.links;
    const filter = rest.reduceRight<FilterValue>(
      (inner, { name, many }) => ({ [name]: many ? { some: inner } : inner }),
      given,
    );
    return [{ condition: first!, quantifier: first!.many ? 'some' : 'one', filter }];
  }
  if (!declared.many) return [{ condition: declared, quantifier: 'one', filter: given }];
  return (['some', 'every', 'none'] as const).flatMap((quantifier) => {
    const filter = given[quantifier];
    return filter === null || filter === undefined
      ? []
      : [{ condition: declared, quantifier, filter: filter as FilterValue }];
  });
}

/** Adds a condition on keys to what a filter says, no deeper than it has to be. */
function add(own: Record<string, unknown>, { column, keys, holds }: KeySet, { values }: ForeignCondition): void {
  const all = [...keys];
  const lists: string[][] = [];
  for (let at = 0; at < all.length; at += values) lists.push(all.slice(at, at + values));
  const operator = holds ? 'in' : 'notIn';
  if (lists.length === 0) {
    if (!holds) return;
    lists.push([]);
  }
  const conditions = lists.map((list) => ({ [column]: { [operator]: list } }));
  if (conditions.length === 1 && own[column] == null) Object.assign(own, conditions[0]);
  else if (holds && conditions.length > 1 && own['or'] == null) own['or'] = conditions;
  else {
    const before = (own['and'] as unknown[] | null | undefined) ?? [];
    own['and'] = [...before, ...(holds && conditions.length > 1 ? [{ or: conditions }] : conditions)];
  }
}

const told = (count: number): number | null => (Number.isFinite(count) ? count : null);
const round = (milliseconds: number): number => Math.round(milliseconds * 100) / 100;
