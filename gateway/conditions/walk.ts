/**
 * Lists that are walked in their own order, a page at a time, until as many of their items match as are asked for: where much
 * matches, that reads less than all that matches.
 */
import { CONDITIONS } from '#gateway/bounds/conditions.ts';
import { TooCostly, type AskedLink, type FilterValue, type Walked } from './asking.ts';
import type { TypeList } from './declared-types.ts';
import type { Evaluation } from './evaluation.ts';
import { ConditionFailed, type ConditionTrace, type Scope, type WalkInstead } from './steps.ts';
import { addKeys } from './key-sets.ts';
import type { KeyColumn } from './taken-keys.ts';
import { linkOf, type FilterParts } from './terms.ts';
import type { WalkedList } from './walkable.ts';

/** Whether a list can be walked for this filter: what is looked up by no key needs each condition to hold by itself. */
export function canWalk({ key }: TypeList, { terms }: FilterParts): boolean {
  return key !== '' || (terms !== undefined && terms.every(({ condition }) => condition.back === undefined));
}

/**
 * Walks a list.
 * @param value the filter, and its parts
 * @param instead how much another way reads, after which it gives up. Where nobody has counted, its beginning says whether it is worth it
 * @param partial whether what was found before a bound is enough
 * @returns the filter by the keys of those that were found, which gives the page that was asked for; undefined where it gave up
 * @throws ConditionFailed
 */
export async function walked(
  evaluation: Evaluation,
  asked: WalkedList,
  value: FilterValue,
  parts: FilterParts,
  {
    instead,
    partial,
    onCut,
  }: { readonly instead: WalkInstead; readonly partial: boolean; readonly onCut: NonNullable<Scope['onCut']> },
): Promise<FilterValue | undefined> {
  const { list, first } = asked;
  const { step, end } = evaluation.begin(list.filter, 'walk');
  const looking = list.key === '' ? new Linked(evaluation, parts) : new Keyed(evaluation, list, value);
  // What has no key is ranked anew for each page, so that fewer and larger ones cost less.
  const pages = list.key === '' ? 4 : 2;
  // One more says whether there is a next page.
  const wanted = first + 1;
  let found = 0;
  const isWorthIt = async (): Promise<boolean> => {
    if (step.read > found * CONDITIONS.glanced) return false;
    // Its beginning may have promised twice as much as is to come.
    const toCome = ((wanted - found) * step.read * 2) / found;
    return toCome * CONDITIONS.walked <= (await instead.count());
  };
  try {
    for await (const { items, last } of evaluation.asking.walk(asked, parts.plain, looking.links, wanted * pages)) {
      step.read += items.length;
      found += await looking.matching(items);
      if (found >= wanted) break;
      if (last) {
        if (step.read < list.most) break;
        return gaveUp(step, `it ends after ${list.most} items`);
      }
      if (instead.otherwise === undefined ? !(await isWorthIt()) : step.read * CONDITIONS.walked > instead.otherwise)
        return gaveUp(
          step,
          `fewer match than ${instead.otherwise === undefined ? 'would be worth it' : 'were expected'}`,
        );
    }
  } catch (error) {
    if (!partial || !isTooCostly(error)) throw failed(error, list);
    step.approximate = (error as Error).message;
    onCut(step);
  } finally {
    end(found);
  }
  return looking.filter(parts.plain);
}

function gaveUp(step: ConditionTrace, reason: string): undefined {
  step.changed = reason;
  return undefined;
}

export const isTooCostly = (error: unknown): boolean =>
  error instanceof TooCostly || (error instanceof ConditionFailed && error.cause instanceof TooCostly);

const failed = (error: unknown, { filter }: TypeList): ConditionFailed =>
  error instanceof ConditionFailed ? error : new ConditionFailed(filter, error);

/** What a walk comes by. */
interface Looking {
  /** What is read of each item. */
  readonly links: readonly AskedLink[];
  /** How many of these match. */
  matching(items: readonly Walked[]): Promise<number>;
  /** What lets the same through as far as was walked. */
  filter(plain: FilterValue): FilterValue;
}

/** Items that can be looked up: the whole filter is asked of each page. */
class Keyed implements Looking {
  readonly links = [];
  readonly #evaluation: Evaluation;
  readonly #list: TypeList;
  readonly #value: FilterValue;
  readonly #found = new Set<string>();

  constructor(evaluation: Evaluation, list: TypeList, value: FilterValue) {
    this.#evaluation = evaluation;
    this.#list = list;
    this.#value = value;
  }

  async matching(items: readonly Walked[]): Promise<number> {
    const looked = new Map<string, boolean>();
    await this.#evaluation.look(
      items.map(({ key }) => key),
      this.#list,
      this.#value,
      looked,
    );
    const before = this.#found.size;
    for (const [key, matches] of looked) if (matches) this.#found.add(key);
    return this.#found.size - before;
  }

  filter(plain: FilterValue): FilterValue {
    return withKeys(plain, this.#list.key, this.#found, this.#list);
  }
}

/** Items that cannot, such as passages: what they lead to is looked at. */
class Linked implements Looking {
  readonly links: readonly AskedLink[];
  readonly #evaluation: Evaluation;
  readonly #terms: NonNullable<FilterParts['terms']>;
  readonly #looked: readonly Map<string, boolean>[];

  constructor(evaluation: Evaluation, { terms }: FilterParts) {
    this.#evaluation = evaluation;
    this.#terms = terms!;
    this.links = this.#terms.map(linkOf);
    this.#looked = this.#terms.map(() => new Map<string, boolean>());
  }

  async matching(items: readonly Walked[]): Promise<number> {
    for (const [at, { condition, filter }] of this.#terms.entries()) {
      const keys = items.flatMap(({ linked }) => linked[at] ?? []);
      await this.#evaluation.look(keys, condition.target, filter, this.#looked[at]!);
    }
    return items.filter(({ linked }) => this.#looked.every((looked, at) => looked.get(linked[at] ?? '') === true))
      .length;
  }

  filter(plain: FilterValue): FilterValue {
    return this.#terms.reduce((value, { condition }, at) => {
      const keys = [...this.#looked[at]!].flatMap(([key, matches]) => (matches ? [key] : []));
      return withKeys(value, condition.column, new Set(keys), condition);
    }, plain);
  }
}

function withKeys(plain: FilterValue, column: string, keys: ReadonlySet<string>, as: KeyColumn): FilterValue {
  const own: Record<string, unknown> = { ...plain };
  addKeys(own, { column, keys, holds: true }, as);
  return own;
}
