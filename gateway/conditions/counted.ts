/** Conditions on how many a link leads to, as conditions on keys. */
import { countText, TooCostly, tooCostly, type FilterValue } from './asking.ts';
import { both, type KeySet } from './key-sets.ts';
import { ConditionFailed, cutBy, WalkInstead, type Scope, type Steps } from './steps.ts';
import { linkOf, nameOf, type Term } from './terms.ts';

/** Whether a number is as it is asked for; what is null asks for nothing, but that `eq: null` is what has no value. */
export function countHolds(count: number, asked: FilterValue): boolean {
  // A number is always there.
  if (asked['eq'] === null || asked['isNull'] === true) return false;
  const not = asked['not'] as FilterValue | null | undefined;
  const { eq, ne, gt, gte, lt, lte } = asked as Record<string, number | null | undefined>;
  const [among, notAmong] = [asked['in'], asked['notIn']] as (readonly number[] | null | undefined)[];
  return (
    (not == null || !countHolds(count, not)) &&
    (eq == null || count === eq) &&
    (ne == null || count !== ne) &&
    (gt == null || count > gt) &&
    (gte == null || count >= gte) &&
    (lt == null || count < lt) &&
    (lte == null || count <= lte) &&
    (among == null || listed(among).includes(count)) &&
    (notAmong == null || !listed(notAmong).includes(count))
  );
}

const listed = (values: unknown): readonly number[] => (Array.isArray(values) ? values : [values]) as number[];

/**
 * The keys of those that lead to so many: what meets the rest of the filter is listed, with how many each leads to.
 * @param own what the filter asks besides
 * @throws ConditionFailed
 * @throws WalkInstead where the scope says that the list can be walked
 */
export async function countedKeys(
  steps: Steps,
  term: Term,
  own: FilterValue,
  { within, walk, partial }: Scope,
): Promise<KeySet> {
  const { condition, filter } = term;
  const { asking } = steps;
  const name = nameOf(term);
  const link = linkOf(term);
  const source = condition.source!;
  const { pushed: most } = asking.bounds;
  const { step, end } = steps.begin(name, 'candidates');
  // Those that do not match are as good to name, where they are fewer.
  const [matching, others] = [new Set<string>(), new Set<string>()];
  let found: KeySet = { column: source.key, keys: matching, holds: true };
  try {
    const among = within === undefined ? own : both(own, within);
    const candidates = source.counts && within === undefined ? await asking.count(source, among) : undefined;
    step.estimated = { matching: null, candidates: candidates ?? null };
    if (walk !== undefined && candidates !== undefined && candidates > most) throw new WalkInstead(Infinity);
    for await (const items of asking.rows(source, among, [{ text: countText(link) }], link.given)) {
      step.read += items.length;
      for (const { key, node } of items) {
        const { totalCount, cut } = (node[link.field] ?? {}) as { totalCount?: number | null; cut?: boolean | null };
        if (totalCount === null || totalCount === undefined || cut === true)
          throw tooCostly(`\`${link.field}\` does not tell how many there are`, undefined);
        (countHolds(totalCount, filter) ? matching : others).add(key);
      }
      if (matching.size <= most || others.size <= most) continue;
      if (walk !== undefined) throw new WalkInstead(Infinity);
      throw tooCostly(`More than ${most} keys match`, 'CONDITION_KEYS');
    }
    if (matching.size > most) found = { column: source.key, keys: others, holds: false };
  } catch (error) {
    if (error instanceof WalkInstead) throw error;
    if (partial !== true || !(error instanceof TooCostly)) throw new ConditionFailed(name, error);
    step.approximate = error.message;
    found = { ...found, keys: new Set([...matching].slice(0, most)), ...cutBy(step) };
  } finally {
    end(found.keys.size);
  }
  return found;
}
