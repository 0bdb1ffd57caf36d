/** What was spent on models, in the memory of one process: where there is no PostgreSQL. */
import { INFERENCE } from '../bounds.ts';
import type { Amount, BudgetLedger } from '../driver.ts';

/** Stands for callers of whom there are too many to keep each. */
const OTHERS = '\0others';

export function memoryLedger(): BudgetLedger {
  let today = '';
  let sums = new Map<string, Amount>();
  return {
    add({ principal: { tenantId, subject, system } }, day, { tokens, money }, check) {
      // A clock that goes back does not begin a day anew.
      if (day > today) [today, sums] = [day, new Map()];
      else if (day < today && check === undefined) return Promise.resolve();
      const plus = (key: string): [string, Amount] => {
        const kept = sums.has(key) || sums.size < INFERENCE.budgetEntries ? key : OTHERS;
        const before = sums.get(kept);
        return [
          kept,
          { tokens: Math.max((before?.tokens ?? 0) + tokens, 0), money: Math.max((before?.money ?? 0) + money, 0) },
        ];
      };
      const tenant = plus(tenantId);
      const principal = system === true ? undefined : plus(`${tenantId}/${subject}`);
      try {
        check?.({ tenant: tenant[1], principal: principal?.[1] });
      } catch (error) {
        return Promise.reject(error as Error);
      }
      sums.set(...tenant);
      if (principal !== undefined) sums.set(...principal);
      return Promise.resolve();
    },
  };
}
