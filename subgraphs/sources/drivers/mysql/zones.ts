/** What clocks of a time zone show, as SQL: MariaDB's own tables of zones are empty until somebody loads them. */
import { sql } from 'kysely';
import { shownAt } from '#subgraphs/shared/aggregates/buckets.mjs';
import type { Sql } from '../sql/dialect.ts';

/** When the clocks of a zone are set, and by how much they are ahead of UTC, in seconds. */
interface Clocks {
  readonly set: readonly number[];
  /** One more than `set`: the first is before all of them. */
  readonly ahead: readonly number[];
}

/** What a `timestamp` may be. */
const [FIRST, LAST] = [0, 4_294_967_296];
/** Clocks are not set forth and back within it. */
const STEP = 14 * 86_400;

const known = new Map<string, Clocks>();

/** @param zone a name of the IANA database that this machine knows */
function clocksOf(zone: string): Clocks {
  const name = new Intl.DateTimeFormat('en', { timeZone: zone }).resolvedOptions().timeZone;
  const made = known.get(name);
  if (made !== undefined) return made;
  const aheadAt = (second: number): number => shownAt(second * 1000, name) / 1000 - second;
  const set: number[] = [];
  const ahead = [aheadAt(FIRST)];
  for (let from = FIRST; from < LAST; from += STEP) {
    let [low, high] = [from, Math.min(from + STEP, LAST)];
    const after = aheadAt(high);
    if (after === ahead.at(-1)) continue;
    while (high - low > 1) {
      const middle = Math.floor((low + high) / 2);
      if (aheadAt(middle) === after) high = middle;
      else low = middle;
    }
    set.push(high);
    ahead.push(after);
  }
  const clocks = { set, ahead };
  known.set(name, clocks);
  return clocks;
}

/** How many seconds clocks are ahead of UTC at a second since 1970. */
export function aheadOfUtc(zone: string, second: Sql): Sql {
  const { set, ahead } = clocksOf(zone);
  if (set.length === 0) return sql`${sql.lit(ahead[0])}`;
  const [times, values] = [set, ahead].map((all) => sql.raw(all.join(', ')));
  return sql`CAST(ELT(INTERVAL(${second}, ${times!}) + 1, ${values!}) AS SIGNED)`;
}
