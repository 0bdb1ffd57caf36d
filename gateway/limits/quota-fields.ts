/**
 * How much of each limit is left, as clients are told over HTTP: `RateLimit-Policy` and `RateLimit` of
 * draft-ietf-httpapi-ratelimit-headers-10 (https://datatracker.ietf.org/doc/draft-ietf-httpapi-ratelimit-headers/10/), in
 * structured fields (RFC 9651): lists of strings with parameters `q` (quota), `w` (window, in seconds), `r` (remaining) and `t`
 * (after how many seconds all of the quota is there again).
 */
import { intervalOf, type Decision, type Rate } from '#subgraphs/shared/rates/gcra.ts';
import type { Charge } from '#subgraphs/shared/rates/rate-store.ts';
import type { RateName } from './rate-names.ts';

/** Something to take of a rate that clients know by name. */
export interface NamedCharge extends Charge {
  readonly name: RateName;
}

/** Told what became of what a request took of each rate, also where one refused it. */
export type TellQuotas = (charges: readonly NamedCharge[], decisions: readonly Decision[]) => void;

/** An answer whose headers can still be set. */
interface Answer {
  readonly headersSent: boolean;
  setHeader(name: string, value: string): unknown;
}

/** Tells them in the headers of an answer. */
export function quotaFields(answer: Answer): TellQuotas {
  const told: { name: RateName; policy: string; left: string }[] = [];
  return (charges, decisions) => {
    let isNew = false;
    for (let at = 0; at < charges.length; at++) {
      const { name, rate, weight } = charges[at]!;
      const { remaining, resetMs } = decisions[at]!;
      // What was only looked at was not used. Of a cost no client counts how much is left: it is counted in no unit that the draft has.
      if (weight === 0 || remaining === undefined || name.endsWith('-cost')) continue;
      isNew = true;
      const left = `"${name}";r=${remaining};t=${seconds(resetMs)}`;
      const before = told.find((quota) => quota.name === name);
      if (before === undefined) told.push({ name, policy: policyOf(name, rate), left });
      else before.left = left;
    }
    if (!isNew || answer.headersSent) return;
    let [all, each] = ['', ''];
    for (const { policy, left } of told) {
      const comma = all === '' ? '' : ', ';
      all += comma + policy;
      each += comma + left;
    }
    answer.setHeader('ratelimit-policy', all);
    answer.setHeader('ratelimit', each);
  };
}

const seconds = (ms: number): number => Math.ceil(ms / 1_000);

/** They are as many as the configuration has, and the same for every request. */
const policies = new WeakMap<Rate, string>();

function policyOf(name: RateName, rate: Rate): string {
  let policy = policies.get(rate);
  if (policy === undefined) {
    const window = rate.burst === rate.count ? rate.windowMs : rate.burst * intervalOf(rate);
    policies.set(rate, (policy = `"${name}";q=${rate.burst};w=${seconds(window)}`));
  }
  return policy;
}
