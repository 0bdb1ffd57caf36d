/** Conditions on how objects score, as conditions on keys. */
import { badUserInput } from '#subgraphs/shared/errors.ts';
import { TooCostly, tooCostly, type FilterValue } from './asking.ts';
import type { GivenArguments, RankCondition } from './declared-types.ts';
import { addKeys, type KeySet } from './key-sets.ts';
import { ConditionFailed, cutBy, WalkInstead, type ConditionTrace, type Scope, type Steps } from './steps.ts';
import { givenArguments } from './terms.ts';

/** As traces and errors call it: `DocumentFilter.similarTo`. */
export const rankName = ({ filter, name }: RankCondition): string => `${filter}.${name}`;

/** What ranks objects with these keys, and no others. */
export function amongKeys({ rank }: RankCondition, keys: Iterable<string>): FilterValue {
  const where: Record<string, unknown> = {};
  addKeys(where, { column: rank.by, keys: new Set(keys), holds: true }, rank);
  return where;
}

/**
 * The keys of what scores as the condition asks.
 * @param own what the filter asks besides
 * @throws ConditionFailed
 * @throws WalkInstead where the scope says that the list can be walked
 */
export async function scoredKeys(
  steps: Steps,
  condition: RankCondition,
  value: FilterValue,
  own: FilterValue,
  { within, walk, partial }: Scope,
): Promise<KeySet> {
  const { rank, source, order } = condition;
  const name = rankName(condition);
  const given = givenArguments(rank.takes, value);
  if (value[rank.least] === null || value[rank.least] === undefined)
    throw new ConditionFailed(
      name,
      badUserInput(`\`${condition.name}\` without \`${rank.least}\` sorts, and filters nothing.`, {
        hint: `Give \`${rank.least}\`; or sort a list by it, with \`orderBy: [{ field: ${order} }]\`, where it stands by itself or within \`and\`.`,
      }),
    );
  const among = (within?.[source.key] as { readonly in?: readonly string[] } | undefined)?.in;
  const { step, end } = steps.begin(name, among === undefined ? 'push' : 'candidates');
  const keys = new Set<string>();
  try {
    if (among !== undefined) await addScored(steps, condition, given, among, step, keys);
    else await enumerated(steps, condition, given, own, step, keys, walk !== undefined);
  } catch (error) {
    if (error instanceof WalkInstead) throw error;
    if (partial !== true || !(error instanceof TooCostly)) throw new ConditionFailed(name, error);
    step.approximate = error.message;
  } finally {
    end(keys.size);
  }
  return { column: source.key, keys, holds: true, ...cutBy(step) };
}

async function enumerated(
  steps: Steps,
  condition: RankCondition,
  given: GivenArguments,
  own: FilterValue,
  step: ConditionTrace,
  keys: Set<string>,
  canBeWalked: boolean,
): Promise<void> {
  const { rank, source } = condition;
  const { asking } = steps;
  const most = Math.min(asking.bounds.pushed, rank.most - 1);
  const sizes = { first: rank.page, next: () => rank.page };
  for await (const { items, last, cut } of asking.ranked(rank, source.key, given, {}, sizes)) {
    step.read += items.length;
    for (const { key } of items) keys.add(key);
    noteCut(step, cut, rank.field);
    if (keys.size > most) break;
    if (last) return;
  }
  step.changed = `more than ${most} keys match`;
  const candidates = source.counts ? await asking.count(source, own) : Infinity;
  if (candidates > asking.bounds.pushed) {
    if (canBeWalked) throw new WalkInstead(Infinity);
    throw tooCostly(`More than ${most} keys match`, 'CONDITION_KEYS');
  }
  step.way = 'candidates';
  keys.clear();
  for await (const { items } of asking.pages(source, own, undefined)) {
    step.read += items.length;
    await addScored(
      steps,
      condition,
      given,
      items.map(({ key }) => key),
      step,
      keys,
    );
  }
}

/** Adds those of these objects that score as they should. */
async function addScored(
  { asking }: Steps,
  condition: RankCondition,
  given: GivenArguments,
  among: readonly string[],
  step: ConditionTrace,
  keys: Set<string>,
): Promise<void> {
  const { rank, source } = condition;
  const size = Math.min(rank.values, rank.page);
  for (let at = 0; at < among.length; at += size) {
    const where = amongKeys(condition, among.slice(at, at + size));
    const sizes = { first: size, next: () => size };
    for await (const { items, cut } of asking.ranked(rank, source.key, given, where, sizes)) {
      for (const { key } of items) keys.add(key);
      noteCut(step, cut, rank.field);
    }
  }
}

/** Tells that a ranking may lack something. */
export function noteCut(step: ConditionTrace, cut: boolean, field: string): void {
  if (cut) step.approximate ??= `\`${field}\` was answered by an approximate index.`;
}
