/**
 * Lists in the order of a ranking of another store. Either the ranking is walked, the best first, and it is looked which of it the list
 * has and lets through; or what the list lets through is listed, and that alone is ranked.
 */
import type { GraphQLInputObjectType } from 'graphql';
import { badUserInput } from '#subgraphs/shared/errors.ts';
import type { AskedOrder, AskedPage, WorkedOrder } from './asked-order.ts';
import { tooCostly, type FilterValue, type Scored } from './asking.ts';
import type { OrderedPage } from './by-keys.ts';
import type { GivenArguments, RankCondition } from './declared-types.ts';
import type { Evaluation } from './evaluation.ts';
import { both } from './key-sets.ts';
import { taken } from './taken-keys.ts';
import { amongKeys, noteCut, rankName } from './scored.ts';
import { ConditionFailed, WalkInstead, type ConditionTrace, type Scope } from './steps.ts';
import { givenArguments } from './terms.ts';
import { isTooCostly } from './walk.ts';

/** @throws ConditionFailed, CodedError `BAD_USER_INPUT` */
export async function byRank(
  evaluation: Evaluation,
  { where, type, page, counted, partial }: AskedOrder,
  condition: RankCondition,
): Promise<WorkedOrder> {
  const { asked, rest } = takenOut(where, condition);
  if (page.backward)
    throw badUserInput(`A list is read by ${condition.order} forwards alone.`, {
      hint: 'Page with `first` and `after`.',
    });
  const given = givenArguments(condition.rank.takes, asked);
  const cut: ConditionTrace[] = [];
  const scope = { walk: page.size + 1, glanced: true, partial, onCut: (each: ConditionTrace) => void cut.push(each) };
  const resolved = await resolvedOrNot(evaluation, type, rest, scope);
  const { step, end } = evaluation.begin(`${rankName(condition)} as ${condition.order}`, 'walk');
  const ranking = new Ranking(evaluation, condition, given, { rest, resolved }, page, step);
  try {
    await ranking.find();
  } catch (error) {
    if (!partial || !isTooCostly(error))
      throw error instanceof ConditionFailed ? error : new ConditionFailed(rankName(condition), error);
    step.approximate = (error as Error).message;
  } finally {
    end(ranking.found.length);
  }
  const total = counted ? await totalOf(evaluation, condition, given, { rest, resolved }) : null;
  const [first] = step.approximate === undefined ? cut : [step];
  return {
    page: { ...pageOf(ranking.found, page), total },
    because: first && { condition: first.condition, message: first.approximate! },
  };
}

/** What a list lets through. */
interface Let {
  /** As the client has it, but for what is ranked by. */
  readonly rest: FilterValue;
  /** The same without conditions on other stores; undefined where they are too much to be worked out beforehand. */
  readonly resolved: FilterValue | undefined;
}

async function resolvedOrNot(
  evaluation: Evaluation,
  type: GraphQLInputObjectType,
  rest: FilterValue,
  scope: Scope,
): Promise<FilterValue | undefined> {
  try {
    return (await evaluation.resolve(type, rest, scope)) as FilterValue;
  } catch (error) {
    if (error instanceof WalkInstead || isTooCostly(error)) return undefined;
    throw error;
  }
}

function pageOf(found: readonly Scored[], { size, from }: AskedPage): Omit<OrderedPage, 'total'> {
  return {
    items: found.slice(0, size).map(({ key, cursor }) => ({ key, cursor: () => cursor })),
    hasNextPage: found.length > size,
    hasPreviousPage: from !== null,
  };
}

/** One page in the order of a ranking, while it is worked out. */
class Ranking {
  readonly found: Scored[] = [];
  readonly #evaluation: Evaluation;
  readonly #condition: RankCondition;
  readonly #given: GivenArguments;
  readonly #let: Let;
  readonly #page: AskedPage;
  readonly #step: ConditionTrace;

  constructor(
    evaluation: Evaluation,
    condition: RankCondition,
    given: GivenArguments,
    through: Let,
    page: AskedPage,
    step: ConditionTrace,
  ) {
    this.#evaluation = evaluation;
    this.#condition = condition;
    this.#given = given;
    this.#let = through;
    this.#page = page;
    this.#step = step;
  }

  async find(): Promise<void> {
    const candidates = await this.#walk();
    if (candidates === undefined) return;
    const { bounds } = this.#evaluation.asking;
    const { resolved } = this.#let;
    if (candidates > bounds.pushed || resolved === undefined)
      throw tooCostly(
        `The first ${this.#condition.rank.most} are not enough, and more than ${bounds.pushed} match`,
        'CONDITION_KEYS',
      );
    this.#step.way = 'push';
    await this.#push(resolved);
  }

