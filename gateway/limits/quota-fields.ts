/**
 * How much of each limit is left, as clients are told over HTTP: `RateLimit-Policy` and `RateLimit` of
 * draft-ietf-httpapi-ratelimit-headers-10 (https://datatracker.ietf.org/doc/draft-ietf-httpapi-ratelimit-headers/10/), in
 * structured fields (RFC 9651): lists of strings with parameters `q` (quota), `w` (window, in seconds), `r` (remaining) and `t`
 * (after how many seconds all of the quota is there again).
 */
import { intervalOf, type Decision, type Rate } from '#subgraphs/shared/rates/gcra.ts';
import type { RateName } from './rate-names.ts';

/** A rate, and what is left of it. */
export interface Quota {
  readonly name: RateName;
  readonly rate: Rate;
  readonly decision: Decision;
}

/** Told of each quota that a request used, also of one that refused it. */
export type TellQuotas = (quotas: readonly Quota[]) => void;

/** An answer whose headers can still be set. */
interface Answer {
  readonly headersSent: boolean;
  setHeader(name: string, value: string): unknown;
}

/** Tells them in the headers of an answer. */
export function quotaFields(answer: Answer): TellQuotas {
  const told = new Map<RateName, Quota>();
  return (quotas) => {
    // Of a cost no client counts how much is left: it is counted in no unit that the draft has.
    for (const quota of quotas)
      if (!quota.name.endsWith('-cost') && quota.decision.remaining !== undefined) told.set(quota.name, quota);
    if (quotas.length === 0 || told.size === 0 || answer.headersSent) return;
    let [all, left] = ['', ''];
    for (const { name, rate, decision } of told.values()) {
      const comma = all === '' ? '' : ', ';
      all += `${comma}"${name}"${policyOf(rate)}`;
      left += `${comma}"${name}";r=${decision.remaining};t=${seconds(decision.resetMs)}`;
    }
    answer.setHeader('ratelimit-policy', all);
    answer.setHeader('ratelimit', left);
  };
}

const seconds = (ms: number): number => Math.ceil(ms / 1_000);

/** They are as many as the configuration has, and the same for every request. */
const policies = new WeakMap<Rate, string>();

function policyOf(rate: Rate): string {
  let policy = policies.get(rate);
  if (policy === undefined) {
    const window = rate.burst === rate.count ? rate.windowMs : rate.burst * intervalOf(rate);
    policies.set(rate, (policy = `;q=${rate.burst};w=${seconds(window)}`));
  }
  return policy;
}
