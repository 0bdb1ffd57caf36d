/**
 * The rates that can be limited: whose (of one caller, one tenant, one address), and of what. Each has a variable, in the same
 * order of words: `RATE_LIMIT_PRINCIPAL_QUERIES`.
 */
import type { Rate } from '#subgraphs/shared/rates/gcra.ts';

export const WHOSE = ['principal', 'tenant', 'address'] as const;
export type Whose = (typeof WHOSE)[number];

/** Classes of operations that are known once an operation is read. */
const CLASSES = ['queries', 'mutations', 'subscriptions', 'cost'] as const;
export type OperationClass = (typeof CLASSES)[number];

/**
 * Names of rates, as clients see them. Without a class: whatever is asked for, before it is read. `models`: calls of models that
 * cost tokens. `sign-ins`: tokens that do not hold.
 */
export type RateName = Whose | `${Whose}-${OperationClass}` | 'principal-models' | 'tenant-models' | 'address-sign-ins';

/** The rates of the configuration; absent ones are not limited. */
export type Rates = Readonly<Partial<Record<RateName, Rate>>>;

/** What a rate is of, and what holds where its variable is absent and it is told who asks. */
interface RateTable {
  readonly what: string;
  readonly default?: string;
}

const OF: Readonly<Record<Whose, string>> = {
  principal: 'one caller (of callers without a token: of one address)',
  tenant: 'one tenant',
  address: 'one address (IPv6: of one /64; `TRUSTED_PROXIES` says whose `X-Forwarded-For` counts)',
};

const PLAIN: Readonly<Record<Whose, RateTable>> = {
  principal: { what: `Operations of ${OF.principal}.`, default: '6000/1m' },
  tenant: { what: `Operations of ${OF.tenant}.`, default: '60000/1m' },
  address: { what: `Requests from ${OF.address}, before it is looked who asks.`, default: '60000/1m' },
};

const classWhat: Readonly<Record<OperationClass, string>> = {
  queries: 'Queries',
  mutations: 'Mutations',
  subscriptions: 'Subscriptions that are opened,',
  cost: 'What operations cost by their text and variables (as `MAX_COST` counts), added up,',
};

export const RATE_TABLE: Readonly<Record<RateName, RateTable>> = Object.freeze({
  ...Object.fromEntries(
    WHOSE.flatMap((whose): [string, RateTable][] => [
      [whose, PLAIN[whose]],
      ...CLASSES.map((each): [string, RateTable] => [
        `${whose}-${each}`,
        { what: `${classWhat[each]} of ${OF[whose]}.` },
      ]),
    ]),
  ),
  'principal-models': { what: `Calls of models that cost tokens, of ${OF.principal}.`, default: '600/1m' },
  'tenant-models': {
    what: `Calls of models that cost tokens, of ${OF.tenant}; indexing its documents is not counted.`,
  },
  'address-sign-ins': {
    what: `Tokens that do not hold, from ${OF.address}. Past it, of its tokens only those are looked at that were good while it lasted.`,
    default: '600/1m',
  },
}) as Readonly<Record<RateName, RateTable>>;

export const RATE_NAMES = Object.keys(RATE_TABLE) as RateName[];

type Upper<Name extends string> = Name extends `${infer Before}-${infer After}`
  ? `${Uppercase<Before>}_${Upper<After>}`
  : Uppercase<Name>;
/** The variable that sets a rate. */
export type RateVariable = `RATE_LIMIT_${Upper<RateName>}`;

export const rateVariable = (name: RateName): RateVariable =>
  `RATE_LIMIT_${name.toUpperCase().replaceAll('-', '_')}` as RateVariable;

const UNIT_MS: Readonly<Record<string, number>> = { s: 1e3, m: 6e4, h: 36e5, d: 864e5 };

/**
 * Reads `600/1m`, `600/m`, `600/1m/50` (at most 50 at once) and `0` (no limit).
 * @returns null for no limit, undefined for what cannot be read
 */
export function readRate(text: string): Rate | null | undefined {
  if (text === '0') return null;
  const [, count, times = '1', unit, burst] =
    /^([1-9]\d{0,8})\/([1-9]\d{0,4})?([smhd])(?:\/([1-9]\d{0,8}))?$/.exec(text) ?? [];
  if (count === undefined) return undefined;
  return { count: Number(count), windowMs: Number(times) * UNIT_MS[unit!]!, burst: Number(burst ?? count) };
}

/**
 * The rates that hold.
 * @param set what operators set; null for no limit
 * @param usual whether those that are not set have their defaults: where nobody is asked who he is, they have none
 */
export function ratesOf(set: (name: RateName) => Rate | null | undefined, usual: boolean): Rates {
  const rates: Partial<Record<RateName, Rate>> = {};
  for (const name of RATE_NAMES) {
    const { default: fallback } = RATE_TABLE[name];
    const given = set(name);
    const rate = given === undefined && usual && fallback !== undefined ? readRate(fallback) : given;
    if (rate) rates[name] = rate;
  }
  return Object.freeze(rates);
}