  /** @returns how many match, where they are to be pushed instead */
  async #walk(): Promise<number | undefined> {
    const { asking } = this.#evaluation;
    const { rank, source } = this.#condition;
    const wanted = this.#page.size + 1;
    const { resolved } = this.#let;
    if (asking.bounds.only === 'push') return 0;
    let isCompared = resolved === undefined || Object.keys(resolved).length === 0 || asking.bounds.only === 'walk';
    let read = 0;
    const sizes = { first: Math.min(wanted * 2, rank.page), next: (before: number) => before * 2 };
    for await (const { items, last, cut } of this.#ranked({}, sizes)) {
      read += items.length;
      this.#step.read += items.length;
      noteCut(this.#step, cut, rank.field);
      const there = await listedAmong(this.#evaluation, this.#condition, items, this.#let);
      for (const item of items) if (there.has(item.key)) this.found.push(item);
      if (this.found.length >= wanted) return undefined;
      const ends = last || read >= rank.most;
      if (ends && read < rank.most && (this.#page.from === null || rank.most === Infinity)) return undefined;
      if (!isCompared || ends) {
        isCompared = true;
        const [candidates, all] = await Promise.all([
          source.counts && resolved !== undefined ? asking.count(source, resolved) : Infinity,
          source.counts ? asking.count(source, {}) : Infinity,
        ]);
        this.#step.estimated = { matching: null, candidates: Number.isFinite(candidates) ? candidates : null };
        // Whoever goes on behind a cursor has had some of the most before.
        if (ends && read < rank.most && all * 2 < rank.most) return undefined;
        // Each page of a walk is looked up.
        const left = (2 * (wanted - this.found.length) * all) / Math.max(1, candidates);
        if (ends || (candidates <= asking.bounds.pushed && candidates < left)) {
          this.#step.changed = ends ? `it ends after ${rank.most} items` : 'fewer match than are ranked before them';
          return candidates;
        }
      }
    }
    return undefined;
  }

  async #push(where: FilterValue): Promise<void> {
    const { asking } = this.#evaluation;
    const { rank, source } = this.#condition;
    const keys = new Set<string>();
    for await (const { items } of asking.pages(source, where, undefined)) {
      this.#step.read += items.length;
      for (const { key } of items) keys.add(key);
    }
    this.found.length = 0;
    const wanted = this.#page.size + 1;
    const size = Math.min(wanted, rank.page);
    for await (const { items, cut } of this.#ranked(amongKeys(this.#condition, keys), {
      first: size,
      next: () => size,
    })) {
      this.#step.read += items.length;
      noteCut(this.#step, cut, rank.field);
      this.found.push(...items);
      if (this.found.length >= wanted) return;
    }
  }

  #ranked(where: FilterValue, sizes: Parameters<Evaluation['asking']['ranked']>[4]) {
    const { rank, source } = this.#condition;
    return this.#evaluation.asking.ranked(rank, source.key, this.#given, where, sizes, this.#page.from);
  }
}

/** Which of these objects the list has and lets through. */
async function listedAmong(
  evaluation: Evaluation,
  { source }: RankCondition,
  items: readonly Scored[],
  { rest, resolved }: Let,
): Promise<Set<string>> {
  const there = new Set<string>();
  if (resolved === undefined) {
    const looked = new Map<string, boolean>();
    await evaluation.look(
      items.map(({ key }) => key),
      source,
      rest,
      looked,
    );
    for (const [key, matches] of looked) if (matches) there.add(key);
    return there;
  }
  for (let at = 0; at < items.length; at += source.values) {
    const keys = items.slice(at, at + source.values).map(({ key }) => key);
    const within = { [source.key]: { in: taken(keys, source) } };
    for await (const { items: found } of evaluation.asking.pages(source, both(resolved, within), undefined))
      for (const { key } of found) there.add(key);
  }
  return there;
}

/** How many there are in all pages; null where the ranking ends before them. */
async function totalOf(
  evaluation: Evaluation,
  condition: RankCondition,
  given: GivenArguments,
  through: Let,
): Promise<number | null> {
  const { rank, source } = condition;
  let [read, total] = [0, 0];
  const sizes = { first: rank.page, next: () => rank.page };
  for await (const { items } of evaluation.asking.ranked(rank, source.key, given, {}, sizes)) {
    read += items.length;
    total += (await listedAmong(evaluation, condition, items, through)).size;
  }
  return read < rank.most ? total : null;
}

/**
 * What is ranked by, and the filter without it.
 * @throws CodedError `BAD_USER_INPUT` where it is not there once, by itself or within `and`
 */
function takenOut(
  where: FilterValue,
  { name, order }: RankCondition,
): { readonly asked: FilterValue; readonly rest: FilterValue } {
  const asked: FilterValue[] = [];
  const without = (filter: FilterValue): FilterValue => {
    const rest = { ...filter };
    if (rest[name] !== null && rest[name] !== undefined) asked.push(rest[name] as FilterValue);
    delete rest[name];
    const and = rest['and'];
    if (and !== null && and !== undefined)
      rest['and'] = (Array.isArray(and) ? (and as FilterValue[]) : [and as FilterValue]).map(without);
    return rest;
  };
  const rest = without(where);
  const [only] = asked;
  if (only === undefined || asked.length > 1)
    throw badUserInput(
      only === undefined
        ? `${order} sorts by \`where.${name}\`, which is not there.`
        : `${order} sorts by \`where.${name}\`, of which there are ${asked.length}.`,
      { hint: `Give one \`${name}\`, by itself or within \`and\`; under \`or\` and \`not\` nothing is sorted by it.` },
    );
  return { asked: only, rest };
}
