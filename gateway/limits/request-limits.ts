/**
 * What requests must pass on every transport: rates by address before it is asked who they are from, by caller and tenant before
 * they are read, by class and cost once they are; and a place among those that are under way.
 */
import { createHash } from 'node:crypto';
import type { OperationTypeNode } from 'graphql';
import { LIMITS } from '#gateway/bounds/limits.ts';
import type { Principal } from '#subgraphs/shared/context.ts';
import { badUserInput, type CodedError } from '#subgraphs/shared/errors.ts';
import { intervalOf, type Decision } from '#subgraphs/shared/rates/gcra.ts';
import { tenantOf } from '#subgraphs/shared/tenant-id.ts';
import type { RateStore } from '#subgraphs/shared/rates/rate-store.ts';
import { clientAddress, type Arriving } from './client-address.ts';
import type { Concurrency, PlaceKind } from './concurrency.ts';
import type { NamedCharge, TellQuotas } from './quota-fields.ts';
import { WHOSE, type OperationClass, type RateName, type Rates, type Whose } from './rate-names.ts';
import type { Refusals } from './refusals.ts';

/** A request that was let in by its address. */
export interface Arrival {
  readonly address: string;
  /** What is known of tokens from there that did not hold; undefined where they are not limited. */
  readonly signIns: Decision | undefined;
}

/** Who asks, and from where; work that no request is behind has no address. */
export interface Asking {
  readonly principal: Principal;
  readonly address?: string | undefined;
}

export interface RequestLimitsOptions {
  readonly rates: Rates;
  readonly store: RateStore;
  readonly concurrency: Concurrency;
  readonly refusals: Refusals;
  /** Whether `X-Forwarded-For` counts of a connection from this address. */
  readonly isProxy: (address: string | undefined) => boolean;
}

const CLASS_OF: Readonly<Record<`${OperationTypeNode}`, OperationClass>> = {
  query: 'queries',
  mutation: 'mutations',
  subscription: 'subscriptions',
};

/** What there are too many of, as an error says it. */
const OF: Readonly<Record<Whose, string>> = {
  principal: 'of this caller',
  tenant: 'of this tenant',
  address: 'from this address',
};
const THINGS: Readonly<Record<string, string>> = {
  models: 'calls of models',
  cost: 'costly operations',
  'sign-ins': 'tokens that do not hold',
};

/** Kept by the request itself: a weak map of all that are under way costs each collection of garbage. */
const ARRIVAL = Symbol('arrival');
type Arrived = Arriving & { [ARRIVAL]?: Arrival };

export class RequestLimits {
  readonly #options: RequestLimitsOptions;
  /** Whether anything is limited by what it is: most installations limit nothing so. */
  readonly #hasClasses: boolean;

  constructor(options: RequestLimitsOptions) {
    this.#options = options;
    this.#hasClasses = Object.keys(options.rates).some((name) => /-(queries|mutations|subscriptions|cost)$/.test(name));
  }

