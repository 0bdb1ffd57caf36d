/**
 * Conditions on what another store has, as conditions on keys. Each is worked out in one of these ways, which give the same:
 *
 * - Keys are pushed down: what matches there is listed, and with it what it leads back to.
 * - Candidates are looked at: what meets the list's own conditions is listed, with what it leads to, and asked which of that
 *   matches.
 * - A list is walked in its own order, a page at a time, until as many of its items match as are asked for (`walk.ts`).
 *
 * The first page is pushed in any case. Where it is not all, the beginning of a list that can be walked is looked at: much that matches
 * shows there. Else what the ways have to read is counted, and the one that reads least is gone; should pushing come to more keys than
 * are pushed, another is tried where it can be gone.
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
import { CONDITIONS } from '#gateway/bounds/conditions.ts';
import { TooCostly, tooCostly, type Asking, type FilterValue, type Listed } from './asking.ts';
import type { RankCondition, TypeList } from './declared-types.ts';
import type { Filters } from './filter-places.ts';
import { addKeys, both, type KeySet } from './key-sets.ts';
import { taken, type KeyColumn } from './taken-keys.ts';
import { countedKeys } from './counted.ts';
import { scoredKeys } from './scored.ts';
import { ConditionFailed, cutBy, WalkInstead, type ConditionTrace, type Scope, type Steps } from './steps.ts';
import { linkBack, linkOf, nameOf, termsOf, type Term } from './terms.ts';

/** Keys that are pushed, as far as they were read. */
interface Pushing {
  readonly pushed: Set<string>;
  readonly pages: ReturnType<Asking['pages']>;
  /** How many objects they come from. */
  read: number;
}

/** Of one operation: what is written twice is looked at once. */
export class Evaluation implements Steps {
  readonly trace: ConditionTrace[] = [];
  readonly schema: GraphQLSchema;
  readonly filters: Filters;
  readonly asking: Asking;
  readonly #start = performance.now();
  readonly #known = new Map<string, Promise<KeySet>>();
  /** Those of which all keys are known, whoever else is in question. */
  readonly #whole = new Map<string, KeySet>();
  /** Those that were left for a walk: should it give up, they are gone on with. */
  readonly #left = new Map<string, Pushing>();

  constructor(schema: GraphQLSchema, filters: Filters, asking: Asking) {
    this.schema = schema;
    this.filters = filters;
    this.asking = asking;
  }

  /**
   * The value without conditions on other stores.
   * @throws ConditionFailed
   * @throws WalkInstead where the scope says that the list can be walked
   */
  async resolve(outer: GraphQLInputType, value: unknown, scope: Scope = {}): Promise<unknown> {
    if (value === null || value === undefined) return value;
    const type = getNullableType(outer);
    if (isListType(type)) {
      const item = type.ofType as GraphQLInputType;
      const items = Array.isArray(value) ? (value as unknown[]) : [value];
      return this.filters.reaching.has(getNamedType(item).name)
        ? await Promise.all(items.map((each) => this.resolve(item, each, scope)))
        : value;
    }
    return isInputObjectType(type) && this.filters.reaching.has(type.name)
      ? await this.#resolveFilter(type, value as FilterValue, scope)
      : value;
  }

  async #resolveFilter(type: GraphQLInputObjectType, value: FilterValue, scope: Scope): Promise<FilterValue> {
    const fields = type.getFields();
    const conditions = this.filters.conditions.get(type.name);
    const own: Record<string, unknown> = {};
    const terms: Term[] = [];
    const ranks: [RankCondition, FilterValue][] = [];
    for (const [name, given] of Object.entries(value)) {
      const condition = conditions?.get(name);
      if (condition !== undefined && 'rank' in condition) {
        if (given !== null && given !== undefined) ranks.push([condition, given as FilterValue]);
      } else if (condition === undefined) {
        const inner = fields[name]!.type;
        own[name] = await this.resolve(inner, given, scopeOf(name, getNamedType(inner) === type, scope));
      } else if (given !== null && given !== undefined) terms.push(...termsOf(condition, given as FilterValue));
    }
    // One after the other: each narrows what the next has to look at.
    const add = (found: KeySet, as: KeyColumn): void => {
      addKeys(own, found, as);
      if (found.cut !== undefined) scope.onCut?.(found.cut);
    };
    for (const term of terms) add(await this.#keysOf(term, own, scope), term.condition);
    for (const [condition, given] of ranks) add(await scoredKeys(this, condition, given, own, scope), condition.source);
    return own;
  }

