/** Headers of subgraphs' answers on their way to the client: several become one. */
import type { ServerResponse } from 'node:http';
import type { HeaderMerge, ResponseHeaderSink } from '#subgraphs/shared/context.ts';
import { HTTP } from '#gateway/bounds/http.ts';

export class ResponseHeaders implements ResponseHeaderSink {
  readonly #values = new Map<string, string[]>();
  readonly #cachePolicies: string[] = [];
  #asked = 0;

  asked(): void {
    this.#asked += 1;
  }

  add(name: string, merge: HeaderMerge, value: string | string[]): void {
    const values = (Array.isArray(value) ? value : [value]).filter((each) => each.length <= HTTP.headerCharacters);
    if (values.length === 0) return;
    if (merge === 'strictest') this.#cachePolicies.push(values.join(', '));
    else if (merge === 'last') this.#values.set(name, values);
    else if (merge === 'first') this.#values.set(name, this.#values.get(name) ?? values);
    else this.#values.set(name, [...(this.#values.get(name) ?? []), ...values].slice(0, HTTP.headerValues));
  }

  /**
   * Writes them to the answer.
   * @param whole whether the answer is without errors, and of one piece: else it is not to be kept, whatever is said
   */
  apply(response: ServerResponse, whole: boolean): void {
    if (response.headersSent) return;
    for (const [name, values] of this.#values)
      response.setHeader(name, name === 'set-cookie' ? values : values.join(', '));
    if (this.#cachePolicies.length === 0) return;
    const complete = whole && this.#cachePolicies.length >= this.#asked;
    response.setHeader('cache-control', complete ? strictest(this.#cachePolicies) : 'no-store');
  }
}

/** What is granted only where everybody grants it. */
const ALLOWANCES = ['stale-while-revalidate', 'stale-if-error'];
const DEMANDS = ['must-revalidate', 'proxy-revalidate', 'no-transform', 'must-understand'];

/**
 * The `Cache-Control` (RFC 9111, section 5.2) that grants no more than each of the given ones.
 * @param policies at least one
 */
export function strictest(policies: readonly string[]): string {
  const parsed = policies.map(directivesOf);
  const anyHas = (name: string): boolean => parsed.some((policy) => policy.has(name));
  const allHave = (name: string): boolean => parsed.every((policy) => policy.has(name));
  if (anyHas('no-store')) return 'no-store';
  const least = (name: string): number | undefined => {
    const given = parsed.flatMap((policy) => (policy.has(name) ? [Number(policy.get(name))] : []));
    if (given.length === 0) return undefined;
    return given.every((seconds) => Number.isInteger(seconds) && seconds >= 0) ? Math.min(...given) : 0;
  };
  // A policy that says how long nowhere leaves it to heuristics: nothing is promised for it.
  const maxAge = allHave('max-age') ? least('max-age') : anyHas('max-age') ? 0 : undefined;
  const isPrivate = anyHas('private') || !allHave('public');
  const shared = least('s-maxage');
  const said = [
    ...(anyHas('no-cache') ? ['no-cache'] : []),
    isPrivate ? 'private' : 'public',
    ...(maxAge === undefined ? [] : [`max-age=${maxAge}`]),
    ...(isPrivate || shared === undefined ? [] : [`s-maxage=${Math.min(shared, maxAge ?? shared)}`]),
    ...DEMANDS.filter(anyHas),
    ...ALLOWANCES.filter(allHave).map((name) => `${name}=${least(name)}`),
    ...(allHave('immutable') ? ['immutable'] : []),
  ];
  return said.join(', ');
}

function directivesOf(policy: string): Map<string, string | undefined> {
  return new Map(
    policy
      .toLowerCase()
      // A quoted list of fields, as `no-cache="set-cookie"` may have, counts as the whole directive.
      .replace(/="[^"]*"/g, '')
      .split(',')
      .map((directive) => directive.trim().split('='))
      .filter(([name]) => name !== '')
      .map(([name, value]): [string, string | undefined] => [name!, value]),
  );
}