  /**
   * Lets a request in by its address.
   * @throws CodedError `RATE_LIMITED`
   */
  arrive(request: Arriving, tell?: TellQuotas): Arrival | Promise<Arrival> {
    const address = clientAddress(request, this.#options.isProxy);
    const charges: NamedCharge[] = [];
    this.#charge(charges, 'address', address, 1);
    this.#charge(charges, 'address-sign-ins', address, 0);
    const taken = this.#options.store.take(charges);
    return taken instanceof Promise
      ? taken.then((decisions) => this.#arrived(request, address, charges, decisions, tell))
      : this.#arrived(request, address, charges, taken, tell);
  }

  #arrived(
    request: Arrived,
    address: string,
    charges: readonly NamedCharge[],
    decisions: readonly Decision[],
    tell: TellQuotas | undefined,
  ): Arrival {
    tell?.(charges, decisions);
    let signIns: Decision | undefined;
    for (let at = 0; at < charges.length; at++) {
      const { name } = charges[at]!;
      const decision = decisions[at]!;
      // Tokens that did not hold are no reason to refuse a request without one.
      if (name === 'address-sign-ins') signIns = decision;
      else if (!decision.allowed) throw this.#refuse(name, decision.retryAfterMs, { address });
    }
    return (request[ARRIVAL] = { address, signIns });
  }

  /** What {@link arrive} found of a request; undefined for one that did not come that way. */
  arrivalOf(request: Arriving): Arrival | undefined {
    return (request as Arrived)[ARRIVAL];
  }

  /** Takes note of a token that did not hold. */
  async signInFailed(address: string): Promise<void> {
    const charges: NamedCharge[] = [];
    this.#charge(charges, 'address-sign-ins', address, 1);
    await this.#options.store.take(charges);
  }

  /** The error for one whose token is not looked at. */
  signInsRefused({ address, signIns }: Arrival): CodedError {
    return this.#options.refusals.error('address-sign-ins', describe('address-sign-ins'), signIns!.retryAfterMs, {
      address,
    });
  }

  /**
   * Lets an operation in by its caller and tenant, before it is read.
   * @throws CodedError `RATE_LIMITED`
   */
  operation(asking: Asking, tell?: TellQuotas): Promise<void> | undefined {
    return asking.principal.system === true ? undefined : this.#take(this.#ofCaller(asking, 1), asking, tell);
  }

  /**
   * Lets in, all or none, the further operations of a request of which one was let in before it was read.
   * @throws CodedError `RATE_LIMITED`, with the time at which all of the request would pass; `BAD_USER_INPUT` where it never would
   */
  further(asking: Asking, count: number, tell?: TellQuotas): Promise<void> | undefined {
    if (asking.principal.system === true || count <= 0) return undefined;
    const charges = this.#ofCaller(asking, count);
    for (const { name, rate } of charges)
      if (count + 1 > rate.burst)
        throw badUserInput(`At most ${rate.burst} ${describe(name)} pass at once; this request has ${count + 1}.`, {
          hint: 'Send fewer in one request.',
        });
    return this.#take(charges, asking, tell, 1);
  }

  #ofCaller(asking: Asking, count: number): NamedCharge[] {
    const { principal, tenant } = keysOf(asking);
    const charges: NamedCharge[] = [];
    this.#charge(charges, 'principal', principal, count);
    this.#charge(charges, 'tenant', tenant, count);
    return charges;
  }

  /**
   * Lets one operation in by what it is, and gives it a place among those under way.
   * @param cost as it was counted by its text and variables
   * @returns what gives the place back
   * @throws CodedError `RATE_LIMITED`
   */
  begin(
    asking: Asking,
    { type, cost }: { type: `${OperationTypeNode}`; cost: number | undefined },
    tell?: TellQuotas,
  ): (() => void) | Promise<() => void> {
    if (asking.principal.system === true) return () => undefined;
    const leave = this.enter(asking, type === 'subscription' ? 'streams' : 'operations');
    if (!this.#hasClasses) return leave;
    const keys = keysOf(asking);
    const charges: NamedCharge[] = [];
    for (const whose of WHOSE) {
      const key = keys[whose];
      if (key === undefined) continue;
      this.#charge(charges, `${whose}-${CLASS_OF[type]}`, key, 1);
      if (cost !== undefined && cost >= 1) this.#charge(charges, `${whose}-cost`, key, cost);
    }
    try {
      const taken = this.#take(charges, asking, tell);
      if (taken === undefined) return leave;
      return taken.then(
        () => leave,
        (error: unknown) => {
          leave();
          throw error;
        },
      );
    } catch (error) {
      leave();
      throw error;
    }
  }

  /**
   * Takes a place among what is under way.
   * @returns what gives it back
   * @throws CodedError `RATE_LIMITED`
   */
  enter(asking: Asking, kind: PlaceKind): () => void {
    if (asking.principal.system === true) return () => undefined;
    const entered = this.#options.concurrency.enter(kind, keysOf(asking));
    if (typeof entered === 'function') return entered;
    throw this.#options.refusals.error(
      `${entered}-${kind}-at-once`,
      `${kind === 'streams' ? 'streams open' : 'operations under way'} ${OF[entered]} at once`,
      LIMITS.busySeconds * 1_000,
      { tenantId: asking.principal.tenantId, address: asking.address },
    );
  }

  /**
   * Lets one call of a model in.
   * @throws CodedError `RATE_LIMITED`
   */
  async modelCall(principal: Principal): Promise<void> {
    if (principal.system === true) return;
    const keys = keysOf({ principal });
    const charges: NamedCharge[] = [];
    this.#charge(charges, 'principal-models', keys.principal, 1);
    this.#charge(charges, 'tenant-models', keys.tenant, 1);
    await this.#take(charges, { principal });
  }

  /** How many each limit has refused since the process began. */
  refused(): Readonly<Record<string, number>> {
    return this.#options.refusals.counts();
  }

  /** Adds what is to be taken of a rate, where there is such a rate. */
  #charge(charges: NamedCharge[], name: RateName, key: string, weight: number): void {
    const rate = this.#options.rates[name];
    if (rate !== undefined) charges.push({ name, key: `${name} ${key}`, rate, weight });
  }

  /** @param again how many more are taken of each when the same is tried again */
  #take(charges: readonly NamedCharge[], asking: Asking, tell?: TellQuotas, again = 0): Promise<void> | undefined {
    if (charges.length === 0) return undefined;
    const taken = this.#options.store.take(charges);
    if (taken instanceof Promise)
      return taken.then((decisions) => this.#decide(charges, decisions, asking, tell, again));
    this.#decide(charges, taken, asking, tell, again);
    return undefined;
  }

  #decide(
    charges: readonly NamedCharge[],
    decisions: readonly Decision[],
    { principal, address }: Asking,
    tell: TellQuotas | undefined,
    again: number,
  ): void {
    tell?.(charges, decisions);
    let longest: { name: RateName; waitMs: number } | undefined;
    for (let at = 0; at < charges.length; at++) {
      const decision = decisions[at]!;
      if (decision.allowed) continue;
      const { name, rate } = charges[at]!;
      // Who waits as long as he is told must pass: the longest of several counts.
      const waitMs = decision.retryAfterMs + again * intervalOf(rate);
      if (longest === undefined || waitMs > longest.waitMs) longest = { name, waitMs };
    }
    if (longest !== undefined)
      throw this.#refuse(longest.name, longest.waitMs, { tenantId: principal.tenantId, address });
  }

  #refuse(name: RateName, retryAfterMs: number, who: { tenantId?: string; address?: string | undefined }) {
    return this.#options.refusals.error(name, describe(name), retryAfterMs, who);
  }
}

function describe(name: RateName): string {
  const [, whose = '', of] = /^(principal|tenant|address)(?:-(.*))?$/.exec(name) ?? [];
  return `${of === undefined ? (whose === 'address' ? 'requests' : 'operations') : (THINGS[of] ?? of)} ${OF[whose as Whose]}`;
}

/** Who is counted under which name. Callers who have not said who they are have one name, so that they count by address. */
function keysOf({ principal, address }: Asking): { principal: string; tenant: string; address?: string } {
  const { subject, anonymous } = principal;
  const tenant = tenantOf(principal.tenantId);
  const isShort = subject.length <= LIMITS.keyCharacters;
  const who = isShort ? subject : `sha256:${createHash('sha256').update(subject).digest('base64url')}`;
  const caller = `${tenant}/${who}${anonymous === true ? `@${address ?? ''}` : ''}`;
  return address === undefined ? { principal: caller, tenant } : { principal: caller, tenant, address };
}