  async #keysOf(term: Term, own: FilterValue, scope: Scope): Promise<KeySet> {
    const { condition, quantifier, filter } = term;
    if (quantifier === 'count') return await countedKeys(this, term, own, scope);
    const name = nameOf(term);
    const said = JSON.stringify([name, filter, [...term.given]]);
    const whole = this.#whole.get(said);
    if (whole !== undefined) return whole;
    try {
      if (scope.within !== undefined && condition.source !== undefined) {
        return await this.#candidates(term, condition.source, both(own, scope.within));
      }
      const inner = this.schema.getType(condition.target.filter) as GraphQLInputObjectType;
      // Fewer of what must not match would let more through.
      const partial = scope.partial === true && (quantifier === 'one' || quantifier === 'some');
      // What is within can be walked too, where the list can: nothing of it is cut short before that was tried.
      const resolved = await this.#resolveFilter(inner, filter, {
        partial: partial && scope.walk === undefined,
        onCut: scope.onCut,
      });
      const key = JSON.stringify([
        name,
        resolved,
        [...term.given],
        own,
        // What ends in another way is not kept for those that cannot go it.
        scope.walk === undefined ? 'whole' : scope.glanced === true ? 'counted' : 'glanced',
        partial,
      ]);
      let known = this.#known.get(key);
      if (known === undefined)
        this.#known.set(key, (known = this.#work({ ...term, filter: resolved }, own, said, { ...scope, partial })));
      return await known;
    } catch (error) {
      throw error instanceof ConditionFailed || error instanceof WalkInstead ? error : new ConditionFailed(name, error);
    }
  }

  /** Begins a step of the trace. */
  begin(condition: string, way: ConditionTrace['way']): { readonly step: ConditionTrace; end(keys: number): void } {
    const started = performance.now();
    const step: ConditionTrace = {
      condition,
      way,
      read: 0,
      keys: 0,
      startMs: round(started - this.#start),
      durationMs: 0,
    };
    this.trace.push(step);
    return {
      step,
      end: (keys) => void Object.assign(step, { keys, durationMs: round(performance.now() - started) }),
    };
  }

  /** @param said the term as the client has it */
  async #work(term: Term, own: FilterValue, said: string, { walk, glanced, partial }: Scope): Promise<KeySet> {
    const { condition, filter: wanted, holds } = term;
    const { target, source, column, back } = condition;
    const { pushed: most, only } = this.asking.bounds;
    if (only === 'walk' && walk !== undefined) throw new WalkInstead(Infinity);
    const { step, end } = this.begin(nameOf(term), 'push');
    const left = JSON.stringify([nameOf(term), wanted, [...term.given]]);
    const pushing = this.#left.get(left) ?? this.#pushing(term);
    // Only one goes on with what was left.
    this.#left.delete(left);
    const { pushed, pages } = pushing;
    const push = (): KeySet => ({ column, keys: pushed, holds });
    const perItem = (): number => (back === undefined ? 1 : Math.max(1, pushed.size / Math.max(1, pushing.read)));
    const look = async (): Promise<KeySet> => {
      step.way = 'candidates';
      return await this.#candidates(term, source!, own, step, partial);
    };
    const lookOrNot = async (): Promise<KeySet> => {
      const candidates = await this.#candidatesOf(term, own);
      if (candidates <= most) return await look();
      if (walk !== undefined) throw new WalkInstead(Infinity);
      throw tooCostly(`More than ${most} keys match`, 'CONDITION_KEYS');
    };
    const work = async (): Promise<KeySet> => {
      if (condition.oneWay) return await lookOrNot();
      let isCompared = !target.counts || only === 'push';
      for (let next = await pages.next(); next.done !== true; next = await pages.next()) {
        const { items, last } = next.value;
        step.read += items.length;
        pushing.read += items.length;
        for (const { key, linked } of items) for (const each of back === undefined ? [key] : linked) pushed.add(each);
        if (pushed.size > most) break;
        if (last) {
          const whole = push();
          this.#whole.set(said, whole);
          return whole;
        }
        if (!isCompared) {
          // Where few match, another page of them costs less than to count.
          if (walk !== undefined && glanced === true && step.read <= CONDITIONS.probed) continue;
          const remaining = async (): Promise<number> =>
            (await this.asking.count(target, wanted)) * perItem() - pushed.size;
          // To rank what leads there for a look at its best costs more than some pages of keys.
          if (walk !== undefined && back === undefined && (await remaining()) <= target.page * CONDITIONS.keyPages) {
            isCompared = true;
            continue;
          }
          if (walk !== undefined && glanced !== true) {
            step.changed = 'the beginning of the list is looked at';
            this.#left.set(left, pushing);
            throw new WalkInstead(undefined, remaining);
          }
          isCompared = true;
          const way = await this.#leastWay(term, own, perItem(), step, walk);
          if (way === 'candidates') return await look();
        }
      }
      step.changed = `more than ${most} keys match`;
      return await lookOrNot();
    };
    let found: KeySet | undefined;
    try {
      found = await work();
    } catch (error) {
      if (partial !== true || !(error instanceof TooCostly)) throw error;
      step.approximate = error.message;
      found = { ...push(), keys: new Set([...pushed].slice(0, most)), ...cutBy(step) };
    } finally {
      end((found?.keys ?? pushed).size);
    }
    return found;
  }

  #pushing(term: Term): Pushing {
    const { condition, filter } = term;
    return {
      pushed: new Set(),
      pages: this.asking.pages(condition.target, filter, linkBack(term), CONDITIONS.probed),
      read: 0,
    };
  }

  /** How many meet the list's own conditions; Infinity where it does not tell, or is not looked up by a key. */
  async #candidatesOf({ condition: { source } }: Term, own: FilterValue): Promise<number> {
    return source?.counts === true ? await this.asking.count(source, own) : Infinity;
  }

  /**
   * Compares what is left to read by each way.
   * @param perItem the keys that each object there comes to
   * @throws WalkInstead where that is the least
   */
  async #leastWay(
    term: Term,
    own: FilterValue,
    perItem: number,
    step: ConditionTrace,
    walk: number | undefined,
  ): Promise<'push' | 'candidates'> {
    const { condition, filter: wanted, holds } = term;
    const { target, back } = condition;
    const { pushed: most } = this.asking.bounds;
    const [matching, candidates, all] = await Promise.all([
      this.asking.count(target, wanted),
      this.#candidatesOf(term, own),
      walk === undefined ? 0 : back === undefined ? this.asking.count(target, {}) : this.#candidatesOf(term, {}),
    ]);
    step.estimated = { matching: told(matching), candidates: told(candidates) };
    const push = matching * perItem;
    const look = candidates <= most ? candidates * 2 : Infinity;
    if (walk !== undefined) {
      const share = Math.min(1, push / Math.max(1, all));
      const walked = (CONDITIONS.walked * walk) / Math.max(holds ? share : 1 - share, 1 / Math.max(1, all));
      const otherwise = Math.min(push > most ? Infinity : push, look);
      if (Number.isFinite(walked) && walked * 2 <= otherwise) {
        step.changed = 'the list is walked';
        throw new WalkInstead(otherwise);
      }
    }
    return look <= push ? 'candidates' : 'push';
  }

  /**
   * The candidates of which the condition is true.
   * @param step is told what was read
   * @param partial whether what was found before a bound is enough
   */
  async #candidates(
    term: Term,
    source: TypeList,
    among: FilterValue,
    step?: ConditionTrace,
    partial = false,
  ): Promise<KeySet> {
    const { condition, filter, holds } = term;
    const found = new Set<string>();
    const looked = new Map<string, boolean>();
    try {
      for await (const { items } of this.asking.pages(source, among, linkOf(term))) {
        if (step !== undefined) step.read += items.length;
        await this.look(linkedOf(items), condition.target, filter, looked);
        for (const { key, linked } of items) if (linked.some((each) => looked.get(each)) === holds) found.add(key);
      }
    } catch (error) {
      if (!partial || !(error instanceof TooCostly)) throw error;
      if (step !== undefined) step.approximate = error.message;
    }
    return { column: source.key, keys: found, holds: true, ...(step && cutBy(step)) };
  }

  /**
   * Which of these objects match.
   * @param looked is told
   */
  async look(
    all: Iterable<string>,
    target: TypeList,
    wanted: FilterValue,
    looked: Map<string, boolean>,
  ): Promise<void> {
    const unknown = [...new Set(all)].filter((key) => !looked.has(key));
    const type = this.schema.getType(target.filter) as GraphQLInputObjectType;
    for (let at = 0; at < unknown.length; at += target.values) {
      const keys = unknown.slice(at, at + target.values);
      const within = { [target.key]: { in: taken(keys, target) } };
      const resolved = await this.#resolveFilter(type, wanted, { within });
      const matching = new Set<string>();
      for await (const { items } of this.asking.pages(target, both(resolved, within), undefined))
        for (const { key } of items) matching.add(key);
      for (const key of keys) looked.set(key, matching.has(key));
    }
  }
}

/** Of what stands in a filter under this name. */
function scopeOf(name: string, isSame: boolean, { within, walk, glanced, partial, onCut }: Scope): Scope {
  if (!isSame) return { onCut };
  return {
    within,
    walk: name === 'and' ? walk : undefined,
    glanced,
    partial: partial === true && name !== 'not',
    onCut,
  };
}

const linkedOf = (items: readonly Listed[]): string[] => items.flatMap(({ linked }) => linked);
const told = (count: number): number | null => (Number.isFinite(count) ? count : null);
const round = (milliseconds: number): number => Math.round(milliseconds * 100) / 100;
